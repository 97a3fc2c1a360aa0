"""Who withholds the number stays unknown to agents who look at their calls; everybody else sees who it is."""

from __future__ import annotations

import orjson
import pytest

from tests.call.invariants import Books, check
from tests.call.world import CENTRE, Phone, World

CARRIER = ("carrier", "198.51.100.9")
NUMBER = "+49301234567"
IDENTITY = f'P-Asserted-Identity: "Ann Bell" <sip:{NUMBER}@x>\r\n'
PRIVATE = f"{IDENTITY}Privacy: id\r\n"


def house() -> World:
    trunk = {**CENTRE["trunks"]["carrier"], "trust_identity": True}
    return World({**CENTRE, "trunks": {"carrier": trunk}})


def anonymous_call(world: World, headers: str = PRIVATE) -> Phone:
    """Ann Bell has called the queue, and talks to alice, who is agent a1."""
    alice = world.agent("a1", "alice")
    caller = world.phone(*CARRIER, register=False)
    caller.call("200", from_="<sip:anonymous@anonymous.invalid>", headers=headers)
    alice.answer()
    return alice


def says_who(world: World, own: str | None = None) -> tuple[bool, bool]:
    """Whether list and details of the call have the number, and the name."""
    (row,) = world.command("call.list", own=own)
    told = str((row, world.command("call.show", call=row["call"], own=own)))
    return NUMBER in told, "Ann Bell" in told


@pytest.mark.parametrize("restarts", [False, True])
def test_an_agent_is_not_told_who_withholds_the_number(restarts: bool) -> None:
    world = house()
    anonymous_call(world)
    if restarts:
        world.restart_switch()
    assert says_who(world) == (True, True)
    assert says_who(world, own="alice") == (False, False)
    (row,) = world.command("call.list", own="alice")
    shown = world.command("call.show", call=row["call"], own="alice")
    assert (row["from"], shown["from_name"], row["users"]) == ("", "", ["alice"])
    assert [(leg["name"], leg["number"]) for leg in shown["legs"]] == [("carrier", ""), ("alice", "alice")]
    check(world, Books())


def test_who_does_not_ask_for_privacy_is_told_and_facts_have_no_mark() -> None:
    world = house()
    alice = world.agent("a1", "alice")
    world.phone(*CARRIER, register=False).call("200", from_=f"<sip:{NUMBER}@x>", headers=IDENTITY)
    alice.answer()
    assert says_who(world, own="alice") == (True, True)
    assert not any("withheld" in fact.data for fact in world.facts if fact.type != "screen_pop")


def test_a_user_who_withholds_it_is_unknown_to_the_other_one_alone() -> None:
    world = house()
    alice, carol = world.agent("a1", "alice"), world.phone("carol")
    carol.call("alice", headers="Privacy: id\r\n")
    alice.answer()
    (row,) = world.command("call.list", own="alice")
    assert "carol" not in str((row, world.command("call.show", call=row["call"], own="alice")))
    (row,) = world.command("call.list", own="carol")
    shown = world.command("call.show", call=row["call"], own="carol")
    assert (row["from"], row["users"]) == ("carol", ["carol", "alice"])
    assert [leg["user"] for leg in shown["legs"]] == ["carol", "alice"]


def test_every_fact_that_has_the_number_says_that_it_is_withheld() -> None:
    world = house()
    alice = anonymous_call(world)
    bob = world.phone("bob")
    alice.refer("bob")
    bob.answer()
    with_number = [fact for fact in world.facts if NUMBER in orjson.dumps(fact.data).decode()]
    assert {fact.type for fact in with_number} == {
        "call_started",
        "leg_started",
        "transfer_started",
        "call_transferred",
    }
    assert all(fact.data["withheld"] is True for fact in with_number)
    assert says_who(world, own="bob") == (False, False)


def test_an_attended_transfer_says_on_which_side_it_is_withheld() -> None:
    world = house()
    alice = anonymous_call(world)
    first = alice.session
    bob = world.phone("bob")
    alice.call("bob")
    bob.answer()
    alice.connect(first, alice.session)
    sent, to = world.of("call_transferred")
    assert (sent["from"], sent["withheld"], "to_withheld" in sent) == (NUMBER, True, False)
    assert (to["to"], to["to_withheld"], "withheld" in to) == (NUMBER, True, False)
    assert says_who(world, own="bob") == (False, False)
