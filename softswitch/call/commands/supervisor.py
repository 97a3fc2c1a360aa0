"""Commands by which a supervisor steers queues, waiting calls and agents, and takes back what was done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from softswitch.acd import events as acd
from softswitch.call.commands.finding import call_of
from softswitch.call.commands.group import Arguments, Command, CommandGroup
from softswitch.call.commands.group import by as by_whom
from softswitch.call.configured import changed
from softswitch.call.outputs import Fact
from softswitch.config import KINDS, Model
from softswitch.config.errors import CONFLICT, NOT_FOUND, ConfigError, Problem, did_you_mean, validate
from softswitch.directory.commands import text_argument

HIGHEST = 1000
"""Of a priority, and the lowest is as far below zero."""
_PLACES = ("tiers", "levels")


class SupervisorCommands(CommandGroup):
    """A waiting call's priority, a queue's overflow and announcements, the queues of an agent."""

    def commands(self) -> dict[str, Command]:
        return {
            "call.priority": self._priority,
            "queue.overflow": self._overflow,
            "queue.announce": self._announce,
            "queue.silence": self._silence,
            "agent.queues": self._queues_of_agent,
            "action.list": lambda args, now, out: self._exchange.actions.rows(),
        }

    def _priority(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        priority = args.get("priority")
        if type(priority) is not int or abs(priority) > HIGHEST:
            raise _wrong("priority", f"{priority!r} is no priority; allowed: {-HIGHEST} to {HIGHEST}")
        id = call_of(self._exchange, args).id
        if self._exchange.acd.priority_of(id) is None:
            raise _wrong("call", f"{id!r} does not wait in a queue; see call list", CONFLICT)
        self._exchange.acd_event(acd.CallPrioritised(id, priority), now, out)
        return {"call": id, "priority": priority}

    def _overflow(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        name, tier = text_argument(args, "name"), args.get("tier")
        self._set("queue", name, {"tier": tier}, by_whom(args), now, out)
        return {"queue": name, "tier": tier}

    def _announce(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        exchange, name, prompt = self._exchange, text_argument(args, "name"), text_argument(args, "prompt")
        _known("queue", name, exchange.centre.queues)
        waiting = exchange.waiting_in(name)
        languages = {each.language for each in waiting} or {"en"}
        for language in languages:
            _known("prompt", prompt, exchange.prompt_names(language))
        for each in waiting:
            each.say([prompt], out)
        told = {"queue": name, "prompt": prompt, "callers": len(waiting), "by": by_whom(args)}
        out.append(Fact("announcement_made", told))
        return {"queue": name, "callers": len(waiting)}

    def _silence(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        name = text_argument(args, "name")
        waiting = self._exchange.waiting_in(name)
        for each in waiting:
            each.be_silent(now, out)
        return {"queue": name, "callers": len(waiting)}

    def _queues_of_agent(self, args: Arguments, now: float, out: list[Any]) -> dict[str, Any]:
        """args: queues (all of them), or add and remove; tiers and levels of queues that are left go."""
        name = text_argument(args, "name")
        agents = self._exchange.centre.agents
        _known("agent", name, agents)
        agent = agents[name]
        queues = _names(args, "queues")
        if queues is None:
            added, removed = _names(args, "add") or [], _names(args, "remove") or []
            queues = [each for each in (*agent.queues, *added) if each not in removed]
        queues = [*dict.fromkeys(queues)]
        given = {place: _by_queue(args, place, getattr(agent, place)) for place in _PLACES}
        places = {
            place: {queue: at for queue, at in each.items() if queue in queues}
            for place, each in given.items()
        }
        self._set("agent", name, {"queues": queues, **places}, by_whom(args), now, out)
        return {"agent": name, "queues": queues}

    def _set(
        self, kind: str, name: str, fields: dict[str, Any], by: str, now: float, out: list[Any]
    ) -> None:
        """Change an object of the configuration, as its `set` would."""
        exchange = self._exchange
        objects: dict[str, Model] = getattr(exchange.centre, KINDS[kind].group)
        _known(kind, name, objects)
        stored = objects[name]
        model = validate(type(stored), {**stored.model_dump(exclude_defaults=True), **fields})
        changes = exchange.directory.plan_set(kind, model)
        exchange.directory.apply(changes)
        changed(exchange, [replace(each, by=by) for each in changes], now, out)


def _names(args: Arguments, name: str) -> list[str] | None:
    given = args.get(name)
    if given is None:
        return None
    if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
        raise _wrong(name, f"{given!r} is no list of names of queues")
    return given


def _by_queue(args: Arguments, name: str, present: Mapping[str, int]) -> Mapping[str, Any]:
    """What is given, all of it; what there is already where nothing is."""
    given = args.get(name)
    if given is not None and not isinstance(given, dict):
        raise _wrong(name, f"{given!r} gives no numbers by queue; allowed: such as {{sales: 2}}")
    return present if given is None else given


def _known(kind: str, name: str, known: Any) -> None:
    if name not in known:
        raise _wrong("name", f"there is no {kind} {name!r}; {did_you_mean(name, known)}", NOT_FOUND)


def _wrong(place: str, message: str, code: str = "") -> ConfigError:
    return ConfigError([Problem((place,), message, code)])
