"""Where a dialled number leads: numbers, feature codes, users, and out through a trunk."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from softswitch.config import Target
from softswitch.config.base import split_host_port

if TYPE_CHECKING:
    from softswitch.call.party import Party
    from softswitch.config import Centre, Trunk

_OUTSIDE = re.compile(r"\+?[0-9]{2,20}")


@dataclass(frozen=True, slots=True)
class Route:
    """`kind` is flow, queue, user, trunk or feature; `number` is what goes with it (dialled or argument)."""

    kind: str
    name: str
    number: str = ""


class NoRoute(Exception):
    """The number leads nowhere for this caller; `reason` is a code of the catalogue."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def route(centre: Centre, caller: Party, dialled: str) -> Route:
    """Find the route or raise NoRoute. Who comes from a trunk reaches configured numbers, nothing else."""
    number = centre.numbers.get(dialled)
    if number is not None and number.trunk in (None, caller.name if caller.kind == "trunk" else None):
        return _to_target(Target.parse(number.target), dialled)
    if caller.kind != "user":
        raise NoRoute("number_not_found")
    feature = feature_of(centre, dialled)
    if feature is not None:
        return feature
    if dialled in centre.users:
        return Route("user", dialled, dialled)
    if dialled in centre.agents:
        return Route("user", centre.agents[dialled].user, dialled)
    return _outside(centre, caller, dialled)


def _to_target(target: Target, dialled: str) -> Route:
    return Route(target.kind, target.name, dialled)


def feature_of(centre: Centre, dialled: str) -> Route | None:
    """The service of the switch that this is the code of."""
    for name, code in centre.feature_codes:
        if dialled.startswith(code):
            return Route("feature", name, dialled[len(code) :])
    return None


def _outside(centre: Centre, caller: Party, dialled: str) -> Route:
    trunks = outward(centre)
    if not trunks or not _OUTSIDE.fullmatch(dialled):
        raise NoRoute("number_not_found")
    if "dial_out" not in centre.users[caller.name].permissions:
        raise NoRoute("forbidden")
    return Route("trunk", trunks[0].name, dialled)


def user_named(centre: Centre, name: str) -> str:
    """The user who is meant by the name of an agent, a number that leads to a user, or the user's."""
    number = centre.numbers.get(name)
    target = Target.parse(number.target) if number is not None else None
    wanted = target.name if target is not None and target.kind == "user" else name
    agent = centre.agents.get(wanted)
    return agent.user if agent is not None else wanted


def outward(centre: Centre) -> list[Trunk]:
    """The trunks over which numbers outside are called, the first choice first."""
    return [trunk for trunk in centre.trunks.values() if trunk.addresses or trunk.user]


def trunk_of_address(centre: Centre, host: str) -> Trunk | None:
    """The trunk whose calls may come from this address without a password.

    Those are the addresses in `allow_from`, and the one at which we are registered.
    """
    if not centre.trunks:
        return None
    address = ipaddress.ip_address(host.partition("%")[0])
    address = getattr(address, "ipv4_mapped", None) or address
    for trunk in centre.trunks.values():
        if any(address in _network(text) for text in trunk.allow_from):
            return trunk
        if trunk.registrar is not None and split_host_port(trunk.registrar)[0] == str(address):
            return trunk
    return None


@lru_cache(maxsize=1024)
def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(text, strict=False)
