"""Batches of packets as arrays: what one wake receives, and what it sends."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from softswitch.media import _codecs

STRIDE = 768
"""Bytes a row: 60 ms of G.711 with every header. Longer packets are none of ours."""

Rows = NDArray[np.uint8]
Indices = NDArray[np.int32]


class PacketBatch:
    """Up to `capacity` packets: uint8[capacity, STRIDE] and an array for each property."""

    __slots__ = (
        "capacity", "count", "halves", "ip", "leg", "length", "mark", "offset", "port", "rows", "seq", "size",
        "ssrc", "ts", "words",
    )  # fmt: skip

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.count = 0
        self.rows = np.zeros((capacity, STRIDE), np.uint8)
        self.halves = self.rows.view(">u2")
        self.words = self.rows.view(">u4")
        self.leg = np.zeros(capacity, np.int32)
        self.length = np.zeros(capacity, np.int32)
        self.ip = np.zeros(capacity, np.uint32)
        self.port = np.zeros(capacity, np.uint16)
        self.seq = np.zeros(capacity, np.uint16)
        self.ts = np.zeros(capacity, np.uint32)
        self.ssrc = np.zeros(capacity, np.uint32)
        self.mark = np.zeros(capacity, np.uint8)
        self.offset = np.zeros(capacity, np.int32)
        self.size = np.zeros(capacity, np.int32)

    def append(self, leg: int, packet: bytes, ip: int, port: int) -> None:
        """Adds one packet as if it had arrived on the leg's socket from ip:port."""
        n = self.count
        self.rows[n, : min(len(packet), STRIDE)] = np.frombuffer(packet[:STRIDE], np.uint8)
        self.leg[n], self.ip[n], self.port[n] = leg, ip, port
        self.length[n] = len(packet) if len(packet) <= STRIDE else 0
        self.count = n + 1

    def parse(self) -> None:
        """Reads all RTP headers; `offset` is 0 where a row is no RTP packet."""
        n = self.count
        if n:
            _codecs.parse(
                self.rows, self.length[:n], self.seq, self.ts, self.ssrc, self.mark, self.offset, self.size,
                self.capacity,
            )  # fmt: skip
