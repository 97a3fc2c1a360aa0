"""A supervisor who dials the listen code hears both sides, and is heard by whom the mode names."""

from __future__ import annotations

import time

from tests.peers.audio import seconds_of
from tests.system.conftest import Phones
from tests.system.handset import HandsetCall, all_hear
from tests.system.running import RunningSystem, until


def test_the_listener_hears_both_and_nobody_hears_the_listener(system: RunningSystem, phones: Phones) -> None:
    agent, caller, supervisor = phones.agent("anna"), phones("carl"), phones("sue")
    asking = caller.call("201").reached("talking")
    answering = agent.rings().answer()
    answering.hears(20)
    listening = supervisor.call("*1anna").reached("talking")
    listening.hears(25)
    since = time.time()
    listening.hears(50)
    asking.hears(20)
    answering.hears(20)
    heard = {each: each.audio.samples(since) for each in (asking, answering, listening)}
    for call, own, other in ((asking, caller, agent), (answering, agent, caller)):
        assert seconds_of(heard[call], 8000, other.tone_hz) > 0.8
        assert seconds_of(heard[call], 8000, own.tone_hz) == 0
        assert seconds_of(heard[call], 8000, supervisor.tone_hz) == 0
    for tone_hz in (caller.tone_hz, agent.tone_hz):
        assert seconds_of(heard[listening], 8000, tone_hz) > 0.8
    assert seconds_of(heard[listening], 8000, supervisor.tone_hz) == 0
    asking.hang_up()
    answering.reached("ended")
    listening.reached("ended")
    assert system.cdr(listening.sip_call_id)["reason"] == "conversation_ended"


def test_keys_change_who_hears_the_supervisor(system: RunningSystem, phones: Phones) -> None:
    agent, caller, supervisor = phones.agent("anna"), phones("carl"), phones("sue")
    asking = caller.call("201").reached("talking")
    answering = agent.rings().answer()
    answering.hears(20)
    speaking = supervisor.call("*1anna").reached("talking")
    speaking.hears(25)
    calls = asking, answering, speaking

    def hearing() -> set[str]:
        """Who hears the supervisor; all hear the others, and nobody hears itself."""
        all_hear(calls, 15)
        since = time.time()
        all_hear(calls, 40)
        heard = {each: each.audio.samples(since) for each in calls}

        def hears(ear: HandsetCall, mouth: HandsetCall) -> bool:
            seconds = seconds_of(heard[ear], 8000, mouth.handset.tone_hz)
            assert seconds == 0 or seconds > 0.6, (ear.handset.user, mouth.handset.user, seconds)
            return seconds > 0

        assert hears(asking, answering) and hears(answering, asking)
        assert hears(speaking, asking) and hears(speaking, answering)
        assert not any(hears(each, each) for each in calls)
        return {ear.handset.user for ear in (asking, answering) if hears(ear, speaking)}

    def press(key: str, count: int) -> None:
        speaking.audio.press(key)
        until(lambda: len(system.facts("supervision_started")) == count, f"key {key} is taken")

    before = len(system.facts("supervision_started"))
    assert hearing() == set()
    press("2", before + 1)
    assert hearing() == {"anna"}
    press("3", before + 2)
    assert hearing() == {"anna", "carl"}
    former = system.kill("switch")
    system.replaced("switch", former)
    system.answers()
    assert hearing() == {"anna", "carl"}
    press("1", before + 3)
    assert hearing() == set()
    asking.hang_up()
    speaking.reached("ended")
    modes = [fact["data"]["mode"] for fact in system.facts("supervision_started")][before - 1 :]
    assert modes == ["listen", "whisper", "barge", "listen"]


def test_a_supervisor_takes_the_call_over_and_the_agent_is_out_of_it(
    system: RunningSystem, phones: Phones
) -> None:
    agent, caller, supervisor = phones.agent("anna"), phones("carl"), phones("sue")
    asking = caller.call("201").reached("talking")
    answering = agent.rings().answer()
    answering.hears(20)
    taking = supervisor.call("*1anna").reached("talking")
    taking.hears(25)
    taking.audio.press("4")
    answering.reached("ended")
    since = time.time()
    all_hear((asking, taking), 50)
    for ear, mouth in ((asking, supervisor), (taking, caller)):
        heard = ear.audio.samples(since)
        assert seconds_of(heard, 8000, mouth.tone_hz) > 0.6
        assert seconds_of(heard, 8000, agent.tone_hz) == 0
    assert system.command("status")["agents"]["anna"]["state"] != "talking"
    taking.hang_up()
    asking.reached("ended")
    assert system.cdr(asking.sip_call_id)["talk_s"] > 1.0
