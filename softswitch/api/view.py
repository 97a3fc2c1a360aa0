"""What one kind of subscriber sees of the facts and statistics: by role, by whose they are, by wish."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from softswitch.api.callers import Caller
from softswitch.api.parties import NOBODY, Names, Parties
from softswitch.api.rights import shown
from softswitch.store.reader import Fact
from softswitch.webhook.event import event_id


class Event:
    """One fact as subscribers get it; made into JSON once, whoever gets it."""

    __slots__ = ("_fact", "_json", "call", "names", "position", "queue", "tenant", "type")

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

    def place(self, parties: Parties) -> None:
        """Find out whom it concerns; once for each event, in their order."""
        self.names, queue = parties.concerned(self.type, self._fact.get("data") or {})
        self.queue = self.queue or queue

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
