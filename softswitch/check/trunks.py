"""Trunks: do their names lead anywhere, and does somebody there answer OPTIONS."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Iterable

from softswitch.check.finding import Finding, error, ok, warning
from softswitch.config import Node, Trunk
from softswitch.config.base import split_host_port
from softswitch.net.resolver import Address, Resolver
from softswitch.net.tls import CannotSecure, client_context
from softswitch.sip.compose import request
from softswitch.sip.framing import Framer

ANSWER_S = 2.5
REPEAT_S = 0.5
MAX_DATAGRAM = 65535


async def check_trunks(node: Node, trunks: Iterable[Trunk]) -> list[Finding]:
    """Every address of every trunk, all at the same time."""
    resolver = Resolver(node.sip.nameservers)
    ways = [
        (trunk, address)
        for trunk in trunks
        for address in dict.fromkeys([*trunk.addresses, *([trunk.registrar] if trunk.registrar else [])])
    ]
    return list(await asyncio.gather(*(_check(node, resolver, *way) for way in ways)))


async def _check(node: Node, resolver: Resolver, trunk: Trunk, address: str) -> Finding:
    about = f"trunk {trunk.name} {address}"
    families = {socket.AF_INET6 if ":" in each.host else socket.AF_INET for each in node.sip.listen}
    places: list[Address] = []
    problem = ""
    for family in sorted(families):
        try:
            places += await resolver.places(trunk.transport, split_host_port(address), family)
        except OSError as failed:
            problem = str(failed)
    if not places:
        return error(about, f"leads nowhere: {problem}", "mend DNS, or change addresses of the trunk")
    shown = ", ".join(f"{host}:{port}" for host, port in places)
    for place in places:
        try:
            async with asyncio.timeout(ANSWER_S):
                status = await _options(node, trunk, address, place)
        except CannotSecure as failed:
            return error(about, str(failed), "change the files in sip.tls")
        except OSError as failed:
            problem = str(failed) or f"nobody answers OPTIONS within {ANSWER_S:g} s"
        else:
            return ok(about, f"{place[0]}:{place[1]} answers {status}")
    return warning(
        about,
        f"{shown}: {problem}",
        "look at firewall and address; some peers answer only the port of the switch, then softswitch status"
        " tells more",
    )


async def _options(node: Node, trunk: Trunk, address: str, place: Address) -> int:
    """The status with which a place answers; OSError when it does not."""
    if trunk.transport == "UDP":
        return await _by_datagram(address, place)
    name = split_host_port(address)[0]
    tls = client_context(node.sip.tls) if trunk.transport == "TLS" else None
    reader, writer = await asyncio.open_connection(*place, ssl=tls, server_hostname=name if tls else None)
    try:
        local = writer.get_extra_info("sockname")
        writer.write(_question(trunk.transport, address, local[:2]))
        framer = Framer()
        while data := await reader.read(MAX_DATAGRAM):
            for message in framer.feed(data):
                if isinstance(message, bytes) and (status := _status(message)):
                    return status
        raise ConnectionResetError("it closed the connection without an answer")
    finally:
        writer.close()


async def _by_datagram(address: str, place: Address) -> int:
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in place[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.connect(place)
        question = _question("UDP", address, sock.getsockname()[:2])
        while True:
            await loop.sock_sendall(sock, question)
            try:
                async with asyncio.timeout(REPEAT_S):
                    while not (status := _status(await loop.sock_recv(sock, MAX_DATAGRAM))):
                        pass
                    return status
            except TimeoutError:
                continue


def _question(transport: str, address: str, local: Address) -> bytes:
    host = f"[{local[0]}]" if ":" in local[0] else local[0]
    token = secrets.token_hex(8)
    return request(
        "OPTIONS",
        f"sip:{address}",
        via=f"SIP/2.0/{transport} {host}:{local[1]};branch=z9hG4bK{token};rport",
        from_=f"<sip:check@{host}>;tag={token}",
        to=f"<sip:{address}>",
        sip_call_id=token,
        cseq=1,
        headers=f"Contact: <sip:check@{host}:{local[1]};transport={transport.lower()}>\r\n",
    )


def _status(message: bytes) -> int:
    """The status of a final response; 0 for anything else."""
    words = message.split(b" ", 2)
    if len(words) == 3 and words[0] == b"SIP/2.0" and words[1].isdigit() and int(words[1]) >= 200:
        return int(words[1])
    return 0
