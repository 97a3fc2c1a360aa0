"""A queue: the calls in their order, the ready agents in theirs, and its counters."""
from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from typing import Any

from softswitch import config
from softswitch.acd.agent import Agent
from softswitch.acd.ranking import STRATEGIES, Rank

QueueRank = tuple[int, float, int, str]


class QueuedCall:
    """A call that waits. `arrival` keeps those apart that were queued at the same time; `offer` is set while
    an agent's phone rings for it; `expired` when the longest wait passed during such an offer."""

    __slots__ = ("arrival", "call", "expired", "offer", "priority", "queue", "queued_at")

    def __init__(self, call: str, queue: str, priority: int, queued_at: float, arrival: int) -> None:
        self.call = call
        self.queue = queue
        self.priority = priority
        self.queued_at = queued_at
        self.arrival = arrival
        self.offer: str | None = None
        self.expired = False

    @property
    def rank(self) -> QueueRank:
        """Order of service: priority, then time of queueing, then arrival."""
        return -self.priority, self.queued_at, self.arrival, self.call

    @classmethod
    def from_state(cls, call: str, state: dict[str, Any], now: float) -> QueuedCall:
        """The call as `to_state` described it, in no offer."""
        queued = cls(call, state["queue"], state["priority"], min(state["queued_at"], now), state["arrival"])
        queued.expired = state["expired"]
        return queued

    def to_state(self) -> dict[str, Any]:
        return {"queue": self.queue, "priority": self.priority, "queued_at": self.queued_at,
                "arrival": self.arrival, "expired": self.expired}


class QueueStatistics:
    """Counters since the process started; reports come from the journal."""

    __slots__ = ("abandoned", "answered", "answered_in_time", "sent_away")

    def __init__(self) -> None:
        self.answered = self.answered_in_time = self.abandoned = self.sent_away = 0

    def count(self, outcome: str, waited_s: float, service_level_s: float) -> None:
        """Count a call that left with this outcome of `queue_left`."""
        if outcome == "answered":
            self.answered += 1
            self.answered_in_time += waited_s <= service_level_s
        elif outcome == "abandoned":
            self.abandoned += 1
        elif outcome != "withdrawn":
            self.sent_away += 1

    def service_level(self) -> float | None:
        """Share of all calls that left the queue which were answered within the queue's `service_level_s`.
        Abandoned calls count against it however short they waited, and so do calls sent away."""
        left = self.answered + self.abandoned + self.sent_away
        return self.answered_in_time / left if left else None


class CallQueue:
    """Sorted lists instead of heaps: a place in the queue and the ten nearest agents are read from them, and
    inserting or deleting costs a binary search and one memory move."""

    __slots__ = ("_excluded", "_places", "_ready", "_rules", "_waiting", "config", "statistics")

    def __init__(self, queue: config.Queue) -> None:
        self.config = queue
        self.statistics = QueueStatistics()
        self._places: list[QueueRank] = []
        self._waiting: list[QueueRank] = []
        self._ready: list[Rank] = []
        # agent -> (rule that excludes them, rank when none does)
        self._rules: dict[str, tuple[str, Rank | None]] = {}
        # Counted along, because every decision records it.
        self._excluded: Counter[str] = Counter()

    @property
    def name(self) -> str:
        return self.config.name

    def length(self) -> int:
        """How many calls are in the queue, those being offered included."""
        return len(self._places)

    def add(self, queued: QueuedCall) -> None:
        insort(self._places, queued.rank)
        insort(self._waiting, queued.rank)

    def remove(self, queued: QueuedCall) -> None:
        _delete(self._places, queued.rank)
        if queued.offer is None:
            _delete(self._waiting, queued.rank)

    def hold_back(self, queued: QueuedCall) -> None:
        """The call keeps its place but is being offered."""
        _delete(self._waiting, queued.rank)

    def put_back(self, queued: QueuedCall) -> None:
        """The offer failed: the call waits again, at the place that it kept."""
        insort(self._waiting, queued.rank)

    def place(self, queued: QueuedCall) -> int:
        """Place in the queue from 1; calls that are being offered are still in front."""
        return bisect_left(self._places, queued.rank) + 1

    def first(self) -> QueueRank | None:
        """Rank of the call to be served next; its last element is the call."""
        return self._waiting[0] if self._waiting else None

    def calls(self) -> list[str]:
        """All calls in the queue in order of service."""
        return [rank[-1] for rank in self._places]

    def oldest(self) -> float | None:
        """When the call was queued that has waited longest."""
        return min((rank[1] for rank in self._places), default=None)

    def index(self, agent: Agent, rule: str) -> None:
        """Note that `agent` serves this queue and which rule excludes them now, '' for none."""
        self.forget(agent.name)
        rank = None if rule else STRATEGIES[self.config.strategy](agent)
        self._rules[agent.name] = (rule, rank)
        if rank is None:
            self._excluded[rule] += 1
        else:
            insort(self._ready, rank)

    def forget(self, agent: str) -> None:
        rule, rank = self._rules.pop(agent, ("", None))
        if rank is not None:
            _delete(self._ready, rank)
        elif rule:
            self._excluded[rule] -= 1

    def ready_count(self) -> int:
        """How many agents could take a call now."""
        return len(self._ready)

    def nearest(self, count: int) -> list[str]:
        """The first `count` agents who could take a call, in order of the strategy."""
        return [rank[-1] for rank in self._ready[:count]]

    def excluded(self) -> dict[str, int]:
        """How many agents of the queue each rule excludes."""
        return {rule: count for rule, count in sorted(self._excluded.items()) if count}


def _delete(ordered: list, rank: tuple) -> None:  # type: ignore[type-arg]
    at = bisect_left(ordered, rank)
    if at == len(ordered) or ordered[at] != rank:
        raise LookupError(f"{rank!r} is not in the queue")
    del ordered[at]
