"""A heap of deadlines inside an engine: one timer each, moved or cancelled by its key."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from heapq import heappop, heappush
from typing import Any

Action = Callable[[float, list[Any]], None]


class Deadlines:
    """Each key has at most one deadline; setting it again moves it, `None` cancels it.

    A moved deadline stays in the heap until it comes up and is then recognised as old.
    """

    __slots__ = ("_count", "_heap", "_live")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Hashable]] = []
        self._live: dict[Hashable, tuple[float, int, Action]] = {}
        self._count = 0

    def set(self, key: Hashable, when: float | None, action: Action) -> None:
        if when is None:
            self.cancel(key)
            return
        self._count += 1
        self._live[key] = (when, self._count, action)
        heappush(self._heap, (when, self._count, key))

    def cancel(self, key: Hashable) -> None:
        self._live.pop(key, None)

    def next_timeout(self) -> float | None:
        heap, live = self._heap, self._live
        while heap:
            when, count, key = heap[0]
            entry = live.get(key)
            if entry is not None and entry[1] == count:
                return when
            heappop(heap)
        return None

    def handle_timeout(self, now: float, out: list[Any]) -> None:
        """Run every action that is due, in the order of the deadlines."""
        while (when := self.next_timeout()) is not None and when <= now:
            key = heappop(self._heap)[2]
            self._live.pop(key)[2](now, out)
