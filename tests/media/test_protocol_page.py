"""docs/media-protocol.md tells what the worker does: its names are the code's, its examples work."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson
import pytest

from softswitch.media.protocol import COMMANDS, EVENTS, NUMBERED, VERSION
from tests.media.rig import Rig

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/media-protocol.md").read_text()
EXAMPLES = [orjson.loads(block) for block in re.findall(r"```json\n(.*?)\n```", PAGE, re.S)]


def told_events() -> dict[str, bool]:
    rows = re.findall(r"^\| `(\w+)` \| (yes|no) \|", PAGE, re.M)
    return {name: numbered == "yes" for name, numbered in rows}


def test_the_page_is_of_the_protocol_s_version() -> None:
    assert PAGE.startswith(f"# Media control protocol, version {VERSION}\n")


def test_every_command_has_its_section_and_its_example() -> None:
    assert set(re.findall(r"^### `(\w+)`", PAGE, re.M)) == COMMANDS
    assert {example["do"] for example in EXAMPLES} == COMMANDS


def test_every_event_is_told_with_whether_it_is_numbered() -> None:
    assert told_events() == {name: name in NUMBERED for name in EVENTS}


def test_the_code_emits_the_events_that_are_told_and_no_others() -> None:
    sources = (path.read_text() for path in (ROOT / "softswitch/media").glob("*.py"))
    emitted = {name for source in sources for name in re.findall(r'"event": "(\w+)"', source)}
    assert emitted == EVENTS


@pytest.mark.parametrize("example", [e for e in EXAMPLES if e["do"] not in ("hello", "ack")], ids=str)
def test_the_example_is_carried_out(rig: Rig, example: dict[str, Any]) -> None:
    if example["do"] == "send_digits":
        leg = next(e for e in EXAMPLES if e["do"] == "put_leg")
        rig.engine.command({**leg, "id": example["leg"]})
    rig.engine.command(example)
    told = {*told_events(), "error"}
    assert {event["event"] for event in rig.events} <= told
    if example["do"].startswith("put_") and example["do"] != "put_player":  # its files are not there
        kind = example["do"].removeprefix("put_") + "s"
        assert [held["id"] for held in rig.engine.snapshot()[kind]] == [example["id"]]
