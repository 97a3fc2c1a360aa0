"""What one kind of subscriber sees of the facts and statistics: by role, by whose they are, by wish."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from softswitch.api.callers import Caller
from softswitch.api.parties import NOBODY, Names, Parties, named
from softswitch.api.rights import shown
from softswitch.store.reader import Fact
from softswitch.webhook.event import event_id

_FROM, _FROM_OR_TO = {"withheld": ("from",)}, {"withheld": ("from",), "to_withheld": ("to",)}
WITHHELD: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "call_started": {"withheld": ("from_number", "source")},
    "leg_started": {"withheld": ("address", "user")},
    "transfer_started": _FROM,
    "transfer_failed": _FROM,
    "call_transferred": _FROM_OR_TO,
}
"""What agents are not told of a fact with such a mark: the fields that say who withholds the number."""


class Event:
    """One fact as subscribers get it; made into JSON once, whoever gets it."""

    __slots__ = ("_fact", "_for_agents", "_json", "call", "names", "position", "queue", "tenant", "type")

    def __init__(self, position: int, fact: Fact) -> None:
        self.position = position
        self.type: str = fact["type"]
        self.tenant: str = fact.get("tenant", "")
        data = fact.get("data") or {}
        self.call = data.get("call")
        self.queue: str = data.get("queue") or ""
        self.names: Names = NOBODY
        self._fact = fact
        self._json: bytes | None = None
        self._for_agents: Event | None = None

    def place(self, parties: Parties) -> None:
        """Find out whom it concerns; once for each event, in their order."""
        self.names, queue = parties.concerned(self.type, self._fact.get("data") or {})
        self.queue = self.queue or queue

    def told_to(self, me: Names) -> Event:
        """As agents get it who have these names: itself, unless it says who withholds the number."""
        data = self._fact.get("data") or {}
        by_mark = WITHHELD.get(self.type, {})
        hidden = [name for mark, names in by_mark.items() if data.get(mark) for name in names if name in data]
        if not hidden or not me.isdisjoint(named(data)):
            return self
        if self._for_agents is None:
            fact = {**self._fact, "data": {**data, **dict.fromkeys(hidden)}}
            self._for_agents = Event(self.position, fact)
        return self._for_agents

    @property
    def json(self) -> bytes:
        if self._json is None:
            fact = self._fact
            told: dict[str, Any] = {
                "log_position": self.position,
                "type": self.type,
                "at": fact.get("at"),
                "id": event_id(fact),
            }
            if self.call is not None:
                told["call"] = self.call
            self._json = orjson.dumps({**told, "data": fact.get("data") or {}})
        return self._json


@dataclass(frozen=True, slots=True)
class View:
    """`me`: names of whom an agent is, empty for those who see everybody's. Empty filters let all pass."""

    role: str
    tenant: str
    me: Names = NOBODY
    types: tuple[str, ...] = ()
    queues: frozenset[str] = frozenset()
    agents: Names = NOBODY
    call: str = ""
    statistics: bool = False

    @classmethod
    def of(cls, caller: Caller, **wanted: Any) -> View:
        return cls(caller.role, caller.tenant, names_of(caller), **wanted)

    @property
    def needs_parties(self) -> bool:
        """Whether what it shows depends on who takes part in a call."""
        return self.role == "agent" or bool(self.queues or self.agents)

    def of_them(self, events: Iterable[Event]) -> list[Event]:
        """Those that it shows, as it shows them."""
        shown = [each for each in events if self.shows(each)]
        return [each.told_to(self.me) for each in shown] if self.role == "agent" else shown

    def shows(self, event: Event) -> bool:
        return (
            shown(self.role, self.types, event.type)
            and event.tenant == self.tenant
            and (not self.call or event.call == self.call)
            and (self.role != "agent" or not self.me.isdisjoint(event.names))
            and (not self.queues or event.queue in self.queues)
            and (not self.agents or not self.agents.isdisjoint(event.names))
        )

    def narrowed(self, statistics: Mapping[str, Any]) -> dict[str, Any]:
        """Live statistics as this view has them: an agent has its own figures only."""
        found = dict(statistics)
        for group, kind, wanted in (("queues", "queue", self.queues), ("agents", "agent", self.agents)):
            if wanted:
                prefix = "agent:" if kind == "agent" else ""
                found[group] = [row for row in found[group] if prefix + row[kind] in wanted]
        if self.role == "agent":
            found["agents"] = [row for row in found["agents"] if f"agent:{row['agent']}" in self.me]
            found["queues"] = found["trunks"] = []
        return found


def names_of(caller: Caller) -> Names:
    """Of an agent; of the other roles nobody's."""
    if caller.role != "agent":
        return NOBODY
    named = (("agent", caller.agent), ("user", caller.user))
    return frozenset(f"{kind}:{name}" for kind, name in named if name)
