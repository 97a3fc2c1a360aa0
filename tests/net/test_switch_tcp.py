"""A whole switch, and a caller over TCP whose connection goes while it rings (RFC 3261 §18.2.2)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from softswitch.sip.flow import SipFlow
from softswitch.sip.framing import Framer
from tests.net.engine_phone import EnginePhone
from tests.net.house import DEADLINE_S, run
from tests.system.running import running

CENTRE = {"users": {name: {"password": f"{name}-secret"} for name in ("anna", "ben")}}


class TcpPhone(EnginePhone):
    """Calls over a connection that it opens, and takes connections at the port that its Via names."""

    writer: asyncio.StreamWriter
    taken = 0

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        framer = Framer()
        while data := await reader.read(65536):
            for message in framer.feed(data):
                assert isinstance(message, bytes)
                await self.received(message)

    async def accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.taken += 1
        await self.connected(reader, writer)

    async def send(self, data: bytes) -> None:
        self.writer.write(data)


@asynccontextmanager
async def tcp_phone(name: str, address: tuple[str, int]) -> AsyncIterator[TcpPhone]:
    server = await asyncio.start_server(lambda *ends: phone.accepted(*ends), "127.0.0.1", 0)
    via = server.sockets[0].getsockname()[:2]
    reader, writer = await asyncio.open_connection(*address)
    phone = TcpPhone(name, SipFlow("TCP", via, address), via, lambda data: phone.send(data))
    listening = asyncio.ensure_future(phone.connected(reader, writer))
    try:
        yield phone
    finally:
        listening.cancel()
        phone.writer.close()
        server.close()


def test_a_call_outlives_the_connection_it_came_by() -> None:
    async def scene() -> None:
        async with tcp_phone("anna", system.address) as anna, tcp_phone("ben", system.address) as ben:
            await anna.register()
            await ben.register()
            await anna.call("ben")
            await ben.until("ringing")
            await anna.until("progress 180")
            anna.writer.close()
            async with asyncio.timeout(DEADLINE_S):
                await anna.writer.wait_closed()
            await ben.answer()
            await anna.until("answered")
            await ben.until("established")
            assert anna.taken == 1
            await anna.hang_up()
            await ben.until("ended remote_bye")

    with running(CENTRE) as system:
        run(scene())
        (row,) = system.cdrs()
        assert (row["outcome"], row["ended_by"]) == ("answered", "caller")
