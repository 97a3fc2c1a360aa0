"""SIP over WebSocket on real sockets, asked by a client of another make (RFC 7118, RFC 6455)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Opcode

from softswitch.config import Listen
from softswitch.net.origins import Origins
from softswitch.net.websocket import MAX_MESSAGE
from softswitch.sip.message import parse
from tests.net.certificates import Authority
from tests.net.house import DEADLINE_S, House, Stream, house, request, run

WS = {"transport": "WS"}


def ask(method: str = "OPTIONS", transport: str = "WS") -> str:
    """What a phone in a browser writes: it has no address, and no need of Content-Length."""
    return request(method, transport=transport, via="df7jal23ls0d.invalid").decode()


@asynccontextmanager
async def phone(there: House, **options: Any) -> AsyncIterator[ClientConnection]:
    host, port = there.address
    shown = f"[{host}]" if ":" in host else host
    options.setdefault("subprotocols", ["sip"])
    scheme = "wss" if "ssl" in options else "ws"
    async with connect(f"{scheme}://{shown}:{port}/any/path", **options) as socket:
        yield socket


async def answer(socket: ClientConnection) -> str | bytes:
    async with asyncio.timeout(DEADLINE_S):
        return await socket.recv()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_request_answered_in_one_text_message(host: str) -> None:
    async def scene() -> None:
        async with house({**WS, "host": host}) as there, phone(there) as socket:
            assert socket.subprotocol == "sip"
            assert not socket.protocol.extensions
            await socket.send(ask())
            text = await answer(socket)
            assert isinstance(text, str)
            response = parse(text.encode())
            assert response.status == 200
            assert response.need("Via").startswith("SIP/2.0/WS df7jal23ls0d.invalid;")
            message, flow = there.taken[0]
            assert (message.transport, flow.transport) == ("WS", "WS")
            await socket.send(ask("INFO").replace("Content-Length: 0\r\n", "").encode())
            assert parse(str(await answer(socket)).encode()).method == "INFO"
            assert there.taken[1][1] == flow
            await socket.close()
            await there.until(lambda: there.lost == [flow])

    run(scene())


def test_secure(tmp_path: Path) -> None:
    async def scene() -> None:
        authority = Authority(tmp_path)
        certificate, key = authority.issue("127.0.0.1")
        secure = {"transport": "WSS", "certificate": str(certificate), "key": str(key)}
        async with house(secure) as there:
            async with phone(there, ssl=authority.client(), origin="https://127.0.0.1") as socket:
                await socket.send(ask(transport="WSS"))
                assert parse(str(await answer(socket)).encode()).status == 200
                assert there.taken[0][1].transport == "WSS"
            with pytest.raises(InvalidStatus):
                async with phone(there, ssl=authority.client(), origin="http://127.0.0.1"):
                    pass

    run(scene())


def test_our_requests_go_over_the_phones_connection() -> None:
    async def scene() -> None:
        async with house(WS) as there, phone(there) as socket:
            await socket.send(ask())
            await answer(socket)
            flow = there.taken[0][1]
            there.transports.send(flow, request("INVITE", transport="WS"))
            assert parse(str(await answer(socket)).encode()).method == "INVITE"
            there.transports.send(flow, b"MESSAGE sip:a SIP/2.0\r\n\xff\r\n\r\n")
            assert await answer(socket) == b"MESSAGE sip:a SIP/2.0\r\n\xff\r\n\r\n"
            await socket.close()
            await there.until(lambda: there.lost)
            there.transports.send(flow, request("BYE", transport="WS"))
            await there.until(lambda: len(there.lost) == 2)
            assert there.lost == [flow, flow]

    run(scene())


def test_keep_alives() -> None:
    async def scene() -> None:
        async with house(WS) as there, phone(there) as socket:
            await socket.send("\r\n\r\n")
            assert await answer(socket) == "\r\n"
            await socket.send(b"\r\n")
            async with asyncio.timeout(DEADLINE_S):
                await (await socket.ping())
            await socket.send(ask())
            assert parse(str(await answer(socket)).encode()).status == 200
            assert len(there.taken) == 1

    run(scene())


@pytest.mark.parametrize("offered", [None, ["chat"], ["SIP"], ["xmpp", "sips"]])
def test_another_subprotocol_is_refused(offered: list[str] | None) -> None:
    async def scene() -> None:
        async with house(WS) as there:
            with pytest.raises(InvalidStatus) as refused:
                async with phone(there, subprotocols=offered):
                    pass
            assert refused.value.response.status_code == 400

    run(scene())


def test_sip_is_found_among_others() -> None:
    async def scene() -> None:
        async with house(WS) as there, phone(there, subprotocols=["chat", "sip"]) as socket:
            assert socket.subprotocol == "sip"

    run(scene())


FOREIGN = [
    "https://evil.example",
    "null",
    "http://127.0.0.1.evil.example",
    "http://evil127.0.0.1",
    "http://127.0.0.1@evil.example",
    "http://evil.example#127.0.0.1",
    "http://127.0.0.1/",
    "ftp://127.0.0.1",
    "file://",
    "http://127.0.0.2",
    "",
]


@pytest.mark.parametrize("origin", FOREIGN)
def test_foreign_origin_is_refused(origin: str) -> None:
    async def scene() -> None:
        async with house(WS) as there:
            with pytest.raises(InvalidStatus) as refused:
                async with phone(there, additional_headers={"Origin": origin, "Host": "evil.example"}):
                    pass
            assert refused.value.response.status_code == 403
            assert not there.taken

    run(scene())


def test_two_origins_are_refused() -> None:
    async def scene() -> None:
        async with house(WS) as there:
            both = [("Origin", "http://127.0.0.1"), ("Origin", "https://evil.example")]
            with pytest.raises(InvalidStatus) as refused:
                async with phone(there, additional_headers=both):
                    pass
            assert refused.value.response.status_code == 403

    run(scene())


@pytest.mark.parametrize(
    "origin", [None, "http://127.0.0.1", "https://127.0.0.1:8443", "http://localhost:3000"]
)
def test_pages_of_the_same_host_are_let_in(origin: str | None) -> None:
    async def scene() -> None:
        async with house(WS) as there, phone(there, origin=origin) as socket:
            await socket.send(ask())
            assert await answer(socket)

    run(scene())


def test_configured_origins_are_the_only_ones() -> None:
    listen = Listen(transport="WS", host="0.0.0.0", origins=("https://Phone.example", "http://[::1]:80"))
    origins = Origins(listen)
    for good in ("https://phone.example", "HTTPS://PHONE.EXAMPLE", "http://[::1]:80"):
        assert origins.admit([good], "192.0.2.1"), good
    for bad in (
        "https://phone.example:8443",
        "http://phone.example",
        "https://x.phone.example",
        "https://phone.example.evil",
        "http://192.0.2.1",
        "null",
    ):
        assert not origins.admit([bad], "192.0.2.1"), bad


def test_wildcard_listener_admits_the_address_that_was_called() -> None:
    origins = Origins(Listen(transport="WS", host="::", advertised="phone.example"))
    for good in ("http://[2001:db8::1]", "https://phone.example", "http://phone.example:8080"):
        assert origins.admit([good], "2001:db8::1"), good
    for bad in ("http://[2001:db8::2]", "http://localhost", "http://[::]evil"):
        assert not origins.admit([bad], "2001:db8::1"), bad


def test_fragments_make_one_message() -> None:
    async def scene() -> None:
        async with house(WS) as there, phone(there) as socket:
            whole = ask()
            await socket.send([whole[at : at + 5] for at in range(0, len(whole), 5)])
            assert parse(str(await answer(socket)).encode()).status == 200
            assert len(there.taken) == 1

    run(scene())


def test_ping_between_fragments_does_not_disturb() -> None:
    async def scene() -> None:
        async with house(WS) as there, phone(there) as socket:
            whole = ask().encode()
            protocol = socket.protocol
            protocol.send_text(whole[:50], fin=False)
            protocol.send_ping(b"?")
            protocol.send_continuation(whole[50:], fin=True)
            for chunk in protocol.data_to_send():
                socket.transport.write(chunk)
            assert parse(str(await answer(socket)).encode()).status == 200
            assert len(there.taken) == 1

    run(scene())


@pytest.mark.parametrize("parts", [1, 4])
def test_too_much_is_refused_before_it_is_stored(parts: int) -> None:
    async def scene() -> None:
        async with house(WS) as there, phone(there) as socket:
            size = (MAX_MESSAGE + 4) // parts
            with pytest.raises(ConnectionClosed) as closed:
                await socket.send(["x" * size] * parts if parts > 1 else "x" * size)
                await answer(socket)
            assert closed.value.rcvd is not None and closed.value.rcvd.code == 1009
            assert not there.taken

    run(scene())


def test_as_much_as_allowed() -> None:
    async def scene() -> None:
        async with house(WS) as there, phone(there) as socket:
            head = ask("MESSAGE").replace("Content-Length: 0\r\n", "")
            await socket.send(head + "x" * (MAX_MESSAGE - len(head)))
            assert parse(str(await answer(socket)).encode()).status == 200
            assert len(there.taken[0][0].body) == MAX_MESSAGE - len(head)

    run(scene())


HANDSHAKE = (
    "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Protocol: sip\r\n\r\n"
)


async def stranger(there: House, said: bytes, after: bytes = b"") -> None:
    """Say something, and something more after a handshake; returns when the server has closed."""
    stream = await Stream.open(there.address)
    if after:
        stream.send(HANDSHAKE.encode())
        assert b" 101 " in await stream.reader.readuntil(b"\r\n\r\n")
    stream.send(said + after)
    await stream.closed()
    await stream.close()


@pytest.mark.parametrize(
    "junk",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\n\r\n",
        request(),
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET /" + b"a" * 100_000,
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 1000,
        HANDSHAKE.replace("13", "8").encode(),
        HANDSHAKE.encode() + b"\x81\x80\0\0\0\0",
    ],
)
def test_what_is_no_websocket_is_closed(junk: bytes) -> None:
    async def scene() -> None:
        async with house(WS, limits={"partial_message_s": 0.5}) as there:
            await stranger(there, junk)
            assert not there.taken
            async with phone(there) as socket:
                await socket.send(ask())
                assert await answer(socket)

    run(scene())


@pytest.mark.parametrize(
    "frame",
    [
        b"\x81\x05hello",
        b"\xf1\x80\0\0\0\0",
        b"\x80\x80\0\0\0\0",
        b"\x83\x80\0\0\0\0",
        bytes([0x80 | Opcode.PING, 0xFE, 1, 0]) + bytes(4 + 256),
        b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0",
        b"\x88\x81\0\0\0\0\0",
    ],
)
def test_frames_that_break_the_rules_end_the_connection(frame: bytes) -> None:
    async def scene() -> None:
        async with house(WS) as there:
            await stranger(there, b"", frame)
            await there.until(lambda: there.lost)
            assert not there.taken

    run(scene())


def test_handshake_and_frames_have_to_be_finished() -> None:
    async def scene() -> None:
        async with house(WS, limits={"partial_message_s": 0.2}) as there:
            await stranger(there, b"")
            await stranger(there, HANDSHAKE[:40].encode())
            await stranger(there, b"", b"\x81\xfe\x01")
            await there.until(lambda: len(there.lost) == 3)

    run(scene())


def test_fragments_that_never_end() -> None:
    async def scene() -> None:
        async with house(WS, limits={"partial_message_s": 0.3}) as there, phone(there) as socket:
            socket.protocol.send_text(b"OPTIONS", fin=False)
            async with asyncio.timeout(DEADLINE_S):
                while not there.lost:
                    socket.transport.write(b"".join(socket.protocol.data_to_send()))
                    socket.protocol.send_continuation(b"x", fin=False)
                    await asyncio.sleep(0.02)
            assert not there.taken

    run(scene())
