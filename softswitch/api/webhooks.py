"""Webhooks: the driver of `softswitch.webhook` on the running loop of the API process.

It hears the feed, sends with `WebhookSender`, reads the journal where a receiver is behind, and writes state
and dead letters together every half a second when something has changed: what a `kill -9` takes with it is
sent again. Database and journal are read in a thread of their own, which nobody waits for.
"""

from __future__ import annotations

import asyncio
import logging
import random
import sqlite3
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable
from contextlib import aclosing
from functools import partial
from typing import Any, TypeVar

from softswitch.api import dead_letters
from softswitch.api.dead_letters import Written
from softswitch.api.problem import ApiError
from softswitch.api.webhook_log import WebhookLog, feed_from
from softswitch.api.webhook_sender import WebhookSender
from softswitch.api.webhook_thread import WebhookThread
from softswitch.config import Node, Webhook
from softswitch.config.errors import validate
from softswitch.control import CommandError
from softswitch.store.segments import complete_end, journal_directory
from softswitch.webhook.circuit import Circuit
from softswitch.webhook.engine import Deliveries
from softswitch.webhook.event import event_of
from softswitch.webhook.outputs import Deliver, Delivered, Output, Place, ReadAgain, ReadOn

SAVE_S = 0.5
CONFIGURATION_S = 2.0
"""How often the switch is asked for the webhooks."""
AGAIN_S = 0.5
"""After a feed or a journal that could not be read."""
UNWRITABLE = "webhooks: %s cannot be read and written: %s"

T = TypeVar("T")
Ask = Callable[[], Awaitable[list[dict[str, Any]]]]
log = logging.getLogger(__name__)


