"""G.729 is passed on between two parties that both offer it; whatever needs samples changes the codec, or is
refused."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.sdp.negotiation import answer_offer, make_offer, offered_codecs
from tests.call.invariants import Books, check
from tests.call.world import CENTRE, SWITCH, Phone, World

KNOWN = ("PCMA", "PCMU", "G729")
BOTH = ("G729", "PCMA")


def house(**node: Any) -> World:
    return World(CENTRE, media={"host": SWITCH[0], "workers": 1, "codecs": KNOWN}, **node)


def phone(world: World, name: str, *codecs: str) -> Phone:
    """One that answers offers, also later ones, with the first of its codecs that they have."""
    made = world.phone(name)
    made.answers_offers = False

    def answered(body: bytes) -> str:
        prefer = next((each for each in codecs if each in offered_codecs(body, KNOWN)), None)
        fields: dict[str, Any] = {"host": made.flow.local[0], "port": 4002, "session_id": 2, "version": 1}
        return answer_offer(body, codecs=codecs, prefer=prefer, **fields)[0]

    def offered(session: Any, message: Any, now: float, out: list[Any]) -> None:
        made.events.append(("offered", offered_codecs(message.body, KNOWN)))
        if prefers(message.body):
            session.accept(answered(message.body), now, out)
        else:
            session.refuse(488, now, out)

    def prefers(body: bytes) -> bool:
        return any(each in codecs for each in offered_codecs(body, KNOWN))

    made._answer_to = lambda message: answered(message.body)  # type: ignore[method-assign]
    made.session_offered = offered  # type: ignore[method-assign]
    return made


def call(world: World, caller: Phone, number: str, *codecs: str) -> None:
    sdp = make_offer(host=caller.flow.local[0], port=4000, codecs=codecs, session_id=1, version=1)
    caller.call(number, sdp=sdp)


def talk(world: World, first: tuple[str, ...] = BOTH, second: tuple[str, ...] = BOTH) -> tuple[Phone, Phone]:
    alice, bob = phone(world, "alice", *first), phone(world, "bob", *second)
    call(world, alice, "bob", *first)
    bob.answer()
    return alice, bob


def spoken(world: World) -> list[str]:
    """By leg."""
    return [each["codec"] for (kind, _), each in world.worker.held.items() if kind == "leg"]


def test_it_is_spoken_where_both_offer_it() -> None:
    world, books = house(), Books()
    alice, bob = talk(world)
    assert spoken(world) == ["G729", "G729"]
    legs = [each for (kind, _), each in world.worker.held.items() if kind == "leg"]
    assert [leg["receive"] for leg in legs] == [{"18": "G729"}] * 2
    world.restart_switch()
    world.wait(1)
    assert spoken(world) == ["G729", "G729"]
    check(world, books)
    assert not [each for each in (*alice.events, *bob.events) if each[0] == "offered"]


def test_it_is_offered_to_nobody_whose_caller_has_not_offered_it() -> None:
    world = house()
    _, bob = talk(world, first=("PCMA",))
    assert spoken(world) == ["PCMA", "PCMA"]
    world = house()
    bob = phone(world, "bob", *BOTH)
    world.phone("alice").call("bob")
    assert bob.session.invite is not None
    assert offered_codecs(bob.session.invite.body, KNOWN) == ["PCMU", "PCMA"]


def test_it_gives_way_to_what_the_callee_speaks() -> None:
    world = house()
    talk(world, second=("PCMA",))
    assert spoken(world) == ["PCMA", "PCMA"]


def test_who_speaks_nothing_else_reaches_who_speaks_it_and_nobody_else() -> None:
    world = house()
    alice, bob = talk(world, first=("G729",))
    assert spoken(world) == ["G729", "G729"]
    assert offered_codecs(bob.session.invite.body, KNOWN) == ["G729"] if bob.session.invite else True
    alice.hang_up()
    world.wait(10)
    for number in ("100", "200"):  # a flow and a queue have to be heard
        call(world, alice, number, "G729")
        assert alice.events[-1] == ("ended", "rejected", 488)
    assert not spoken(world)


@pytest.mark.parametrize("number", ["100", "200"])
def test_a_flow_or_a_queue_is_heard_in_another_codec(number: str) -> None:
    world = house()
    call(world, phone(world, "alice", *BOTH), number, *BOTH)
    assert spoken(world) == ["PCMA"]


def test_a_call_that_is_recorded_never_speaks_it() -> None:
    world = house(recording={"rules": [{"direction": "internal"}]})
    _, bob = talk(world)
    assert spoken(world) == ["PCMA", "PCMA"]
    assert not [each for each in bob.events if each[0] == "offered"]


def test_who_is_put_on_hold_hears_music_in_another_codec_and_both_speak_it_afterwards() -> None:
    world, books = house(), Books()
    alice, bob = talk(world)
    for version, direction in enumerate(("sendonly", "sendrecv"), 2):
        about: dict[str, Any] = {"host": alice.flow.local[0], "port": 4000, "session_id": 1}
        sdp = make_offer(codecs=BOTH, version=version, direction=direction, **about)
        world.do(alice, lambda now, out, sdp=sdp: alice.session.reinvite(sdp, now, out))
        check(world, books)
    assert [each for each in bob.events if each[0] == "offered"] == [("offered", ["PCMA", "PCMU"])]
    assert spoken(world) == ["PCMA", "PCMA"]


def test_a_supervisor_makes_both_change() -> None:
    world, books = house(), Books()
    alice, bob = talk(world)
    conversation = next(iter(world.exchange.calls.values())).conversation
    assert conversation is not None
    world.turn(lambda now, out: conversation.record(now, out))
    for each in (alice, bob):
        assert each.events[-1] == ("offered", ["PCMA", "PCMU"])
    assert spoken(world) == ["PCMA", "PCMA"]
    check(world, books)


def test_who_refuses_to_change_is_asked_once() -> None:
    world, books = house(), Books()
    alice, bob = talk(world, first=("G729",))
    conversation = next(iter(world.exchange.calls.values())).conversation
    assert conversation is not None
    world.turn(lambda now, out: conversation.record(now, out))
    world.wait(20)
    asked = [each for each in alice.events if each[0] == "offered"]
    assert asked == [("offered", ["PCMA", "PCMU"])] and sorted(spoken(world)) == ["G729", "PCMA"]
    bob.hang_up()
    check(world, books)
