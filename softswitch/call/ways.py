"""The ways to a number outside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from softswitch.call.callerid import shown_number
from softswitch.call.hunt import Group
from softswitch.call.party import Party

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.dialplan import Outward


def outward_groups(call: Call, outward: Outward, now: float, chosen: str | None = None) -> list[Group]:
    """Every address of every trunk of the way, the first choice first; `chosen` is the number to be shown."""
    exchange = call.exchange
    plan = exchange.plan
    groups = []
    for name in in_order(outward, exchange.entropy):
        trunk = exchange.centre.trunks[name]
        registered = exchange.registrar.contacts(trunk.user, now) if trunk.user else []
        number = plan.presented_to(trunk, outward)
        shown = shown_number(
            plan, call.caller, chosen or call.introduction.number, call.queue, outward, trunk
        )
        party, caller = Party("trunk", trunk.name, number), call.caller_address(shown)
        groups += [Group(party, way, caller) for way in exchange.trunks.bindings(trunk, number, registered)]
    return groups


def in_order(outward: Outward, entropy: Callable[[int], bytes]) -> Sequence[str]:
    """The trunks in the order in which they are tried; drawn where the route gives them weights."""
    route = outward.route
    if route is None or not route.weights:
        return outward.trunks
    left = list(zip(outward.trunks, route.weights, strict=True))
    drawn = []
    while left:
        draw = int.from_bytes(entropy(8), "big") % sum(weight for _, weight in left)
        place = 0
        while draw >= left[place][1]:
            draw -= left[place][1]
            place += 1
        drawn.append(left.pop(place)[0])
    return drawn
