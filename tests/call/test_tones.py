"""What a caller who was answered already hears while a phone rings, and when nobody can be reached."""

from __future__ import annotations

import pytest

from tests.call.world import CENTRE, Phone, World

RINGBACK, BUSY = "/prompts/tones/ringback.flac", "/prompts/tones/busy.flac"


def playing(world: World) -> list[str]:
    """What the callers hear, tones repeated for ever."""
    players = [each for (kind, _), each in world.worker.held.items() if kind == "player" and each["legs"]]
    assert all(each["loop"] for each in players)
    return [item for each in players for item in each["items"]]


class TestRingback:
    def rings(self) -> tuple[World, Phone, Phone]:
        steps = [{"dial": "user:bob"}, {"queue": "sales"}]
        world = World({**CENTRE, "flows": {"main": {"steps": steps}}})
        bob, caller = world.phone("bob"), world.phone("carol")
        bob.silent = True
        caller.call("100")
        assert playing(world) == []
        world.do(bob, lambda now, out: bob.session.progress(180, now, out))
        assert playing(world) == [RINGBACK]
        return world, bob, caller

    def test_until_the_answer(self) -> None:
        world, bob, _ = self.rings()
        bob.answer()
        assert playing(world) == []
        assert "call_bridged" in world.types()

    def test_until_the_flow_goes_on(self) -> None:
        world, bob, _ = self.rings()
        world.do(bob, lambda now, out: bob.session.reject(486, now, out))
        assert playing(world) == []
        assert world.one("call_queued")["queue"] == "sales"

    def test_until_the_caller_hangs_up(self) -> None:
        world, _, caller = self.rings()
        caller.hang_up()
        assert world.worker.held == {}

    def test_is_left_to_the_phone_of_a_caller_who_was_not_answered(self) -> None:
        world = World()
        world.phone("bob")
        caller = world.phone("carol")
        caller.call("bob")
        assert ("progress", 180) in caller.events
        assert playing(world) == []


@pytest.mark.parametrize(
    ("country", "heard"), [("GB", "/tones/GB-ringback.wav"), ("PL", RINGBACK), (None, RINGBACK)]
)
def test_the_country_of_the_centre_has_its_tones(country: str | None, heard: str) -> None:
    numbering = {"numbering": {"country": country}} if country else {}
    world = World({**CENTRE, "flows": {"main": {"steps": [{"dial": "user:bob"}]}}, **numbering})
    world.phone("bob")
    world.phone("carol").call("100")
    assert playing(world) == [heard]


class TestBusyTone:
    def busy(self) -> tuple[World, Phone]:
        queues = {"sales": {"max_wait_s": 5, "on_timeout": "user:bob"}}
        world = World({**CENTRE, "queues": queues})
        bob, caller = world.phone("bob"), world.phone("carol")
        bob.auto_reject = 486
        caller.call("200")
        world.wait(6)
        return world, caller

    def test_before_the_end_of_a_call_that_was_answered(self) -> None:
        world, caller = self.busy()
        assert playing(world) == [BUSY]
        world.wait(4)
        assert caller.events[-1] == ("ended", "remote_bye", 0)
        assert world.one("call_ended")["reason"] == "user_busy"

    def test_caller_who_hangs_up_during_it_was_not_connected(self) -> None:
        world, caller = self.busy()
        caller.hang_up()
        assert world.one("call_ended")["reason"] == "user_busy"
        assert playing(world) == []

    def test_is_not_heard_again_after_a_restart(self) -> None:
        world, caller = self.busy()
        world.restart_switch()
        assert world.one("call_ended")["reason"] == "user_busy"
        assert caller.events[-1] == ("ended", "remote_bye", 0)

    def test_caller_who_was_not_answered_has_a_status_instead(self) -> None:
        world = World()
        bob, caller = world.phone("bob"), world.phone("carol")
        bob.auto_reject = 486
        caller.call("bob")
        assert caller.events[-1] == ("ended", "rejected", 486)
        assert playing(world) == []


def test_prompts_of_ones_own_may_have_no_tones() -> None:
    world = World({**CENTRE, "queues": {"sales": {"max_wait_s": 5, "on_timeout": "user:bob"}}})
    world.exchange._prompts.tones.clear()
    caller = world.phone("carol")
    caller.call("200")
    world.wait(6)
    assert caller.events[-1] == ("ended", "remote_bye", 0)


@pytest.mark.parametrize(
    ("status", "tone"),
    [
        (486, "busy"),
        (603, "busy"),
        (404, "special_information"),
        (484, "special_information"),
        (503, "congestion"),
    ],
)
def test_the_tone_tells_why(status: int, tone: str) -> None:
    world = World({**CENTRE, "queues": {"sales": {"max_wait_s": 5, "on_timeout": "user:bob"}}})
    for name in ("congestion", "special_information"):
        world.exchange._prompts.tones[name] = f"/prompts/tones/{name}.flac"
    bob, caller = world.phone("bob"), world.phone("carol")
    bob.auto_reject = status
    caller.call("200")
    world.wait(6)
    assert playing(world) == [f"/prompts/tones/{tone}.flac"]
