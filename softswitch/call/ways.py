"""The ways to a number outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from softswitch.call.hunt import Group
from softswitch.call.party import Party
from softswitch.call.routing import outward

if TYPE_CHECKING:
    from softswitch.call.call import Call


def outward_groups(call: Call, number: str, now: float) -> list[Group]:
    """Every address of every trunk, the first choice first."""
    exchange = call.exchange
    groups = []
    for trunk in outward(exchange.centre):
        registered = exchange.registrar.contacts(trunk.user, now) if trunk.user else []
        party = Party("trunk", trunk.name, number)
        caller = call.caller_address(trunk.caller_id)
        groups += [Group(party, way, caller) for way in exchange.trunks.bindings(trunk, number, registered)]
    return groups
