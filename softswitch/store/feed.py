"""The feed: facts and live statistics to whoever listens on a Unix socket, pushed as the journal grows.

`python -m softswitch.store.feed --state-dir DIR --socket PATH` prints `ready` when it listens. A subscriber
writes one line, {"facts": true, "from": POSITION or null, "statistics": true}, and then only reads: each line
is a fact without its `keep` and with the `log_position` after it, or {"statistics": ...} as
softswitch.store.live_statistics has them.

Nothing asks: the kernel says when the journal or the views were written. What is written leaves at once as a
frame, made once for all; after it the feed rests nine times as long as that took, 20 ms at most, and what
comes meanwhile is the next frame. A subscriber who does not read is dropped, not waited for, and comes back
with `from`: no fact is missed. While nobody listens nothing is read.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from softswitch import logs
from softswitch.store.inotify import Inotify
from softswitch.store.journal import tell_alarm
from softswitch.store.live_statistics import statistics
from softswitch.store.queries import NoViews, open_views
from softswitch.store.reader import Fact, JournalReader, read_facts
from softswitch.store.schema import DATABASE_NAME
from softswitch.store.segments import complete_end, journal_directory

FRAME_S = 0.02
RESTS = 9
"""Times as long as a frame took: frames take a tenth of a core, and few subscribers have a fact at once."""
STATISTICS_S = 1.0
"""Statistics are told this often at most, and only when something has changed."""
UNWATCHED_S = 0.1
BEHIND_BYTES = 8 << 20
MAX_REQUEST_BYTES = 4096
MAX_SUBSCRIBERS = 2000
SUBSCRIBE_WITHIN_S = 10.0


def lines_of(facts: Sequence[tuple[int, Fact]]) -> bytes:
    """The frame of some facts, each with the position after it."""
    return b"".join(
        orjson.dumps(
            {"log_position": position, **{key: fact[key] for key in fact if key != "keep"}},
            option=orjson.OPT_APPEND_NEWLINE,
        )
        for position, fact in facts
    )


class Feed:
    """One journal and its subscribers, on the running loop."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._inotify, self._journal = _watched(state_dir)
        self._look: asyncio.TimerHandle | None = None
        self._awake = False
        self._reader = self._at_the_end()
        self._facts: set[asyncio.StreamWriter] = set()
        self._statistics: set[asyncio.StreamWriter] = set()
        self._frame: asyncio.TimerHandle | None = None
        self._rests_until = 0.0
        self._figures: asyncio.TimerHandle | None = None
        self._figures_at = 0.0
        self._connected = 0

    def _at_the_end(self) -> JournalReader:
        return JournalReader(self._state_dir, complete_end(journal_directory(self._state_dir)))

    def _wake(self) -> bool:
        """Somebody listens: what came since the feed went to rest is for those only who ask for it by its
        position. False: it was awake."""
        if self._awake:
            return False
        self._awake = True
        self._reader.close()
        self._reader = self._at_the_end()
        if self._inotify is not None:
            asyncio.get_running_loop().add_reader(self._inotify.descriptor, self._changed)
        else:
            self._look_again()
        return True

    def _rest(self) -> None:
        self._awake = False
        if self._inotify is not None:
            asyncio.get_running_loop().remove_reader(self._inotify.descriptor)
        for timer in (self._look, self._frame, self._figures):
            if timer is not None:
                timer.cancel()
        self._look = self._frame = self._figures = None

    def stop(self) -> None:
        self._rest()
        if self._inotify is not None:
            self._inotify.close()
        for writer in (*self._facts, *self._statistics):
            writer.close()
        self._reader.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One subscriber, until they or we have enough."""
        self._connected += 1
        try:
            if self._connected <= MAX_SUBSCRIBERS:
                async with asyncio.timeout(SUBSCRIBE_WITHIN_S):
                    wanted = _request(await reader.readline())
                await self._subscribe(writer, wanted)
                await reader.read(1)
        except (TimeoutError, ValueError, ConnectionError):
            pass
        finally:
            self._connected -= 1
            self._forget(writer)
            writer.close()

    async def _subscribe(self, writer: asyncio.StreamWriter, wanted: dict[str, Any]) -> None:
        if wanted.get("statistics"):
            self._wake()
            self._statistics.add(writer)
            self._figures_due()
        if not wanted.get("facts"):
            return
        at = wanted.get("from")
        # The others may have left meanwhile, and the feed have gone to rest.
        while self._wake() or (at is not None and at < self._reader.position):
            at = None if at is None else await self._catch_up(writer, at)
        self._facts.add(writer)

    async def _catch_up(self, writer: asyncio.StreamWriter, at: int) -> int:
        """A part of what the subscriber has missed, up to where the feed is."""
        batch: list[tuple[int, Fact]] = []
        for position, fact in read_facts(self._state_dir, at):
            if position > self._reader.position or len(batch) == 1000:
                break
            batch.append((position, fact))
        if not batch:
            return self._reader.position
        writer.write(lines_of(batch))
        await writer.drain()
        return batch[-1][0]

    def _look_again(self) -> None:
        """Where the kernel has no watches left: later, but nothing is missed."""
        self._look = asyncio.get_running_loop().call_later(UNWATCHED_S, self._look_again)
        self._send_frame()
        self._figures_due()

    def _changed(self) -> None:
        assert self._inotify is not None
        changes = self._inotify.changes()
        if any(number == self._journal for number, _ in changes) and self._frame is None:
            rest_s = self._rests_until - time.monotonic()
            if rest_s <= 0:
                self._send_frame()
            else:
                self._frame = asyncio.get_running_loop().call_later(rest_s, self._send_frame)
        if any(name == f"{DATABASE_NAME}-wal" for _, name in changes):
            self._figures_due()

    def _send_frame(self) -> None:
        self._frame, began = None, time.thread_time()
        try:
            while facts := self._reader.read():
                if self._facts:
                    self._send(self._facts, lines_of(facts))
        except OSError as error:
            tell_alarm("feed_behind", str(error))
        # The loop's own clock stands still during a turn of it.
        self._rests_until = time.monotonic() + min(FRAME_S, RESTS * (time.thread_time() - began))

    def _figures_due(self) -> None:
        if self._figures is None and self._statistics:
            loop = asyncio.get_running_loop()
            due = max(loop.time(), self._figures_at + STATISTICS_S)
            self._figures = loop.call_at(due, self._send_figures)

    def _send_figures(self) -> None:
        self._figures, self._figures_at = None, asyncio.get_running_loop().time()
        try:
            with contextlib.closing(open_views(self._state_dir)) as db:
                found = statistics(db, time.time())
        except NoViews as error:
            tell_alarm("feed_without_views", str(error))
            return
        self._send(self._statistics, orjson.dumps({"statistics": found}, option=orjson.OPT_APPEND_NEWLINE))

    def _send(self, subscribers: set[asyncio.StreamWriter], frame: bytes) -> None:
        for writer in [*subscribers]:
            if writer.transport.get_write_buffer_size() > BEHIND_BYTES:
                self._forget(writer)
                writer.transport.abort()
            else:
                writer.write(frame)

    def _forget(self, writer: asyncio.StreamWriter) -> None:
        self._facts.discard(writer)
        self._statistics.discard(writer)
        if self._awake and not self._facts and not self._statistics:
            self._rest()


def _watched(state_dir: Path) -> tuple[Inotify | None, int]:
    """Watches on the journal and the views, and the number of the journal's."""
    try:
        inotify = Inotify()
        journal = inotify.watch(journal_directory(state_dir))
        inotify.watch(state_dir)
    except OSError as error:
        tell_alarm("feed_unwatched", f"{error.strerror} (fs.inotify.max_user_instances); the feed is slower")
        return None, 0
    return inotify, journal


