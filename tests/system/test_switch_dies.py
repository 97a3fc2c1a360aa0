"""kill -9 of the switch with calls up: nobody hears it, nobody loses a place, every call has one record."""

from __future__ import annotations

import time
from typing import Any

import pytest

from softswitch.parent import STEADY_S
from tests.peers.audio import longest_break, loudest, read_wav, seconds_of
from tests.system.conftest import Phones
from tests.system.handset import Handset, HandsetCall, all_hear
from tests.system.running import RunningSystem, until

GAP_S = 0.040
FRAME_S = 0.020
SERVED_S = 1.0


def places(system: RunningSystem) -> list[tuple[float, str]]:
    """Who waits since when, by the journal, in that order."""
    return sorted(
        (kept["queued_at"], key.removeprefix("acd/call/"))
        for key, kept in system.live_state().items()
        if key.startswith("acd/call/")
    )


def assert_unbroken(call: HandsetCall, far: list[HandsetCall], since: float, mono: float) -> float:
    """The audio from `since` on has no gap and lost nothing; what the senders themselves were late counts
    as theirs. Returns the gap, seconds."""
    gap = call.audio.gap(since)
    late = max([each.audio.own_gap(mono) - FRAME_S for each in far], default=0.0)
    assert call.audio.missing(since) == 0, call.handset.user
    assert gap <= GAP_S + max(late, 0.0), f"{call.handset.user}: {gap * 1000:.0f} ms"
    return gap


def kill_and_measure(
    system: RunningSystem, probing: Handset, talking: list[HandsetCall], waiting: list[HandsetCall]
) -> dict[str, float]:
    """kill -9, a new call, until everything is back; the figures in seconds."""
    others = {name: pid for name, pid in system.pids().items() if name != "switch"}
    before = places(system)
    since, mono = time.time() - 0.5, time.monotonic() - 0.5
    killed_at = time.time()
    former = system.kill("switch")
    newcomer = probing.call("205").reached("talking", 5)
    served_s = newcomer.first_response_at - killed_at
    newcomer.hears(10).hang_up()
    system.replaced("switch", former)
    system.answers()
    all_hear((*talking, *waiting), 40)
    assert places(system) == before
    assert {name: pid for name, pid in system.pids().items() if name != "switch"} == others
    gaps = {
        f"gap of {call.handset.user}": assert_unbroken(call, talking, since, mono)
        for call in (*talking, *waiting)
    }
    return {"served": served_s, **gaps}


def test_nobody_notices(system: RunningSystem, phones: Phones, record_property: Any) -> None:
    anna, ben, carl, cora = phones.agent("anna"), phones.agent("ben"), phones("carl"), phones("cora")
    curt, emil, sue = phones("curt"), phones("emil"), phones("sue")
    cyan = phones("cyan")
    carl_call = carl.call("201").reached("talking")
    anna_call = anna.rings().answer()
    cora_call = cora.call("202").reached("talking")
    ben_call = ben.rings().answer()
    listening = sue.call("*1ben").reached("talking")
    first = curt.call("203").reached("talking").hears(1)
    until(lambda: len(places(system)) == 1, "the first caller waits")
    second = emil.call("203").reached("talking").hears(1)
    until(lambda: len(places(system)) == 2, "the second caller waits")
    talking, waiting = [carl_call, anna_call, cora_call, ben_call], [listening, first, second]
    all_hear((*talking, *waiting), 30)
    log_before = system.log()
    for kill in range(2):
        figures = kill_and_measure(system, cyan, talking, waiting)
        for name, seconds in figures.items():
            record_property(f"kill {kill + 1}: {name}", round(seconds, 4))
        print({name: round(seconds * 1000) for name, seconds in figures.items()})
        assert figures["served"] <= SERVED_S, figures
    assert system.log()[len(log_before) :].count("switch ended") == 2
    still_works(system, talking, listening)
    for call in (*talking, listening):
        call.reached("ended")
    caller_gets_the_agent_in_order(anna, first, second)
    records_are_right(system, carl_call, cora_call, listening, first, second)


@pytest.mark.deep
def test_nobody_notices_again_and_again(system: RunningSystem, phones: Phones) -> None:
    anna, carl, curt, cyan = phones.agent("anna"), phones("carl"), phones("curt"), phones("cyan")
    asking = carl.call("201").reached("talking")
    answering = anna.rings().answer()
    waiting = curt.call("203").reached("talking")
    until(lambda: len(places(system)) == 1, "the caller waits")
    all_hear((asking, answering, waiting), 30)
    for _ in range(5):
        figures = kill_and_measure(system, cyan, [asking, answering], [waiting])
        assert figures["served"] <= SERVED_S, figures
        # A switch that dies sooner than this is started more slowly each time; its successor loads its code.
        all_hear((asking, answering, waiting), round((STEADY_S + 3.0) / FRAME_S))
    for call in (asking, waiting):
        call.hang_up()
        system.cdr(call.sip_call_id)
    answering.reached("ended")


def still_works(system: RunningSystem, talking: list[HandsetCall], listening: HandsetCall) -> None:
    """re-INVITE and BYE, from the caller's side and from the agent's."""
    carl_call, anna_call, cora_call, ben_call = talking
    for call in (carl_call, ben_call):
        call.reinvite()
        assert call.reinvited() == 200
    all_hear((anna_call, cora_call), 20)
    carl_call.hang_up()
    anna_call.reached("ended")
    ben_call.hang_up()
    cora_call.reached("ended")
    assert (anna_call.cause, cora_call.cause) == ("remote_bye", "remote_bye")


def caller_gets_the_agent_in_order(anna: Any, first: HandsetCall, second: HandsetCall) -> None:
    """Anna, who is free now and has the queue of the two, gets first who came first."""
    for waiting in (first, second):
        offered = anna.rings().answer()
        all_hear((offered, waiting), 30)
        heard = waiting.audio.samples(time.time() - 0.4)
        assert seconds_of(heard, 8000, anna.tone_hz) > 0.2, waiting.handset.user
        waiting.hang_up()
        offered.reached("ended")


def records_are_right(
    system: RunningSystem, carl: HandsetCall, cora: HandsetCall, listening: HandsetCall, *queued: HandsetCall
) -> None:
    for call, ended_by, agent in ((carl, "caller", "anna"), (cora, "agent", "ben")):
        record = system.cdr(call.sip_call_id)
        assert (record["outcome"], record["ended_by"], record["agent"]) == ("answered", ended_by, agent)
        assert record["recordings"] == 1
        assert_recorded(system, record, call)
    system.cdr(listening.sip_call_id)
    for call in queued:
        record = system.cdr(call.sip_call_id)
        assert (record["outcome"], record["agent"]) == ("answered", "anna")
        assert record["wait_s"] > 2


def assert_recorded(system: RunningSystem, record: dict[str, Any], call: HandsetCall) -> None:
    recording = system.recording(record["call"])
    assert recording["error"] is None
    samples, rate_hz = read_wav(recording["path"])
    assert abs(len(samples) / rate_hz - record["talk_s"]) < 0.5
    for channel in range(2):
        tone_hz = loudest(samples[:, channel], rate_hz)
        assert longest_break(samples[:, channel], rate_hz, tone_hz) == 0
    assert round(loudest(samples[:, 0], rate_hz)) == call.handset.tone_hz
