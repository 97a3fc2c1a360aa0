"""What the routes stand on: built once for a process and handed to each request."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, TypeVar

from softswitch.api.aside import Aside
from softswitch.api.callers import Callers
from softswitch.api.database import ApiDatabase
from softswitch.api.events import Events
from softswitch.api.figures import Figures
from softswitch.api.problem import ApiError, unavailable
from softswitch.api.rates import Rates
from softswitch.api.recent import Recent
from softswitch.api.switch import Answers, SwitchClient
from softswitch.api.webhooks import Webhooks
from softswitch.config import Node
from softswitch.store.queries import NoViews, open_views

if TYPE_CHECKING:
    from softswitch.api.archive import Recordings

T = TypeVar("T")
READERS = 2
"""Threads for questions to the views: SQLite lets Python go on meanwhile."""
LONGEST_S = 30.0
OPERATIONS = 200_000
"""Of SQLite, between two looks at the clock."""


@dataclass
class Services:
    node: Node
    switch: SwitchClient = field(init=False)
    answers: Answers = field(init=False)
    database: ApiDatabase = field(init=False)
    callers: Callers = field(init=False)
    rates: Rates = field(init=False)
    webhooks: Webhooks = field(init=False)
    aside: Aside = field(init=False)
    figures: Figures = field(init=False)
    events: Events = field(init=False)

    def __post_init__(self) -> None:
        self.switch = SwitchClient(self.node.control_path)
        self.answers = Answers(self.switch)
        self.database = ApiDatabase(self.node.api_path)
        self.callers = Callers(self.answers, self.database, self.node.api.session_hours * 3600)
        self.rates = Rates(self.node.api.requests_per_second)
        self.webhooks = Webhooks(self.node, lambda: self.switch.call("api.webhooks"))
        self.aside = Aside()
        self._archive: Recordings | None = None
        self.figures = Figures(self)
        self.events = Events(self.node, self.callers.find_digest)
        self._recent = Recent()
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="views")
        self._reporters = ThreadPoolExecutor(READERS, thread_name_prefix="reports")

    async def views(self, question: Callable[[sqlite3.Connection], T], *, slow: bool = False) -> T:
        """What a question to the views gives; `slow` ones have threads of their own, so that they hold up
        each other only. ApiError 503 while there are no views, 422 when it takes too long."""
        threads = self._reporters if slow else self._readers
        return await asyncio.get_running_loop().run_in_executor(threads, self._asked, question)

    async def thread(self, work: Callable[[], T]) -> T:
        """What reads files of the records gives, in one of the threads for that."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, work)

    async def archive(self) -> Recordings:
        """The recordings. What reads sound is loaded when the first is asked for, and not in the loop."""
        if self._archive is None:
            loop = asyncio.get_running_loop()
            loaded = await loop.run_in_executor(self._readers, import_module, "softswitch.api.archive")
            if self._archive is None:
                self._archive = loaded.Recordings(self.node.recording.directory, self.switch)
        return self._archive

    async def in_thread(self, work: Callable[[], T]) -> T:
        """What `work`, which reads files, gives."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, work)

    async def read_views(self, name: str, question: Callable[[sqlite3.Connection], T], max_age_s: float) -> T:
        """The same, asked once for everybody who asks by this name within that time."""
        found: T = await self._recent.get(name, lambda: self.views(question), max_age_s)
        return found

    def _asked(self, question: Callable[[sqlite3.Connection], T]) -> T:
        until = time.monotonic() + LONGEST_S
        try:
            with contextlib.closing(open_views(self.node.state_dir)) as db:
                db.set_progress_handler(lambda: time.monotonic() > until, OPERATIONS)
                return question(db)
        except NoViews as error:
            raise unavailable(str(error), "they are built from the journal; try again soon") from None
        except sqlite3.OperationalError as error:
            if time.monotonic() > until:
                raise ApiError(
                    422,
                    f"this takes longer than {LONGEST_S:g} s",
                    "ask for less: a shorter time, more filters",
                ) from None
            raise unavailable(f"the records cannot be read now: {error}") from None

    def close(self) -> None:
        for threads in (self._readers, self._reporters):
            threads.shutdown(wait=False, cancel_futures=True)
        if self._archive is not None:
            self._archive.close()
        self.events.close()
        self.switch.close()
        self.database.close()
