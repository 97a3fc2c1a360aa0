"""What a simulated day came to."""

from __future__ import annotations

from collections import Counter
from typing import Any

from softswitch.config import Centre


class QueueTally:
    """Calls of one queue that arrived after the warm-up."""

    __slots__ = ("in_time", "offered", "outcomes", "service_level_s", "waits")

    def __init__(self, service_level_s: float) -> None:
        self.service_level_s = service_level_s
        self.offered = 0
        self.in_time = 0
        self.outcomes: Counter[str] = Counter()
        self.waits: list[float] = []

    def left(self, outcome: str, waited_s: float) -> None:
        self.outcomes[outcome] += 1
        if outcome == "answered":
            self.waits.append(waited_s)
            self.in_time += waited_s <= self.service_level_s

    def row(self) -> dict[str, Any]:
        """Counts, service level (share of the calls that left the queue which were answered within
        `service_level_s`) and the waiting of the answered calls in seconds."""
        left, waits = self.outcomes.total(), sorted(self.waits)
        return {
            "offered": self.offered,
            "answered": len(waits),
            "abandoned": self.outcomes["abandoned"],
            "sent_on": self.outcomes["timeout"] + self.outcomes["overflow"],
            "callbacks_failed": self.outcomes["callback_failed"],
            "service_level": self.in_time / left if left else None,
            "abandon_rate": self.outcomes["abandoned"] / left if left else None,
            "mean_wait_s": sum(waits) / len(waits) if waits else None,
            "wait_p50_s": _at(waits, 0.5),
            "wait_p90_s": _at(waits, 0.9),
            "wait_p99_s": _at(waits, 0.99),
        }


class Tally:
    """Counts calls by queue and talking time by agent; what begins before `since` does not count."""

    def __init__(self, since: float, centre: Centre) -> None:
        self._since = since
        self._until = since
        self.queues = {name: QueueTally(queue.service_level_s) for name, queue in centre.queues.items()}
        self.talk_s: dict[str, float] = dict.fromkeys(centre.agents, 0.0)

    def arrived(self, queue: str, now: float) -> None:
        if now >= self._since:
            self.queues[queue].offered += 1

    def left(self, queue: str, outcome: str, queued_at: float, waited_s: float) -> None:
        if queued_at >= self._since and outcome not in ("withdrawn", "callback"):
            self.queues[queue].left(outcome, waited_s)

    def talks(self, agent: str, now: float, talk_s: float) -> None:
        if now >= self._since:
            self.talk_s[agent] += talk_s

    def close(self, until: float) -> None:
        self._until = until

    def rows(self) -> list[dict[str, Any]]:
        """One row a queue that had calls, and the occupancy of its agents' time in all."""
        return [{"queue": name, **each.row()} for name, each in self.queues.items() if each.offered]

    def occupancy(self) -> float:
        """Share of the agents' time that was talking, all together."""
        time_s = len(self.talk_s) * (self._until - self._since)
        return sum(self.talk_s.values()) / time_s if time_s else 0.0


def _at(ordered: list[float], share: float) -> float | None:
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else None
