"""Calls that cannot go on end, with a reason that says why."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from softswitch.call.arrival import Arrivals
from softswitch.sdp.negotiation import make_offer
from tests.call.world import CENTRE, Phone, World


def talking(world: World) -> tuple[Phone, Phone]:
    bob, caller = world.phone("bob"), world.phone("carol")
    caller.call("bob")
    bob.answer()
    return caller, bob


def silence(world: World, *legs: str, seconds: float) -> None:
    """What the worker tells while nothing comes: after 3 s, then every 10 s."""
    heard = 3.0
    world.wait(heard)
    while heard <= seconds:
        for leg in legs:
            world.media_event({"event": "no_media", "leg": leg, "seconds": heard})
        heard += 10
        world.wait(10)


def legs_of(world: World) -> list[str]:
    return world.worker.legs()


class TestSilence:
    def test_of_both_sides_ends_a_conversation(self) -> None:
        world = World()
        caller, bob = talking(world)
        silence(world, *legs_of(world), seconds=53)
        assert world.of("call_ended") == []
        world.media_event({"event": "no_media", "leg": legs_of(world)[0], "seconds": 63.0})
        assert world.one("call_ended")["reason"] == "rtp_timeout"
        for phone in (caller, bob):
            assert phone.events[-1] == ("ended", "remote_bye", 0)

    def test_raises_one_alarm_for_each_leg(self) -> None:
        world = World()
        talking(world)
        silence(world, *legs_of(world), seconds=33)
        assert [each["code"] for each in world.of("alarm_raised")] == ["no_media", "no_media"]

    def test_of_one_side_only_is_none_of_our_business(self) -> None:
        world = World()
        talking(world)
        silence(world, legs_of(world)[0], seconds=200)
        assert world.of("call_ended") == []

    def test_that_is_over_does_not_count(self) -> None:
        world = World()
        talking(world)
        legs = legs_of(world)
        silence(world, *legs, seconds=53)
        world.wait(20)
        silence(world, *legs, seconds=53)
        assert world.of("call_ended") == []
        assert len(world.of("alarm_raised")) == 4

    def test_of_a_held_call_is_not_the_end(self) -> None:
        world = World()
        caller, _ = talking(world)
        sdp = make_offer(
            host="192.0.2.12", port=4000, codecs=("PCMU",), session_id=1, version=2, direction="sendonly"
        )
        world.do(caller, lambda now, out: caller.session.reinvite(sdp, now, out))
        silence(world, *legs_of(world), seconds=200)
        assert world.of("call_ended") == []

    def test_over_a_restart_begins_anew(self) -> None:
        world = World()
        talking(world)
        legs = legs_of(world)
        silence(world, *legs, seconds=53)
        world.restart_switch()
        for leg in legs:
            world.media_event({"event": "no_media", "leg": leg, "seconds": 70.0})
        assert world.of("call_ended") == []

    def test_never_ends_a_call_where_it_is_switched_off(self) -> None:
        world = World(limits={"rtp_timeout_s": None})
        talking(world)
        silence(world, *legs_of(world), seconds=400)
        assert world.of("call_ended") == []

    def test_of_a_caller_in_a_queue_raises_an_alarm(self) -> None:
        world = World()
        world.phone("carol").call("200")
        silence(world, *legs_of(world), seconds=100)
        assert world.of("call_ended") == []
        assert len(world.of("alarm_raised")) == 1


def without_worker_of(world: World) -> None:
    """The next process has fewer media workers: the one that carried the calls is not among them."""
    for key, kept in world.kept.items():
        if key.startswith("call/"):
            legs = [kept["inbound"], *([kept["conversation"]["callee"]] if kept["conversation"] else [])]
            for leg in legs:
                leg["worker"] = 3
        elif key.startswith("recording/"):
            kept["worker"] = 3


class TestFewerMediaWorkersThanBefore:
    def test_end_a_conversation_with_its_recording(self) -> None:
        world = World()
        agent = world.agent("a1", "alice")
        caller = world.phone("carol")
        caller.call("200")
        agent.answer()
        recording = world.kept[next(key for key in world.kept if key.startswith("call/"))]["conversation"]
        without_worker_of(world)
        recording["recording"]["worker"] = 3
        world.worker.crash()
        world.restart_switch()
        assert world.one("call_ended")["reason"] == "media_unavailable"
        assert "no longer configured" in world.one("recording_finished")["error"]
        assert caller.events[-1] == agent.events[-1] == ("ended", "remote_bye", 0)
        assert world.command("status")["agents"]["a1"]["state"] == "wrap_up"
        assert world.exchange.recordings == {}

    def test_end_a_call_that_waits(self) -> None:
        world = World()
        caller = world.phone("carol")
        caller.call("200")
        without_worker_of(world)
        world.worker.crash()
        world.restart_switch()
        assert world.one("call_ended")["reason"] == "media_unavailable"
        assert caller.events[-1] == ("ended", "remote_bye", 0)
        assert world.command("status")["queues"]["sales"]["waiting"] == 0


@pytest.mark.parametrize("method", ["_begin", "_caller", "_admit"])
def test_fault_inside_is_500_and_the_call_is_over(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*given: Any) -> None:
        raise ZeroDivisionError

    world = World()
    caller = world.phone("carol")
    monkeypatch.setattr(Arrivals, method, fails)
    turns = world._deliver_turn

    def turn(work: Any) -> None:
        """What was decided before a fault is carried out, as the driver does."""
        out: list[Any] = []
        with suppress(ZeroDivisionError):
            work(world.now, out)
        world._deliver(out)

    world._deliver_turn = turn  # type: ignore[method-assign]
    caller.call("100")
    assert caller.events[-1] == ("ended", "rejected", 500)
    assert world.exchange.calls == {}
    assert [each["reason"] for each in world.of("call_ended")] in ([], ["internal_error"])
    monkeypatch.undo()
    world._deliver_turn = turns  # type: ignore[method-assign]
    caller.call("100")
    assert len(world.exchange.calls) == 1


def test_session_that_nobody_refreshes_ends_with_its_own_reason() -> None:
    world = World(CENTRE)
    talking(world)
    leg = next(iter(world.exchange.calls.values())).inbound
    world.turn(lambda now, out: leg.session.expired(now, out))  # type: ignore[union-attr]
    assert world.one("call_ended")["reason"] == "session_expired"
