"""A recording from the conversation to the archive: paused, resumed, heard, verified, exported, erased."""

from __future__ import annotations

import json
from pathlib import Path

from tests.peers.audio import read_wav, seconds_of
from tests.system.conftest import Phones
from tests.system.handset import all_hear
from tests.system.running import RunningSystem, until


def test_a_recording_is_paused_verified_exported_and_erased(
    system: RunningSystem, phones: Phones, tmp_path: Path
) -> None:
    agent, caller = phones.agent("anna"), phones("carl")
    asking = caller.call("201").reached("talking")
    answering = agent.rings().answer()
    both = (asking, answering)
    all_hear(both, 40)
    (call,) = [row["call"] for row in system.command("call.list") if row["state"] == "talking"]
    system.cli("recording", "pause", call)
    all_hear(both, 60)
    system.cli("recording", "resume", call)
    all_hear(both, 40)
    asking.hang_up()
    answering.reached("ended")
    recording = system.recording(call)
    path = Path(recording["path"])
    certificate = json.loads(until(lambda: (path.with_name(path.name + ".json")).read_text(), "certificate"))
    (hole,) = certificate["holes"]
    assert hole["reason"] == "paused" and hole["seconds"] > 0.5
    spoken = {mark["what"]: mark["who"] for mark in certificate["marks"]}
    assert spoken["left"] == "carl" and spoken["right"] == recording["agent"]
    assert spoken["paused"] == spoken["resumed"] != ""
    assert min(certificate["sound"]["speech_s"].values()) > 1.0
    samples, rate_hz = read_wav(path)
    begin = round(hole["start_s"] * rate_hz)
    end = begin + round(hole["seconds"] * rate_hz)
    assert not samples[begin:end].any()
    for channel, phone in ((0, caller), (1, agent)):
        for part in (samples[:begin, channel], samples[end:, channel]):
            assert seconds_of(part, rate_hz, phone.tone_hz) > 0.5
    checked = json.loads(system.cli("recording", "verify", "--json"))
    assert checked["checked"] >= 1 and checked["problems"] == []
    id = recording["recording"]
    found = json.loads(system.cli("recording", "search", "--recording", id, "--from", "carl", "--json"))
    assert [row["call"] for row in found] == [call]
    system.cli("recording", "export", id, "--to", str(tmp_path / "out"))
    assert (tmp_path / "out" / path.name).read_bytes() == path.read_bytes()
    system.cli("recording", "erase", id, "--reason", "asked by the customer")
    assert not path.exists()
    told = [each for each in system.facts() if each["data"].get("recording") == id]
    kinds = [each["type"] for each in told if each["type"] not in ("long_silence", "talk_over")]
    assert kinds == [
        "recording_started", "recording_paused", "recording_resumed", "recording_finished",
        "recording_exported", "recording_erased",
    ]  # fmt: skip
    assert told[-1]["data"]["sha256"] == certificate["sha256"]
