"""Lanes: the sockets of legs, a port pair each or one that many share."""

from __future__ import annotations

import select
import socket

import numpy as np

from softswitch.media import _codecs
from softswitch.media.lane_sockets import PortPair
from softswitch.media.legs import LegTable
from softswitch.media.packets import Indices, PacketBatch
from softswitch.media.port_pool import PortPool
from softswitch.media.shared_lanes import SharedLane, SharedLanes

_SILENCE, _LONG_SILENT = 2, 200
"""The column of `drain`'s pace that counts scans without a packet, and how far it counts."""


class Lanes:
    """The sockets of all legs, by leg: the engine's `Ports` and the loop's packet I/O.

    `rest` is how many drains leave a socket out after a packet: half a frame's time saves most empty reads.
    One that has long been silent is not scanned at all: the kernel says when something comes.
    """

    def __init__(self, pool: PortPool, capacity: int, epoll: select.epoll, rest: int = 0) -> None:
        self.pool = pool
        self.now = 0.0
        self.unsent = 0
        self._epoll = epoll
        self.shared = SharedLanes()
        self._pairs: dict[int, PortPair] = {}
        self._rtcp: dict[int, int | SharedLane] = {}
        self._fds = np.full(capacity, -1, np.int32)
        self._own_fds = np.full(capacity, -1, np.int32)
        self._pace = np.zeros((capacity, 3), np.uint8)
        self._rest = rest
        self._top = 0
        self._scanned = self._own_fds[:0], self._pace[:0]
        self._asleep: dict[int, int] = {}

    def attach(self, leg: int, port: int, family: int, *, shared: bool = False) -> None:
        """Raises BadCommand. A leg that has sockets of another family changes them."""
        lane = self.shared.find(port, family) if shared else None
        pair = lane.pair if lane is not None else self.pool.take(port, family)
        if leg in self._pairs:
            self.detach(leg)
        self._pairs[leg] = pair
        self._fds[leg] = pair.rtp.fileno()
        if lane is None:
            if shared:
                lane = self.shared.open(pair)
            else:
                self._own_fds[leg] = self._fds[leg]
                self._pace[leg] = 0
                self._top = max(self._top, leg + 1)
                self._scanned = self._own_fds[: self._top], self._pace[: self._top]
            self._rtcp[pair.rtcp.fileno()] = leg if lane is None else lane
            self._epoll.register(pair.rtcp, select.EPOLLIN)
        if lane is not None:
            self.shared.join(lane, leg)

    def detach(self, leg: int) -> None:
        pair = self.surrender(leg)
        if pair is not None:
            self.pool.give_back(pair, self.now)

    def surrender(self, leg: int) -> PortPair | None:
        """The leg's sockets, which this worker serves no longer; None: other legs are on them."""
        pair = self._pairs.pop(leg)
        self._fds[leg] = self._own_fds[leg] = -1
        if self._asleep.pop(pair.rtp.fileno(), None) is not None:
            self._epoll.unregister(pair.rtp)
        if self.shared.of(leg) is not None and self.shared.leave(leg) is None:
            return None
        self._epoll.unregister(pair.rtcp)
        del self._rtcp[pair.rtcp.fileno()]
        return pair

    def let_sleep(self) -> None:
        """Leaves sockets that have been silent for long to the kernel's watch."""
        top = self._top
        silent = (self._pace[:top, _SILENCE] == _LONG_SILENT) & (self._own_fds[:top] >= 0)
        for leg in np.flatnonzero(silent).tolist():
            fd = int(self._own_fds[leg])
            self._asleep[fd], self._own_fds[leg] = leg, -1
            self._epoll.register(fd, select.EPOLLIN)

    def wake(self, fd: int) -> bool:
        """Whether this was a socket that slept; it is scanned again, before it has been silent for long."""
        leg = self._asleep.pop(fd, None)
        if leg is None:
            return False
        self._epoll.unregister(fd)
        self._own_fds[leg] = fd
        self._pace[leg] = 0
        return True

    def pair(self, leg: int) -> PortPair:
        return self._pairs[leg]

    def rtcp(self, leg: int) -> socket.socket:
        return self._pairs[leg].rtcp

    def leg_of_rtcp(self, fd: int) -> int | None:
        """The leg, or one of those, whose RTCP comes on this socket."""
        found = self._rtcp.get(fd)
        return next(iter(found.legs)) if isinstance(found, SharedLane) else found

    def reported_by(self, leg: int, ip: int, report: bytes) -> int | None:
        """The leg whose peer at `ip` has sent this on the RTCP socket of a leg."""
        if self.shared.of(leg) is None:
            return leg
        return self.shared.heard_with(leg, ip, int.from_bytes(report[4:8], "big"))

    def drain(self, batch: PacketBatch, clock: int = 0) -> int:
        """Fills the batch with what has arrived by `clock`; a full batch means that more may be waiting."""
        batch.count = _codecs.drain(
            *self._scanned, batch.rows, batch.leg, batch.length, batch.ip, batch.port, self._rest
        )
        self.shared.drain(batch, clock)
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
        for pair in {id(pair): pair for pair in self._pairs.values()}.values():
            pair.close()
