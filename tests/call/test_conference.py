"""Conferences: rooms that are dialled, and a conversation that becomes one of three."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.config.errors import ConfigError
from softswitch.sdp.negotiation import make_offer
from tests.call.invariants import Books, check
from tests.call.world import CENTRE, Phone, World

CONFERENCES = {"team": {}, "board": {"pin": "4711", "max_members": 2, "record": True, "tones": False}}
USERS = ("carol", "bob", "dave", "erin")


class Hall:
    """Phones of four users, two media workers, two rooms, and alice, who is an agent of sales."""

    def __init__(self) -> None:
        self.world = World(
            {
                **CENTRE,
                "users": {**CENTRE["users"], **{name: {"password": "secret"} for name in USERS}},
                "numbers": {**CENTRE["numbers"], "700": "conference:team", "701": "conference:board"},
                "conferences": CONFERENCES,
            },
            media={"host": "192.0.2.1", "workers": 2},
        )
        self.world.exchange._prompts.tones["supervision_beep"] = "/tones/beeps.wav"
        self.books = Books()
        self.phones = {name: self.world.phone(name) for name in USERS}

    def __getitem__(self, name: str) -> Phone:
        return self.phones[name]

    def check(self) -> None:
        check(self.world, self.books)

    def talk(self, caller: Phone, callee: Phone) -> None:
        caller.call(callee.name)
        callee.answer()
        self.check()

    def members(self) -> list[str]:
        return [each["party"] for each in self.world.command("conference.show")]

    def leg_of(self, name: str) -> str:
        """The newest leg of a user."""
        return [leg.id for leg in self.world.legs() if leg.party.name == name][-1]

    def held(self, kind: str) -> dict[str, Any]:
        held = [each for worker in self.world.workers for each in worker.held.items()]
        return {id: fields for (its, id), fields in held if its == kind}

    def hear(self) -> None:
        """Prompts come to their end."""
        while any(each["legs"] for each in self.held("player").values()):
            for worker in self.world.workers:
                for player in worker.playing():
                    worker.finish(player)
            self.world.pump()
        self.check()

    def consults(self, who: Phone, target: Phone) -> None:
        """`who` puts the other party on hold and calls somebody."""
        host = who.flow.local[0]
        sdp = make_offer(
            host=host, port=4000, codecs=("PCMU", "PCMA"), session_id=1, version=2, direction="sendonly"
        )
        session = who.session
        self.world.do(who, lambda now, out: session.reinvite(sdp, now, out))
        who.call(target.name)
        target.answer()
        self.check()

    def press(self, name: str, keys: str) -> None:
        for key in keys:
            self.world.digit(key, self.leg_of(name))


@pytest.fixture
def hall() -> Hall:
    return Hall()


def ended(phone: Phone) -> bool:
    return phone.events[-1][0] == "ended"


def test_those_who_dial_a_room_hear_each_other(hall: Hall) -> None:
    for count, name in enumerate(USERS, 1):
        hall[name].call("700")
        hall.hear()
        (bridge,) = hall.held("bridge").values()
        assert len(bridge["members"]) == count
        assert bridge.get("speaker", False) == (count >= 3)
        assert [edge for edge in bridge["edges"] if "hold" in edge[1]] == (
            [] if count > 1 else bridge["edges"]
        )
    assert hall.members() == [*USERS]
    for left, name in zip((3, 2, 1, 0), USERS, strict=True):
        hall[name].hang_up()
        hall.check()
        assert len(hall.members()) == left
    assert not hall.held("leg") and not hall.held("bridge")
    assert not [*hall.world.exchange.conferences.all()]


def test_all_hear_that_somebody_comes_unless_the_room_is_quiet(hall: Hall) -> None:
    hall["carol"].call("700")
    assert not [each for each in hall.held("player").values() if each["legs"]]
    hall["bob"].call("700")
    (beep,) = [each for each in hall.held("player").values() if each["legs"]]
    assert len(beep["legs"]) == 2 and beep["items"] == ["/tones/beeps.wav"]
    hall.hear()
    for name in ("dave", "erin"):
        hall[name].call("701")
        hall.press(name, "4711")
    assert not [each for each in hall.held("player").values() if each["legs"]]


def test_a_tone_that_outlives_the_conference_is_forgotten(hall: Hall) -> None:
    hall["carol"].call("700")
    hall["bob"].call("700")
    for name in ("bob", "carol"):
        hall[name].hang_up()
    hall.hear()


def test_a_room_has_a_door_and_as_many_seats_as_it_has(hall: Hall) -> None:
    hall["carol"].call("701")
    hall.press("carol", "1111")
    assert not ended(hall["carol"]) and hall.members() == []
    hall.press("carol", "4711")
    hall.check()
    assert hall.members() == ["carol"]
    hall["dave"].call("701")
    for _ in range(3):
        hall.press("dave", "99#")
    assert ended(hall["dave"])
    hall["bob"].call("701")
    hall.press("bob", "4711")
    hall["erin"].call("701")
    assert hall["erin"].events[-1][:3] == ("ended", "rejected", 486)
    assert hall.members() == ["carol", "bob"]
    reasons = [each["reason"] for each in hall.world.of("call_ended")]
    assert reasons == ["authentication_failed", "conference_full"]
    assert len(hall.held("recorder")) == 2
    assert {each["right"] for each in hall.held("recorder").values()} == {""}


def test_a_muted_member_hears_and_is_not_heard(hall: Hall) -> None:
    for name in ("carol", "bob", "dave"):
        hall[name].call("700")
    hall.hear()
    carol, bob, dave = (hall.leg_of(name) for name in ("carol", "bob", "dave"))
    hall.world.command("conference.mute", leg=bob, by="sue")
    (bridge,) = hall.held("bridge").values()
    assert bridge["members"] == [carol, bob, dave]
    assert bridge["edges"] == [[carol, bob, 0.0], [dave, bob, 0.0]]
    hall.world.restart_switch()
    hall.check()
    (again,) = hall.held("bridge").values()
    assert again == bridge
    hall.world.command("conference.mute", leg=bob, muted=False)
    (bridge,) = hall.held("bridge").values()
    assert bridge["edges"] == []
    with pytest.raises(ConfigError, match="in no conference"):
        hall.world.command("conference.mute", leg="c1.l1")
    with pytest.raises(ConfigError, match="muted: 'false' says neither; allowed: true, false"):
        hall.world.command("conference.mute", leg=bob, muted="false")


@pytest.mark.parametrize("by", ["keys", "command"])
@pytest.mark.parametrize("calls", [("bob", "carol"), ("carol", "bob")])
@pytest.mark.parametrize("first_out", ["bob", "carol", "dave"])
def test_two_conversations_become_one_of_three(
    hall: Hall, by: str, calls: tuple[str, str], first_out: str
) -> None:
    bob = hall["bob"]
    hall.talk(*(hall[name] for name in calls))
    hall.world.wait(2)
    hall.consults(bob, hall["dave"])
    if by == "keys":
        hall.press("bob", "*66")
    else:
        active = next(call for call in hall.world.exchange.calls.values() if call.engages("dave"))
        hall.world.command("call.conference", call=active.id)
    hall.hear()
    assert sorted(hall.members()) == ["bob", "carol", "dave"]
    assert [session.state for session in bob.sessions].count("up") == 1
    assert len(hall.world.exchange.calls) == 2
    hall.world.wait(3)
    hall[first_out].hang_up()
    hall.check()
    rest = {"bob", "carol", "dave"} - {first_out}
    assert {*hall.members()} == rest
    (bridge,) = hall.held("bridge").values()
    assert len(bridge["members"]) == 2
    hall[min(rest)].hang_up()
    hall.check()
    assert hall.world.exchange.calls == {} and ended(hall[max(rest)])
    assert not [*hall.world.exchange.conferences.all()]


@pytest.mark.parametrize(("first_out", "talked"), [("carol", [5, 8]), ("bob", [10, 8])])
def test_a_call_has_talked_until_the_last_of_it_is_out(
    hall: Hall, first_out: str, talked: list[float]
) -> None:
    """Carol and bob talk for 2 s, all three for 3 s, the two who are left for 5 s: no second counts twice."""
    hall.talk(hall["carol"], hall["bob"])
    hall.world.wait(2)
    hall.consults(hall["bob"], hall["dave"])
    calls = [*hall.world.exchange.calls]
    hall.press("bob", "*66")
    hall.hear()
    hall.world.wait(3)
    hall[first_out].hang_up()
    hall.world.wait(5)
    hall["dave"].hang_up()
    hall.check()
    ends = {each["call"]: each["talk_s"] for each in hall.world.of("call_ended")}
    assert [ends[call] for call in calls] == pytest.approx(talked, abs=0.1)


def test_the_agent_wraps_up_after_the_conference_and_not_before(hall: Hall) -> None:
    world = hall.world
    alice = world.agent("a1", "alice")
    hall["carol"].call("200")
    alice.answer()
    hall.phones["alice"] = alice
    hall.consults(alice, hall["dave"])
    hall.press("alice", "*66")
    hall.hear()
    assert sorted(hall.members()) == ["a1", "carol", "dave"]
    assert world.command("status")["agents"]["a1"]["state"] == "talking"
    hall["carol"].hang_up()
    hall.check()
    assert world.command("status")["agents"]["a1"]["state"] == "talking"
    hall["dave"].hang_up()
    hall.check()
    assert world.command("status")["agents"]["a1"]["state"] == "wrap_up"
    assert ended(alice)


@pytest.mark.parametrize(("first_out", "stays"), [("bob", "dave"), ("dave", "bob")])
def test_the_recording_of_a_conversation_goes_on_with_who_is_left_of_it(
    hall: Hall, first_out: str, stays: str
) -> None:
    hall.talk(hall["carol"], hall["bob"])
    hall.consults(hall["bob"], hall["dave"])
    second = [*hall.world.exchange.calls][-1]
    id = hall.world.command("call.record", call=second, action="start")["recording"]
    hall.press("bob", "*66")
    hall.hear()
    parties = {hall.leg_of("bob"), hall.leg_of("dave")}
    assert {hall.held("recorder")[id][side] for side in ("left", "right")} == parties
    staying = hall.leg_of(stays)
    hall[first_out].hang_up()
    hall.check()
    hall.world.restart_switch()
    hall.check()
    assert {hall.held("recorder")[id][side] for side in ("left", "right")} == {staying, ""}
    hall["carol"].hang_up()
    hall.check()
    assert not hall.held("recorder")


def test_a_conference_of_three_outlives_the_switch(hall: Hall) -> None:
    hall.talk(hall["carol"], hall["bob"])
    hall.consults(hall["bob"], hall["dave"])
    hall.press("bob", "*66")
    hall.hear()
    (before,) = hall.held("bridge").values()
    hall.world.restart_switch()
    hall.check()
    (after,) = hall.held("bridge").values()
    assert {*after["members"]} == {*before["members"]} and len(hall.members()) == 3
    for name in ("dave", "carol"):
        hall[name].hang_up()
        hall.check()
    assert ended(hall["bob"]) and hall.world.exchange.calls == {}


def test_who_holds_is_left_out_until_back(hall: Hall) -> None:
    for name in ("carol", "bob", "dave"):
        hall[name].call("700")
    hall.hear()
    host = hall["bob"].flow.local[0]
    for direction, there in (("sendonly", 2), ("sendrecv", 3)):
        sdp = make_offer(
            host=host, port=4000, codecs=("PCMU", "PCMA"), session_id=1, version=3, direction=direction
        )
        session = hall["bob"].session
        hall.world.do(hall["bob"], lambda now, out, sdp=sdp, session=session: session.reinvite(sdp, now, out))
        hall.check()
        (bridge,) = hall.held("bridge").values()
        assert len(bridge["members"]) == there


def test_the_keys_of_who_has_one_conversation_only_do_nothing(hall: Hall) -> None:
    hall.talk(hall["carol"], hall["bob"])
    hall.press("bob", "*66")
    hall.check()
    (call,) = hall.world.exchange.calls
    with pytest.raises(ConfigError, match="no conversation of a user who has a second one"):
        hall.world.command("call.conference", call=call)
    assert hall.members() == []
