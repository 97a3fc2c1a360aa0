"""Where a number would lead, and why: the dial plan asked without a call."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from softswitch.call.callerid import shown_number
from softswitch.call.party import Party
from softswitch.call.routing import NoRoute, Route, is_emergency, route
from softswitch.config.errors import NOT_FOUND, ConfigError, Problem, did_you_mean
from softswitch.directory.commands import text_argument
from softswitch.reasons import REASONS

if TYPE_CHECKING:
    from softswitch.call.dialplan import DialPlan, Outward


def explain(plan: DialPlan, args: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """args: number; user or trunk, as whose caller; at (ISO 8601, by numbering.time_zone if it has no zone
    of its own; unset: `now`). ConfigError for what is not there.

    Answer: number, caller, at, read (in E.164), class; kind, name and rule of the route, or reason and help
    of the refusal and which classes are `allowed`; `ways` over which a number outside is tried, `closed`: its
    routes that are not open then.
    """
    caller, number = _caller(plan, args), text_argument(args, "number")
    zone = ZoneInfo(plan.centre.numbering.time_zone)
    at = (_moment(args.get("at"), zone) or now).astimezone(zone)
    dialled, hidden = _dialled(plan, caller, number)
    told: dict[str, Any] = {"number": number, "caller": caller.source, "at": at.isoformat(timespec="seconds")}
    told |= _reading(plan, caller, dialled, at)
    try:
        found = route(plan, caller, dialled, at)
    except NoRoute as no_route:
        allowed = {} if no_route.about is None else {"allowed": no_route.about["allowed"]}
        return {**told, **allowed, "reason": no_route.reason, "help": REASONS[no_route.reason].help}
    return {**told, **_leads(plan, caller, found, hidden)}


def _leads(plan: DialPlan, caller: Party, found: Route, hidden: bool) -> dict[str, Any]:
    told: dict[str, Any] = {"kind": found.kind, "name": found.name, "rule": found.rule}
    outward = found.outward
    if outward is None:
        return told
    hidden = hidden and not outward.emergency
    return {**told, "class": outward.calling_class, "ways": _ways(plan, caller, outward, hidden)}


def _ways(plan: DialPlan, caller: Party, outward: Outward, hidden: bool) -> list[dict[str, Any]]:
    weights = outward.route.weights if outward.route is not None else ()
    ways = []
    for place, name in enumerate(outward.trunks):
        trunk = plan.centre.trunks[name]
        shown = "anonymous" if hidden else shown_number(plan, caller, "", None, outward, trunk)
        way: dict[str, Any] = {"trunk": name, "number": plan.presented_to(trunk, outward), "shown": shown}
        ways.append({**way, "weight": weights[place]} if weights else way)
    return ways


def _reading(plan: DialPlan, caller: Party, dialled: str, at: datetime) -> dict[str, Any]:
    """How the number is read, whatever becomes of it."""
    if is_emergency(plan, caller, dialled):
        return {"class": "emergency"}
    number = plan.numbering.outside(dialled)
    if number is None:
        return {}
    closed = [
        each.name
        for each in plan.centre.routes.values()
        if number.text.startswith(each.prefixes or "") and not plan.opens(each, at)
    ]
    read = {"read": number.text, "class": plan.calling_class(number)}
    return {**read, "closed": closed} if closed else read


def _dialled(plan: DialPlan, caller: Party, number: str) -> tuple[str, bool]:
    """What is called, and whether a code before it hides who calls."""
    if caller.kind == "trunk":
        return plan.called_by_trunk(plan.centre.trunks[caller.name], number), False
    return plan.without_hiding(number)


def _caller(plan: DialPlan, args: Mapping[str, Any]) -> Party:
    kind = "trunk" if args.get("trunk") else "user"
    name, known = text_argument(args, kind), getattr(plan.centre, f"{kind}s")
    if name not in known:
        message = f"there is no {kind} {name!r}; {did_you_mean(name, known)}"
        raise ConfigError([Problem((), message, NOT_FOUND)])
    return Party(kind, name, name)


def _moment(text: Any, zone: ZoneInfo) -> datetime | None:
    if not text:
        return None
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        message = f"{text!r} is no time; allowed: ISO 8601, such as 2026-12-24T18:00"
        raise ConfigError([Problem(("at",), message)]) from None
    return at if at.tzinfo is not None else at.replace(tzinfo=zone)
