"""Where a dialled number leads: numbers, feature codes, users, and out through a trunk."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from softswitch.call.dialplan import outward_trunks
from softswitch.config import Target
from softswitch.config.base import split_host_port

if TYPE_CHECKING:
    from softswitch.call.dialplan import DialPlan, Outward
    from softswitch.call.party import Party
    from softswitch.config import Centre, Trunk


@dataclass(frozen=True, slots=True)
class Route:
    """`kind` is flow, queue, user, agent, trunk or feature; `number` is what goes with it (dialled or
    argument).

    `rule` names what in the configuration led there; `outward` is how a number outside is reached.
    """

    kind: str
    name: str
    number: str = ""
    rule: str = ""
    outward: Outward | None = None


class NoRoute(Exception):
    """The number leads nowhere for this caller; `reason` is a code of the catalogue, `about` says in a fact
    what was not allowed."""

    def __init__(self, reason: str, about: dict[str, Any] | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.about = about


def route(
    plan: DialPlan, caller: Party, dialled: str, at: datetime, *, calling: Sequence[str] | None = ()
) -> Route:
    """Find the route at this moment or raise NoRoute. Who comes from a trunk reaches configured numbers, and
    outside only what the trunk's `calling` allows; a flow the classes in `calling` (None: all)."""
    if is_emergency(plan, caller, dialled):
        return _to_emergency(plan, dialled)
    number = plan.own(dialled)
    if number is not None and number.trunk in (None, caller.name if caller.kind == "trunk" else None):
        target = Target.parse(number.target)
        return Route(target.kind, target.name, dialled, f"numbers.{number.number}")
    inside = _inside(plan.centre, dialled) if caller.kind == "user" else None
    return inside or _outside(plan, caller, dialled, at, calling)


def is_emergency(plan: DialPlan, caller: Party, dialled: str) -> bool:
    """Whether this is an emergency call, which no permission and no limit may stop.

    Users and flows may make them, and callers of a trunk that may call outside through us at all.
    """
    able = caller.kind in ("user", "flow") or (caller.kind == "trunk" and bool(plan.classes_of(caller)))
    return able and plan.emergency(dialled) is not None


def _to_emergency(plan: DialPlan, dialled: str) -> Route:
    outward = plan.emergency(dialled)
    if outward is None or not outward.trunks:
        raise NoRoute("no_route")
    return Route("trunk", outward.trunks[0], outward.number, "emergency_numbers", outward)


def _inside(centre: Centre, dialled: str) -> Route | None:
    """A service, a user or an agent."""
    feature = feature_of(centre, dialled)
    if feature is not None:
        return feature
    if dialled in centre.users:
        return Route("user", dialled, dialled, f"users.{dialled}")
    if dialled in centre.agents:
        return Route("agent", dialled, dialled, f"agents.{dialled}")
    return None


def feature_of(centre: Centre, dialled: str) -> Route | None:
    """The service of the switch that this is the code of."""
    if not dialled.startswith(("*", "#")):
        return None
    for name, code in vars(centre.feature_codes).items():
        if code is not None and dialled.startswith(code):
            return Route("feature", name, dialled[len(code) :], f"feature_codes.{name}")
    return None


def _outside(
    plan: DialPlan, caller: Party, dialled: str, at: datetime, calling: Sequence[str] | None
) -> Route:
    number = plan.numbering.outside(dialled) if outward_trunks(plan.centre) else None
    if number is None or (caller.kind == "trunk" and caller.name not in plan.centre.trunks):
        raise NoRoute("number_not_found")
    calling_class, allowed = plan.calling_class(number), plan.classes_of(caller)
    if caller.kind == "flow":
        allowed = frozenset({calling_class} if calling is None else calling)
    if calling_class not in allowed:
        raise NoRoute(
            "forbidden", {"number": number.text, "class": calling_class, "allowed": sorted(allowed)}
        )
    outward = plan.outward(number, at)
    if outward is None:
        raise NoRoute("no_route")
    rule = f"routes.{outward.route.name}" if outward.route is not None else "trunks"
    return Route("trunk", outward.trunks[0], outward.number, rule, outward)


def user_named(centre: Centre, name: str) -> str:
    """The user who is meant by the name of an agent, a number that leads to a user, or the user's."""
    number = centre.numbers.get(name)
    target = Target.parse(number.target) if number is not None else None
    wanted = target.name if target is not None and target.kind == "user" else name
    agent = centre.agents.get(wanted)
    return agent.user or wanted if agent is not None else wanted


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


def is_peer(centre: Centre, host: str) -> bool:
    """Whether a trunk is at this address, be it one that calls us or one that we call."""
    if trunk_of_address(centre, host) is not None:
        return True
    return any(
        split_host_port(text)[0] == host for trunk in centre.trunks.values() for text in trunk.addresses
    )


@lru_cache(maxsize=1024)
def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(text, strict=False)
