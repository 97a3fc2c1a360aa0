"""Answers that many want: asked for once at a time, and used again while they are young."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Any

MOST = 1000


class Recent:
    def __init__(self) -> None:
        self._known: dict[Hashable, tuple[float, Any]] = {}
        self._asked: dict[Hashable, asyncio.Task[Any]] = {}

    async def get(self, key: Hashable, ask: Callable[[], Awaitable[Any]], max_age_s: float) -> Any:
        """What `ask` gave at most so many seconds ago, or gives now."""
        known = self._known.get(key)
        if known is not None and time.monotonic() - known[0] < max_age_s:
            return known[1]
        task = self._asked.get(key)
        if task is None:
            task = self._asked[key] = asyncio.create_task(self._ask(key, ask))
        # Whoever goes away does not take the answer from the others.
        return await asyncio.shield(task)

    def forget(self) -> None:
        """What is known, and what is being asked, is of the time before."""
        self._known.clear()
        self._asked.clear()

    async def _ask(self, key: Hashable, ask: Callable[[], Awaitable[Any]]) -> Any:
        task = asyncio.current_task()
        try:
            started = time.monotonic()
            found = await ask()
            if self._asked.get(key) is task:
                if len(self._known) > MOST:
                    self._known.clear()
                self._known[key] = (started, found)
            return found
        finally:
            if self._asked.get(key) is task:
                del self._asked[key]
