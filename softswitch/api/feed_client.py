"""One connection to the feed, made again whenever it is lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

READ_BYTES = 1 << 18
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 1.0


class FeedClient:
    """`request` is asked for what to subscribe to whenever a connection is made; `take` gets the lines that
    have come together."""

    def __init__(
        self, path: Path, request: Callable[[], dict[str, Any]], take: Callable[[list[Any]], None]
    ) -> None:
        self._path = path
        self._request = request
        self._take = take
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        pause = FIRST_PAUSE_S
        while True:
            try:
                if await self._listen():
                    pause = FIRST_PAUSE_S
            except OSError:
                pass
            except Exception:
                logging.exception("what the feed told could not be taken")
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)

    async def _listen(self) -> bool:
        """Until the feed is gone. Whether it told anything."""
        reader, writer = await asyncio.open_unix_connection(self._path)
        told, rest = False, b""
        try:
            writer.write(orjson.dumps(self._request(), option=orjson.OPT_APPEND_NEWLINE))
            while data := await reader.read(READ_BYTES):
                whole, _, rest = (rest + data).rpartition(b"\n")
                if whole:
                    told = True
                    self._take([orjson.loads(line) for line in whole.split(b"\n")])
        finally:
            writer.close()
        return told
