"""Lanes: UDP port pairs (RTP even, RTCP above it), one a leg, bound ahead of use and drained after it."""

from __future__ import annotations

import select
import socket
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from softswitch.media import _codecs
from softswitch.media.addresses import FAMILIES, IPV4, IPV6, family_of
from softswitch.media.legs import BadCommand, LegTable
from softswitch.media.packets import Indices, PacketBatch

READY_PAIRS = 1024
"""So many legs may ring at once: the switch names a port in an offer long before the leg is put."""
DRAIN_S = 5.0
# By the family of a socket: where the kernel is told not to fragment, and to mark packets as voice.
_PATH_MTU = {IPV4: (socket.IPPROTO_IP, 10), IPV6: (socket.IPPROTO_IPV6, 23)}
_CLASS = {IPV4: (socket.IPPROTO_IP, socket.IP_TOS), IPV6: (socket.IPPROTO_IPV6, socket.IPV6_TCLASS)}
_PMTUDISC_DO = 2
_MOST_WAITING = 4096
# A host whose ports are nearly all taken must not cost a tick; the next round goes on where this one stopped.
_MOST_REFUSED = 32
_TOS_EXPEDITED = 0xB8
OWN = -1
"""Home of a pair from this worker's own ports; else the number of the worker that it was borrowed from."""


@dataclass(frozen=True, slots=True)
class PortPair:
    port: int
    rtp: socket.socket
    rtcp: socket.socket
    home: int = OWN

    @property
    def family(self) -> int:
        return IPV6 if self.rtp.family == socket.AF_INET6 else IPV4

    @classmethod
    def bind(cls, host: str, port: int) -> PortPair:
        """Raises OSError when either port is taken."""
        rtp = _bound(host, port)
        try:
            return cls(port, rtp, _bound(host, port + 1))
        except OSError:
            rtp.close()
            raise

    def discard(self) -> None:
        """Forgets what has arrived for whoever had this port before."""
        for sock in (self.rtp, self.rtcp):
            with suppress(BlockingIOError, ConnectionError):
                for _ in range(_MOST_WAITING):
                    sock.recv(1)

    def close(self) -> None:
        self.rtp.close()
        self.rtcp.close()


