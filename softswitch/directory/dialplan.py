"""Contradictions of the dial plan: classes and trunks that are not there, what leads to two places."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from softswitch.config import Centre, OutboundRoute
from softswitch.config.dialplan import NUMBER_KINDS
from softswitch.config.errors import Path, Problem, did_you_mean
from softswitch.directory.names import Names, missing
from softswitch.numbering.plan import NumberingPlan


def check_dial_plan(centre: Centre, names: Names) -> list[Problem]:
    """Every contradiction, with the path of the key that makes it."""
    plan = NumberingPlan(centre.numbering)
    return [
        *_calling(centre, names),
        *_called_back(centre, names),
        *_classes(centre),
        *_route_trunks(centre, names),
        *_routes_twice(centre),
        *_numbers_twice(centre, plan),
        *_emergency(centre, names, plan),
    ]


def _calling(centre: Centre, names: Names) -> Iterator[Problem]:
    known = {*NUMBER_KINDS, *names["calling_class"]}
    for group, objects in (("users", centre.users), ("trunks", centre.trunks)):
        for name, each in objects.items():
            for place, wanted in enumerate(each.calling):
                if wanted not in known:
                    message = f"there is no class of numbers {wanted!r}; {did_you_mean(wanted, known)}"
                    yield Problem((group, name, "calling", place), message)


def _called_back(centre: Centre, names: Names) -> Iterator[Problem]:
    """Classes that queues may call back: each is there, and there is a number that has one."""
    known = {*NUMBER_KINDS, *names["calling_class"]}
    for queue in centre.queues.values():
        if queue.callback is None:
            continue
        path: Path = ("queues", queue.name, "callback", "calling")
        for place, wanted in enumerate(queue.callback.calling):
            if wanted not in known:
                message = f"there is no class of numbers {wanted!r}; {did_you_mean(wanted, known)}"
                yield Problem((*path, place), message)
        readable = {*names["calling_class"], "international", "premium", "other"}
        if centre.trunks and centre.numbering.country is None and readable.isdisjoint(queue.callback.calling):
            message = "no number is of these classes while numbering.country is unset; set it, or name other"
            yield Problem(path, message)


def _classes(centre: Centre) -> Iterator[Problem]:
    owners: dict[str, str] = {}
    for each in centre.calling_classes.values():
        path: Path = ("calling_classes", each.name)
        if each.name in NUMBER_KINDS:
            yield Problem(path, f"{each.name} is a kind of number already; give the class another name")
        for place, prefix in enumerate(each.prefixes):
            owner = owners.setdefault(prefix, each.name)
            if owner != each.name:
                message = f"{prefix!r} already belongs to {owner}; a number has one class, remove one of them"
                yield Problem((*path, "prefixes", place), message)


def _route_trunks(centre: Centre, names: Names) -> Iterator[Problem]:
    for route in centre.routes.values():
        yield from _callable(centre, names, ("routes", route.name, "trunks"), route.trunks)


def _callable(centre: Centre, names: Names, path: Path, trunks: Iterable[str]) -> Iterator[Problem]:
    """Trunks that are not there, or over which nothing can be called."""
    for place, name in enumerate(trunks):
        yield from missing(names, (*path, place), "trunk", name)
        trunk = centre.trunks.get(name)
        if trunk is not None and not (trunk.addresses or trunk.user):
            message = f"trunk {name!r} has neither addresses nor user, so that nothing can be called over it"
            yield Problem((*path, place), f"{message}; give it addresses, or name another trunk")


def _routes_twice(centre: Centre) -> Iterator[Problem]:
    """The same prefix at the same times: one of two routes would never be used."""
    owners: dict[tuple[object, ...], str] = {}
    for route in centre.routes.values():
        for place, prefix in enumerate(route.prefixes or ("",)):
            owner = owners.setdefault((prefix, *_times(route)), route.name)
            if owner != route.name:
                key: Path = ("prefixes", place) if route.prefixes else ()
                shown = repr(prefix) if prefix else "every number"
                message = f"{shown} already belongs to route {owner} at the same times; remove one of them"
                yield Problem(("routes", route.name, *key), message)


def _times(route: OutboundRoute) -> tuple[object, ...]:
    return frozenset(route.days), frozenset(route.hours), route.time_zone


def _numbers_twice(centre: Centre, plan: NumberingPlan) -> Iterator[Problem]:
    owners: dict[str, str] = {}
    for key in centre.numbers:
        e164 = plan.normalised(key)
        owner = owners.setdefault(e164, key) if e164 is not None else key
        if owner != key:
            yield Problem(("numbers", key), f"is {e164}, as {owner} is; remove one of them")


def _emergency(centre: Centre, names: Names, plan: NumberingPlan) -> Iterator[Problem]:
    trunks = centre.numbering.emergency_trunks
    yield from _callable(centre, names, ("numbering", "emergency_trunks"), trunks)
    if plan.assumes_emergency:
        return
    for group in ("users", "agents", "numbers"):
        for name in getattr(centre, group):
            number = plan.emergency(name)
            if number is not None:
                message = f"is the emergency number {number}, which goes outside; take another, or set"
                yield Problem((group, name), f"{message} numbering.emergency_numbers without it")
