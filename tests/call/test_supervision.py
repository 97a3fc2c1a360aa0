"""A supervisor stays with a call or an agent, through transfers, from call to call, and takes calls over."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.config.errors import ConfigError
from tests.call.invariants import Books, check
from tests.call.world import CENTRE, Phone, World

USERS = {
    **CENTRE["users"],
    "boss": {"password": "secret", "permissions": ["supervise"]},
    "dave": {"password": "secret"},
}


class Floor:
    """carol talks to bob, whom boss can supervise; dave is free."""

    def __init__(self, workers: int = 2, **centre: Any) -> None:
        self.world = World(
            {**CENTRE, "users": USERS, **centre}, media={"host": "192.0.2.1", "workers": workers}
        )
        self.books = Books()
        self.carol, self.bob, self.boss, self.dave = (
            self.world.phone(name) for name in ("carol", "bob", "boss", "dave")
        )

    def talk(self, caller: Phone, callee: Phone) -> None:
        caller.call(callee.name)
        callee.answer()
        self.check()

    def check(self) -> None:
        check(self.world, self.books)

    def held(self, kind: str) -> dict[str, Any]:
        """What the workers hold of one kind."""
        held = [each for worker in self.world.workers for each in worker.held.items()]
        return {id: fields for (its, id), fields in held if its == kind}

    def heard_by_boss(self) -> set[str]:
        """Whom the supervisor hears, as the bridges that the workers hold have it."""
        (boss,) = [leg.id for leg in self.world.legs() if leg.party.name == "boss"]
        party = {leg.id: leg.party.name for leg in self.world.legs()}
        edges = [edge for bridge in self.held("bridge").values() for edge in bridge["edges"]]
        return {party[mouth] for ear, mouth, _ in edges if ear == boss}

    def heard_from_boss(self) -> set[str]:
        """Who hears the supervisor."""
        (boss,) = [leg.id for leg in self.world.legs() if leg.party.name == "boss"]
        party = {leg.id: leg.party.name for leg in self.world.legs()}
        edges = [edge for bridge in self.held("bridge").values() for edge in bridge["edges"]]
        return {party[ear] for ear, mouth, _ in edges if mouth == boss}

    def press(self, key: str) -> None:
        (boss,) = [leg.id for leg in self.world.legs() if leg.party.name == "boss"]
        self.world.digit(key, boss)
        self.check()


@pytest.fixture
def floor() -> Floor:
    return Floor()


@pytest.mark.parametrize(("code", "heard"), [("*1", {"carol", "dave"}), ("*68", {"bob", "alice"})])
def test_after_a_blind_transfer_the_supervisor_is_with_the_call_or_with_the_agent(
    floor: Floor, code: str, heard: set[str]
) -> None:
    floor.talk(floor.carol, floor.bob)
    floor.boss.call(f"{code}bob")
    assert floor.heard_by_boss() == {"carol", "bob"}
    floor.bob.refer("dave")
    assert floor.heard_by_boss() == set()
    floor.dave.answer()
    floor.check()
    floor.talk(floor.bob, floor.world.phone("alice"))
    assert floor.heard_by_boss() == heard


def test_a_supervisor_comes_along_when_two_calls_become_one(floor: Floor) -> None:
    floor.talk(floor.carol, floor.bob)
    floor.talk(floor.bob, floor.dave)
    floor.boss.call("*1dave")
    assert floor.heard_by_boss() == {"bob", "dave"}
    floor.bob.connect(*floor.bob.sessions)
    floor.check()
    assert floor.heard_by_boss() == {"carol", "dave"}
    floor.carol.hang_up()
    floor.check()
    assert floor.boss.events[-1][:2] == ("ended", "remote_bye")


def test_who_follows_hears_nothing_until_the_next_call(floor: Floor) -> None:
    floor.boss.call("*68bob")
    assert ("answered",) in [event[:1] for event in floor.boss.events]
    assert floor.heard_by_boss() == set()
    for caller in (floor.carol, floor.dave):
        floor.talk(caller, floor.bob)
        assert floor.heard_by_boss() == {caller.name, "bob"}
        caller.hang_up()
        floor.check()
        assert floor.heard_by_boss() == set()
    told = floor.world.of("supervision_started")
    assert [each["supervisor"] for each in told] == ["boss", "boss"]
    assert len({each["call"] for each in told}) == 2
    floor.boss.hang_up()
    floor.check()
    assert not any(worker.held for worker in floor.world.workers)


def test_a_leg_follows_to_the_worker_of_the_next_call(floor: Floor) -> None:
    floor.boss.call("*68bob")
    (boss,) = floor.world.legs()
    for other in floor.world.exchange.media.workers:
        other.load = {"cpu": 0.9 if other.number == boss.worker else 0.0}
    floor.talk(floor.carol, floor.bob)
    assert {leg.worker for leg in floor.world.legs()} == {1} and floor.heard_by_boss() == {"carol", "bob"}


def test_a_key_makes_a_listener_follow_and_stop(floor: Floor) -> None:
    floor.talk(floor.carol, floor.bob)
    floor.boss.call("*1bob")
    floor.press("5")
    floor.carol.hang_up()
    floor.check()
    floor.talk(floor.dave, floor.bob)
    assert floor.heard_by_boss() == {"dave", "bob"}
    floor.press("5")
    floor.dave.hang_up()
    floor.check()
    assert floor.boss.events[-1][:2] == ("ended", "remote_bye")


@pytest.mark.parametrize("joined", [True, False])
def test_who_follows_does_so_after_a_restart(floor: Floor, joined: bool) -> None:
    floor.boss.call("*68bob")
    if joined:
        floor.talk(floor.carol, floor.bob)
    before = floor.world.of("supervision_started")
    floor.world.restart_switch()
    floor.check()
    assert floor.world.of("supervision_started") == before
    if joined:
        assert floor.heard_by_boss() == {"carol", "bob"}
        floor.carol.hang_up()
    floor.talk(floor.dave, floor.bob)
    assert floor.heard_by_boss() == {"dave", "bob"}


@pytest.mark.parametrize("by", ["key", "command"])
@pytest.mark.parametrize("subject", ["bob", "carol"])
def test_a_supervisor_takes_the_call_of_who_is_supervised(floor: Floor, by: str, subject: str) -> None:
    floor.talk(floor.carol, floor.bob)
    floor.boss.call(f"*1{subject}")
    gives_way, stays = (floor.bob, floor.carol) if subject == "bob" else (floor.carol, floor.bob)
    own = next(call for call in floor.world.exchange.calls.values() if call.caller.name == "boss")
    if by == "key":
        floor.press("4")
    else:
        floor.world.command("call.supervise", call=own.id, mode="take_over")
    floor.check()
    assert gives_way.events[-1][:2] == ("ended", "remote_bye")
    (call,) = floor.world.exchange.calls.values()
    assert {leg.party.name for leg in call.conversation.legs} == {"boss", stays.name}
    (bridge,) = floor.held("bridge").values()
    assert bridge["members"] == [leg.id for leg in call.conversation.legs] and bridge["edges"] == []
    assert floor.world.one("call_taken_over")["by"] == "user:boss"
    ended = {each["call"]: each["reason"] for each in floor.world.of("call_ended")}
    assert ended == {own.id: "taken_over"}
    floor.boss.hang_up()
    floor.check()
    assert stays.events[-1][:2] == ("ended", "remote_bye")


def test_the_agent_whose_call_is_taken_wraps_up_and_the_recording_goes_on() -> None:
    queues = {**CENTRE["queues"], "sales": {**CENTRE["queues"]["sales"], "record": True, "wrap_up_s": 5}}
    floor = Floor(queues=queues)
    world = floor.world
    agent = world.agent("a1", "alice")
    floor.carol.call("200")
    agent.answer()
    floor.boss.call("*1a1")
    recorders = {*floor.held("recorder")}
    assert recorders
    floor.press("4")
    assert agent.events[-1][:2] == ("ended", "remote_bye")
    assert world.command("status")["agents"]["a1"]["state"] == "wrap_up"
    assert {*floor.held("recorder")} == recorders
    talks = world.of("bridge_ended")
    assert [each["agent"] for each in talks] == ["a1"]
    world.wait(6)
    assert world.command("status")["agents"]["a1"]["state"] == "idle"
    floor.carol.hang_up()
    floor.check()
    assert [each["agent"] for each in world.of("bridge_ended")] == ["a1", None]


def test_there_is_nothing_to_take_between_two_calls(floor: Floor) -> None:
    floor.boss.call("*68bob")
    (own,) = floor.world.exchange.calls
    with pytest.raises(ConfigError, match="bob has no call to take over"):
        floor.world.command("call.supervise", call=own, mode="take_over")
    floor.press("4")
    assert list(floor.world.exchange.calls) == [own]


def three(floor: Floor) -> None:
    """bob, who talks to carol, makes dave the third."""
    floor.talk(floor.carol, floor.bob)
    floor.talk(floor.bob, floor.dave)
    for key in "*66":
        floor.world.digit(key, [leg.id for leg in floor.world.legs() if leg.party.name == "bob"][-1])
    floor.check()


@pytest.mark.parametrize("by", ["code", "follow", "command"])
def test_a_conference_is_supervised(floor: Floor, by: str) -> None:
    three(floor)
    if by == "command":
        call = next(call for call in floor.world.exchange.calls.values() if call.engages("bob"))
        floor.world.command("call.supervise", call=call.id, mode="listen", **{"as": "boss"})
        floor.boss.answer()
    else:
        floor.boss.call("*1bob" if by == "code" else "*68bob")
    floor.check()
    assert floor.heard_by_boss() == {"bob", "carol", "dave"}
    assert floor.heard_from_boss() == set()
    floor.press("2")
    assert floor.heard_from_boss() == {"bob"}
    floor.press("3")
    assert floor.heard_from_boss() == {"bob", "carol", "dave"}
    floor.press("4")  # nobody's place can be taken
    carol = next(leg.id for leg in floor.world.legs() if leg.party.name == "carol")
    floor.world.command("conference.mute", leg=carol)
    floor.check()
    assert floor.heard_by_boss() == {"bob", "dave"}
    floor.world.restart_switch()
    floor.check()
    assert floor.heard_by_boss() == {"bob", "dave"}
    assert floor.heard_from_boss() == {"bob", "carol", "dave"}
    floor.carol.hang_up()
    floor.check()
    assert floor.heard_by_boss() == {"bob", "dave"}
    floor.dave.hang_up()
    floor.check()
    assert [call.caller.name for call in floor.world.exchange.calls.values()] == ["boss"] * (by == "follow")
    modes = [each["mode"] for each in floor.world.of("supervision_ended")]
    assert modes == ["listen", "whisper", "barge"]
    assert [each["mode"] for each in floor.world.of("supervision_started")] == modes


def test_a_supervisor_stays_when_a_conversation_becomes_a_conference(floor: Floor) -> None:
    floor.boss.call("*68bob")
    three(floor)
    assert floor.heard_by_boss() == {"bob", "carol", "dave"}
    floor.press("2")
    assert floor.heard_from_boss() == {"bob"}
    floor.bob.hang_up()
    floor.check()
    assert floor.heard_by_boss() == floor.heard_from_boss() == set()
    floor.talk(floor.bob, floor.world.phone("alice"))
    assert floor.heard_by_boss() == {"bob", "alice"}


def test_with_the_call_in_a_conference_nobody_is_whispered_to_in_place_of_who_has_left(floor: Floor) -> None:
    floor.talk(floor.carol, floor.bob)
    floor.boss.call("*1bob")
    floor.press("2")
    floor.talk(floor.bob, floor.dave)
    for key in "*66":
        floor.world.digit(key, [leg.id for leg in floor.world.legs() if leg.party.name == "bob"][-1])
    floor.check()
    assert floor.heard_from_boss() == {"bob"}
    floor.bob.hang_up()
    floor.check()
    assert (floor.heard_by_boss(), floor.heard_from_boss()) == ({"carol", "dave"}, set())
    floor.carol.hang_up()
    floor.check()
    assert floor.world.exchange.calls == {}


def test_nobodys_place_is_taken_in_a_conference(floor: Floor) -> None:
    three(floor)
    call = next(iter(floor.world.exchange.calls))
    with pytest.raises(ConfigError, match="is in a conference, in which nobody's place can be taken"):
        floor.world.command("call.supervise", call=call, mode="take_over", **{"as": "boss"})


@pytest.mark.parametrize("sees", ["nothing", "tone"])
def test_who_is_supervised_hears_it_if_the_centre_says_so(sees: str) -> None:
    floor = Floor(workers=1, supervision={"agent_sees": sees})
    floor.world.exchange._prompts.tones["supervision_beep"] = "/tones/beeps.wav"
    floor.talk(floor.carol, floor.bob)
    floor.boss.call("*1bob")
    (bob,) = [leg.id for leg in floor.world.legs() if leg.party.name == "bob"]
    players = [*floor.held("player").values()]
    assert [(each["legs"], each["items"]) for each in players] == (
        [([bob], ["/tones/beeps.wav"])] if sees == "tone" else []
    )
    if players:
        floor.world.finish_prompt()
    floor.check()
    assert not [1 for kind, _ in floor.world.exchange.media.workers[0].wanted if kind == "player"]
    assert floor.heard_by_boss() == {"carol", "bob"}


@pytest.mark.parametrize("number", ["*68carolus", "*1bob", "*1nobody"])
def test_what_cannot_be_supervised_cannot_be_dialled(floor: Floor, number: str) -> None:
    floor.boss.call(number)
    assert floor.boss.events[-1][:3] == ("ended", "rejected", 404)
    floor.talk(floor.carol, floor.bob)
    floor.dave.call("*68bob")
    assert floor.dave.events[-1][:3] == ("ended", "rejected", 403)
