"""Deadlines of an engine: a heap in which cancelled entries are left lying until they come up."""
from __future__ import annotations

from collections.abc import Iterator
from heapq import heapify, heappop, heappush

Key = tuple[str, str]


class Deadlines:
    """At most one deadline for each key `(kind, id)`; equal times come up in the order they were set."""

    __slots__ = ("_count", "_heap", "_when")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Key]] = []
        self._when: dict[Key, tuple[float, int]] = {}
        self._count = 0

    def __contains__(self, key: Key) -> bool:
        return key in self._when

    def all(self) -> list[Key]:
        """Every deadline there is."""
        return [*self._when]

    def stored(self) -> int:
        """Entries held in memory, cancelled ones included."""
        return len(self._heap)

    def set(self, key: Key, when: float) -> None:
        """Set or move the deadline of `key`."""
        self._count += 1
        self._when[key] = (when, self._count)
        heappush(self._heap, (when, self._count, key))
        if len(self._heap) > 64 + 2 * len(self._when):
            self._compact()

    def cancel(self, key: Key) -> None:
        self._when.pop(key, None)

    def next(self) -> float | None:
        """Time of the earliest deadline."""
        while self._heap:
            when, count, key = self._heap[0]
            if self._when.get(key) == (when, count):
                return when
            heappop(self._heap)
        return None

    def due(self, now: float) -> Iterator[Key]:
        """Take the keys whose time has come, one by one: whoever handles one may set or cancel others."""
        while (when := self.next()) is not None and when <= now:
            key = heappop(self._heap)[2]
            del self._when[key]
            yield key

    def _compact(self) -> None:
        # Without this a deadline that is moved all the time would fill the heap.
        self._heap = [(when, count, key) for key, (when, count) in self._when.items()]
        heapify(self._heap)
