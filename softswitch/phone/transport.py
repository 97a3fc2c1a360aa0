"""How a phone sends and receives SIP: a UDP socket, or a TCP port with the connections over it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Protocol, cast

from softswitch.sip.flow import SipFlow
from softswitch.sip.framing import Framer
from softswitch.sip.message import BadMessage

MAX_DATAGRAM = 65535

Received = Callable[[bytes, SipFlow], None]
Lost = Callable[[SipFlow], None]


class Transport(Protocol):
    """`local` is the address in Via and Contact."""

    name: str
    local: tuple[str, int]

    async def open(self) -> None: ...

    def send(self, flow: SipFlow, data: bytes) -> None: ...

    def close(self) -> None: ...


class UdpTransport:
    """One UDP socket on a port of its own."""

    name = "UDP"

    def __init__(self, host: str, received: Received, lost: Lost) -> None:
        self._received = received
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.setblocking(False)
        self._sock.bind((host, 0))
        self.local: tuple[str, int] = self._sock.getsockname()[:2]

    async def open(self) -> None:
        asyncio.get_running_loop().add_reader(self._sock, self._ready)

    def send(self, flow: SipFlow, data: bytes) -> None:
        # What the kernel does not take is lost like any other datagram: SIP sends it again.
        with contextlib.suppress(OSError):
            self._sock.sendto(data, flow.remote)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._sock)
        self._sock.close()

    def _ready(self) -> None:
        try:
            data, remote = self._sock.recvfrom(MAX_DATAGRAM)
        except OSError:
            return
        self._received(data, SipFlow("UDP", self.local, remote[:2]))


class TcpTransport:
    """Listens on a port of its own; opens a connection when there is none to where something is sent."""

    name = "TCP"

    def __init__(self, host: str, received: Received, lost: Lost) -> None:
        self.received = received
        self.lost = lost
        self._sock = socket.create_server((host, 0))
        self.local: tuple[str, int] = self._sock.getsockname()[:2]
        self._server: asyncio.Server | None = None
        self._connections: dict[int, _Connection] = {}
        self._opening: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._unsent: dict[tuple[str, int], list[tuple[SipFlow, bytes]]] = {}
        self._count = 0

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), sock=self._sock)

    def send(self, flow: SipFlow, data: bytes) -> None:
        connection = self._connections.get(flow.connection) or self._to(flow.remote)
        if connection is not None:
            connection.transport.write(data)
            return
        self._unsent.setdefault(flow.remote, []).append((flow, data))
        if flow.remote not in self._opening:
            self._opening[flow.remote] = asyncio.get_running_loop().create_task(self._connect(flow.remote))

    def close(self) -> None:
        for task in self._opening.values():
            task.cancel()
        if self._server is not None:
            self._server.close()
        for connection in [*self._connections.values()]:
            connection.transport.close()

    def made(self, connection: _Connection) -> int:
        self._count += 1
        self._connections[self._count] = connection
        return self._count

    def gone(self, flow: SipFlow) -> None:
        self._connections.pop(flow.connection, None)
        self.lost(flow)

    def _to(self, remote: tuple[str, int]) -> _Connection | None:
        return next((each for each in self._connections.values() if each.flow.remote == remote), None)

    async def _connect(self, remote: tuple[str, int]) -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: _Connection(self), *remote)
        except OSError:
            del self._opening[remote]
            for flow, _ in self._unsent.pop(remote):
                self.lost(flow)
            return
        del self._opening[remote]
        for flow, data in self._unsent.pop(remote):
            self.send(flow, data)


class _Connection(asyncio.Protocol):
    """One connection: cuts the stream into messages."""

    def __init__(self, owner: TcpTransport) -> None:
        self._owner = owner
        self._framer = Framer()
        self.transport: asyncio.Transport
        self.flow: SipFlow

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        remote = self.transport.get_extra_info("peername")[:2]
        self.flow = SipFlow("TCP", self._owner.local, remote, self._owner.made(self))

    def data_received(self, data: bytes) -> None:
        for message in self._framer.feed(data):
            if isinstance(message, BadMessage):
                self.transport.close()
            else:
                self._owner.received(message, self.flow)

    def connection_lost(self, error: Exception | None) -> None:
        self._owner.gone(self.flow)


TRANSPORTS: dict[str, Callable[[str, Received, Lost], Transport]] = {"UDP": UdpTransport, "TCP": TcpTransport}
