"""The thread in which webhooks read and write files, so that the loop never waits for a disk."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from softswitch.api.dead_letters import open_database

P = ParamSpec("P")
T = TypeVar("T")


class WebhookThread:
    """One thread, and the database that it alone uses. What is asked of it is done in that order."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="webhooks")
        self._db: sqlite3.Connection | None = None

    async def open(self) -> None:
        """Raises OSError, sqlite3.Error."""
        self._db = await self.run(lambda: open_database(self._path))

    async def close(self) -> None:
        await self.query(lambda db: db.close())
        self._thread.shutdown()

    async def run(self, do: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, do)

    async def query(
        self, do: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **more: P.kwargs
    ) -> T:
        """What `do` gives with the database and the arguments. Raises sqlite3.Error."""
        assert self._db is not None, "open() comes first"
        db = self._db
        return await self.run(lambda: do(db, *args, **more))
