"""The short way of a batch: parsed, admitted, stored and relayed by one kernel if nothing in it is special.

Whatever is special goes on from there as `Receiver` and `Sender` do it, with the same result.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from softswitch.media import _codecs
from softswitch.media.g711 import TRANSCODE
from softswitch.media.inbound import Receiver, room
from softswitch.media.legs import LegTable
from softswitch.media.outbound import Sender, room_to_send
from softswitch.media.packets import PacketBatch
from softswitch.media.ring import RECORDER_LAG, SampleRing


class Passage:
    def __init__(self, legs: LegTable, ring: SampleRing, receiver: Receiver, sender: Sender) -> None:
        self._legs = legs
        self._ring = ring
        self._receiver = receiver
        self._sender = sender
        self._batch: PacketBatch | None = None
        self._handle: Any = None

    def take(self, batch: PacketBatch, clock: int) -> bool:
        """Serves all of a batch in which no leg has keys; False, and nothing done, where not all is RTP."""
        if batch is not self._batch:
            self._prepare(batch)
        plain, odd, stored, sent = _codecs.pass_on(
            self._handle, batch.count, clock - RECORDER_LAG, clock, self._ring.in_use > 0, self._legs.any_wide
        )
        if plain < 0:
            return False
        if sent > 0:
            index, ears, length, ext = self._out
            self._sender.send_ready(batch, index[:sent], ears[:sent], length[:sent], ext[:sent])
        if sent >= 0:
            return True
        found = self._found.select(slice(plain))
        unstored = self._unstored[:stored] if stored >= 0 else None
        for arrivals in self._receiver.serve(batch, found, self._odd[:odd], clock, unstored):
            self._sender.relay(batch, arrivals, clock)
        return True

    def _prepare(self, batch: PacketBatch) -> None:
        """Opens all arrays for this batch; a loop has one for life."""
        legs, n = self._legs, batch.capacity
        self._found, self._odd, self._unstored = room(n), np.zeros(n, np.int32), np.zeros(n, np.int32)
        self._out = room_to_send(n)
        found = self._found
        self._handle = _codecs.passage(
            batch.rows, batch.leg, batch.length, batch.ip, batch.port, batch.seq, batch.ts, batch.ssrc,
            batch.mark, batch.offset, batch.size,
            legs.kinds, legs.remote_ip, legs.remote_port, legs.learn, legs.locked, legs.in_started,
            legs.in_ssrc, legs.scale, legs.in_ext, legs.in_pos, legs.received, legs.last_rx, legs.lead_min,
            legs.dropped_source, legs.in_ts, legs.late_run, legs.short, legs.started, legs.silent,
            legs.jitter, legs.transit, legs.in_law,
            found.index, found.leg, found.kind, found.ts, found.ext, found.pos, self._odd,
            np.zeros(legs.capacity, np.uint8),
            *self._ring.arrays, legs.in_ring, legs.move, legs.move_since, legs.noisy, legs.in_begin,
            legs.in_end, legs.placed, legs.placed_late, legs.late, legs.counted_ext, legs.counted,
            legs.relay_ear, legs.listen, legs.sending_digits, legs.relay_seq, legs.relay_ts, legs.relayed_at,
            legs.payload_types, legs.law, legs.out_ssrc, legs.scale, legs.out_ext, legs.out_at, legs.sent,
            legs.sent_octets, legs.out_ts, legs.started, legs.relay_fresh, TRANSCODE, *self._out,
            self._unstored, self._ring.length,
        )  # fmt: skip
        self._batch = batch
