"""All transports of the switch behind one door: what comes in is delivered in batches."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from softswitch.call.bans import Bans
from softswitch.config import Listen, Node
from softswitch.net.acceptor import Acceptor, Make
from softswitch.net.connector import Connector
from softswitch.net.origins import Origins
from softswitch.net.resolver import Resolver
from softswitch.net.sockets import Listener
from softswitch.net.streams import Certified, Deliver, Lost, Streams
from softswitch.net.targets import Silences, Targets
from softswitch.net.tcp import SipStream
from softswitch.net.tls import CannotSecure, Renewable, Shown
from softswitch.net.udp import Batch, UdpListener, is_address
from softswitch.net.websocket import WebSocketStream
from softswitch.sip.flow import SipFlow

log = logging.getLogger(__name__)


class Transports:
    """Every listener of one node, and the connections that it opens."""

    def __init__(
        self,
        node: Node,
        listeners: list[Listener],
        deliver: Deliver,
        lost: Lost,
        bans: Bans | None = None,
        certified: Certified = lambda flow, names: None,
        shown: Callable[[str], Shown | None] = lambda host: None,
    ) -> None:
        """`certified` hears who has shown a certificate, `shown` tells which of ours a host is to see."""
        self._deliver = deliver
        self._bans = bans
        self._silences = Silences()
        resolver = Resolver(node.sip.nameservers)
        self._udp = {
            each.address: UdpListener(each, self._datagrams) for each in listeners if each.transport == "UDP"
        }
        self._targets = Targets(self._udp, resolver, self._silences, lost)
        self._connector = Connector(node.sip.tls, resolver, self._silences, shown)
        self.streams = Streams(
            self._messages, lost, node.limits, self._connector.open, self._banned, certified
        )
        listens = {(str(listen.transport), listen.address): listen for listen in node.sip.listen}
        self._acceptors = [
            acceptor
            for each in listeners
            if each.transport != "UDP"
            and (acceptor := self._acceptor(each, listens[each.transport, each.address])) is not None
        ]

    def _acceptor(self, listener: Listener, listen: Listen) -> Acceptor | None:
        """None where the certificate has become unusable since the parent looked at it: the rest works on."""
        try:
            secured = Renewable(listen) if listen.secure else None
        except CannotSecure as error:
            log.error("nobody is served on %s %s:%s: %s", listener.transport, *listener.address, error)
            return None
        make: Make = partial(SipStream, self.streams, accepted=True)
        if listener.transport in ("WS", "WSS"):
            make = partial(WebSocketStream, self.streams, origins=Origins(listen))
        return Acceptor(listener, self.streams, make, secured)

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
        self._targets.stop()
        self.streams.stop()

    def send(self, flow: SipFlow, data: bytes) -> None:
        if flow.transport != "UDP":
            self.streams.send(flow, data)
            return
        udp = self._udp.get(flow.local)
        if udp is None:
            return
        if is_address(flow.remote[0]):
            udp.send(data, flow.remote)
        else:
            self._targets.send(flow, data)

    def _banned(self, host: str) -> bool:
        return self._bans is not None and self._bans.holds(host)

    def _datagrams(self, batch: Batch) -> None:
        if self._silences:
            self._targets.heard(batch)
        if self._bans is not None and self._bans.any:
            batch = [(data, flow) for data, flow in batch if not self._bans.holds(flow.remote[0])]
        if batch:
            self._deliver(batch)

    def _messages(self, batch: Batch) -> None:
        """What came over one connection; that of a banned address ends."""
        flow = batch[0][1]
        if self._banned(flow.remote[0]):
            self.streams.expel(flow)
        else:
            self._deliver(batch)
