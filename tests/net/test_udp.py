"""SIP over UDP on real sockets: datagrams of all kinds, both families."""

from __future__ import annotations

import asyncio
import socket
import struct

import pytest

from softswitch.config import Listen
from softswitch.net import stun
from softswitch.net.sockets import bind_all
from softswitch.net.udp import KNOWN_PEERS, UdpListener
from softswitch.sip.message import parse
from tests.net.house import DEADLINE_S, house, request, run
from tests.peers.ports import free_port

MAGIC = bytes.fromhex("2112a442")
TRANSACTION = bytes(range(12))


def binding_request(attributes: bytes = b"", kind: int = 1) -> bytes:
    return struct.pack("!HH", kind, len(attributes)) + MAGIC + TRANSACTION + attributes


class Phone:
    """A connected UDP socket."""

    def __init__(self, server: tuple[str, int]) -> None:
        self.sock = socket.socket(socket.AF_INET6 if ":" in server[0] else socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.connect(server)
        self.sock.setblocking(False)
        self.local: tuple[str, int] = self.sock.getsockname()[:2]

    async def ask(self, data: bytes) -> bytes:
        self.sock.send(data)
        return await self.receive()

    async def receive(self) -> bytes:
        async with asyncio.timeout(DEADLINE_S):
            return await asyncio.get_running_loop().sock_recv(self.sock, 65535)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_request_and_keep_alives(host: str) -> None:
    async def scene() -> None:
        async with house({"transport": "UDP", "host": host}) as there:
            phone = Phone(there.address)
            for nothing in (b"", b"\r\n\r\n", b"\0\0\0\0", b"\0\1"):
                phone.sock.send(nothing)
            response = parse(await phone.ask(request(transport="UDP")))
            assert response.status == 200 and f"received={host}" in response.need("Via")
            assert [flow.remote for _, flow in there.taken] == [phone.local]
            mapped = await phone.ask(binding_request())
            assert mapped[:2] == b"\x01\x01" and mapped[4:8] == MAGIC and mapped[8:20] == TRANSACTION
            mask = MAGIC + TRANSACTION
            size = 4 if host == "127.0.0.1" else 16
            port, address = mapped[26:28], mapped[28 : 28 + size]
            family = socket.AF_INET if size == 4 else socket.AF_INET6
            assert struct.unpack("!H", port)[0] ^ 0x2112 == phone.local[1]
            plain = bytes(a ^ b for a, b in zip(address, mask, strict=False))
            assert socket.inet_ntop(family, plain) == phone.local[0]
            phone.sock.close()

    run(scene())


def test_stun_that_is_not_for_us_or_broken() -> None:
    remote = ("192.0.2.1", 4000)
    good = binding_request(struct.pack("!HH", 0x8022, 3) + b"abc\0")
    assert stun.answer(good, remote) is not None
    for at in range(len(good)):
        assert stun.answer(good[:at], remote) is None, at
    for kind in (0x0011, 0x0101, 0x0111, 0x0003):
        assert stun.answer(binding_request(kind=kind), remote) is None
    assert stun.answer(good.replace(MAGIC, b"\0\0\0\0"), remote) is None
    assert stun.answer(binding_request(struct.pack("!HH", 0x8022, 200) + b"abcd"), remote) is None
    assert stun.answer(binding_request(bytes(1000)), remote) is None


def test_stun_attribute_that_must_be_understood() -> None:
    response = stun.answer(binding_request(struct.pack("!HH", 0x7001, 0)), ("192.0.2.1", 4000))
    assert response is not None
    assert response[:2] == b"\x01\x11" and b"\x00\x00\x04\x14" in response
    assert response.endswith(struct.pack("!HHH", 0x000A, 2, 0x7001) + b"\0\0")
    assert len(response) == 20 + int.from_bytes(response[2:4], "big")


def test_peers_remembered_are_bounded() -> None:
    (listener,) = bind_all([Listen(transport="UDP", port=free_port())])
    udp = UdpListener(listener, lambda batch: None)
    for port in range(1, KNOWN_PEERS + 10):
        udp._flow(("192.0.2.1", port))
    assert len(udp._flows) <= KNOWN_PEERS
    listener.sock.close()


def test_both_families_on_one_port() -> None:
    port = free_port("::1")
    listeners = bind_all([Listen(host="0.0.0.0", port=port), Listen(host="::", port=port)])
    assert [each.sock.family for each in listeners] == [socket.AF_INET, socket.AF_INET6]
    for each in listeners:
        each.sock.close()
