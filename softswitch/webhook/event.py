"""What is told of a fact, who wants to hear it, and which facts follow each other."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from softswitch.config import Webhook

Fact = Mapping[str, Any]

UNTOLD = frozenset({"state_kept"})
"""Facts that only carry live state."""
_SUBJECTS = ("call", "agent", "user", "supervisor", "queue", "trunk", "name")
_NOT_IN_ID = re.compile(r"[^A-Za-z0-9_-]")


def event_of(position: int, fact: Fact) -> dict[str, Any]:
    """A fact as programs outside get it; `position` is the log position after it.

    `id` is the same however often the event is told: node and place of its record, letters of a header.
    """
    return {
        "type": fact["type"],
        "id": event_id(fact),
        "at": fact["at"],
        "log_position": position,
        "tenant": fact["tenant"],
        "data": fact["data"],
    }


def event_id(fact: Fact) -> str:
    """Unique among all events of all nodes, without a dot, which separates what is signed."""
    place = fact["id"][-1] if isinstance(fact["id"], list) else fact["id"]
    return _NOT_IN_ID.sub("_", f"{fact['node']}-{place}")


def subject_of(fact: Fact) -> str:
    """Events of one subject are told one after the other: the call, else the agent, user …"""
    told = fact.get("data") or {}
    return next((f"{key}:{told[key]}" for key in _SUBJECTS if told.get(key)), "")


class Interest:
    """Which facts one webhook wants to hear."""

    def __init__(self, settings: Webhook) -> None:
        patterns = "|".join(each.replace("*", ".*") for each in settings.events)
        self._types = re.compile(f"(?:{patterns})")
        self._names = (("queue", frozenset(settings.queues)), ("agent", frozenset(settings.agents)))

    def in_type(self, type: str) -> bool:
        return type not in UNTOLD and self._types.fullmatch(type) is not None

    def in_names(self, fact: Fact) -> bool:
        """Whether it names one of the queues and one of the agents that are wanted."""
        told = fact.get("data") or {}
        return all(not wanted or told.get(key) in wanted for key, wanted in self._names)
