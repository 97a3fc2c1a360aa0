"""All SIP connections of the process: found by number or by peer, opened where there is none, limited."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from softswitch.call.bans import source_of
from softswitch.config import Limits
from softswitch.net.udp import Batch
from softswitch.net.via import is_response, return_port
from softswitch.sip.flow import SipFlow

if TYPE_CHECKING:
    from softswitch.net.connection import Connection

SWEEP_S = 1.0

log = logging.getLogger(__name__)

Deliver = Callable[[Batch], None]
Lost = Callable[[SipFlow], None]
Certified = Callable[[SipFlow, tuple[str, ...]], None]
Open = Callable[["Streams", SipFlow], Awaitable["Connection"]]
Peer = tuple[str, tuple[str, int]]


class Streams:
    """`open` makes a connection for a flow, or raises OSError.

    `lost` is told every flow on which nothing can be sent any more, with connection 0 where a response
    found no other one; `certified` the names of the verified certificate of the peer, on each connection
    with one.
    """

    def __init__(
        self,
        deliver: Deliver,
        lost: Lost,
        limits: Limits,
        open: Open,
        banned: Callable[[str], bool],
        certified: Certified = lambda flow, names: None,
    ) -> None:
        self.deliver = deliver
        self.certified = certified
        self._lost = lost
        self._limits = limits
        self._open_connection = open
        self._banned = banned
        self._by_number: dict[int, Connection] = {}
        self._opened: dict[Peer, Connection] = {}
        self._reusable: dict[Peer, Connection] = {}
        self._strangers: dict[object, Callable[[], Any]] = {}
        self._certified: dict[Peer, tuple[str, int]] = {}
        self._opening: dict[Peer, list[tuple[SipFlow, bytes]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._accepted: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._count = 0
        self._sweep_timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to look after the time limits."""
        pause_s = min(SWEEP_S, self._limits.partial_message_s / 4)
        self._sweep_timer = asyncio.get_running_loop().call_later(pause_s, self._sweep)

    def stop(self) -> None:
        """Close every connection; what was written to it is still sent."""
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()
        for task in self._tasks:
            task.cancel()
        for connection in [*self._by_number.values()]:
            connection.transport.close()

    # Connections that come in

    def admit(self, host: str) -> bool:
        """Whether one more connection of this address may come in; every one admitted is `released` once.

        Where all places are taken, the one that has waited longest without having sent a message goes.
        """
        if self._banned(host):
            return False
        source = source_of(host)
        if self._accepted[source] >= self._limits.max_connections_per_address:
            self._refused[source] += 1
            return False
        if self._accepted.total() + len(self._opened) >= self._limits.max_tcp_connections:
            longest = next(iter(self._strangers), None)
            if longest is None:
                self._refused[source] += 1
                return False
            self._strangers.pop(longest)()
        self._accepted[source] += 1
        return True

    def released(self, host: str) -> None:
        source = source_of(host)
        self._accepted[source] -= 1
        if not self._accepted[source]:
            del self._accepted[source]

    def expel(self, flow: SipFlow) -> None:
        """Close the connection of a peer who is not listened to any more."""
        connection = self._by_number.get(flow.connection)
        if connection is not None:
            connection.drop("is banned")

    # What connections tell

    def reuse(self, connection: Connection, names: Sequence[str], port: int) -> None:
        """A peer whose certificate has these names takes requests over the connection that it has opened
        (RFC 5923): no other one to it is needed."""
        for name in names:
            for place in ((name, port), (name, 0)):
                self._reusable[connection.flow.transport, place] = connection

    def made(self, connection: Connection) -> int:
        """Take in a connection and number it."""
        self._count += 1
        self._by_number[self._count] = connection
        return self._count

    def stranger(self, who: object, drop: Callable[[], Any]) -> None:
        """Somebody who has not shown yet that it speaks SIP; `drop` sends it away."""
        self._strangers[who] = drop

    def acquainted(self, who: object) -> None:
        """It has brought its first whole message, or is gone."""
        self._strangers.pop(who, None)

    def gone(self, connection: Connection) -> None:
        flow = connection.flow
        self._by_number.pop(flow.connection, None)
        self.acquainted(connection)
        asked: list[Peer] = []
        for table in (self._opened, self._reusable):
            found = [peer for peer, each in table.items() if each is connection]
            asked += found
            for peer in found:
                del table[peer]
        if connection.accepted:
            self.released(flow.remote[0])
        self._lost(flow)
        for _, remote in asked:
            if remote != flow.remote:
                self._lost(flow._replace(remote=remote))

    # Sending

    def opened_to(self, transport: str, address: tuple[str, int]) -> list[Connection]:
        """Usable connections that we have opened to an address, by whichever name."""
        opened = [each for (kind, _), each in self._opened.items() if kind == transport]
        return [each for each in opened if each.flow.remote == address and each.usable]

    def send(self, flow: SipFlow, data: bytes) -> None:
        """Send over the flow's connection, else over one that we opened to its address, else open one.

        A response whose connection is gone goes to the port that its request's Via names (RFC 3261 §18.2.2).
        """
        connection = self._by_number.get(flow.connection)
        if connection is not None and connection.usable:
            connection.send(data)
            return
        place = flow
        if is_response(data):
            place = flow._replace(remote=(flow.remote[0], return_port(data, flow.remote[1])), connection=0)
        peer = (place.transport, place.remote)
        if peer in self._certified:
            # Dialogs know the address that they were heard from; its certificate has the name.
            place = place._replace(remote=self._certified[peer])
            peer = (place.transport, place.remote)
        connection = self._opened.get(peer) or self._reusable.get(peer)
        if connection is not None and connection.usable:
            connection.send(data)
        elif peer in self._opening:
            self._opening[peer].append((flow, data))
        else:
            self._opening[peer] = [(flow, data)]
            task = asyncio.get_running_loop().create_task(self._open(peer, place))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _open(self, peer: Peer, flow: SipFlow) -> None:
        try:
            connection = await self._open_connection(self, flow)
            if not connection.usable:
                raise ConnectionResetError("closed at once")
        except OSError as error:
            log.info("no %s connection to %s:%s: %s", flow.transport, *flow.remote, error or "timed out")
            for waiting, data in self._opening.pop(peer):
                self._lost(waiting._replace(connection=0) if is_response(data) else waiting)
            return
        self._opened[peer] = connection
        if flow.transport == "TLS" and connection.flow.remote != flow.remote:
            self._certified[flow.transport, connection.flow.remote] = flow.remote
        for _, data in self._opening.pop(peer):
            connection.send(data)

    # Time

    def _sweep(self) -> None:
        now = asyncio.get_running_loop().time()
        for connection in [*self._by_number.values()]:
            why = connection.overdue(now, self._limits)
            if why:
                connection.drop(why)
        self._tell_refused()
        self.start()

    def _tell_refused(self) -> None:
        """One line, however many there were."""
        if self._refused:
            source, count = self._refused.most_common(1)[0]
            total = self._refused.total()
            log.warning("%d connections refused: more than limits allow; %d were of %s", total, count, source)
            self._refused.clear()
