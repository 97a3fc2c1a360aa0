"""Where a trunk's name leads: NAPTR, SRV, then addresses (RFC 3263 §4), by dnspython, within two seconds.

The transport is configured, so NAPTR only says under which name its SRV records are.
"""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Sequence
from typing import Any

import dns.asyncresolver
import dns.exception
import dns.nameserver
import dns.rdatatype
import dns.resolver

from softswitch.config.base import split_host_port
from softswitch.net.udp import is_address

LIMIT_S = 2.0
LET_GO_S = 0.5
QUERY_S = 1.5
MAX_RECORDS = 16
MAX_PLACES = 16
ADDRESSES_OF_A_TARGET = 4
UNSAID_PORT = 0
DEFAULT_PORT = 5060
DEFAULT_PORTS = {"TLS": 5061}
_SERVICES = {
    "UDP": ("SIP+D2U", "_sip._udp"),
    "TCP": ("SIP+D2T", "_sip._tcp"),
    "TLS": ("SIPS+D2T", "_sips._tcp"),
}

Address = tuple[str, int]


class Resolver:
    """`nameservers` are host or host:port by address; without any, those that the system uses."""

    def __init__(self, nameservers: Sequence[str]) -> None:
        self._nameservers = nameservers
        self._random = random.Random()
        self._dns: dns.asyncresolver.Resolver | None = None

    async def places(self, transport: str, remote: Address, family: int) -> list[Address]:
        """Addresses for a host and port, to be tried in this order; OSError when there are none in time.

        A name whose port is not said (0) may have SRV records (RFC 3263 §4.2).
        """
        host, port = remote
        default = DEFAULT_PORTS.get(transport, DEFAULT_PORT) if port == UNSAID_PORT else port
        if is_address(host):
            return [(host, default)]
        by_host = asyncio.ensure_future(self._by_host(host, default, family))
        try:
            async with asyncio.timeout(LIMIT_S):
                found = await self._by_service(transport, host, family) if port == UNSAID_PORT else []
                return found or await by_host
        except TimeoutError:
            if by_host.done() and not by_host.cancelled() and by_host.exception() is None:
                return by_host.result()
            raise OSError(f"DNS did not answer for {host}") from None
        finally:
            await _let_go(by_host)

    async def _by_service(self, transport: str, host: str, family: int) -> list[Address]:
        """The places that SRV records name; none when there are no records."""
        if "." not in host.rstrip("."):
            return []
        service, prefix = _SERVICES[transport]
        usual = f"{prefix}.{host}"
        pointers, records = await asyncio.gather(self._query(host, "NAPTR"), self._query(usual, "SRV"))
        name = _pointed_to(pointers, service)
        if name is not None and name != usual.lower().rstrip("."):
            records = await self._query(name, "SRV")
        if len(records) == 1 and str(records[0].target) == ".":
            raise OSError(f"{host} offers no service over {transport}")
        chosen = self._in_order(records)
        found = await asyncio.gather(*(self._of_target(record, family) for record in chosen))
        return list(dict.fromkeys(place for places in found for place in places))[:MAX_PLACES]

    async def _of_target(self, record: Any, family: int) -> list[Address]:
        try:
            return await self._by_host(str(record.target).rstrip("."), record.port, family)
        except OSError:
            return []

    def _in_order(self, records: Sequence[Any]) -> list[Any]:
        """By priority, and by chance in proportion to weight where that is equal (RFC 2782)."""

        def rank(record: Any) -> tuple[int, float]:
            return record.priority, -(self._random.random() ** (1 / (record.weight or 0.01)))

        return sorted(records, key=rank)[:MAX_RECORDS]

    async def _by_host(self, host: str, port: int, family: int) -> list[Address]:
        """The addresses of a host by DNS, else as the system finds them (its hosts file)."""
        if is_address(host):
            return [(host, port)]
        if "." in host:
            records = await self._query(host, "AAAA" if family == socket.AF_INET6 else "A")
            if records:
                return [(record.address, port) for record in records[:ADDRESSES_OF_A_TARGET]]
            if self._nameservers:
                raise OSError(f"DNS has no address of {host}")
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        return [(str(each[4][0]), port) for each in found[:ADDRESSES_OF_A_TARGET]]

    async def _query(self, name: str, kind: str) -> list[Any]:
        """The records of one name; an answer that is none, of whatever reason, is an empty one."""
        try:
            answer = await self._resolver().resolve(name, kind, search=False, raise_on_no_answer=False)
        except (dns.exception.DNSException, OSError, EOFError, UnicodeError):
            return []
        return [] if answer.rrset is None else list(answer.rrset)

    def _resolver(self) -> dns.asyncresolver.Resolver:
        if self._dns is None:
            self._dns = dns.asyncresolver.Resolver(configure=not self._nameservers)
            if self._nameservers:
                servers = [split_host_port(each, 53) for each in self._nameservers]
                self._dns.nameservers = [dns.nameserver.Do53Nameserver(host, port) for host, port in servers]
            self._dns.lifetime = QUERY_S
            self._dns.timeout = QUERY_S / 2
            self._dns.cache = dns.resolver.LRUCache(1000)
        return self._dns


def _pointed_to(pointers: Sequence[Any], service: str) -> str | None:
    """The name of the SRV records of a service, of the best NAPTR record that has it."""
    fitting = [
        each
        for each in pointers
        if each.service.decode().upper() == service and each.flags.decode().upper() == "S"
    ]
    best = min(fitting, key=lambda each: (each.order, each.preference), default=None)
    return None if best is None else str(best.replacement).lower().rstrip(".")


async def _let_go(task: asyncio.Future[Any]) -> None:
    """End what is not needed any more, whatever came of it; who does not end at once is not waited for."""
    task.cancel()
    await asyncio.wait([task], timeout=LET_GO_S)
    if task.done() and not task.cancelled():
        task.exception()
