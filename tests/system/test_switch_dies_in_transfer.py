"""kill -9 of the switch in the middle of a transfer: those who are to talk to each other do."""

from __future__ import annotations

import time

from tests.peers.audio import seconds_of
from tests.system.conftest import Phones
from tests.system.handset import HandsetCall, all_hear
from tests.system.running import RunningSystem


def killed(system: RunningSystem) -> None:
    former = system.kill("switch")
    system.replaced("switch", former)
    system.answers()


def assert_they_talk(one: HandsetCall, other: HandsetCall) -> None:
    all_hear((one, other), 30)
    since = time.time()
    all_hear((one, other), 40)
    for listening, speaking in ((one, other), (other, one)):
        heard = listening.audio.samples(since)
        assert seconds_of(heard, 8000, speaking.handset.tone_hz) > 0.5, listening.handset.user
        assert seconds_of(heard, 8000, listening.handset.tone_hz) == 0


def test_while_the_target_of_a_blind_transfer_rings(system: RunningSystem, phones: Phones) -> None:
    anna, ben, carl = phones.agent("anna"), phones("ben"), phones("carl")
    asking = carl.call("201").reached("talking")
    answering = anna.rings().answer()
    all_hear((asking, answering), 20)
    answering.refer("ben")
    answering.reported(180)
    first = ben.rings()
    killed(system)
    first.reached("ended")
    second = ben.rings().answer()
    answering.reported(200)
    answering.reached("ended")
    assert_they_talk(asking, second)
    asking.hang_up()
    second.reached("ended")
    record = system.cdr(asking.sip_call_id)
    assert (record["outcome"], record["ended_by"]) == ("answered", "caller")


def test_while_an_attended_transfer_joins_two_calls(system: RunningSystem, phones: Phones) -> None:
    anna, ben, carl = phones.agent("anna"), phones("ben"), phones("carl")
    asking = carl.call("201").reached("talking")
    answering = anna.rings().answer()
    consulting = anna.call("ben")
    consulted = ben.rings().answer()
    consulting.reached("talking")
    all_hear((asking, answering, consulting, consulted), 20)
    answering.connect(consulting)
    killed(system)
    answering.reported(200)
    assert_they_talk(asking, consulted)
    consulted.hang_up()
    asking.reached("ended")
    record = system.cdr(asking.sip_call_id)
    assert (record["outcome"], record["ended_by"]) == ("answered", "agent")
