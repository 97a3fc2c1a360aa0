"""What comes from a banned address is dropped before it is read, on every transport."""

from __future__ import annotations

from typing import Any

from softswitch.acd.deadlines import Deadlines
from softswitch.call.bans import Bans
from softswitch.config import Bans as Settings
from tests.net.house import Stream, house, request, run
from tests.net.test_udp import Phone, binding_request

HERE = "127.0.0.1"


def bans() -> Bans:
    return Bans(Settings(failures=1, allow=()), lambda host: False, Deadlines())


def test_datagrams_of_a_banned_address_are_not_read() -> None:
    async def scene() -> None:
        there_bans = bans()
        async with house({"transport": "UDP"}, bans=there_bans) as there:
            phone = Phone(there.address)
            await phone.ask(request(transport="UDP"))
            out: list[Any] = []
            there_bans.failed(HERE, 0.0, out)
            phone.sock.send(b"INVITE that cannot be read, and nobody tries to")
            phone.sock.send(request("MESSAGE", transport="UDP"))
            phone.sock.send(request("INFO", transport="UDP"))
            # A keep-alive behind them has its answer: they have been passed over.
            await phone.ask(binding_request())
            there_bans.lift(HERE, "command", out)
            await phone.ask(request("UPDATE", transport="UDP"))
            assert [message.method for message, _ in there.taken] == ["OPTIONS", "UPDATE"]
            phone.sock.close()

    run(scene())


def test_connections_of_a_banned_address_are_closed() -> None:
    async def scene() -> None:
        there_bans = bans()
        async with house({"transport": "TCP"}, bans=there_bans) as there:
            stream = await Stream.open(there.address)
            stream.send(request())
            assert (await stream.message()).status == 200
            there_bans.failed(HERE, 0.0, [])
            stream.send(request("MESSAGE"))
            assert await stream.closed() == b""
            later = await Stream.open(there.address)
            assert await later.closed() == b""
            assert [message.method for message, _ in there.taken] == ["OPTIONS"]
            await stream.close()
            await later.close()

    run(scene())
