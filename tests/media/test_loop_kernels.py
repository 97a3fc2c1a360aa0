"""The loop's kernels against numpy, bit by bit: all columns of the leg table, the ring, every packet sent."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from softswitch.media import _codecs
from softswitch.media.g711 import TRANSCODE
from softswitch.media.inbound import Arrivals, Receiver
from softswitch.media.legs import (
    AUDIO_A,
    COLUMNS,
    NEVER,
    NO_PAYLOAD_TYPE,
    TELEPHONE_EVENT,
    LegSettings,
    LegTable,
)
from softswitch.media.outbound import Sender
from softswitch.media.packets import Indices, PacketBatch
from softswitch.media.passage import Passage
from softswitch.media.players import PlayerTable
from softswitch.media.ring import CLEAR_CHUNK, KEEP, RING_LENGTH, SampleRing
from softswitch.media.srtp import Srtp
from softswitch.media.succession import Succession
from softswitch.media.wideband import Wideband
from tests.media.rig import rtp

LEGS, HOST = 12, 0x7F000001
Sent = list[tuple[int, bytes]]


class Half:
    """Receiver and sender of twelve legs that hear each other in pairs, all in the ring but two."""

    def __init__(self, seed: int) -> None:
        rng = random.Random(seed)
        succession = Succession(COLUMNS, LEGS)
        self.legs = LegTable(LEGS, rng.randbytes, succession)
        self.ring = SampleRing(self.legs)
        self.players = PlayerTable(LEGS, succession)
        self.wideband = Wideband(self.legs, self.ring, self.players)
        self.digits: list[tuple[int, str]] = []
        self.receiver = Receiver(
            self.legs,
            self.ring,
            self.wideband,
            320,
            lambda *digit: self.digits.append(digit),
            lambda leg: None,
        )
        self.sent: Sent = []
        self.sender = Sender(self.legs, self._transmit, Srtp(self.legs))
        self.passage = Passage(self.legs, self.ring, self.receiver, self.sender)
        for leg in range(LEGS):
            self._add(leg, rng)
        for ear in range(LEGS):
            self.legs.relay_ear[ear] = self.legs.relay_source[ear] = ear ^ 1
            self.legs.relay_fresh[ear] = True
            if ear < LEGS - 2:
                self.ring.use(ear)

    def _add(self, number: int, rng: random.Random) -> None:
        settings = LegSettings.parse(
            {
                "id": f"L{number}", "port": 20000 + 2 * number, "remote": ["127.0.0.1", 4000 + number],
                "learn": number % 5 == 4, "codec": rng.choice(["PCMU", "PCMA"]), "payload_type": 0,
                "receive": {"0": "PCMU", "8": "PCMA"}, "dtmf_send": 101 if number % 3 else None,
                "dtmf_receive": 101, "listen": number % 6 != 5,
            }
        )  # fmt: skip
        assert self.legs.add(settings, 0, 0) == number

    def _digit(self, leg: int, digit: str) -> None:
        self.digits.append((leg, digit))

    def _transmit(self, batch: PacketBatch, index: Indices, leg: Indices, length: Indices) -> None:
        rows = zip(index, leg, length, strict=True)
        self.sent += [(int(ear), batch.rows[row, :size].tobytes()) for row, ear, size in rows]

    def state(self) -> dict[str, bytes]:
        columns = {name: getattr(self.legs, name).tobytes() for name in COLUMNS}
        return columns | {"samples": self.ring._samples.tobytes(), "have": self.ring._have.tobytes()}


class Reference(Half):
    """The same in numpy, a packet at a time: nothing is admitted, stored or relayed by a kernel."""

    def __init__(self, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(seed)
        receiver = self.receiver

        def admit(batch: PacketBatch, clock: int) -> tuple[int, int]:
            receiver._odd = np.arange(batch.count, dtype=np.int32)
            return 0, batch.count

        def store(batch: PacketBatch, index: Indices, *rest: Any) -> Indices:
            return np.arange(len(index), dtype=np.int32)

        monkeypatch.setattr(receiver, "_admit", admit)
        monkeypatch.setattr(self.ring, "store", store)
        monkeypatch.setattr(self.ring, "clear", self.clear)

    def clear(self, turn: int, turns: int, clock: int) -> None:
        legs, have, cleared = np.flatnonzero(self.legs.in_ring), self.ring._have, self.legs.cleared
        legs = legs[legs % turns == turn]
        behind = legs[clock - cleared[legs] > RING_LENGTH]
        have[behind], cleared[behind] = 0, clock - KEEP
        while len(due := legs[cleared[legs] + CLEAR_CHUNK <= clock - KEEP]):
            places = (cleared[due][:, None] + np.arange(CLEAR_CHUNK)) % RING_LENGTH
            have[due[:, None], places] = 0
            cleared[due] += CLEAR_CHUNK

    def relay(self, batch: PacketBatch, arrivals: Arrivals, clock: int) -> None:
        """One packet, by the rules of RFC 3550 section 7 for a translator that keeps one stream for life."""
        legs, leg, kind = self.legs, int(arrivals.leg[0]), int(arrivals.kind[0])
        ear, row = int(legs.relay_ear[leg]), int(arrivals.index[0])
        payload_type = int(legs.payload_types[ear, kind])
        if ear < 0 or not legs.listen[leg] or payload_type == NO_PAYLOAD_TYPE or legs.sending_digits[ear]:
            return
        if legs.relay_fresh[ear]:
            legs.relay_fresh[ear] = False
            legs.relay_seq[ear] = legs.out_ext[ear] + 1 - arrivals.ext[0]
            ts = int(legs.out_ts[ear]) + self.sender._passed(ear, clock) - int(arrivals.ts[0])
            legs.relay_ts[ear] = ts & 0xFFFFFFFF
        start, size = int(batch.offset[row]), int(batch.size[row])
        if kind <= AUDIO_A and kind != legs.law[ear] + 1:
            payload = batch.rows[row, start : start + size]
            payload[:] = TRANSCODE[legs.law[ear]][payload]
        ext = int(arrivals.ext[0] + legs.relay_seq[ear])
        stamp = (int(arrivals.ts[0]) + int(legs.relay_ts[ear])) & 0xFFFFFFFF
        batch.rows[row, 1] = (int(batch.mark[row]) & 128) | payload_type
        batch.halves[row, 1], batch.words[row, 1] = ext & 0xFFFF, stamp
        batch.words[row, 2] = legs.out_ssrc[ear]
        if ext >= legs.out_ext[ear]:
            legs.out_ext[ear] = ext
            if kind != TELEPHONE_EVENT:
                legs.out_ts[ear], legs.out_at[ear] = stamp, clock
        legs.sent[ear] += 1
        legs.sent_octets[ear] += size
        legs.started[ear], legs.relayed_at[ear] = True, clock
        self.sent.append((ear, batch.rows[row, : int(batch.length[row])].tobytes()))


Arrived = tuple[int, bytes, int]


def traffic(seed: int, steps: int) -> Iterator[list[Arrived]]:
    """Batches of (leg, packet, port): steady streams with loss, disorder, copies and bursts, and now and then
    a batch with at most one packet a leg in which there are strangers, jumps, new streams, noise and keys."""
    rng = random.Random(seed)
    seq = [rng.getrandbits(16) for _ in range(LEGS)]
    ts = [rng.getrandbits(32) for _ in range(LEGS)]
    ssrc = [rng.getrandbits(32) for _ in range(LEGS)]
    held: list[Arrived] = []
    for step in range(steps):
        strange = step % 7 == 6
        batch, held = held, []
        for leg in range(LEGS):
            seq[leg], ts[leg] = seq[leg] + 1 & 0xFFFF, ts[leg] + 160 & 0xFFFFFFFF
            port, payload_type, content = 4000 + leg, rng.choice([0, 0, 8]), rng.randbytes(160)
            match rng.randrange(8) if strange else None:
                case 0:
                    port = 9999
                case 1:
                    seq[leg] = seq[leg] + 5000 & 0xFFFF
                case 2:
                    ssrc[leg] = rng.getrandbits(32)
                case 3 if leg >= LEGS - 2:  # noise in the ring is of whole batches
                    payload_type, content = 13, bytes([rng.randrange(30, 70)])
                case 4:
                    payload_type, content = 101, bytes([rng.randrange(16), 10, 0, 160])
                case 5:
                    payload_type = 99
                case 6:
                    ts[leg] = ts[leg] + 8000 & 0xFFFFFFFF
            packet = leg, rtp(seq[leg], ts[leg], ssrc[leg], content, payload_type), port
            fates = [batch], [], [batch, batch], [held]
            alone = strange or step % 7 == 5 or not step
            for each in [batch] if alone else rng.choices(fates, [85, 5, 5, 5])[0]:
                each.append(packet)
        if not strange:
            rng.shuffle(batch)
        yield batch


@pytest.mark.parametrize("in_one", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_packets_are_admitted_stored_and_relayed_as_by_numpy_one_at_a_time(
    seed: int, in_one: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernels, reference = Half(seed), Reference(seed, monkeypatch)
    admitted, short, batch = 0, 0, PacketBatch(64)
    for number, packets in enumerate(traffic(seed, 100)):
        clock = 160 * number
        batch.count = 0
        for leg, packet, port in packets:
            batch.append(leg, packet, HOST, port)
            single = PacketBatch(1)
            single.append(leg, packet, HOST, port)
            for arrivals in reference.receiver.receive(single, clock):
                reference.relay(single, arrivals, clock)
        taken = in_one and batch.count and kernels.passage.take(batch, clock)
        short += bool(taken)
        for arrivals in () if taken else kernels.receiver.receive(batch, clock):
            admitted += len(arrivals.leg)
            kernels.sender.relay(batch, arrivals, clock)
        expected = reference.state()
        for name, column in kernels.state().items():
            assert column == expected[name], f"{name} after batch {number}"
        assert sorted(kernels.sent) == sorted(reference.sent)
        assert sorted(kernels.digits) == sorted(reference.digits)
        for half in (kernels, reference):
            for turn in range(2):
                half.ring.clear(turn, 2, clock)
            if number % 50 == 49:
                half.receiver.playout.review(clock)
    assert (short > 90 if in_one else admitted > 400) and len(kernels.sent) > 200


def test_the_ring_is_cleared_as_by_numpy_however_far_each_leg_is(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    kernels, reference = Half(3), Reference(3, monkeypatch)
    for clock in range(0, 60_000, 1000):
        have, cleared = rng.integers(0, 2, (LEGS, RING_LENGTH)), clock - rng.integers(0, 12_000, LEGS)
        for half in (kernels, reference):
            half.ring._have[:], half.legs.cleared[:] = have, cleared
            half.ring.clear(clock // 1000 % 3, 3, clock)
        assert kernels.state() == reference.state()


def test_what_is_no_rtp_is_left_to_others_with_the_whole_batch() -> None:
    half, batch = Half(1), PacketBatch(64)
    batch.append(0, rtp(1, 160, 7, bytes(160)), HOST, 4000)
    batch.append(1, bytes([128, 200]) + bytes(26), HOST, 4001)
    before = half.state()
    assert not half.passage.take(batch, 0) and half.state() == before and not half.sent
    with pytest.raises(ValueError, match="names row"):
        batch.leg[0] = LEGS
        half.passage.take(batch, 0)


def test_who_is_relayed_nothing_for_a_while_is_found_as_by_numpy() -> None:
    rng, n = np.random.default_rng(5), 200
    flags = rng.random((3, n)) < 0.7
    at, law = rng.integers(-100, 100, n), rng.integers(0, 4, n).astype(np.uint8)
    port, ears = rng.integers(0, 3, n).astype(np.uint16), rng.permutation(n).astype(np.int32)[:150]
    found = np.empty(len(ears), np.int32)
    count = _codecs.pauses(ears, flags[0], at, flags[1], law, port, flags[2], found, 20, 2)
    expected = flags[0] & (at < 20) & flags[1] & (law < 2) & (port > 0) & ~flags[2]
    assert found[:count].tolist() == ears[expected[ears]].tolist() and 0 < count < 150


def test_frames_of_the_mix_are_sent_as_by_numpy() -> None:
    rng = np.random.default_rng(3)
    kernels, reference = Half(9), Half(9)
    flags = rng.random((LEGS, 40))
    for half in (kernels, reference):
        half.legs.remote_port[3] = 0
    for number in range(40):
        clock = 160 * number + (1000 if number > 20 else 0)  # once with a pause before it
        ears = np.flatnonzero(rng.random(LEGS) < 0.7).astype(np.int32)
        codes = rng.integers(0, 256, (5, 160), np.uint8)
        which = rng.integers(0, 5, len(ears)).astype(np.int32)
        heard = rng.random(len(ears)) < 0.5
        for half in (kernels, reference):
            half.legs.send[:], half.legs.sending_digits[:] = flags[:, number] < 0.9, flags[:, number] < 0.1
        legs = reference.legs
        ready = legs.send[ears] & (legs.remote_port[ears] > 0) & ~legs.sending_digits[ears]
        ready &= heard | legs.started[ears]
        assert kernels.sender.send_codes(ears, heard, codes, which, clock) == ready.sum()
        reference.sender.send_frames(ears[ready], codes[which[ready]], clock)
        assert kernels.sent == reference.sent
        assert kernels.state() == reference.state()
    assert int(kernels.legs.out_at.max()) > NEVER and len(kernels.sent) > 200


def test_a_kernel_refuses_rows_that_are_not_there() -> None:
    half = Half(1)
    codes: NDArray[np.uint8] = np.zeros((1, 160), np.uint8)
    for ears, which in (([LEGS], [0]), ([-1], [0]), ([0], [1]), ([0], [-1])):
        with pytest.raises(ValueError, match="names row"):
            indices = np.array(ears, np.int32), np.ones(1, np.bool_), codes, np.array(which, np.int32)
            half.sender.send_codes(*indices, 0)
    with pytest.raises(ValueError, match="not within"):
        zero = np.zeros(1, np.int64)
        _codecs.interleave(np.zeros((2, 8), np.int16), np.zeros(16, np.int16), zero, zero, zero + 9)
