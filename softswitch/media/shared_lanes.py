"""Shared lanes: one port pair for many legs, told apart by where their packets come from.

A packet is of the leg that has its source as remote address and expects its SSRC: the one that the peer's SDP
names (RFC 5576), else the first that comes, and then the one that it is heard with. Several legs may have the
same address, that of a peer with one port for all its calls. Whatever is not certain is dropped: the wrong
leg would be another call.

- A new SSRC is of the one leg at its address that is not heard any more, or not yet; of none while there is
  no such leg, or more than one.
- A leg that learns may take a new port at the host of its SDP, if it is the only such leg there; or a new
  address of its own SSRC after a silence, as any leg that learns may.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from softswitch.media import _codecs
from softswitch.media.addresses import NOBODY
from softswitch.media.inbound import RELEARN_SILENCE
from softswitch.media.lane_sockets import PortPair
from softswitch.media.legs import SAME_HOST, LegTable
from softswitch.media.packets import PacketBatch

FLOWS = 8000 // 5
"""Samples within which a leg that is heard has had a packet."""
_BUFFERS = (socket.SO_RCVBUF, socket.SO_SNDBUF, 33, 32)
"""With what is called SO_RCVBUFFORCE and SO_SNDBUFFORCE."""
_BUFFER_BYTES = 8 << 20
"""A kernel counts 0.8 kB for a packet: of 1,000 legs, 0.2 s in which the worker does not come round."""
_MOST_STRANGERS = 32
"""A drain that are looked at; a flood is counted and left."""


@dataclass(slots=True)
class SharedLane:
    """`keys` are remote addresses of the legs, sorted, with their `owners`."""

    pair: PortPair
    legs: set[int] = field(default_factory=set)
    keys: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    owners: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))

    def sort(self, legs: LegTable) -> None:
        """Anew, after a leg has come, gone, or changed its address."""
        members = np.array(sorted(self.legs), np.int32)
        members = members[legs.remote_port[members] > 0]
        keys = legs.remote_ip[members].astype(np.int64) << 16 | legs.remote_port[members]
        order = np.argsort(keys, kind="stable")
        self.keys, self.owners = keys[order], members[order]


class SharedLanes:
    """All shared lanes of a worker, by port and family."""

    def __init__(self) -> None:
        self.legs: LegTable | None = None
        """Set before the first leg comes."""
        self.dropped = 0
        self._lanes: dict[tuple[int, int], SharedLane] = {}
        self._of: dict[int, SharedLane] = {}
        self._strangers = np.zeros((_MOST_STRANGERS, 3), np.uint32)
        self._stale = False

    def find(self, port: int, family: int) -> SharedLane | None:
        return self._lanes.get((port, family))

    def of(self, leg: int) -> SharedLane | None:
        """The lane that the leg shares; None where it has one of its own."""
        return self._of.get(leg)

    def open(self, pair: PortPair) -> SharedLane:
        for option in _BUFFERS:
            with suppress(OSError):  # more than the system's limit needs CAP_NET_ADMIN
                pair.rtp.setsockopt(socket.SOL_SOCKET, option, _BUFFER_BYTES)
        lane = self._lanes[pair.port, pair.family] = SharedLane(pair)
        return lane

    def join(self, lane: SharedLane, leg: int) -> None:
        lane.legs.add(leg)
        self._of[leg] = lane
        self._stale = True

    def leave(self, leg: int) -> PortPair | None:
        """Returns the lane's sockets if nobody has them any more."""
        lane = self._of.pop(leg)
        lane.legs.discard(leg)
        self._stale = True
        if lane.legs:
            return None
        del self._lanes[lane.pair.port, lane.pair.family]
        return lane.pair

    def drain(self, batch: PacketBatch, clock: int) -> None:
        """Adds to the batch what has arrived; `clock`: of the engine, for what is certain only by time."""
        legs = self.legs
        if not self._lanes or legs is None:
            return
        if self._stale or legs.addresses_changed:
            self._stale = legs.addresses_changed = False
            for lane in self._lanes.values():
                lane.sort(legs)
        for lane in self._lanes.values():
            batch.count, strangers = _codecs.drain_shared(
                lane.keys, lane.owners, legs.expected_ssrc, batch.rows, batch.leg, batch.length, batch.ip,
                batch.port, self._strangers, lane.pair.rtp.fileno(), batch.count,
            )  # fmt: skip
            self.dropped += strangers
            for ip, port, ssrc in self._strangers[:strangers].tolist():
                self._meet(legs, lane, (ip, port, ssrc), clock)

    def _meet(self, legs: LegTable, lane: SharedLane, source: tuple[int, int, int], clock: int) -> None:
        """A packet of no leg that is certain: the next one like it may be."""
        ip, port, ssrc = source
        if ip == NOBODY:
            return
        here = [leg for leg in lane.legs if (legs.remote_ip[leg], legs.remote_port[leg]) == (ip, port)]
        if here:
            silent = [leg for leg in here if not legs.in_started[leg] or clock - legs.last_rx[leg] > FLOWS]
            if len(silent) == 1:
                legs.expected_ssrc[silent[0]] = ssrc
            return
        learning = [leg for leg in lane.legs if self._may_learn(legs, leg, ip, ssrc, clock)]
        if len(learning) == 1:
            legs.learned(learning[0], ip, port)
            legs.rank[learning[0]], legs.run[learning[0]] = SAME_HOST, 0

    @staticmethod
    def _may_learn(legs: LegTable, leg: int, ip: int, ssrc: int, clock: int) -> bool:
        if not legs.learn[leg]:
            return False
        if not legs.locked[leg]:
            return bool(legs.sdp_ip[leg] == ip)
        moved = legs.in_started[leg] and legs.in_ssrc[leg] == ssrc
        return bool(moved and clock - legs.last_rx[leg] > RELEARN_SILENCE)

    def heard_with(self, leg: int, ip: int, ssrc: int) -> int | None:
        """Of the legs that share the lane of this one, that whose peer at `ip` sends this SSRC."""
        legs, lane = self.legs, self._of[leg]
        if legs is None:
            return None
        found = [
            each for each in lane.legs if legs.in_ssrc[each] == ssrc and legs.in_started[each] and
            ip in (legs.remote_ip[each], legs.sdp_ip[each])
        ]  # fmt: skip
        return found[0] if len(found) == 1 else None
