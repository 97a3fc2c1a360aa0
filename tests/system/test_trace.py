"""softswitch trace beside a running switch: calls that go on and that ended, a switch that was killed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.system.conftest import Phones
from tests.system.running import ROOT, RunningSystem


def test_a_call_between_three_parties_is_shown_from_invite_to_bye(
    system: RunningSystem, phones: Phones, tmp_path: Path
) -> None:
    agent, caller = phones.agent("anna"), phones("carl")
    call = caller.call("201").reached("talking")
    answering = agent.rings().answer()
    answering.hears(5)
    going_on = system.cli("trace", call.sip_call_id)
    assert "going on" in going_on and "BYE" not in going_on
    call.hang_up()
    answering.reached("ended")
    record = system.cdr(call.sip_call_id)

    drawing = system.cli("trace", record["call"]).splitlines()
    assert record["call"] in drawing[0] and "normal_hang_up_caller" in drawing[0]
    headings = [word for word in drawing[2].split() if ":" not in word]
    assert headings == ["UDP", "softswitch", "UDP"]
    assert drawing[3].split() == ["caller", "anna"]
    assert [row.count("│") for row in drawing[4:]] == [3 for _ in drawing[4:]]
    for text in ("INVITE (sdp)", "401 Unauthorized (IN", "180 Ringing (INVITE)", "BYE"):
        assert any(text in row for row in drawing), text

    capture = tmp_path / "call.pcap"
    messages = json.loads(system.cli("trace", call.sip_call_id, "--json", "--pcap", str(capture)))
    assert {message["leg"] for message in messages} == {"caller", "anna"}
    started = [message["message"].split(" ")[0] for message in messages if message["leg"] == "anna"]
    assert started[0] == "INVITE" and started.count("BYE") == 1
    proof = next(text for each in messages for text in [each["message"]] if "Authorization: Digest" in text)
    assert 'response="' in proof and 'response="********************************"' in proof
    tshark = ["tshark", "-r", str(capture), "-Y", "sip", "-T", "fields", "-e", "sip.Call-ID"]
    seen = subprocess.run(tshark, capture_output=True, text=True, check=True).stdout.split()
    assert seen == [message["sip_call_id"] for message in messages]

    system.kill("switch")
    system.answers()
    assert json.loads(system.cli("trace", record["call"], "--json")) == messages


def test_what_became_no_call_is_found_by_number(system: RunningSystem, phones: Phones) -> None:
    phones("tess")
    messages = json.loads(system.cli("trace", "tess", "--json"))
    assert {message["message"].split(" ")[0] for message in messages} >= {"REGISTER", "SIP/2.0"}
    refused = system.try_cli("trace", "nobody-there")
    assert (refused.returncode, refused.stderr) == (1, "the trace has no messages of nobody-there\n")


def test_it_follows_what_comes(system: RunningSystem, phones: Phones) -> None:
    command = [sys.executable, "-m", "softswitch", "trace", "tony", "--follow", "-c", str(system.config)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        phones("tony")
        assert "REGISTER" in following.stdout.readline()
        assert "401" in following.stdout.readline()
        following.terminate()
