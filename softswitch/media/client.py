"""The switch's end of the worker control protocol: JSON lines over the worker's Unix stream socket.

Commands are declarative, so nothing is kept for a worker that is away: after every (re)connect the worker
answers the hello with its snapshot, and the switch puts again what is missing. Numbered events are delivered
once per worker process ("instance" in the snapshot; without one, at least once) and acknowledged after the
loop turn in which `on_event` took them, so that the facts they caused are in the journal before the worker
forgets them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import orjson

PROTOCOL_VERSION = 1
RETRY_S = 0.02
"""Between two attempts to connect. A worker that was killed is missed by every caller it serves."""
MAX_LINE_BYTES = 32 * 1024 * 1024
MAX_UNSENT_BYTES = 16 * 1024 * 1024

log = logging.getLogger(__name__)

Event = dict[str, Any]


class MediaClient:
    """One worker as seen by the switch. `on_event` gets every event; `on_lost` is told of a lost connection.

    A worker that has seen a higher generation answers "refused": the event is delivered, `refused` is set,
    and the client does not connect again.
    """

    def __init__(
        self,
        path: str | Path,
        on_event: Callable[[Event], None],
        generation: int,
        *,
        on_lost: Callable[[], None] = lambda: None,
    ) -> None:
        self.path = str(path)
        self.generation = generation
        self.refused = False
        self._on_event = on_event
        self._on_lost = on_lost
        self._connection: _Connection | None = None
        self._running: asyncio.Task[None] | None = None
        self._unsent: list[bytes] = []
        self._seen = 0
        self._acknowledged = 0
        self._instance: object = None

    @property
    def connected(self) -> bool:
        return self._connection is not None

    def start(self) -> None:
        """Connects in the background and stays connected until `close`."""
        loop = asyncio.get_running_loop()
        self._running = loop.create_task(self._stay_connected(), name=f"media {self.path}")

    async def close(self) -> None:
        """Sends what is queued and leaves. The worker goes on without us."""
        running, self._running = self._running, None
        if running is not None:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        connection = self._connection
        if connection is not None:
            self._flush()
            connection.transport.close()
            await connection.lost.wait()

    def send(self, command: Event) -> bool:
        """Queues one command; all of a loop turn leave in one write. False when no worker is connected."""
        if self._connection is None:
            return False
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self._flush)
        self._unsent.append(orjson.dumps(command))
        return True

    async def _stay_connected(self) -> None:
        loop = asyncio.get_running_loop()
        while not self.refused:
            try:
                _, connection = await loop.create_unix_connection(lambda: _Connection(self), self.path)
            except OSError as error:
                log.debug("media worker %s is not there: %s", self.path, error)
                await asyncio.sleep(RETRY_S)
                continue
            await connection.lost.wait()

    def _made(self, connection: _Connection) -> None:
        self._connection = connection
        self._unsent.clear()
        self._acknowledged = 0  # the last one may have been lost with the connection
        self.send({"do": "hello", "version": PROTOCOL_VERSION, "generation": self.generation})

    def _gone(self, connection: _Connection) -> None:
        if self._connection is connection:
            self._connection = None
            self._unsent.clear()
            self._on_lost()

    def _flush(self) -> None:
        connection, lines = self._connection, self._unsent
        if connection is None or not lines:
            return
        connection.transport.write(b"\n".join([*lines, b""]))
        lines.clear()
        if connection.transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            log.error("media worker %s does not read its commands: reconnecting", self.path)
            connection.transport.abort()

    def _receive(self, line: bytes) -> None:
        event: Event = orjson.loads(line)
        number = event.get("n")
        if number is not None:
            if number <= self._seen:
                return
            self._seen = number
        elif event["event"] == "snapshot":
            self._meet(event.get("instance"))
        elif event["event"] == "refused":
            self.refused = True
        self._on_event(event)

    def _meet(self, instance: object) -> None:
        """A new worker process counts its events from the start again."""
        if instance is None or instance != self._instance:
            self._seen = self._acknowledged = 0
        self._instance = instance

    def _acknowledge(self) -> None:
        """One acknowledgement for everything taken so far."""
        if self._seen > self._acknowledged and self.send({"do": "ack", "n": self._seen}):
            self._acknowledged = self._seen


class _Connection(asyncio.Protocol):
    """One connection: cuts the stream into lines."""

    def __init__(self, client: MediaClient) -> None:
        self.lost = asyncio.Event()
        self.transport: asyncio.Transport
        self._client = client
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._client._made(self)

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._deliver(line)
        asyncio.get_running_loop().call_soon(self._client._acknowledge)  # behind the journal of this turn
        if len(self._rest) > MAX_LINE_BYTES:
            log.error("media worker %s sent a line without end: reconnecting", self._client.path)
            self.transport.abort()

    def _deliver(self, line: bytes) -> None:
        try:
            self._client._receive(line)
        except Exception:  # one event that cannot be handled must not cost the worker's connection
            log.exception("media worker %s: event failed: %.500s", self._client.path, line)

    def connection_lost(self, error: Exception | None) -> None:
        self._client._gone(self)
        self.lost.set()