class Webhooks:
    """All webhooks of one node. `ask` gives them as `api.webhooks` of the control socket does; without it
    only `configure` does."""

    def __init__(self, node: Node, ask: Ask | None = None) -> None:
        self._node = node
        self._ask = ask
        self._engine = Deliveries(0)
        self._hooks: dict[str, Webhook] = {}
        self._configured = False
        self._configuring = asyncio.Lock()
        self._closing = False
        self._testing: set[int] = set()
        self._sender = WebhookSender()
        self._log = WebhookLog(node.state_dir)
        self._random = random.Random()
        self._disk = WebhookThread(node.api_path)
        self._written: dict[str, Any] = {}
        self._replayed: list[tuple[str, Place]] = []
        self._removed: list[str] = []
        self._dead: dict[str, int] = {}
        self._changes: int | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._feed: asyncio.Task[None] | None = None
        self._saving = asyncio.Lock()

    async def start(self) -> None:
        """Go on where the former process was."""
        await self._disk.open()
        self._task(self._keep())
        if self._ask is not None:
            self._task(self._follow(self._ask))

    async def close(self) -> None:
        """Give up what is under way and write down where everything stands."""
        self._closing = True
        for task in [*self._tasks]:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._timer is not None:
            self._timer.cancel()
        try:
            await self._save()
        except sqlite3.Error as error:
            log.error(UNWRITABLE, self._node.api_path, error)
        await self._disk.close()
        await self._sender.close()

    async def configure(self, given: Iterable[dict[str, Any] | Webhook]) -> None:
        """These are all webhooks that there are now, each with its secret."""
        hooks = {each.name: each for each in map(_webhook, given)}
        async with self._configuring:
            if hooks != self._hooks or not self._configured:
                await self._take_up(hooks)

    async def _take_up(self, hooks: dict[str, Webhook]) -> None:
        known = await self._disk.query(dead_letters.states)
        if hooks and not self._hooks:
            self._begin_to_listen()
        changed = [each for name, each in hooks.items() if self._hooks.get(name) != each]
        removed = [name for name in {*known, *self._hooks} if name not in hooks]
        self._hooks, self._configured = hooks, True
        self._removed += removed
        for name in removed:
            self._engine.removed(name)
            self._written.pop(name, None)
        if not hooks and self._feed is not None:
            self._feed.cancel()

        def configure(now: float, out: list[Output]) -> None:
            for each in changed:
                self._engine.configured(each, now, out, known.get(each.name))

        self._turn(configure)
        await self._save()

    async def test(self, name: str) -> dict[str, Any]:
        """Send a test event now: `status` (0: no answer), `why` and `seconds`."""
        hook = self._hooks.get(name)
        if hook is None:
            return {"status": 0, "why": f"there is no webhook {name!r}", "seconds": 0.0}
        at = time.time()
        event = {
            "type": "webhook_test",
            "id": f"test-{self._random.getrandbits(64):x}",
            "at": at,
            "log_position": self._engine.head,
            "tenant": "default",
            "data": {"webhook": name},
        }
        answer = await self._sender.send(hook, event)
        return {"status": answer.status, "why": answer.why, "seconds": answer.seconds}

    def counts(self) -> list[dict[str, Any]]:
        """For metrics, of each webhook: `delivered`, `failed` (attempts) and `died` since the start,
        `waiting` in memory, `behind_bytes` of the journal not yet read, `dead` letters, and `circuit`."""
        return [{**each, "dead": self._dead.get(each["webhook"], 0)} for each in self._engine.counts()]

    async def dead_letters(self, name: str, start: int = 0, limit: int = 100) -> list[dict[str, Any]]:
        """As `dead_letters.listed` has them."""
        return await self._disk.query(dead_letters.listed, name, start=start, limit=limit)

    async def replay(self, name: str, events: Collection[str] | None = None) -> int:
        """Send dead letters again, all of them or those with these event ids; how many."""
        count = await self._disk.query(dead_letters.replay, name, events)
        self._changes = None  # no other process has changed anything
        return count

    async def drop(self, name: str, events: Collection[str] | None = None) -> int:
        """Forget dead letters, all of them or those with these event ids; how many."""
        count = await self._disk.query(dead_letters.drop, name, events)
        self._changes = None
        return count

    # The engine

    def _turn(self, do: Callable[[float, list[Output]], None]) -> None:
        now, out = time.monotonic(), list[Output]()
        self._engine.clock_set(time.time() - now)
        do(now, out)
        if self._closing:
            return
        for output in out:
            self._task(self._carry_out(output))
        self._set_timer(now)

    def _set_timer(self, now: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        due = self._engine.next_timeout()
        loop = asyncio.get_running_loop()
        self._timer = None if due is None else loop.call_later(max(0.001, due - now), self._timed_out)

    def _timed_out(self) -> None:
        self._timer = None
        self._turn(self._engine.handle_timeout)

    async def _carry_out(self, output: Output) -> None:
        if isinstance(output, Deliver):
            await self._deliver(output)
        elif isinstance(output, ReadOn):
            after, until = output.after, output.until
            found, end = await self._read(lambda: self._log.read_on(after, until))
            self._turn(lambda now, out: self._engine.read(output.webhook, after, found, end, now, out))
        else:
            await self._read_again(output)

    async def _deliver(self, deliver: Deliver) -> None:
        answer = await self._sender.send(deliver.webhook, event_of(deliver.position, deliver.fact))
        ended = Delivered(
            deliver.webhook.name,
            deliver.position,
            deliver.attempt,
            answer.status,
            answer.why,
            answer.retry_after_s,
        )
        before = self._engine.circuit(ended.webhook)
        self._turn(lambda now, out: self._engine.ended(ended, self._random.random(), now, out))
        after = self._engine.circuit(ended.webhook)
        if before is Circuit.CLOSED and after is Circuit.OPEN:
            log.warning("webhook %s does not take events, later again: %s", ended.webhook, ended.why)
        elif after is Circuit.CLOSED and before is Circuit.TRIAL:
            log.warning("webhook %s takes events again", ended.webhook)

    async def _read_again(self, wanted: ReadAgain) -> None:
        facts = await self._read(lambda: self._log.read_again(wanted.places))
        self._turn(lambda now, out: self._engine.found(wanted.webhook, facts, now, out))

    async def _read(self, read: Callable[[], T]) -> T:
        """From the journal; what could not be read is tried again."""
        while True:
            try:
                return await self._disk.run(read)
            except Exception:
                log.exception("webhooks: the journal")
                await asyncio.sleep(AGAIN_S)

    # The feed

    def _begin_to_listen(self) -> None:
        self._engine = Deliveries(complete_end(journal_directory(self._node.state_dir)))
        self._feed = self._task(self._listen())

    async def _listen(self) -> None:
        while True:
            try:
                await self._hear()
            except OSError as error:
                log.debug("webhooks: no feed: %s", error)
            except Exception:
                log.exception("webhooks: the feed")
            await asyncio.sleep(AGAIN_S)

    async def _hear(self) -> None:
        async with aclosing(feed_from(self._node.events_path, self._engine.head)) as feed:
            async for facts in feed:
                self._turn(partial(self._engine.heard, facts))

    # The configuration

    async def _follow(self, ask: Ask) -> None:
        """Ask for the webhooks for as long as this runs; while nobody answers, those that are known stay."""
        while True:
            try:
                await self.configure(await ask())
            except (ApiError, CommandError) as error:
                log.debug("webhooks are not known: %s", error)
            except Exception:
                log.exception("webhooks: the configuration")
            await asyncio.sleep(CONFIGURATION_S)

    # The database

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(SAVE_S)
            try:
                await self._look()
                await self._save()
            except sqlite3.Error as error:
                log.error(UNWRITABLE, self._node.api_path, error)
            except Exception:
                log.exception("webhooks: what is kept in the database")

    async def _save(self) -> None:
        """States that have changed, dead letters, and what lives again, in one transaction."""
        async with self._saving:
            states = {name: self._engine.to_state(name) for name in self._engine.names()}
            dead = [each for name in states for each in self._engine.dead_letters(name)]
            fresh = {name: each for name, each in states.items() if self._written.get(name) != each}
            replayed, removed = [*self._replayed], [*self._removed]
            if not (fresh or dead or replayed or removed):
                return
            self._dead = await self._disk.query(dead_letters.write, Written(fresh, dead, replayed, removed))
            self._replayed = self._replayed[len(replayed) :]
            self._removed = self._removed[len(removed) :]
            self._written |= {name: each for name, each in fresh.items() if name not in self._removed}
        self._turn(lambda now, out: self._engine.written(dead, now, out))

    async def _look(self) -> None:
        """What others have asked for in the database: dead letters to send again, tests."""
        changes = await self._disk.query(dead_letters.changes)
        if changes == self._changes:
            return
        self._changes = changes
        try:
            complete = await self._take_orders()
        except Exception:
            self._changes = None
            raise
        if not complete:
            self._changes = None

    async def _take_orders(self) -> bool:
        """False: there is more to do when there is room."""
        complete = True
        self._dead = await self._disk.query(dead_letters.counted)
        for name in self._engine.names():
            complete &= await self._replay(name, self._engine.room(name))
        for number, name in await self._disk.query(dead_letters.tests_wanted):
            if number not in self._testing:
                self._testing.add(number)
                self._task(self._answer_test(number, name))
        return complete

    async def _replay(self, name: str, room: int) -> bool:
        """Send marked dead letters again; False: there may be more of them."""
        found = await self._disk.query(dead_letters.marked, name, room)
        waiting = [each for each in found if (name, each) not in self._replayed]
        places = waiting[: self._engine.room(name)]
        self._replayed += [(name, place) for place in places]
        self._turn(lambda now, out: self._engine.replay(name, places, now, out))
        return len(found) < room and places == waiting

    async def _answer_test(self, number: int, name: str) -> None:
        found = await self.test(name)
        answer = found["status"], found["why"], found["seconds"]
        try:
            await self._disk.query(dead_letters.answer_test, number, time.time(), *answer)
        except sqlite3.Error as error:
            log.error(UNWRITABLE, self._node.api_path, error)
        self._testing.discard(number)

    def _task(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _webhook(given: dict[str, Any] | Webhook) -> Webhook:
    return given if isinstance(given, Webhook) else validate(Webhook, given)