def _bound(host: str, port: int) -> socket.socket:
    family = family_of(host)
    sock = socket.socket(FAMILIES[family], socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        # Without fragmentation the kernel skips the choice of a packet id: up to a tenth of a send.
        sock.setsockopt(*_PATH_MTU[family], _PMTUDISC_DO)
        sock.setsockopt(*_CLASS[family], _TOS_EXPEDITED)
        if family == IPV6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock


def by_family(*hosts: str) -> dict[int, str]:
    """Addresses to bind on, each of its own family."""
    return {family_of(host): host for host in hosts}


class PortPool:
    """Pairs ready for the switch to choose from. `granted` lists what it has not been told of yet, `returned`
    what was borrowed, has been drained and closed. A port is granted when it is bound in every family."""

    def __init__(self, hosts: Mapping[int, str], first: int, last: int) -> None:
        self._hosts = hosts
        self._range = range(first + first % 2, last, 2)
        # Half of a small range: looking for more than there is would go through all of it at every wake.
        self._ahead = min(READY_PAIRS, max(1, len(self._range) // 2))
        self._cursor = 0
        self._ready: dict[int, dict[int, PortPair]] = {}
        self._beside: dict[int, dict[int, PortPair]] = {}
        """Of ports in use, what is bound in the families that their legs do not use."""
        self._draining: deque[tuple[float, PortPair]] = deque()
        self._in_use: dict[int, int] = {}
        self._in_use_elsewhere: dict[int, int] = {}
        self._adopted: set[int] = set()
        self.granted: list[int] = []
        self.returned: list[PortPair] = []

    def top_up(self, now: float) -> None:
        """Takes back pairs that have drained, and binds new ones until enough are ready."""
        while self._draining and self._draining[0][0] <= now:
            self._offer(self._draining.popleft()[1])
        refused = 0
        for _ in range(len(self._range)):
            if len(self._ready) >= self._ahead or refused >= _MOST_REFUSED:
                return
            port = self._range[self._cursor]
            self._cursor = (self._cursor + 1) % len(self._range)
            if port in self._ready or port in self._in_use or port in self._in_use_elsewhere:
                continue
            refused += not self._make_ready(port)  # someone else's port: the next one serves as well

    def _offer(self, pair: PortPair) -> None:
        """A pair that nobody uses any more."""
        if self._in_use.get(pair.port) not in (None, pair.family):
            pair.close()  # its leg went on in another family
            return
        self._in_use.pop(pair.port, None)
        if pair.home != OWN:
            pair.close()
            self.returned.append(pair)
            return
        self._beside.setdefault(pair.port, {})[pair.family] = pair
        self._make_ready(pair.port)

    def _make_ready(self, port: int) -> bool:
        """Binds the port where it is not bound yet. False: it is taken, and left alone."""
        pairs = self._beside.pop(port, {})
        try:
            for family in self._hosts.keys() - pairs.keys():
                pairs[family] = PortPair.bind(self._hosts[family], port)
        except OSError:
            for pair in pairs.values():
                pair.close()
            return False
        self._ready[port] = pairs
        self.granted.append(port)
        return True

    def ready(self) -> list[int]:
        return sorted(self._ready)

    def take(self, port: int, family: int = IPV4) -> PortPair:
        """The bound pair, bound now if it was not. Raises BadCommand."""
        pairs = self._ready.get(port, {})
        pair = pairs.pop(family, None) or self._reclaim(port, family) or self._bind(port, family)
        self._ready.pop(port, None)
        if pairs:
            self._beside[port] = pairs
        if port in self._adopted:
            self._adopted.discard(port)
        else:
            pair.discard()
        self._in_use[port] = family
        return pair

    def _bind(self, port: int, family: int) -> PortPair:
        if port % 2 or not 0 < port < 65535:
            raise BadCommand(f"port {port}: must be even, the port above it carries RTCP")
        host = self._hosts.get(family)
        if host is None:
            raise BadCommand(f"port {port}: this worker has no address of IPv{family}")
        aside = self._beside.get(port, {}).pop(family, None)
        try:
            return aside or PortPair.bind(host, port)
        except OSError as error:
            raise BadCommand(f"port {port} on {host}: {error.strerror}") from error

    def _reclaim(self, port: int, family: int) -> PortPair | None:
        """A pair that still drains, wanted again by the switch that used it."""
        for entry in self._draining:
            if (entry[1].port, entry[1].family) == (port, family):
                self._draining.remove(entry)
                return entry[1]
        return None

    def give_back(self, pair: PortPair, now: float) -> None:
        """Stays bound for a while, so that stray packets of the old peer reach nobody."""
        self._draining.append((now + DRAIN_S, pair))

    # Between workers.

    def adopt(self, pair: PortPair, *, in_use: bool) -> None:
        """A pair of another worker, to be taken next; `in_use`: what has arrived is for whoever takes it."""
        self._in_use_elsewhere.pop(pair.port, None)
        self._ready[pair.port] = {pair.family: pair}
        if in_use:
            self._adopted.add(pair.port)

    def spare(self, port: int, family: int = IPV4) -> PortPair | None:
        """A pair that nobody uses, if it is bound."""
        draining = [pair for _, pair in self._draining if (pair.port, pair.family) == (port, family)]
        return self._ready.get(port, {}).get(family) or next(iter(draining), None)

    def lend(self, pair: PortPair) -> None:
        """Another worker has the pair now, and its own descriptors of it: it may bind the port otherwise."""
        others = {**self._ready.pop(pair.port, {}), **self._beside.pop(pair.port, {})}
        self._reclaim(pair.port, pair.family)
        self._in_use.pop(pair.port, None)
        self._in_use_elsewhere[pair.port] = pair.home
        for each in (pair, *others.values()):
            each.close()

    def came_back(self, port: int) -> int:
        """A pair that was lent is closed; returns whose it was. One of our own is ready again."""
        home = self._in_use_elsewhere.pop(port, None)
        if home == OWN:
            self._make_ready(port)
        return OWN if home is None else home

    def close(self) -> None:
        bound = [pair for pairs in (*self._ready.values(), *self._beside.values()) for pair in pairs.values()]
        for pair in [*bound, *(pair for _, pair in self._draining)]:
            pair.close()


class Lanes:
    """The sockets of all legs, by leg: the engine's `Ports` and the loop's packet I/O.

    `rest` is how many drains leave a socket out after a packet: half a frame's time saves most empty reads.
    """

    def __init__(self, pool: PortPool, capacity: int, epoll: select.epoll, rest: int = 0) -> None:
        self.pool = pool
        self.now = 0.0
        self.unsent = 0
        self._epoll = epoll
        self._pairs: dict[int, PortPair] = {}
        self.leg_of_rtcp: dict[int, int] = {}
        self._fds = np.full(capacity, -1, np.int32)
        self._pace = np.zeros((capacity, 3), np.uint8)
        self._rest = rest
        self._top = 0

    def attach(self, leg: int, port: int, family: int) -> None:
        """Raises BadCommand. A leg that has sockets of another family changes them."""
        pair = self.pool.take(port, family)
        if leg in self._pairs:
            self.detach(leg)
        self._pairs[leg] = pair
        self._fds[leg] = pair.rtp.fileno()
        self._pace[leg] = 0
        self._top = max(self._top, leg + 1)
        self.leg_of_rtcp[pair.rtcp.fileno()] = leg
        self._epoll.register(pair.rtcp, select.EPOLLIN)

    def detach(self, leg: int) -> None:
        self.pool.give_back(self.surrender(leg), self.now)

    def surrender(self, leg: int) -> PortPair:
        """The leg's sockets, which this worker serves no longer."""
        pair = self._pairs.pop(leg)
        self._fds[leg] = -1
        self._epoll.unregister(pair.rtcp)
        del self.leg_of_rtcp[pair.rtcp.fileno()]
        return pair

    def pair(self, leg: int) -> PortPair:
        return self._pairs[leg]

    def rtcp(self, leg: int) -> socket.socket:
        return self._pairs[leg].rtcp

    def drain(self, batch: PacketBatch) -> int:
        """Fills the batch with what has arrived; a full batch means that more may be waiting."""
        top = self._top
        batch.count = _codecs.drain(
            self._fds[:top], self._pace[:top], batch.rows, batch.leg, batch.length, batch.ip, batch.port,
            self._rest,
        )  # fmt: skip
        return batch.count

    def transmit(
        self, legs: LegTable, batch: PacketBatch, index: Indices, leg: Indices, length: Indices
    ) -> int:
        """Sends rows of the batch from their legs' sockets; returns how many the kernel took."""
        sent = int(
            _codecs.send(
                self._fds, legs.remote_ip, legs.remote_port, batch.rows, index, leg, length, batch.capacity
            )
        )
        self.unsent += len(index) - sent
        return sent

    def close(self) -> None:
        self.pool.close()
        for pair in self._pairs.values():
            pair.close()
