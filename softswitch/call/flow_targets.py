"""Where a number leads that a flow calls: the flow has the permissions of who wrote it, its callers none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from softswitch.call.party import Party
from softswitch.call.routing import NoRoute, Route, route
from softswitch.config import Target

if TYPE_CHECKING:
    from softswitch.call.exchange import Exchange


def flow_route(exchange: Exchange, target: str, calling: tuple[str, ...] | None, now: float) -> Route:
    """The route of a target of a flow. Raises NoRoute.

    `calling` None: the number stands in the flow, and every class of number may be called; else it came out
    of a variable, that is often from the caller: those classes only, and no emergency number.
    """
    kind, _, name = target.partition(":")
    if kind != "number":
        found = Target.parse(target)
        return Route(found.kind, found.name, name, "flow")
    plan, centre = exchange.plan, exchange.centre
    if plan.emergency(name) is not None:
        if calling is not None:
            raise NoRoute("forbidden")
    elif name in centre.users:
        return Route("user", name, name, f"users.{name}")
    elif name in centre.agents:
        return exchange.seats.route(Route("agent", name, name, f"agents.{name}"))
    return route(plan, Party("flow", "", name), name, exchange.utc(now), calling=calling)
