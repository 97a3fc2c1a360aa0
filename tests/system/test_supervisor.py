"""A supervisor who dials the listen code hears both sides and is heard by nobody."""

from __future__ import annotations

import time

from tests.peers.audio import seconds_of
from tests.system.conftest import Phones
from tests.system.running import RunningSystem


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
