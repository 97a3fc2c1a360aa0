"""Every flow of the demo, and of what init writes, goes as its written conversations say."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from softswitch.cli.firstfiles import centre_file
from softswitch.config import Centre
from softswitch.ivr.flow import Flow
from softswitch.ivr.script import SomeFlows, Talk, read
from softswitch.phone.centre import centre_settings, new_access

TALKS = Path(__file__).parent / "conversations"


def flows_of(centre: Centre) -> dict[str, Flow]:
    return {name: Flow.from_settings(each) for name, each in centre.flows.items()}


DEMO = flows_of(Centre.model_validate(centre_settings(new_access())))
FIRST = flows_of(Centre.model_validate(YAML(typ="safe").load(centre_file(lambda: "secret", lambda: "1234"))))


@pytest.mark.parametrize(("flows", "name"), [(DEMO, "demo"), (FIRST, "first")])
def test_every_flow_goes_as_it_is_written(flows: dict[str, Flow], name: str) -> None:
    known, talked = SomeFlows(flows), set()
    for talk in read((TALKS / f"{name}.txt").read_text()):
        failure = Talk(talk, known).carry_out()
        assert failure is None, f"{name}.txt:{failure.line}: {failure}"
        talked.add(talk.settings["flow"])
    assert talked == set(flows)
