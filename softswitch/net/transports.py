"""All transports of the switch behind one door: what comes in is delivered in batches."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from softswitch.config import Listen, Node
from softswitch.net.acceptor import Acceptor, Make
from softswitch.net.connector import Connector
from softswitch.net.origins import Origins
from softswitch.net.sockets import Listener
from softswitch.net.streams import Deliver, Lost, Streams
from softswitch.net.tcp import SipStream
from softswitch.net.tls import CannotSecure, server_context
from softswitch.net.udp import UdpListener, is_address
from softswitch.net.websocket import WebSocketStream
from softswitch.sip.flow import SipFlow

NAME_KEPT_S = 60.0

log = logging.getLogger(__name__)

Send = Callable[[SipFlow, bytes], None]


class Transports:
    """Every listener of one node, and the connections that it opens."""

    def __init__(self, node: Node, listeners: list[Listener], deliver: Deliver, lost: Lost) -> None:
        self._lost = lost
        self._udp = {
            each.address: UdpListener(each, deliver) for each in listeners if each.transport == "UDP"
        }
        self._connector = Connector(node.sip.tls)
        self.streams = Streams(deliver, lost, node.limits, self._connector.open)
        listens = {(str(listen.transport), listen.address): listen for listen in node.sip.listen}
        self._acceptors = [
            acceptor
            for each in listeners
            if each.transport != "UDP"
            and (acceptor := self._acceptor(each, listens[each.transport, each.address])) is not None
        ]
        self._names: dict[str, str] = {}
        self._resolving: set[asyncio.Task[None]] = set()

    def _acceptor(self, listener: Listener, listen: Listen) -> Acceptor | None:
        """None where the certificate has become unusable since the parent looked at it: the rest works on."""
        try:
            context = server_context(listen) if listen.secure else None
        except CannotSecure as error:
            log.error("nobody is served on %s %s:%s: %s", listener.transport, *listener.address, error)
            return None
        make: Make = partial(SipStream, self.streams, accepted=True)
        if listener.transport in ("WS", "WSS"):
            make = partial(WebSocketStream, self.streams, origins=Origins(listen))
        return Acceptor(listener, self.streams, make, context)

    def start(self) -> None:
        """Take what comes in on the sockets from now on."""
        for udp in self._udp.values():
            udp.start()
        for acceptor in self._acceptors:
            acceptor.start()
        self.streams.start()

    def stop(self) -> None:
        """Leave the listening sockets to the next process; connections end with this one."""
        for udp in self._udp.values():
            udp.stop()
        for acceptor in self._acceptors:
            acceptor.stop()
        self.streams.stop()

    def send(self, flow: SipFlow, data: bytes) -> None:
        if flow.transport != "UDP":
            self.streams.send(flow, data)
            return
        host, port = flow.remote
        if not is_address(host):
            known = self._names.get(host)
            if known is None:
                self._resolve(flow, data)
                return
            host = known
        udp = self._udp.get(flow.local)
        if udp is not None:
            udp.send(data, (host, port))

    def _resolve(self, flow: SipFlow, data: bytes) -> None:
        task = asyncio.get_running_loop().create_task(self._look_up(flow, data))
        self._resolving.add(task)
        task.add_done_callback(self._resolving.discard)

    async def _look_up(self, flow: SipFlow, data: bytes) -> None:
        host, port = flow.remote
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port)
        except OSError as error:
            log.warning("no address for %s: %s", host, error.strerror)
            self._lost(flow)
            return
        self._names[host] = str(found[0][4][0])
        loop.call_later(NAME_KEPT_S, self._names.pop, host, None)
        self.send(flow, data)
