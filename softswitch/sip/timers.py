"""One heap of deadlines for all that waits in a user agent: transactions, answers, offers, registrations."""

from __future__ import annotations

from heapq import heappop, heappush

from softswitch.sip.flow import NEVER, Outputs


class Timed:
    """Something with one timer. `deadline` is when to wake it; NEVER cancels."""

    __slots__ = ("deadline", "queued")

    def __init__(self) -> None:
        self.deadline = NEVER
        self.queued = NEVER

    def expire(self, now: float, out: Outputs) -> None:
        """The deadline has come (and is no longer set)."""
        raise NotImplementedError


class Deadlines:
    """A timer is moved or cancelled by its `deadline` alone; the heap finds out when the old time comes."""

    __slots__ = ("_count", "_heap")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timed]] = []
        self._count = 0

    def at(self, timed: Timed, when: float) -> None:
        """Wake `timed` at `when` and not before."""
        timed.deadline = when
        if when < timed.queued:
            self._queue(timed, when)

    def next_timeout(self) -> float | None:
        heap = self._heap
        while heap:
            when, _, timed = heap[0]
            if timed.deadline <= when and timed.queued == when:
                return when
            self._drop_old(when, timed)
        return None

    def handle_timeout(self, now: float, out: Outputs) -> None:
        heap = self._heap
        while heap and heap[0][0] <= now:
            when, _, timed = heap[0]
            if timed.deadline <= when and timed.queued == when:
                heappop(heap)
                timed.deadline = timed.queued = NEVER
                timed.expire(now, out)
            else:
                self._drop_old(when, timed)

    def _drop_old(self, when: float, timed: Timed) -> None:
        heappop(self._heap)
        if timed.queued != when:
            return
        timed.queued = NEVER
        if timed.deadline != NEVER:
            self._queue(timed, timed.deadline)

    def _queue(self, timed: Timed, when: float) -> None:
        timed.queued = when
        self._count += 1
        heappush(self._heap, (when, self._count, timed))
