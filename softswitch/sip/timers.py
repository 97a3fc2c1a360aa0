"""One heap of deadlines for all that waits in a user agent: transactions, answers, offers, registrations."""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Protocol

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


class Slotted(Protocol):
    """What a wheel wakes; `slot` is its own, -1 outside of it."""

    slot: int

    def expire(self, now: float, out: Outputs) -> None: ...


class Wheel(Timed):
    """Many long timers of which nearly all are cancelled: one leaves nothing behind, unlike in a heap.

    They are woken up to `STEP` seconds late.
    """

    __slots__ = ("_deadlines", "_slots")

    STEP = 4.0

    def __init__(self, deadlines: Deadlines) -> None:
        super().__init__()
        self._deadlines = deadlines
        self._slots: dict[int, dict[Slotted, None]] = {}

    def at(self, timed: Slotted, when: float) -> None:
        """Wake `timed` at `when` or soon after; an earlier wish of it is forgotten."""
        slot = -int(-when // self.STEP)
        if slot == timed.slot:
            return
        self.cancel(timed)
        timed.slot = slot
        self._slots.setdefault(slot, {})[timed] = None
        if slot * self.STEP < self.deadline:
            self._deadlines.at(self, slot * self.STEP)

    def cancel(self, timed: Slotted) -> None:
        slot = self._slots.get(timed.slot)
        if slot is not None:
            slot.pop(timed, None)
            if not slot:
                del self._slots[timed.slot]
                self.deadline = self.deadline if self._slots else NEVER
        timed.slot = -1

    def expire(self, now: float, out: Outputs) -> None:
        for slot in sorted(slot for slot in self._slots if slot * self.STEP <= now):
            for timed in self._slots.pop(slot, {}):
                if timed.slot == slot:
                    timed.slot = -1
                    timed.expire(now, out)
        if self._slots:
            self._deadlines.at(self, min(self._slots) * self.STEP)
