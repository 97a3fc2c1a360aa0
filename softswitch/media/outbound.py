"""Packets out: relayed rows rewritten in place, frames of the mix, telephone events.

A leg is sent one stream for life: ssrc, sequence number and timestamp run on through every change of source.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from softswitch.media import _codecs
from softswitch.media.dtmf import FRAME
from softswitch.media.g711 import TRANSCODE
from softswitch.media.inbound import Arrivals
from softswitch.media.legs import COMFORT_NOISE, NEVER, TELEPHONE_EVENT, LegTable
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
        self._rows = np.arange(legs.capacity, dtype=np.int32)
        self._packetizer = Packetizer(legs)
        self._index, self._ear, self._length, self._ext = room_to_send(0)

    # Relay.

    def relay(self, batch: PacketBatch, arrivals: Arrivals, clock: int) -> None:
        """Sends on at once what a leg's only listener gets untouched but for its header.

        A source that is new to its ear goes on from what the ear was sent last. A peer may send either law in
        the middle of a stream: the codes are exchanged one for one.
        """
        legs = self._legs
        if len(self._ear) < len(arrivals.leg):
            self._index, self._ear, self._length, self._ext = room_to_send(batch.capacity)
        sent = _codecs.relay(
            batch.rows, batch.mark, batch.length, batch.offset, batch.size, arrivals.index, arrivals.leg,
            arrivals.kind, arrivals.ts, arrivals.ext, legs.relay_ear, legs.listen, legs.sending_digits,
            legs.relay_seq, legs.relay_ts, legs.relayed_at, legs.payload_types, legs.law, legs.out_ssrc,
            legs.scale, legs.out_ext, legs.out_at, legs.sent, legs.sent_octets, legs.out_ts, legs.started,
            legs.relay_fresh, TRANSCODE, self._index, self._ear, self._length, self._ext, batch.capacity,
            clock,
        )  # fmt: skip
        if sent:
            self.send_ready(
                batch, self._index[:sent], self._ear[:sent], self._length[:sent], self._ext[:sent]
            )

    def send_ready(
        self, batch: PacketBatch, index: Indices, ears: Indices, length: Indices, ext: NDArray[np.int64]
    ) -> None:
        """Rows whose headers are those of their ears' streams."""
        self._transmit(batch, *self._srtp.protect(batch, index, ears, length, ext))

    def _passed(self, leg: int, clock: int) -> int:
        """Timestamp units since the last packet sent: whole frames, at least one."""
        elapsed = clock - int(self._legs.out_at[leg])
        if elapsed > -NEVER // 2:  # nothing was sent yet
            return FRAME * int(self._legs.scale[leg])
        return max(1, (elapsed + FRAME // 2) // FRAME) * FRAME * int(self._legs.scale[leg])

    # Frames of the mix.

    def send_codes(
        self, ears: Indices, heard: NDArray[np.bool_], codes: NDArray[np.uint8], which: Indices, clock: int
    ) -> int:
        """20 ms of G.711 for each ear in one packet: codes[which[k]] of uint8[rows, 160].

        Who may not be sent anything now is left out, and who hears nothing and was never sent anything.
        Returns how many were sent one.
        """
        legs, batch, n = self._legs, self._batch, len(ears)
        if len(self._ear) < n:
            self._index, self._ear, self._length, self._ext = room_to_send(batch.capacity)
        sent = _codecs.frames(
            batch.rows, ears, codes, which, heard, legs.payload_types, legs.law, legs.out_ssrc, legs.scale,
            legs.out_ext, legs.out_at, legs.sent, legs.sent_octets, legs.out_ts, legs.started,
            legs.relay_fresh, legs.send, legs.remote_port, legs.sending_digits, self._ear, self._length,
            self._ext, batch.capacity, clock,
        )  # fmt: skip
        if sent:
            self.send_ready(
                batch, self._rows[:sent], self._ear[:sent], self._length[:sent], self._ext[:sent]
            )
        return sent

    def send_frames(self, ears: Indices, payload: NDArray[np.uint8], clock: int) -> None:
        """20 ms for each ear in packets of its length; payload uint8[n, 160] in the ear's codec."""
        if not len(ears):
            return
        # A relayed stream that pauses and resumes goes on after the frames sent in between.
        self._legs.relay_fresh[ears] = True
        standard = self._legs.ptime[ears] == FRAME
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
        self.send_ready(batch, index, ears, length, legs.out_ext[ears])

    def _count(self, ears: Indices, octets: NDArray[np.int32]) -> None:
        legs = self._legs
        np.add.at(legs.sent, ears, 1)
        np.add.at(legs.sent_octets, ears, octets)
        legs.started[ears] = True


def room_to_send(packets: int) -> tuple[Indices, Indices, Indices, NDArray[np.int64]]:
    """Row, ear, length and extended sequence number of so many packets, to be filled by a kernel."""
    row, ear, length = (np.zeros(packets, np.int32) for _ in range(3))
    return row, ear, length, np.zeros(packets, np.int64)
