"""A small DNS server on loopback, over UDP and, for what is too long for that, over TCP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from tests.peers.ports import free_port

UDP_LIMIT = 1232


class Nameserver(asyncio.DatagramProtocol):
    """`zone` maps (name, type) to records in text form. Silent while `dead`; `asked` are the questions."""

    def __init__(self) -> None:
        self.zone: dict[tuple[str, str], Sequence[str]] = {}
        self.asked: list[tuple[str, str]] = []
        self.dead = False
        self.address = ("127.0.0.1", 0)
        self._transport: asyncio.DatagramTransport

    @property
    def text(self) -> str:
        return "{}:{}".format(*self.address)

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, peer: Any) -> None:
        if not self.dead:
            response = self._answer(data)
            wire = response.to_wire(max_size=65535)
            if len(wire) > UDP_LIMIT:
                response = dns.message.make_response(dns.message.from_wire(data))
                response.flags |= dns.flags.TC
                wire = response.to_wire()
            self._transport.sendto(wire, peer)

    async def over_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        size = int.from_bytes(await reader.readexactly(2), "big")
        wire = self._answer(await reader.readexactly(size)).to_wire(max_size=65535)
        writer.write(len(wire).to_bytes(2, "big") + wire)
        writer.close()

    def _answer(self, data: bytes) -> dns.message.Message:
        question = dns.message.from_wire(data)
        response = dns.message.make_response(question)
        name, kind = question.question[0].name, dns.rdatatype.to_text(question.question[0].rdtype)
        asked = (name.to_text(omit_final_dot=True).lower(), kind)
        self.asked.append(asked)
        if asked in self.zone:
            self._add(response, asked[0], kind)
        elif (asked[0], "CNAME") in self.zone:
            self._add(response, asked[0], "CNAME")
        else:
            response.set_rcode(dns.rcode.NXDOMAIN)
        return response

    def _add(self, response: dns.message.Message, name: str, kind: str) -> None:
        records = self.zone[name, kind]
        response.answer.append(dns.rrset.from_text_list(f"{name}.", 60, dns.rdataclass.IN, kind, records))


@asynccontextmanager
async def nameserver(zone: dict[tuple[str, str], Sequence[str]]) -> AsyncIterator[Nameserver]:
    loop = asyncio.get_running_loop()
    port = free_port()
    transport, server = await loop.create_datagram_endpoint(Nameserver, ("127.0.0.1", port))
    streams = await asyncio.start_server(server.over_tcp, "127.0.0.1", port)
    server.zone, server.address = zone, ("127.0.0.1", port)
    try:
        yield server
    finally:
        transport.close()
        streams.close()
