"""A whole switch with a WebSocket: two phones as in browsers register, and one calls the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from websockets.asyncio.client import connect

from softswitch.sip.flow import SipFlow
from tests.net.engine_phone import EnginePhone, talk
from tests.net.house import free_port, run
from tests.system.running import running

CENTRE = {"users": {name: {"password": f"{name}-secret"} for name in ("anna", "ben")}}
NOWHERE = ("127.0.0.1", 9)


@asynccontextmanager
async def web_phone(name: str, server: tuple[str, int]) -> AsyncIterator[EnginePhone]:
    """Its Via and Contact name a host that does not exist, as RFC 7118 §5 has it."""
    async with connect("ws://{}:{}".format(*server), subprotocols=["sip"]) as socket:
        flow = SipFlow("WS", NOWHERE, server, 1)
        phone = EnginePhone(name, flow, (f"{name}.invalid", 5060), lambda data: socket.send(data.decode()))

        async def listen() -> None:
            async for text in socket:
                assert isinstance(text, str)
                await phone.received(text.encode())

        listening = asyncio.ensure_future(listen())
        try:
            yield phone
        finally:
            listening.cancel()


def test_register_and_call() -> None:
    server = ("127.0.0.1", free_port())

    async def scene() -> None:
        async with web_phone("anna", server) as anna, web_phone("ben", server) as ben:
            await talk(anna, ben)
            rows = system.command("registration.list")
            assert {row["transport"] for row in rows} == {"WS"}
            assert all(".invalid" in row["contact"] for row in rows)

    with running(CENTRE, listen=[{"transport": "WS", "host": server[0], "port": server[1]}]) as system:
        run(scene())
        (row,) = system.cdrs()
        assert (row["outcome"], row["ended_by"]) == ("answered", "caller")