def _request(line: bytes) -> dict[str, Any]:
    """ValueError for what is no request."""
    wanted = orjson.loads(line)
    since = wanted.get("from") if isinstance(wanted, dict) else ""
    if not (since is None or (isinstance(since, int) and since >= 0)):
        raise ValueError("no request")
    return dict(wanted)


async def run(state_dir: Path, socket: Path) -> None:
    """Serve until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    journal_directory(state_dir).mkdir(mode=0o700, parents=True, exist_ok=True)
    feed = Feed(state_dir)
    socket.unlink(missing_ok=True)
    server = await asyncio.start_unix_server(feed.serve, socket, limit=MAX_REQUEST_BYTES, backlog=1024)
    socket.chmod(0o600)
    print("ready", flush=True)
    await stop.wait()
    server.close()
    feed.stop()


def main() -> int:
    parser = argparse.ArgumentParser(description="Push facts and live statistics to subscribers.")
    parser.add_argument("--state-dir", type=Path, required=True, help="where journal and database lie")
    parser.add_argument("--socket", type=Path, required=True, help="the Unix socket to listen on")
    arguments = parser.parse_args()
    logs.configure("feed")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import uvloop

    uvloop.run(run(arguments.state_dir, arguments.socket))
    return 0


if __name__ == "__main__":
    sys.exit(main())
