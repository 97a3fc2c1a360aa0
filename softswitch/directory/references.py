"""What one configured object says about another must be true: the checks over the whole centre."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from softswitch.config import KINDS, Centre, Lookup, Queue, Target, Trunk
from softswitch.config.base import split_host_port
from softswitch.config.errors import Path, Problem, did_you_mean
from softswitch.config.expression import Expression
from softswitch.config.trunk_address import WeightedAddress
from softswitch.directory.dialplan import check_dial_plan
from softswitch.directory.names import Names, missing
from softswitch.ivr.reading import OF_EVERY_FLOW
from softswitch.numbering.plan import NumberingPlan


def names_of(centre: Centre) -> Names:
    return {kind: frozenset(getattr(centre, entry.group)) for kind, entry in KINDS.items()}


def check_references(centre: Centre, names: Names) -> list[Problem]:
    """Every name that leads nowhere and every name used twice, with the path of the key that says it."""
    return [
        *_agents(centre, names),
        *_queues(centre, names),
        *_screen_pop(centre, names),
        *_trunks(centre, names),
        *_numbers(centre, names),
        *_voicemail(centre, names),
        *_api_keys(centre, names),
        *_webhooks(centre, names),
        *check_dial_plan(centre, names),
    ]


def missing_target(names: Names, path: Path, text: str | None) -> Iterator[Problem]:
    """A problem when `text` (`queue:sales`) names something that is not there."""
    if text is not None:
        target = Target.parse(text)
        yield from missing(names, path, target.kind, target.name)


def _agents(centre: Centre, names: Names) -> Iterator[Problem]:
    for agent in centre.agents.values():
        path: Path = ("agents", agent.name)
        if agent.user is not None:
            yield from missing(names, (*path, "user"), "user", agent.user)
        if agent.pin is None and (agent.number or agent.outside_numbers):
            message = "has number or outside_numbers and no pin, so that anybody could sign in; give it a pin"
            yield Problem(path, message)
        for place, queue in enumerate(agent.queues):
            yield from missing(names, (*path, "queues", place), "queue", queue)
    agents = centre.agents.values()
    yield from _twice("agents", "user", ((agent.name, agent.user) for agent in agents if agent.user))
    yield from _twice("agents", "number", ((agent.name, agent.number) for agent in agents if agent.number))


def _queues(centre: Centre, names: Names) -> Iterator[Problem]:
    for queue in centre.queues.values():
        path: Path = ("queues", queue.name)
        yield from _overflow(centre, names, (*path, "on_timeout"), queue.on_timeout)
        yield from _overflow(centre, names, (*path, "on_closed"), queue.on_closed)
        if queue.survey is not None:
            yield from missing(names, (*path, "survey"), "flow", queue.survey)
        yield from _overflow(centre, names, (*path, "on_empty"), queue.on_empty)
        if queue.lookup is not None:
            yield from _lookup(names, (*path, "lookup"), queue.lookup)
        if queue.hours is not None:
            yield from missing(names, (*path, "hours"), "calendar", queue.hours)
        for place, step in enumerate(queue.timeline):
            yield from _overflow(centre, names, (*path, "timeline", place, "to"), step.to)
    yield from _skills(centre)


def _lookup(names: Names, path: Path, lookup: Lookup) -> Iterator[Problem]:
    if "{" not in lookup.backend:
        yield from missing(names, (*path, "backend"), "backend", lookup.backend)
    for name in lookup.into:
        if name in OF_EVERY_FLOW:
            message = f"every flow has this by itself; not allowed: {', '.join(OF_EVERY_FLOW)}"
            yield Problem((*path, "into", name), message)


def _screen_pop(centre: Centre, names: Names) -> Iterator[Problem]:
    if centre.screen_pop.lookup is not None:
        yield from _lookup(names, ("screen_pop", "lookup"), centre.screen_pop.lookup)


def _overflow(centre: Centre, names: Names, path: Path, text: str | None) -> Iterator[Problem]:
    """A target that is not there, or a number that leads nowhere or to the emergency services."""
    kind, _, number = (text or "").partition(":")
    if kind != "number":
        yield from missing_target(names, path, text)
        return
    plan = NumberingPlan(centre.numbering)
    inside = number in centre.users or number in centre.agents or number in centre.numbers
    if plan.emergency(number) is not None and not inside:
        yield Problem(path, f"{number} is an emergency number; callers of a queue are not sent there")
    elif not inside and not any(trunk.addresses or trunk.user for trunk in centre.trunks.values()):
        yield Problem(path, f"there is no trunk over which {number} could be called; add one")


def _skills(centre: Centre) -> Iterator[Problem]:
    """A problem for every skill that a queue asks for and none of its agents has: such calls wait in vain."""
    for queue in centre.queues.values():
        agents = [agent for agent in centre.agents.values() if queue.name in agent.queues]
        known = {skill for agent in agents for skill in agent.skills}
        for path, skills in _asked(queue):
            for skill in sorted(skills - known if agents else ()):
                hint = did_you_mean(skill, known)
                yield Problem(path, f"no agent of the queue has skill {skill!r}; {hint}")


def _asked(queue: Queue) -> Iterator[tuple[Path, frozenset[str]]]:
    path: Path = ("queues", queue.name)
    yield (*path, "require"), _skills_in(queue.require)
    yield (*path, "prefer"), frozenset(queue.prefer)
    for place, step in enumerate(queue.timeline):
        yield (*path, "timeline", place, "require"), _skills_in(step.require)


def _skills_in(text: str | None) -> frozenset[str]:
    return Expression.parse(text).skills() if text else frozenset()


def _trunks(centre: Centre, names: Names) -> Iterator[Problem]:
    for trunk in centre.trunks.values():
        if trunk.user is not None:
            yield from missing(names, ("trunks", trunk.name, "user"), "user", trunk.user)
    trunks = centre.trunks.values()
    yield from _twice("trunks", "user", ((trunk.name, trunk.user) for trunk in trunks if trunk.user))
    sources = ((trunk.name, source) for trunk in trunks for source in trunk.allow_from)
    yield from _twice("trunks", "allow_from", sources)
    certified = ((trunk.name, name.lower()) for trunk in trunks for name in trunk.certificate_names)
    yield from _twice("trunks", "certificate_names", certified)
    yield from _shown(trunks)


def _shown(trunks: Iterable[Trunk]) -> Iterator[Problem]:
    """A problem for the second of two trunks whose one host would have to see two certificates: a connection
    is for a host, and shows one."""
    shown: dict[str, Trunk] = {}
    for trunk in trunks:
        if trunk.transport != "TLS":
            continue
        hosts = {WeightedAddress.parse(text).place[0] for text in trunk.addresses}
        if trunk.registrar is not None:
            hosts.add(split_host_port(trunk.registrar)[0])
        for host in sorted(hosts):
            former = shown.setdefault(host, trunk)
            if (former.certificate, former.key) != (trunk.certificate, trunk.key):
                message = f"trunk {former.name} shows {host!r} another certificate; give both the same one"
                yield Problem(("trunks", trunk.name, "certificate"), message)


def _voicemail(centre: Centre, names: Names) -> Iterator[Problem]:
    for box in centre.voicemail.values():
        for place, user in enumerate(box.users):
            yield from missing(names, ("voicemail", box.name, "users", place), "user", user)


def _api_keys(centre: Centre, names: Names) -> Iterator[Problem]:
    keys = centre.api_keys.values()
    for key in keys:
        for kind, name in (("agent", key.agent), ("user", key.user)):
            if name is not None:
                yield from missing(names, ("api_keys", key.name, kind), kind, name)
    owners: dict[str, str] = {}
    for key in keys:
        if (owner := owners.setdefault(key.sha256, key.name)) != key.name:
            message = f"is that of {owner}; a token belongs to one key, make another one"
            yield Problem(("api_keys", key.name, "sha256"), message)


def _webhooks(centre: Centre, names: Names) -> Iterator[Problem]:
    for webhook in centre.webhooks.values():
        for kind, wanted in (("queue", webhook.queues), ("agent", webhook.agents)):
            for place, name in enumerate(wanted):
                yield from missing(names, ("webhooks", webhook.name, f"{kind}s", place), kind, name)


def _numbers(centre: Centre, names: Names) -> Iterator[Problem]:
    for number in centre.numbers.values():
        path: Path = ("numbers", number.number)
        yield from missing_target(names, (*path, "target"), number.target)
        if number.trunk is not None:
            yield from missing(names, (*path, "trunk"), "trunk", number.trunk)


def _twice(group: str, field: str, pairs: Iterable[tuple[str, str]]) -> Iterator[Problem]:
    """A problem for the second owner of a value that only one may have."""
    owners: dict[str, str] = {}
    for name, value in pairs:
        owner = owners.setdefault(value, name)
        if owner != name:
            yield Problem((group, name, field), f"{value!r} already belongs to {owner}; give each its own")
