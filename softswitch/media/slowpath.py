"""What comes on an RTP port and is no RTP (RFC 7983): a few packets at a time, one by one, by their kind."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from softswitch.media.packets import PacketBatch

MOST_AT_ONCE = 64
"""Packets a batch that are looked at; the rest of a flood is counted and left."""

Handler = Callable[[int, bytes, int, int], None]
"""(leg, packet, source address, source port)."""

_KINDS = ((range(4), "stun"), (range(16, 20), "zrtp"), (range(20, 64), "dtls"), (range(128, 192), "rtcp"))
"""By the first byte; of RTP's own range only what is RTCP comes here (RFC 5761 section 4)."""
_OTHER = "other"


class SlowPath:
    """`handlers` by kind: stun, zrtp, dtls, rtcp, other. A kind without one is only counted."""

    def __init__(self) -> None:
        self.handlers: dict[str, Handler] = {}
        self.counted = dict.fromkeys([*(kind for _, kind in _KINDS), _OTHER], 0)

    def take(self, batch: PacketBatch) -> None:
        """Takes what is no RTP out of a batch: its length becomes 0."""
        n = batch.count
        start = batch.halves[:n, 0]
        chosen = (start & 0xC000) != 0x8000
        chosen |= (start & 0xE0) == 0xC0  # RTCP's types, which RTP with a marker does not use
        chosen &= batch.length[:n] > 0
        if not chosen.any():
            return
        rows = np.flatnonzero(chosen)
        for row in rows[:MOST_AT_ONCE].tolist():
            self._take_one(batch, row)
        self.counted[_OTHER] += max(0, len(rows) - MOST_AT_ONCE)
        batch.length[rows] = 0

    def _take_one(self, batch: PacketBatch, row: int) -> None:
        packet = batch.rows[row, : batch.length[row]].tobytes()
        kind = next((kind for starts, kind in _KINDS if packet[0] in starts), _OTHER)
        self.counted[kind] += 1
        handler = self.handlers.get(kind)
        if handler is not None:
            handler(int(batch.leg[row]), packet, int(batch.ip[row]), int(batch.port[row]))
