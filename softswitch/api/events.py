"""The event streams: one connection to the feed for all of them, and what each subscriber sees of it.

Subscribers with the same view are a group: what they get is chosen and encoded once. Whoever comes back with
a position first gets what came since then from the journal, and joins its group when it has caught up.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.types import Receive

from softswitch.api.callers import Caller
from softswitch.api.event_socket import EventSocket, text_frame
from softswitch.api.feed_client import FeedClient
from softswitch.api.parties import Parties
from softswitch.api.past import TRY_LATER, Past, Refused, frames_of, position_frame
from softswitch.api.problem import ApiError, unavailable
from softswitch.api.view import Event, View
from softswitch.config import Node
from softswitch.store.feed import FRAME_S, RESTS
from softswitch.store.reader import Fact
from softswitch.store.segments import complete_end, journal_directory

HEARTBEAT_S = 15.0
LOOK_S = 1.0
"""So often it is looked whether subscribers still may listen."""
BEHIND_BYTES = 1 << 20
CATCH_UP_READ_S = 20.0
"""Within which one who catches up must have read what was sent."""
READERS = 2
NOT_READING = "what was sent is not read; come back with the position of the last message"
NO_RIGHT, FAULT = 4401, 1011

FindCaller = Callable[[str], Awaitable[Caller]]


@dataclass(eq=False, slots=True)
class Subscriber:
    """`token_sha256`: by what it may listen, for as long as it may."""

    stream: EventSocket
    view: View
    caller: Caller
    token_sha256: str

    def write(self, frames: bytes) -> bool:
        """False: it does not read, and has been dropped."""
        if self.stream.unread_bytes <= BEHIND_BYTES:
            self.stream.write(frames)
            return True
        self.stream.drop(TRY_LATER, NOT_READING)
        return False


@dataclass(slots=True)
class _Group:
    """Those with one view who have everything up to now."""

    told_at: float
    subscribers: set[Subscriber] = field(default_factory=set)

    def write(self, frames: bytes, now: float) -> None:
        self.told_at = now
        for each in [*self.subscribers]:
            if not each.write(frames):
                self.subscribers.discard(each)


class Events:
    """All event streams of this process. Nothing is read while nobody listens."""

    def __init__(self, node: Node, find: FindCaller) -> None:
        """`find` gives the caller of a token's hash. ApiError 401 or 403: it may listen no more."""
        self._node = node
        self._find = find
        self._most = node.api.max_subscribers
        self._all: set[Subscriber] = set()
        self._groups: dict[View, _Group] = {}
        self._position = 0
        self._moved = asyncio.Event()
        self._parties: Parties | None = None
        self._untold: list[Event] = []
        self._frame: asyncio.TimerHandle | None = None
        self._rests_until = 0.0
        self._facts = FeedClient(node.events_path, self._wanted, self._take)
        self._figures = FeedClient(node.events_path, lambda: {"statistics": True}, self._take_figures)
        self._last_figures: dict[str, Any] | None = None
        self._looking: asyncio.Task[None] | None = None
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="journal")

    @property
    def streams(self) -> int:
        """How many are open."""
        return len(self._all)

    def admit(self) -> None:
        """ApiError 503 when there are as many streams as there may be."""
        if len(self._all) >= self._most:
            raise unavailable(f"there are {self._most} event streams already", "raise api.max_subscribers")

    async def follow(self, subscriber: Subscriber, since: int | None) -> None:
        """Send what came after `since` (None: from now on), and have what comes sent from then on."""
        self._all.add(subscriber)
        self._wake()
        try:
            await self._catch_up(subscriber, self._position if since is None else since)
        except Refused as refused:
            subscriber.stream.drop(refused.code, refused.reason)
        except TimeoutError:
            subscriber.stream.drop(TRY_LATER, NOT_READING)
        except Exception:
            logging.exception("an event stream could not be begun")
            subscriber.stream.drop(FAULT, "the API failed to begin this stream; its log says why")

    def forget(self, subscriber: Subscriber) -> None:
        self._all.discard(subscriber)
        group = self._groups.get(subscriber.view)
        if group is not None:
            group.subscribers.discard(subscriber)
            if not group.subscribers:
                del self._groups[subscriber.view]
        if not any(each.view.statistics for each in self._all):
            self._figures.stop()
            self._last_figures = None
        if not self._all:
            self._rest()

    def close(self) -> None:
        self._rest()
        self._figures.stop()
        self._readers.shutdown(wait=False, cancel_futures=True)

    # Life

    def _wake(self) -> None:
        if self._looking is None:
            self._position = complete_end(journal_directory(self._node.state_dir))
            self._looking = asyncio.create_task(self._look())
            self._facts.start()

    def _rest(self) -> None:
        self._facts.stop()
        self._parties, self._untold = None, []
        if self._frame is not None:
            self._frame.cancel()
            self._frame = None
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None

    async def _look(self) -> None:
        """Who may listen no more is sent away; where nothing was told for long, the position is."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(LOOK_S)
            await self._look_for_rights()
            now = loop.time()
            for group in self._groups.values():
                if now - group.told_at > HEARTBEAT_S - LOOK_S:
                    group.write(position_frame(self._position), now)

    async def _look_for_rights(self) -> None:
        known: dict[str, Caller | None] = {}
        for each in [*self._all]:
            if each.token_sha256 not in known:
                try:
                    known[each.token_sha256] = await self._find(each.token_sha256)
                except ApiError as error:
                    known[each.token_sha256] = None if error.status in (401, 403) else each.caller
            if known[each.token_sha256] != each.caller:
                each.stream.drop(NO_RIGHT, "this token is not known any more, or its rights have changed")

    # The past

    async def _catch_up(self, subscriber: Subscriber, since: int) -> None:
        view, stream = subscriber.view, subscriber.stream
        if since == self._position and (self._parties is not None or not view.needs_parties):
            subscriber.write(position_frame(self._position))
            return self._join(subscriber)
        past, begun = Past(self._node.state_dir, view, since), False
        try:
            while not begun or past.position != self._position:
                if begun and past.position > self._position:
                    # The journal is further than the feed has told us.
                    self._moved.clear()
                    await self._moved.wait()
                    continue
                begun = True
                await self._send_part(past, stream)
                if stream.over:
                    return None
        finally:
            past.close()
        self._parties = self._parties or past.parties
        return self._join(subscriber)

    async def _send_part(self, past: Past, stream: EventSocket) -> None:
        loop = asyncio.get_running_loop()
        for frame in await loop.run_in_executor(self._readers, past.part, self._position):
            async with asyncio.timeout(CATCH_UP_READ_S):
                await stream.writable.wait()
            stream.write(frame)

    def _join(self, subscriber: Subscriber) -> None:
        group = self._groups.get(subscriber.view)
        if group is None:
            group = self._groups[subscriber.view] = _Group(asyncio.get_running_loop().time())
        group.subscribers.add(subscriber)
        if subscriber.view.statistics:
            self._figures.start()
            if self._last_figures is not None:
                subscriber.write(_figures_frame(subscriber.view, self._last_figures))

    # The present

    def _wanted(self) -> dict[str, Any]:
        return {"facts": True, "from": self._untold[-1].position if self._untold else self._position}

    def _take(self, lines: list[Fact]) -> None:
        events = (Event(line["log_position"], line) for line in lines)
        # What a feed that was started again tells a second time.
        known = self._untold[-1].position if self._untold else self._position
        self._untold += [each for each in events if each.position > known]
        if self._frame is None and self._untold:
            rest_s = self._rests_until - time.monotonic()
            if rest_s <= 0:
                self._tell()
            else:
                self._frame = asyncio.get_running_loop().call_later(rest_s, self._tell)

    def _tell(self) -> None:
        """A frame for everybody; for some time from then on what comes waits for the next one, as in the
        feed: frames take a tenth of a core, and few subscribers have a fact at once."""
        at, began, self._frame = time.monotonic(), time.thread_time(), None
        events, self._untold = self._untold, []
        if events:
            self._tell_all(events)
        self._rests_until = at + min(FRAME_S, (RESTS + 1) * (time.thread_time() - began))

    def _tell_all(self, events: list[Event]) -> None:
        self._position = events[-1].position
        self._moved.set()
        if self._parties is not None:
            for event in events:
                event.place(self._parties)
        now, made = asyncio.get_running_loop().time(), {}
        for view, group in self._groups.items():
            wanted = view.of_them(events)
            if wanted:
                key = tuple(wanted)
                if key not in made:
                    made[key] = b"".join(frames_of(wanted, self._position))
                group.write(made[key], now)

    def _take_figures(self, lines: list[dict[str, Any]]) -> None:
        self._last_figures = figures = lines[-1]["statistics"]
        now = asyncio.get_running_loop().time()
        for view, group in self._groups.items():
            if view.statistics:
                group.write(_figures_frame(view, figures), now)


def _figures_frame(view: View, figures: dict[str, Any]) -> bytes:
    return text_frame(orjson.dumps({"statistics": view.narrowed(figures)}))


async def serve(events: Events, subscriber: Subscriber, since: int | None, receive: Receive) -> None:
    """One stream to its end. What the client sends is not read; bytes end the stream."""
    following = asyncio.create_task(events.follow(subscriber, since))
    try:
        while (message := await receive())["type"] == "websocket.receive":
            if message.get("bytes") is not None:
                subscriber.stream.drop(1003, "this stream takes no binary messages")
    finally:
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following
        events.forget(subscriber)
