"""A whole switch on IPv6: phones over UDP and TCP register, and one calls the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from softswitch.sip.flow import SipFlow
from softswitch.sip.framing import Framer
from tests.net.engine_phone import EnginePhone, talk
from tests.net.house import run
from tests.peers.ports import free_port
from tests.system.running import running

CENTRE = {"users": {name: {"password": f"{name}-secret"} for name in ("anna", "ben")}}

Address = tuple[str, int]


class Datagrams(asyncio.DatagramProtocol):
    """Puts what comes into a queue."""

    def __init__(self) -> None:
        self.came: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data: bytes, peer: object) -> None:
        self.came.put_nowait(data)


@asynccontextmanager
async def udp_phone(name: str, server: Address) -> AsyncIterator[EnginePhone]:
    loop = asyncio.get_running_loop()
    transport, datagrams = await loop.create_datagram_endpoint(Datagrams, remote_addr=server)
    local: Address = transport.get_extra_info("sockname")[:2]

    async def send(data: bytes) -> None:
        transport.sendto(data)

    async def listen() -> None:
        while True:
            await phone.received(await datagrams.came.get())

    phone = EnginePhone(name, SipFlow("UDP", local, server), local, send)
    listening = asyncio.ensure_future(listen())
    try:
        yield phone
    finally:
        listening.cancel()
        transport.close()


@asynccontextmanager
async def tcp_phone(name: str, server: Address) -> AsyncIterator[EnginePhone]:
    reader, writer = await asyncio.open_connection(*server)
    local: Address = writer.get_extra_info("sockname")[:2]

    async def send(data: bytes) -> None:
        writer.write(data)

    async def listen() -> None:
        framer = Framer()
        while chunk := await reader.read(65536):
            for message in framer.feed(chunk):
                assert isinstance(message, bytes)
                await phone.received(message)

    phone = EnginePhone(name, SipFlow("TCP", local, server, 1), local, send)
    listening = asyncio.ensure_future(listen())
    try:
        yield phone
    finally:
        writer.close()
        listening.cancel()


def test_register_and_call() -> None:
    server = ("::1", free_port("::1"))
    listen = [{"transport": each, "host": server[0], "port": server[1]} for each in ("UDP", "TCP")]

    async def scene() -> None:
        async with udp_phone("anna", server) as anna, tcp_phone("ben", server) as ben:
            await talk(anna, ben)
            rows = {row["user"]: row for row in system.command("registration.list")}
            assert (rows["anna"]["transport"], rows["ben"]["transport"]) == ("UDP", "TCP")
            assert all("@[::1]:" in row["contact"] for row in rows.values())
            for phone in (anna, ben):
                assert phone.session is not None
                assert f"[::1]:{server[1]}" in phone.session.dialog.remote_target

    with running(CENTRE, listen=listen) as system:
        run(scene())
        (row,) = system.cdrs()
        assert (row["outcome"], row["ended_by"]) == ("answered", "caller")
