"""Packets in: source lock, stream tracking, positions, the ring; what may be relayed comes back as arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from softswitch.media import _codecs
from softswitch.media.addresses import NOBODY
from softswitch.media.comfort import NoiseFloor, noise_level
from softswitch.media.dtmf import FRAME, DigitDetector
from softswitch.media.g711 import LINEAR
from softswitch.media.legs import (
    AUDIO_A,
    AUDIO_OPUS,
    COMFORT_NOISE,
    EXACT,
    FOREIGN,
    NEVER,
    SAME_HOST,
    TELEPHONE_EVENT,
    UNKNOWN,
    LegTable,
)
from softswitch.media.opus import DTX_OCTETS
from softswitch.media.packets import Indices, PacketBatch
from softswitch.media.playout import LEAST_LEAD, Playout
from softswitch.media.ring import LATE, MAX_LEAD, RECORDER_LAG, SampleRing
from softswitch.media.wideband import Wideband

LEARN_PACKETS = 5
"""Packets in a row from one source that end learning."""
RELEARN_SILENCE = 2 * 8000
_SEQUENCE_JUMP = 3000
_LATE_IN_A_ROW = 8


@dataclass(slots=True)
class Arrivals:
    """Accepted packets of one batch: `index` is the row in the batch, the rest one value a packet."""

    index: Indices
    leg: Indices
    ts: NDArray[np.uint32]
    kind: NDArray[np.uint8]
    ext: NDArray[np.int64]
    pos: NDArray[np.int64]

    def select(self, chosen: NDArray[np.bool_] | Indices | slice) -> Arrivals:
        return Arrivals(
            self.index[chosen], self.leg[chosen], self.ts[chosen], self.kind[chosen], self.ext[chosen],
            self.pos[chosen],
        )  # fmt: skip


class Receiver:
    """`depth` is the jitter depth in samples: how far behind their arrival packets are played."""

    def __init__(
        self, legs: LegTable, ring: SampleRing, wideband: Wideband, depth: int,
        on_digit: Callable[[int, str], None], on_codec: Callable[[int], None],
    ) -> None:
        self._legs = legs
        self._ring = ring
        self._wideband = wideband
        self._depth = depth
        self._on_codec = on_codec
        self._digits = DigitDetector(legs, on_digit)
        self.noise = NoiseFloor(legs, ring)
        self.playout = Playout(legs)
        self._admitted = room(0)
        self._odd = np.zeros(0, np.int32)
        self._dirty = np.zeros(legs.capacity, np.uint8)

    def receive(self, batch: PacketBatch, clock: int) -> Iterator[Arrivals]:
        """Takes in one batch; yields the packets of known streams, at most two lots to be served in turn."""
        if not batch.count:
            return
        batch.parse()
        plain, odd = self._admit(batch, clock)
        yield from self.serve(batch, self._admitted.select(slice(plain)), self._odd[:odd], clock)

    def serve(
        self, batch: PacketBatch, plain: Arrivals, odd: Indices, clock: int, unstored: Indices | None = None
    ) -> Iterator[Arrivals]:
        """Goes on with packets that the kernel has admitted, and the rows that it has left.

        `unstored`: numbers of those admitted that are left to be stored, where the kernel has come so far.
        """
        if len(plain.leg):
            if unstored is None:
                self._take(batch, plain, clock)
            else:
                self._place(batch, plain.select(unstored), clock)
            yield plain
        if len(odd):
            accepted = self._from_known_sources(batch, odd, clock)
            if len(accepted):
                arrivals = self._track(batch, accepted, clock)
                self._take(batch, arrivals, clock)
                yield arrivals

    def _admit(self, batch: PacketBatch, clock: int) -> tuple[int, int]:
        """Fills `_admitted` with the rows of streams that just go on; the others are listed in `_odd`."""
        legs, n = self._legs, batch.count
        if len(self._odd) < n:
            self._admitted, self._odd = room(batch.capacity), np.zeros(batch.capacity, np.int32)
        found = self._admitted
        return _codecs.admit(
            batch.leg[:n], batch.ip, batch.port, batch.seq, batch.ts, batch.ssrc, batch.mark, batch.offset,
            batch.size, legs.kinds, legs.remote_ip, legs.remote_port, legs.learn, legs.locked,
            legs.in_started, legs.in_ssrc, legs.scale, legs.in_ext, legs.in_pos, legs.received, legs.last_rx,
            legs.lead_min, legs.dropped_source, legs.in_ts, legs.late_run, legs.short, legs.started,
            legs.silent, legs.jitter, legs.transit, found.index, found.leg, found.kind, found.ts, found.ext,
            found.pos, self._odd, self._dirty, clock,
        )  # fmt: skip

    def _take(self, batch: PacketBatch, arrivals: Arrivals, clock: int) -> None:
        """Keys, codecs and samples of packets that were accepted."""
        events = arrivals.kind == TELEPHONE_EVENT
        if events.any():
            chosen = events & self._legs.listen[arrivals.leg]
            self._digits.receive(batch, arrivals.index[chosen], arrivals.leg[chosen])
        if self._legs.any_wide:
            self._follow_codec(arrivals)
        self._store(batch, arrivals, clock)

    def _follow_codec(self, arrivals: Arrivals) -> None:
        """A peer may change between the codecs it was offered, and with them who can be relayed to whom."""
        legs, codec = self._legs, arrivals.kind - np.uint8(1)
        changed = (codec != legs.in_law[arrivals.leg]) & (codec < AUDIO_OPUS)
        for k in np.flatnonzero(changed) if changed.any() else ():
            leg, now = int(arrivals.leg[k]), int(codec[k])
            before, legs.in_law[leg] = int(legs.in_law[leg]), now
            if max(before, now) >= AUDIO_A:
                self._on_codec(leg)

    # Sources.

    def _from_known_sources(self, batch: PacketBatch, rows: Indices, clock: int) -> Indices:
        """Those of the rows that are RTP of a negotiated payload type from the leg's own remote address."""
        legs, leg = self._legs, batch.leg[rows]
        ip, port = batch.ip[rows], batch.port[rows]
        known = legs.kinds[leg, batch.mark[rows] & 127] != UNKNOWN
        known &= (batch.offset[rows] > 0) & (batch.size[rows] > 0)
        own = (ip == legs.remote_ip[leg]) & (port == legs.remote_port[leg])
        learning = legs.learn[leg] & known
        if learning.any():
            quiet = clock - legs.last_rx[leg] > RELEARN_SILENCE
            same_stream = legs.in_started[leg] & (batch.ssrc[rows] == legs.in_ssrc[leg])
            moved = ~own & quiet & same_stream
            learning &= ~legs.locked[leg] | moved
            for row in np.flatnonzero(learning):
                own[row] = self._learn(int(leg[row]), int(ip[row]), int(port[row]), bool(moved[row]))
        foreign = known & ~own
        if foreign.any():
            np.add.at(legs.dropped_source, leg[foreign], 1)
        accepted: Indices = rows[known & own]
        return accepted

    def _learn(self, leg: int, ip: int, port: int, moved: bool) -> bool:
        """One packet while the leg's source is not certain yet; returns whether it is taken.

        A source that agrees better with the SDP takes over from one that was first; five packets in a row
        from one source, or the very address of the SDP, end learning. `moved`: the leg's stream went on from
        elsewhere after silence.
        """
        legs = self._legs
        if ip == NOBODY:
            return False
        host = ip == legs.sdp_ip[leg]
        rank = EXACT if host and port == legs.sdp_port[leg] else SAME_HOST if host else FOREIGN
        if legs.locked[leg] and moved:
            legs.locked[leg], legs.rank[leg], legs.run[leg] = False, 0, 0
        if rank > legs.rank[leg] and not legs.locked[leg]:
            legs.learned(leg, ip, port)
            legs.rank[leg], legs.run[leg] = rank, 0
        elif ip != legs.remote_ip[leg] or port != legs.remote_port[leg]:
            return False
        legs.run[leg] += 1
        legs.locked[leg] = rank == EXACT or legs.run[leg] >= LEARN_PACKETS
        return True

    # Streams.

    def _track(self, batch: PacketBatch, index: Indices, clock: int) -> Arrivals:
        legs = self._legs
        leg, ssrc = batch.leg[index], batch.ssrc[index]
        seq, ts = batch.seq[index], batch.ts[index]
        kind = legs.kinds[leg, batch.mark[index] & 127]
        fresh = ~legs.in_started[leg] | (ssrc != legs.in_ssrc[leg])
        for k in np.flatnonzero(fresh):
            if not legs.in_started[leg[k]] or ssrc[k] != legs.in_ssrc[leg[k]]:
                self._anchor(int(leg[k]), int(ssrc[k]), int(seq[k]), int(ts[k]), clock)
        if fresh.any():
            current = ssrc == legs.in_ssrc[leg]
            index, leg, ssrc, seq, ts, kind = (x[current] for x in (index, leg, ssrc, seq, ts, kind))
        audio = (kind != TELEPHONE_EVENT) & (kind != COMFORT_NOISE)
        ext, pos = self._unwrap(leg, seq, ts)
        jumped = (np.abs(ext - legs.in_ext[leg]) > _SEQUENCE_JUMP) | (
            audio & ((pos - clock > MAX_LEAD) | (legs.late_run[leg] >= _LATE_IN_A_ROW))
        )
        if jumped.any():
            for k in np.flatnonzero(jumped):
                self._anchor(int(leg[k]), int(ssrc[k]), int(seq[k]), int(ts[k]), clock)
            ext, pos = self._unwrap(leg, seq, ts)
        self._remember(leg, ts, ext, pos, audio, clock)
        return Arrivals(index, leg, ts, kind, ext, pos)

    def _unwrap(
        self, leg: Indices, seq: NDArray[np.uint16], ts: NDArray[np.uint32]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Extended sequence numbers and positions, by the signed distance from the last ones."""
        legs = self._legs
        last = legs.in_ext[leg]
        ext = last + (seq - last.astype(np.uint16)).view(np.int16)
        passed = (ts - legs.in_ts[leg]).view(np.int32)
        return ext, legs.in_pos[leg] + (passed // legs.scale[leg] if legs.scaled else passed)

    def _anchor(self, leg: int, ssrc: int, seq: int, ts: int, clock: int) -> None:
        """A new stream, or a jump in one: it is played from `depth` after now on."""
        legs = self._legs
        legs.expected_before[leg] = legs.expected(leg)
        legs.in_started[leg] = True
        legs.in_ssrc[leg] = legs.expected_ssrc[leg] = ssrc
        legs.in_ts[leg] = ts
        legs.in_ext[leg] = legs.in_first[leg] = seq
        legs.in_pos[leg] = clock + self._depth
        legs.late_run[leg] = 0
        legs.lead_min[leg] = -NEVER
        legs.event_seen[leg] = False
        legs.counted_ext[leg], legs.counted[leg] = NEVER, 0
        ear = legs.relay_ear[leg]
        if ear >= 0:
            legs.relay_fresh[ear] = True

    def _remember(
        self, leg: Indices, ts: NDArray[np.uint32], ext: NDArray[np.int64], pos: NDArray[np.int64],
        audio: NDArray[np.bool_], clock: int,
    ) -> None:
        legs = self._legs
        np.maximum.at(legs.in_ext, leg, ext)
        np.add.at(legs.received, leg, 1)
        legs.in_ts[leg], legs.in_pos[leg] = ts, pos
        legs.last_rx[leg] = clock
        legs.started[leg] = True
        legs.silent[leg] = False
        lead = pos - clock
        transit = np.negative(lead, dtype=np.float64)
        legs.jitter[leg] += (np.abs(transit - legs.transit[leg]) - legs.jitter[leg]) / 16
        legs.transit[leg] = transit
        heard = leg[audio]
        np.minimum.at(legs.lead_min, heard, lead[audio])
        legs.late_run[heard[lead[audio] >= 0]] = 0
        short = audio & (lead < LEAST_LEAD)
        if short.any():
            np.add.at(legs.short, leg[short], 1)
            legs.late_run[leg[audio & (lead < 0)]] += 1

    def _store(self, batch: PacketBatch, arrivals: Arrivals, clock: int) -> None:
        """What is to be heard or recorded into the ring, by the kernel but for what needs more than that."""
        if not self._ring.in_use:
            return
        odd = self._ring.store(
            batch, arrivals.index, arrivals.leg, arrivals.kind, arrivals.pos, arrivals.ext, clock
        )
        if len(odd):
            self._place(batch, arrivals.select(odd), clock)

    def _place(self, batch: PacketBatch, arrivals: Arrivals, clock: int) -> None:
        legs, leg = self._legs, arrivals.leg
        chosen = legs.in_ring[leg] & legs.listen[leg]
        if not chosen.any():
            return
        audio = arrivals.kind <= AUDIO_OPUS
        other = chosen & ~audio
        if other.any():  # nothing to hear, and nothing lost
            self._count(arrivals.select(other), np.zeros(int(other.sum()), bool))
        noise = chosen & (arrivals.kind == COMFORT_NOISE)
        if noise.any():
            self.noise.receive(batch, arrivals.index[noise], leg[noise], arrivals.pos[noise])
        g711 = arrivals.kind <= AUDIO_A
        self._place_g711(batch, arrivals.select(chosen & g711), clock)
        wide = chosen & audio & ~g711
        if wide.any():
            self._place_wide(batch, arrivals.select(wide), clock)

    def _place_g711(self, batch: PacketBatch, arrivals: Arrivals, clock: int) -> None:
        ring, leg, pos, index = self._ring, arrivals.leg, arrivals.pos, arrivals.index
        law = arrivals.kind - np.uint8(1)
        floor = clock - RECORDER_LAG
        size = batch.size[index]

        def peak(k: int) -> int:
            start = int(batch.offset[index[k]])
            codes = batch.rows[index[k], start : start + int(size[k])]
            return int(np.abs(LINEAR[law[k]][codes].astype(np.int32)).max(initial=0))

        steps = self.playout.steps(leg, pos, size, peak, clock)
        if steps is not None:  # where it goes on later, what is to come is said in the place that is left too
            later = steps > 0
            ring.place(batch, index[later], leg[later], (pos - steps)[later], law[later], floor)
        self.noise.sound(leg, pos)
        self._account(arrivals, pos, size, ring.place(batch, index, leg, pos, law, floor), clock)

    def _place_wide(self, batch: PacketBatch, arrivals: Arrivals, clock: int) -> None:
        leg, pos, floor = arrivals.leg, arrivals.pos, clock - RECORDER_LAG
        codec = arrivals.kind - np.uint8(1)
        wide, narrow, size, lead = self._wideband.decode(batch, arrivals.index, leg, codec, clock)
        pos = pos - lead
        dtx = (arrivals.kind == AUDIO_OPUS) & (batch.size[arrivals.index] <= DTX_OCTETS) & (size > 0)

        def peak(k: int) -> int:
            return int(np.abs(narrow[k].astype(np.int32)).max(initial=0))

        steps = self.playout.steps(leg, pos, size, peak, clock)
        if steps is not None:
            later = steps > 0
            before = (pos - steps)[later]
            self._ring.lay(leg[later], before, narrow[later], size[later], floor)
            self._wideband.place(leg[later], before, wide[later], size[later], floor)
        self.noise.sound(leg, pos)
        self._wideband.place(leg, pos, wide, size, floor)
        self._account(arrivals, pos, size, self._ring.lay(leg, pos, narrow, size, floor), clock)
        if dtx.any():
            self.noise.announce(leg[dtx], (pos + size)[dtx], noise_level(narrow[dtx, :FRAME]))

    def _account(
        self, arrivals: Arrivals, pos: NDArray[np.int64], size: Indices, status: NDArray[np.uint8], clock: int
    ) -> None:
        legs, leg = self._legs, arrivals.leg
        np.minimum.at(legs.in_begin, leg, pos)
        np.maximum.at(legs.in_end, leg, pos + size)
        self._count(arrivals, status == LATE)
        np.add.at(legs.late, leg[pos + size <= clock], 1)

    def _count(self, arrivals: Arrivals, late: NDArray[np.bool_]) -> None:
        """Counts each packet that is no copy of one before it."""
        legs = self._legs
        first = np.empty(len(arrivals.leg), np.uint8)
        _codecs.first_time(
            legs.counted_ext, legs.counted, np.ascontiguousarray(arrivals.leg),
            np.ascontiguousarray(arrivals.ext), first,
        )  # fmt: skip
        np.add.at(legs.placed, arrivals.leg[(first != 0) & ~late], 1)
        np.add.at(legs.placed_late, arrivals.leg[(first != 0) & late], 1)


def room(packets: int) -> Arrivals:
    """Room for so many packets, to be filled by the kernel."""
    return Arrivals(
        np.zeros(packets, np.int32), np.zeros(packets, np.int32), np.zeros(packets, np.uint32),
        np.zeros(packets, np.uint8), np.zeros(packets, np.int64), np.zeros(packets, np.int64),
    )  # fmt: skip
