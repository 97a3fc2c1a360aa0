"""Packets out: relayed rows rewritten in place, frames of the mix, telephone events.

A leg is sent one stream for life: ssrc, sequence number and timestamp run on through every change of source.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from softswitch.media.dtmf import FRAME
from softswitch.media.g711 import TRANSCODE
from softswitch.media.inbound import Arrivals
from softswitch.media.legs import AUDIO_A, COMFORT_NOISE, NEVER, NO_PAYLOAD_TYPE, TELEPHONE_EVENT, LegTable
from softswitch.media.packetizing import Packetizer
from softswitch.media.packets import Indices, PacketBatch
from softswitch.media.srtp import Srtp

Transmit = Callable[[PacketBatch, Indices, Indices, Indices], None]
"""(batch, rows of it, legs to send them to, lengths)."""


class Sender:
    def __init__(self, legs: LegTable, transmit: Transmit, srtp: Srtp) -> None:
        self._legs = legs
        self._transmit = transmit
        self._srtp = srtp
        self._batch = PacketBatch(legs.capacity)
        self._batch.rows[:, 0] = 0x80
        self._packetizer = Packetizer(legs)

    # Relay.

    def relay(self, batch: PacketBatch, arrivals: Arrivals, clock: int) -> None:
        """Sends on at once what a leg's only listener gets untouched but for its header."""
        legs = self._legs
        ear = legs.relay_ear[arrivals.leg]
        chosen = (ear >= 0) & legs.listen[arrivals.leg]
        payload_type = legs.payload_types[ear, arrivals.kind]
        chosen &= (payload_type != NO_PAYLOAD_TYPE) & ~legs.sending_digits[ear]
        if not chosen.all():
            arrivals, ear, payload_type = arrivals.select(chosen), ear[chosen], payload_type[chosen]
        if not len(ear):
            return
        self._join(arrivals, ear, clock)
        self._transcode(batch, arrivals, ear)
        ext = arrivals.ext + legs.relay_seq[ear]
        ts = arrivals.ts + legs.relay_ts[ear]
        index = arrivals.index
        batch.rows[index, 1] = (batch.mark[index] & 128) | payload_type
        batch.halves[index, 1] = ext.astype(np.uint16)
        batch.words[index, 1] = ts
        batch.words[index, 2] = legs.out_ssrc[ear]
        self._advance(ear, ext, ts, arrivals.kind != TELEPHONE_EVENT, clock)
        self._count(ear, batch.size[index])
        legs.relayed_at[ear] = clock
        self._send(batch, index, ear, batch.length[index], ext)

    def _join(self, arrivals: Arrivals, ear: Indices, clock: int) -> None:
        """Where a source is new to its ear, its stream goes on from what the ear was sent last."""
        legs = self._legs
        fresh = legs.relay_fresh[ear]
        for k in np.flatnonzero(fresh):
            one = int(ear[k])
            if legs.relay_fresh[one]:
                legs.relay_fresh[one] = False
                legs.relay_seq[one] = legs.out_ext[one] + 1 - arrivals.ext[k]
                ts = int(legs.out_ts[one]) + self._passed(one, clock) - int(arrivals.ts[k])
                legs.relay_ts[one] = ts & 0xFFFFFFFF

    def _passed(self, leg: int, clock: int) -> int:
        """Timestamp units since the last packet sent: whole frames, at least one."""
        elapsed = clock - int(self._legs.out_at[leg])
        if elapsed > -NEVER // 2:  # nothing was sent yet
            return FRAME * int(self._legs.scale[leg])
        return max(1, (elapsed + FRAME // 2) // FRAME) * FRAME * int(self._legs.scale[leg])

    def _transcode(self, batch: PacketBatch, arrivals: Arrivals, ear: Indices) -> None:
        """A peer may send either law in the middle of a stream: the codes are exchanged one for one."""
        law = self._legs.law[ear]
        other = (arrivals.kind <= AUDIO_A) & (arrivals.kind != law + 1)
        for k in np.flatnonzero(other):
            row = arrivals.index[k]
            start, size = batch.offset[row], batch.size[row]
            payload = batch.rows[row, start : start + size]
            payload[:] = TRANSCODE[law[k]][payload]

    def _advance(
        self, ear: Indices, ext: NDArray[np.int64], ts: NDArray[np.uint32], audio: NDArray[np.bool_],
        clock: int,
    ) -> None:
        legs = self._legs
        np.maximum.at(legs.out_ext, ear, ext)
        newest = audio & (ext == legs.out_ext[ear])
        legs.out_ts[ear[newest]] = ts[newest]
        legs.out_at[ear[newest]] = clock

    # Frames of the mix.

    def send_frames(self, ears: Indices, payload: NDArray[np.uint8], clock: int) -> None:
        """20 ms for each ear in packets of its length; payload uint8[n, 160] in the ear's codec."""
        if not len(ears):
            return
        # A relayed stream that pauses and resumes goes on after the frames sent in between.
        self._legs.relay_fresh[ears] = True
        standard = self._legs.ptime[ears] == FRAME
        if standard.all():
            self._send_audio(ears, payload, np.full(len(ears), clock, np.int64), FRAME)
            return
        chosen = ears[standard]
        if len(chosen):
            self._send_audio(chosen, payload[standard], np.full(len(chosen), clock, np.int64), FRAME)
        for some, content, position in self._packetizer.packets(ears[~standard], payload[~standard], clock):
            self._send_audio(some, content, position, content.shape[1])

    def send_wide(
        self, ears: Indices, payload: NDArray[np.uint8], octets: NDArray[np.int32], clock: int
    ) -> None:
        """20 ms for each ear; the first octets[k] of payload[k] in the ear's codec."""
        self._legs.relay_fresh[ears] = True
        self._send_audio(ears, payload, np.full(len(ears), clock, np.int64), FRAME, octets)

    def _send_audio(
        self, ears: Indices, payload: NDArray[np.uint8], position: NDArray[np.int64], size: int,
        octets: NDArray[np.int32] | None = None,
    ) -> None:
        """One packet for each ear, whose first sample belongs to `position` on the clock."""
        legs = self._legs
        first = self._go_on(ears, position, size)
        mark = legs.payload_types[ears, 1 + legs.law[ears]] | (first * np.uint8(128))
        self._write(ears, mark, legs.out_ts[ears], payload, octets)

    def _go_on(self, ears: Indices, position: NDArray[np.int64], size: int) -> NDArray[np.bool_]:
        """The next sequence number and the position's timestamp; returns where a pause came before."""
        legs = self._legs
        elapsed = position - legs.out_at[ears]
        unsent = elapsed > -NEVER // 2
        steps = np.where(unsent, 1, np.maximum(1, (elapsed + size // 2) // size))
        legs.out_ext[ears] += 1
        legs.out_ts[ears] += (steps * size * legs.scale[ears]).astype(np.uint32)
        legs.out_at[ears] = position
        return (steps > 1) | unsent

    def send_noise(self, ears: Indices, levels: NDArray[np.uint8], clock: int) -> None:
        """A comfort noise packet for each ear; its peer makes the noise until the next sound."""
        self._go_on(ears, np.full(len(ears), clock, np.int64), FRAME)
        mark = self._legs.payload_types[ears, COMFORT_NOISE]
        self._write(ears, mark, self._legs.out_ts[ears], levels.reshape(-1, 1))

    def send_event(self, leg: int, payload: bytes, clock: int, *, marker: bool, new: bool) -> None:
        """One telephone-event packet; all packets of an event carry its first one's timestamp."""
        legs = self._legs
        if new:
            legs.out_ts[leg] += np.uint32(self._passed(leg, clock))
            legs.out_at[leg] = clock
        legs.out_ext[leg] += 1
        mark = legs.payload_types[leg, TELEPHONE_EVENT] | (np.uint8(128) if marker else np.uint8(0))
        ears = np.array([leg], np.int32)
        row = np.frombuffer(payload, np.uint8).reshape(1, -1)
        self._write(ears, np.array([mark]), legs.out_ts[ears], row)

    def _write(
        self, ears: Indices, mark: NDArray[np.uint8], ts: NDArray[np.uint32], payload: NDArray[np.uint8],
        octets: NDArray[np.int32] | None = None,
    ) -> None:
        legs, batch, n = self._legs, self._batch, len(ears)
        size = payload.shape[1]
        batch.rows[:n, 1] = mark
        batch.halves[:n, 1] = legs.out_ext[ears].astype(np.uint16)
        batch.words[:n, 1] = ts
        batch.words[:n, 2] = legs.out_ssrc[ears]
        batch.rows[:n, 12 : 12 + size] = payload
        octets = np.full(n, size, np.int32) if octets is None else octets
        self._count(ears, octets)
        index, length = np.arange(n, dtype=np.int32), octets + np.int32(12)
        self._send(batch, index, ears, length, legs.out_ext[ears])

    def _send(
        self, batch: PacketBatch, index: Indices, ears: Indices, length: Indices, ext: NDArray[np.int64]
    ) -> None:
        self._transmit(batch, *self._srtp.protect(batch, index, ears, length, ext))

    def _count(self, ears: Indices, octets: NDArray[np.int32]) -> None:
        legs = self._legs
        np.add.at(legs.sent, ears, 1)
        np.add.at(legs.sent_octets, ears, octets)
        legs.started[ears] = True
