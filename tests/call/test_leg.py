"""A leg in every state is given everything that can happen to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from softswitch.call.leg import Leg
from tests.call.world import Phone, World

Act = Callable[[World, Leg, Phone, Phone], None]


def in_setup(world: World, caller: Phone, bob: Phone) -> None:
    bob.silent = True
    caller.call("bob")


def ringing(world: World, caller: Phone, bob: Phone) -> None:
    caller.call("bob")


def answered(world: World, caller: Phone, bob: Phone) -> None:
    caller.call("bob")
    bob.answer()


def do(act: Callable[[Leg, float, list[Any]], None]) -> Act:
    return lambda world, leg, caller, bob: world.turn(lambda now, out: act(leg, now, out))


STATES = {"setup": in_setup, "ringing": ringing, "answered": answered, "ended": answered}
INPUTS: dict[str, Act] = {
    "ring": do(lambda leg, now, out: leg.ring(now, out)),
    "hang up": do(lambda leg, now, out: leg.hang_up("administrative_hang_up", now, out)),
    "caller hangs up": lambda world, leg, caller, bob: caller.hang_up(),
    "callee hangs up": lambda world, leg, caller, bob: bob.hang_up(),
    "answer": lambda world, leg, caller, bob: bob.answer(),
}
# (state, input) -> states of the inbound and the outbound leg, without an entry: as they were.
RULES = {
    ("setup", "ring"): ("ringing", "setup"),
    ("setup", "caller hangs up"): ("ended", "ended"),
    ("setup", "callee hangs up"): ("ended", "ended"),
    ("setup", "answer"): ("answered", "answered"),
    ("ringing", "caller hangs up"): ("ended", "ended"),
    ("ringing", "callee hangs up"): ("ended", "ended"),
    ("ringing", "answer"): ("answered", "answered"),
    ("answered", "caller hangs up"): ("ended", "ended"),
    ("answered", "callee hangs up"): ("ended", "ended"),
    ("setup", "hang up"): ("ended", "setup"),
    ("ringing", "hang up"): ("ended", "ringing"),
    ("answered", "hang up"): ("ended", "answered"),
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("given", INPUTS)
def test_every_state_takes_every_input(state: str, given: str) -> None:
    world = World()
    caller, bob = world.phone("carol"), world.phone("bob")
    STATES[state](world, caller, bob)
    call = next(iter(world.exchange.calls.values()))
    inbound, outbound = call.legs.values()
    if state == "ended":
        caller.hang_up()
    assert (inbound.state, outbound.state) == (state, state)
    INPUTS[given](world, inbound, caller, bob)
    assert (inbound.state, outbound.state) == RULES.get((state, given), (state, state))
    ended = [fact["leg"] for fact in world.of("leg_ended")]
    assert sorted(ended) == sorted(leg.id for leg in (inbound, outbound) if leg.state == "ended")
