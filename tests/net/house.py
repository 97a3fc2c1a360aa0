"""Transports on real sockets, with somebody behind them who answers every request with 200."""

from __future__ import annotations

import asyncio
import faulthandler
import socket
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import uvloop

from softswitch.call.bans import Bans
from softswitch.config import Node
from softswitch.net.sockets import Listener, bind_all
from softswitch.net.transports import Transports
from softswitch.net.udp import Batch
from softswitch.sip.flow import SipFlow
from softswitch.sip.message import Message, parse, respond
from tests.peers.ports import free_port

DEADLINE_S = 5.0


def run(scene: Coroutine[Any, Any, None]) -> None:
    """Play one scene on the event loop of the product; nothing takes longer than a few seconds.

    Where even the end of the loop waits for something, all stacks are shown and the test run ends.
    """

    async def bounded() -> None:
        async with asyncio.timeout(4 * DEADLINE_S):
            await scene

    faulthandler.dump_traceback_later(12 * DEADLINE_S, exit=True)
    try:
        uvloop.run(bounded())
    finally:
        faulthandler.cancel_dump_traceback_later()


def request(
    method: str = "OPTIONS", *, transport: str = "TCP", via: str = "192.0.2.9", extra: str = ""
) -> bytes:
    """A request as a phone writes it."""
    return (
        f"{method} sip:house SIP/2.0\r\nVia: SIP/2.0/{transport} {via};branch=z9hG4bKx;rport\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:a@house>;tag=1\r\nTo: <sip:house>\r\nCall-ID: c1\r\n"
        f"CSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
    ).encode()


class House:
    """`taken` are the messages that came, `lost` the flows that were given up, `certified` who is who."""

    def __init__(self, node: Node, bans: Bans | None = None) -> None:
        self.node = node
        self.listeners: list[Listener] = bind_all(node.sip.listen)
        self.certified: list[tuple[str, ...]] = []
        self.shown: dict[str, tuple[str, str | None]] = {}
        self.transports = Transports(
            node,
            self.listeners,
            self._deliver,
            self._lose,
            bans,
            lambda flow, names: self.certified.append(names),
            lambda host: self.shown.get(host),
        )
        self.taken: list[tuple[Message, SipFlow]] = []
        self.lost: list[SipFlow] = []
        self.answering = True
        self._changed = asyncio.Event()

    @property
    def address(self) -> tuple[str, int]:
        """Where the first listener is."""
        return self.listeners[0].address

    def flow(self, remote: tuple[str, int], transport: str = "") -> SipFlow:
        """From the first listener to somebody, with no connection yet."""
        listener = self.listeners[0]
        return SipFlow(transport or listener.transport, listener.address, remote)

    def _deliver(self, batch: Batch) -> None:
        for data, flow in batch:
            message = parse(data)
            self.taken.append((message, flow))
            if self.answering and not message.status:
                self.answer(message, flow)
        self._changed.set()

    def answer(self, message: Message, flow: SipFlow) -> None:
        self.transports.send(flow, respond(message, 200, to_tag="h", received=flow.remote))

    def _lose(self, flow: SipFlow) -> None:
        self.lost.append(flow)
        self._changed.set()

    async def until(self, reached: Callable[[], Any]) -> None:
        """Wait for something that follows from a message or a loss."""
        async with asyncio.timeout(DEADLINE_S):
            while not reached():
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def house(
    *listens: dict[str, Any], limits: dict[str, Any] | None = None, bans: Bans | None = None, **sip: Any
) -> AsyncIterator[House]:
    """A house that listens; a listener without a port gets a free one."""
    placed = [{"host": "127.0.0.1", **each} for each in listens]
    placed = [{"port": free_port(each["host"]), **each} for each in placed]
    node = Node.model_validate({"sip": {"listen": placed, **sip}, "limits": limits or {}})
    there = House(node, bans)
    there.transports.start()
    try:
        yield there
    finally:
        there.transports.stop()
        # One turn of the loop in which what was closed says good-bye.
        await asyncio.sleep(0)
        for listener in there.listeners:
            listener.sock.close()


class Stream:
    """A peer's end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, address: tuple[str, int], **options: Any) -> Stream:
        return cls(*await asyncio.open_connection(*address, **options))

    @property
    def local(self) -> tuple[str, int]:
        host, port = self.writer.get_extra_info("sockname")[:2]
        return host, port

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def message(self) -> Message:
        """The next message without a body."""
        async with asyncio.timeout(DEADLINE_S):
            return parse(await self.reader.readuntil(b"\r\n\r\n"))

    async def read(self, size: int) -> bytes:
        async with asyncio.timeout(DEADLINE_S):
            return await self.reader.readexactly(size)

    async def closed(self) -> bytes:
        """Wait until the other side closes; what it said before."""
        async with asyncio.timeout(DEADLINE_S):
            try:
                return await self.reader.read()
            except ConnectionResetError:
                return b""

    async def close(self) -> None:
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except (ConnectionResetError, BrokenPipeError):
            return

    def reset(self) -> None:
        """Go without a word, as a phone that loses its power never even does."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


class Peer:
    """A server that takes connections: the next one, and what comes over it."""

    def __init__(self) -> None:
        self.streams: asyncio.Queue[Stream] = asyncio.Queue()
        self.address = ("", 0)

    async def next(self) -> Stream:
        async with asyncio.timeout(DEADLINE_S):
            return await self.streams.get()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.streams.put_nowait(Stream(reader, writer))


@asynccontextmanager
async def peer(host: str = "127.0.0.1", port: int = 0, **options: Any) -> AsyncIterator[Peer]:
    there = Peer()
    server = await asyncio.start_server(there._take, host, port, **options)
    there.address = server.sockets[0].getsockname()[:2]
    try:
        yield there
    finally:
        server.close()
