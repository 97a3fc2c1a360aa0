"""SIP over TCP (RFC 3261 §18): connections, numbered by the driver, with framing and limits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import cast

from softswitch.net.sockets import Listener
from softswitch.sip.flow import SipFlow
from softswitch.sip.framing import Framer
from softswitch.sip.message import BadMessage, respond

CONNECT_TIMEOUT_S = 5.0
FIRST_MESSAGE_S = 20.0
MAX_UNSENT_BYTES = 1024 * 1024

log = logging.getLogger(__name__)

Received = Callable[[bytes, SipFlow], None]
Lost = Callable[[SipFlow], None]


class TcpConnections:
    """All SIP connections of this process, those that came in and those that we opened."""

    def __init__(self, listeners: list[Listener], received: Received, lost: Lost, limit: int) -> None:
        self.received = received
        self.lost = lost
        self._listeners = listeners
        self._limit = limit
        self._servers: list[asyncio.Server] = []
        self._by_number: dict[int, _Connection] = {}
        self._by_remote: dict[tuple[str, int], _Connection] = {}
        self._opening: dict[tuple[str, int], list[tuple[SipFlow, bytes]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._count = 0

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        for listener in self._listeners:
            accept = partial(_Connection, self, listener.address)
            self._servers.append(await loop.create_server(accept, sock=listener.sock.dup()))

    async def stop(self) -> None:
        for server in self._servers:
            server.close()
        for task in self._tasks:
            task.cancel()
        for connection in [*self._by_number.values()]:
            connection.transport.close()

    def send(self, flow: SipFlow, data: bytes) -> None:
        """Send over the flow's connection, else over one to its address, else open one."""
        connection = self._by_number.get(flow.connection) or self._by_remote.get(flow.remote)
        if connection is not None:
            connection.send(data)
        elif flow.remote in self._opening:
            self._opening[flow.remote].append((flow, data))
        else:
            self._opening[flow.remote] = [(flow, data)]
            task = asyncio.get_running_loop().create_task(self._open(flow))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _open(self, flow: SipFlow) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                _, connection = await loop.create_connection(
                    lambda: _Connection(self, flow.local), *flow.remote
                )
        except (OSError, TimeoutError) as error:
            log.info("no connection to %s:%s: %s", *flow.remote, error or "timed out")
            for waiting, _ in self._opening.pop(flow.remote):
                self.lost(waiting)
            return
        for _, data in self._opening.pop(flow.remote):
            connection.send(data)

    def made(self, connection: _Connection) -> int | None:
        """Take in a connection and number it; None when there are too many already."""
        if len(self._by_number) >= self._limit:
            return None
        self._count += 1
        self._by_number[self._count] = connection
        self._by_remote[connection.remote] = connection
        return self._count

    def gone(self, connection: _Connection) -> None:
        self._by_number.pop(connection.flow.connection, None)
        if self._by_remote.get(connection.remote) is connection:
            del self._by_remote[connection.remote]
        self.lost(connection.flow)


class _Connection(asyncio.Protocol):
    """One connection: cuts the stream into messages, answers keep-alives."""

    def __init__(self, connections: TcpConnections, local: tuple[str, int]) -> None:
        self.transport: asyncio.Transport
        self.remote = ("", 0)
        self.flow = SipFlow("TCP", local, self.remote)
        self._connections = connections
        self._local = local
        self._framer = Framer()
        self._silent: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        host, port = self.transport.get_extra_info("peername")[:2]
        self.remote = (host, port)
        number = self._connections.made(self)
        if number is None:
            log.warning("TCP connection of %s:%s refused: limits.max_tcp_connections are open", host, port)
            self.transport.abort()
            return
        self.flow = SipFlow("TCP", self._local, self.remote, number)
        loop = asyncio.get_running_loop()
        self._silent = loop.call_later(FIRST_MESSAGE_S, self.transport.abort)

    def data_received(self, data: bytes) -> None:
        pongs = self._framer.pongs
        messages = self._framer.feed(data)
        for _ in range(self._framer.pongs - pongs):
            self.transport.write(b"\r\n")
        for message in messages:
            if isinstance(message, BadMessage):
                self._refuse(message)
                return
            self._heard()
            self._connections.received(message, self.flow)

    def _refuse(self, bad: BadMessage) -> None:
        """The boundaries between messages are lost: say so if that can be said, and close."""
        log.info("TCP connection of %s:%s closed: %s", *self.remote, bad.reason)
        if bad.message is not None:
            self.transport.write(respond(bad.message, bad.status, bad.reason, received=self.remote))
        self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self._heard()
        if self.flow.connection:
            self._connections.gone(self)

    def send(self, data: bytes) -> None:
        self.transport.write(data)
        if self.transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            log.warning("TCP peer %s:%s does not read: connection dropped", *self.remote)
            self.transport.abort()

    def _heard(self) -> None:
        """A peer that sends a whole message may stay as long as it likes."""
        if self._silent is not None:
            self._silent.cancel()
            self._silent = None
