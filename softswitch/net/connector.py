"""Opens connections to trunks and to whoever a response has to find (RFC 3261 §18)."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from functools import cached_property
from weakref import WeakKeyDictionary

from softswitch.config import TlsPeers
from softswitch.net.acceptor import keep_alive
from softswitch.net.connection import Connection
from softswitch.net.resolver import Address, Resolver
from softswitch.net.streams import Streams
from softswitch.net.targets import Silences
from softswitch.net.tcp import SipStream
from softswitch.net.tls import CannotSecure, Shown, client_context, covers
from softswitch.sip.flow import SipFlow

CONNECT_TIMEOUT_S = 3.0


class Connector:
    """`peers` says how we appear over TLS and whom we trust there; `shown` how to the peer at one host."""

    def __init__(
        self,
        peers: TlsPeers,
        resolver: Resolver,
        silences: Silences,
        shown: Callable[[str], Shown | None] = lambda host: None,
    ) -> None:
        self._peers = peers
        self._shown = shown
        self._identities: WeakKeyDictionary[Connection, Shown | None] = WeakKeyDictionary()
        self._resolver = resolver
        self._silences = silences

    async def open(self, streams: Streams, flow: SipFlow) -> Connection:
        """A connection to the flow's peer: one that is there and may be used for it, or a new one.

        Its addresses are tried one after the other. Raises OSError when none can be had.
        """
        if flow.transport not in ("TCP", "TLS"):
            raise OSError("such a connection can only be opened by the other side")
        refusal: OSError = OSError("it has no address")
        clock = asyncio.get_running_loop().time
        family = socket.AF_INET6 if ":" in flow.local[0] else socket.AF_INET
        places = await self._resolver.places(flow.transport, flow.remote, family)
        for address in self._silences.in_order(places, clock()):
            existing = self._existing(streams, flow, address)
            if existing is not None:
                return existing
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    return await self._connect(streams, flow, address)
            except OSError as error:
                self._silences.failed(address, clock())
                refusal = error
        raise refusal

    def _existing(self, streams: Streams, flow: SipFlow, address: Address) -> Connection | None:
        """A connection that we have opened to this address for another name, if its peer has this one too
        and has been shown the certificate that is for this one."""
        shown = self._shown(flow.remote[0])
        for connection in streams.opened_to(flow.transport, address):
            ours = self._identities.get(connection) == shown
            if flow.transport == "TCP" or (ours and covers(_certificate(connection), flow.remote[0])):
                return connection
        return None

    async def _connect(self, streams: Streams, flow: SipFlow, address: Address) -> Connection:
        """The name that was asked for, not the one that DNS made of it, is in SNI and must be certified."""
        secure = flow.transport == "TLS"
        shown = self._shown(flow.remote[0]) if secure else None
        transport, connection = await asyncio.get_running_loop().create_connection(
            lambda: SipStream(streams, flow, accepted=False),
            *address,
            ssl=self._context(shown) if secure else None,
            server_hostname=flow.remote[0] if secure else None,
            ssl_handshake_timeout=CONNECT_TIMEOUT_S if secure else None,
        )
        keep_alive(transport.get_extra_info("socket"))
        self._identities[connection] = shown
        return connection

    def _context(self, shown: Shown | None) -> ssl.SSLContext:
        """The files for one peer are read anew: they are renewed now and then, and connections are few."""
        try:
            return self._usual if shown is None else client_context(self._peers, shown)
        except CannotSecure as error:
            raise OSError(str(error)) from None

    @cached_property
    def _usual(self) -> ssl.SSLContext:
        return client_context(self._peers)


def _certificate(connection: Connection) -> dict[str, object]:
    return connection.transport.get_extra_info("peercert") or {}
