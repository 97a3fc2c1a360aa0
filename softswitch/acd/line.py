"""A line: the calls of one queue that ask for the same, and the ready agents who may take them."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from typing import Any

from softswitch import config
from softswitch.acd.agent import Agent
from softswitch.acd.demand import Demand
from softswitch.acd.ranking import Rank, rank

QueueRank = tuple[int, float, int, str]


class Line:
    """Sorted lists instead of heaps: the nearest agents are read from them, and inserting or deleting costs a
    binary search and one memory move."""

    __slots__ = ("_excluded", "_places", "_ready", "_waiting", "demand")

    def __init__(self, demand: Demand) -> None:
        self.demand = demand
        self._waiting: list[QueueRank] = []
        self._ready: list[Rank] = []
        # Agents ready for the queue -> rank in this line, or the rule that leaves them out of it.
        self._places: dict[str, Rank | str] = {}
        self._excluded: Counter[str] = Counter()

    # Calls

    def add(self, place: QueueRank) -> None:
        insort(self._waiting, place)

    def remove(self, place: QueueRank) -> None:
        delete(self._waiting, place)

    def has(self, place: QueueRank) -> bool:
        at = bisect_left(self._waiting, place)
        return at < len(self._waiting) and self._waiting[at] == place

    def first(self) -> QueueRank | None:
        """Rank of the call to be served next; its last element is the call."""
        return self._waiting[0] if self._waiting else None

    @property
    def empty(self) -> bool:
        return not self._waiting

    # Agents

    def enrol(self, agent: Agent, queue: config.Queue) -> None:
        """An agent has become ready to take a call of the queue."""
        rule = self.demand.excluding_rule(agent, queue.name)
        if rule:
            self._places[agent.config.name] = rule
            self._excluded[rule] += 1
        else:
            place = rank(agent, queue, self.demand)
            self._places[agent.config.name] = place
            insort(self._ready, place)

    def strike(self, agent: str) -> None:
        """The agent is ready no longer."""
        place = self._places.pop(agent)
        if isinstance(place, str):
            self._excluded[place] -= 1
        else:
            delete(self._ready, place)

    def takes(self, agent: str) -> bool:
        """Whether this agent may take a call of the line now."""
        return isinstance(self._places.get(agent), tuple)

    def ready_count(self) -> int:
        return len(self._ready)

    def first_tier(self) -> list[str]:
        """The agents of the lowest tier of which one is ready."""
        end = bisect_left(self._ready, (self._ready[0][0] + 1,)) if self._ready else 0
        return self.nearest(end)

    def nearest(self, count: int) -> list[str]:
        """The first `count` agents who could take a call, in order of the strategy."""
        return [place[-1] for place in self._ready[:count]]

    def excluded(self) -> Counter[str]:
        """How many agents, otherwise ready, each rule of this line leaves out."""
        return self._excluded


def delete(ordered: list[Any], place: tuple[Any, ...]) -> None:
    """Take `place` out of a sorted list; LookupError if it is not there."""
    at = bisect_left(ordered, place)
    if at == len(ordered) or ordered[at] != place:
        raise LookupError(f"{place!r} is not in the list")
    del ordered[at]
