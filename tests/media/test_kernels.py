"""The C kernels against plain numpy, bit for bit, and G.711 against the ITU's decision values."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from softswitch.media import _codecs, g711
from tests.media.limiter import limited


def mu_law_by_decision_values() -> NDArray[np.uint8]:
    """G.711 table 2: decision values 0, 1, 3 … 31, 35 … 95, 103 …, in 14-bit magnitudes."""
    edges = [2**segment * (32 + 2 * step) - 33 for segment in range(8) for step in range(16)]
    samples = np.arange(-32768, 32768)
    magnitude = np.where(samples < 0, ~samples, samples) >> 2
    interval = np.searchsorted(edges, magnitude, side="right") - 1
    return (np.where(samples < 0, 0x7F, 0xFF) - interval).astype(np.uint8)


def a_law_by_decision_values() -> NDArray[np.uint8]:
    """G.711 table 1: 32 intervals of one step, then 16 of 2, 4, 8 … steps, in 12-bit magnitudes."""
    edges = list(range(32)) + [2**segment * (16 + step) for segment in range(1, 7) for step in range(16)]
    samples = np.arange(-32768, 32768)
    magnitude = np.where(samples < 0, ~samples, samples) >> 4
    interval = np.searchsorted(edges, magnitude, side="right") - 1
    return ((np.where(samples < 0, 0, 0x80) | interval) ^ 0x55).astype(np.uint8)


ALL = np.arange(-32768, 32768).astype(np.int16)
BY_DECISION = {0: mu_law_by_decision_values(), 1: a_law_by_decision_values()}


@pytest.mark.parametrize("law", [0, 1])
def test_every_sample_gets_the_code_of_its_decision_interval(law: int) -> None:
    assert (g711.encode(ALL, law) == BY_DECISION[law]).all()


@pytest.mark.parametrize("law", [0, 1])
def test_every_code_decodes_to_the_middle_of_its_interval(law: int) -> None:
    width = {0: 4, 1: 16}[law]  # samples per step of the ITU's magnitudes
    for code in range(256):
        members = ALL[BY_DECISION[law] == code].astype(int)
        magnitudes = np.where(members < 0, ~members, members) // width
        if law == 0:
            middle = (magnitudes.min() + magnitudes.max() + 1) / 2 if magnitudes.any() else 0
            if code in (0x00, 0x80):  # the outermost interval is open: its value is the table's 8031
                middle = 8031
        else:
            middle = (magnitudes.min() + magnitudes.max() + 1) / 2
        assert abs(int(g711.LINEAR[law, code])) == middle * width, hex(code)


def test_known_values_of_the_recommendation() -> None:
    assert [int(g711.LINEAR[0, code]) for code in (0xFF, 0x80, 0x00, 0x7F)] == [0, 32124, -32124, 0]
    assert [int(g711.LINEAR[1, code]) for code in (0xD5, 0xAA, 0x2A, 0x55)] == [8, 32256, -32256, -8]
    assert g711.SILENCE.tolist() == [0xFF, 0xD5]


def take_by_numpy(
    ring: NDArray[np.int16], have: NDArray[np.uint8], leg: int, position: int, counted: range, width: int
) -> tuple[NDArray[np.int16], int]:
    mask = ring.shape[1] - 1
    missing = 0
    for p in range(position, position + width):
        if not have[leg, p & mask]:
            ring[leg, p & mask] = np.trunc(int(ring[leg, (p - 160) & mask]) * 3 / 4)
            missing += p in counted
    return ring[leg, np.arange(position, position + width) & mask].copy(), missing


@pytest.mark.parametrize("seed", range(4))
def test_take_conceals_as_the_reference_does(seed: int) -> None:
    random = np.random.default_rng(seed)
    ring = random.integers(-32768, 32768, (3, 1024)).astype(np.int16)
    have = np.repeat(random.integers(0, 2, (3, 16)), 64, axis=1).astype(np.uint8)
    ring_reference = ring.copy()
    leg = np.array([2, 0, 1], np.int32)
    position = random.integers(0, 5000, 3)
    first, limit = position + random.integers(-50, 100, 3), position + random.integers(-50, 300, 3)
    out, missing = np.empty((3, 200), np.int16), np.empty(3, np.int32)
    _codecs.take(ring, have, leg, position, first, limit, out, missing, 1024)
    for k in range(3):
        counted = range(int(first[k]), int(limit[k]))
        expected = take_by_numpy(ring_reference, have, int(leg[k]), int(position[k]), counted, 200)
        assert (out[k] == expected[0]).all() and missing[k] == expected[1]
    assert (ring == ring_reference).all()


@pytest.mark.parametrize("seed", range(4))
def test_place_puts_every_sample_at_its_position(seed: int) -> None:
    random = np.random.default_rng(seed)
    ring, have = np.zeros((4, 1024), np.int16), np.zeros((4, 1024), np.uint8)
    n = 4
    rows = random.integers(0, 256, (8, 300)).astype(np.uint8)
    leg = random.permutation(4).astype(np.int32)
    position = (np.arange(n) * 1000 + random.integers(0, 500, n)).astype(np.int64)
    index = random.permutation(8)[:n].astype(np.int32)
    offset, size = np.full(n, 12, np.int32), random.integers(80, 280, n).astype(np.int32)
    law = random.integers(0, 2, n).astype(np.uint8)
    status = np.full(n, 9, np.uint8)
    floor = int(position[0]) + 40  # cuts the first packet
    expected, covered = ring.copy(), have.copy()
    for k in range(n):
        at = np.arange(max(position[k], floor), position[k] + size[k])
        codes = rows[index[k], 12 + at - position[k]]
        expected[leg[k], at & 1023] = g711.LINEAR[law[k]][codes]
        covered[leg[k], at & 1023] = 1
    _codecs.place(ring, have, leg, position, rows, index, offset, size, law, status, 1024, 8, floor)
    assert (ring == expected).all() and (have == covered).all() and (status == 0).all()
    _codecs.place(ring, have, leg, position, rows, index, offset, size, law, status, 1024, 8, 1 << 40)
    assert (status == 2).all()
    last = slice(n - 1, n)
    _codecs.place(
        ring, have, leg[last], position[last], rows, index[last], offset[last], size[last], law[last],
        status[last], 1024, 8, 0,
    )  # fmt: skip
    assert status[n - 1] == 1


def ones(count: int) -> NDArray[np.float32]:
    return np.ones(count, np.float32)


def test_clear_forgets_round_the_end_of_the_ring() -> None:
    have = np.ones((2, 512), np.uint8)
    _codecs.clear(have, np.array([1], np.int32), np.array([1024 + 500], np.int64), 40, 512)
    gone = np.arange(500, 540) % 512
    assert have[0].all() and not have[1, gone].any() and have[1].sum() == 512 - 40


@pytest.mark.parametrize("seed", range(4))
def test_mix_is_the_limited_product_with_the_gain_matrix(seed: int) -> None:
    random = np.random.default_rng(seed)
    frames = random.integers(-32768, 32768, (5, 160)).astype(np.int16)
    dense = np.where(random.random((7, 5)) < 0.5, random.integers(0, 600, (7, 5)), 0)
    start = np.cumsum([0, *(dense > 0).sum(axis=1)]).astype(np.int32)
    source = np.nonzero(dense)[1].astype(np.int32)
    gain = dense[dense > 0].astype(np.int32)
    out = np.empty((7, 160), np.int16)
    _codecs.mix(frames, start, source, gain, out, np.full(7, -1, np.int32), ones(7), 160)
    exact = dense.astype(np.int64) @ frames.astype(np.int64)
    sums = np.trunc(exact / 256).astype(np.int64)
    for row, gains, found in zip(sums, dense, out, strict=True):
        wanted, _ = limited(row, np.float32(1), alone=bool(gains.sum() <= 256))
        assert np.abs(found.astype(int) - wanted).max() <= 1


def test_the_sum_of_all_less_oneself_is_the_sum_of_the_others_bit_by_bit() -> None:
    random = np.random.default_rng(5)
    frames = random.integers(-32768, 32768, (100, 160)).astype(np.int16)
    every = np.arange(100, dtype=np.int32)
    source = np.concatenate((every, every))
    gain = np.repeat(np.array([-256, 256], np.int32), 100)
    start = np.append(np.arange(101), 200).astype(np.int32)
    out = np.empty((100, 160), np.int16)
    _codecs.mix(frames, start, source, gain, out, np.full(100, 100, np.int32), ones(100), 160)
    others = 1 - np.eye(100, dtype=np.int64)
    for row, found in zip(others @ frames.astype(np.int64), out, strict=True):
        assert np.abs(found.astype(int) - limited(row, np.float32(1))[0]).max() <= 1


def test_a_mix_of_too_many_never_wraps() -> None:
    frames = np.full((1, 160), 32767, np.int16)
    edges = 500
    out = np.zeros((1, 160), np.int16)
    source, gain = np.zeros(edges, np.int32), np.full(edges, 2048, np.int32)
    alone = np.full(1, -1, np.int32)
    _codecs.mix(frames, np.array([0, edges], np.int32), source, gain, out, alone, ones(1), 160)
    assert (out == 30000).all()


@pytest.mark.parametrize("position", [40_000, 8192 * 9 - 70])
def test_what_is_heard_is_the_mix_of_what_is_taken_and_played(position: int) -> None:
    random = np.random.default_rng(position)
    samples = random.integers(-32768, 32768, (6, 8192)).astype(np.int16)
    have = (random.random((6, 8192)) < 0.99).astype(np.uint8)
    other, legs = samples.copy(), np.array([4, 0, 5], np.int32)
    played = random.integers(-32768, 32768, (2, 160)).astype(np.int16)
    start, source = np.array([0, 3, 5], np.int32), np.array([0, 1, 3, 2, 4], np.int32)
    gain, base = np.array([256, 40_000, 100, 255, -256], np.int32), np.full(2, -1, np.int32)
    at, taken, missing = np.full(3, position, np.int64), np.empty((3, 160), np.int16), np.empty(3, np.int32)
    _codecs.take(samples, have, legs, at, at, at, taken, missing, 8192)
    expected, out = np.empty((2, 160), np.int16), np.empty((2, 160), np.int16)
    _codecs.mix(np.concatenate((taken, played)), start, source, gain, expected, base, ones(2), 160)
    _codecs.heard(other, have, legs, played, start, source, gain, out, base, ones(2), position, 160, 8192)
    assert (out == expected).all() and (other == samples).all()
    level, wrong = ones(2), legs + 1
    with pytest.raises(ValueError, match="names row"):
        _codecs.heard(other, have, wrong, played, start, source, gain, out, base, level, position, 160, 8192)
    with pytest.raises(ValueError, match="power of two"):
        _codecs.heard(other, have, legs, played, start, source, gain, out, base, level, position, 160, 8000)


def test_play_loops_ends_and_starts_in_silence() -> None:
    samples = np.arange(1, 101, dtype=np.int16)
    address = np.full(4, samples.ctypes.data, np.int64)
    length = np.full(4, 100, np.int64)
    players, out = np.array([3, 1, 0], np.int32), np.empty((3, 160), np.int16)
    start, loop = np.array([1020, 950, 7, 950], np.int64), np.array([0, 1, 0, 0], np.uint8)
    _codecs.play(address, length, start, loop, players, out, 1000)
    assert (out[0] == np.concatenate((samples[50:], np.zeros(110)))).all()
    assert (out[1] == np.resize(np.roll(samples, -50), 160)).all()
    assert (out[2] == np.concatenate((np.zeros(20), samples, np.zeros(40)))).all()
    with pytest.raises(ValueError, match="names row"):
        _codecs.play(address, length, start, loop, players + 1, out, 1000)


def test_parse_reads_headers_and_refuses_what_is_no_rtp() -> None:
    good = bytes([0x80, 0x80 | 101]) + bytes([1, 2, 0, 0, 3, 4, 9, 8, 7, 6]) + b"abcd"
    with_padding = bytes([0xA0, 0]) + good[2:12] + b"xy" + b"\0\0\3"
    bad = [
        b"", good[:11], b"\x40" + good[1:], bytes([0x80, 200]) + good[2:], bytes([0x8F]) + good[1:],
        bytes([0x90]) + good[1:12] + b"\0\0\xff\xff", bytes([0xA0]) + good[1:12] + b"\0\xff",
        bytes([0xA0]) + good[1:12] + b"ab\0", b"\x16\xfe\xfd" + bytes(30), bytes(20),
    ]  # fmt: skip
    packets = [good, with_padding, *bad]
    n = len(packets)
    rows = np.full((n, 64), 0xEE, np.uint8)
    for row, packet in zip(rows, packets, strict=True):
        row[: len(packet)] = np.frombuffer(packet, np.uint8)
    length = np.array([len(packet) for packet in packets], np.int32)
    seq, ts, ssrc = np.zeros(n, np.uint16), np.zeros(n, np.uint32), np.zeros(n, np.uint32)
    mark, offset, size = np.zeros(n, np.uint8), np.zeros(n, np.int32), np.zeros(n, np.int32)
    _codecs.parse(rows, length, seq, ts, ssrc, mark, offset, size, n)
    assert (seq[0], ts[0], ssrc[0], mark[0]) == (0x0102, 0x0304, 0x09080706, 0x80 | 101)
    assert offset[:2].tolist() == [12, 12] and size[:2].tolist() == [4, 2]
    assert not offset[2:].any()


def test_wrong_shapes_are_refused_not_read() -> None:
    one, frame = np.zeros(1, np.int32), np.zeros((1, 160), np.int16)
    have, at = frame.astype(np.uint8), np.zeros(1, np.int64)
    with pytest.raises(ValueError, match="fit together"):
        _codecs.mix(frame, np.array([0, 5], np.int32), one, one, frame, one - 1, ones(1), 160)
    with pytest.raises(ValueError, match="fit together"):
        _codecs.mix(frame, np.array([0, 1], np.int32), one, one, frame, one, ones(1), 160)
    with pytest.raises(TypeError, match="items of"):
        _codecs.encode(frame.astype(np.int32), one, np.zeros(1, np.uint8), np.zeros((1, 160), np.uint8), 160)
    with pytest.raises(ValueError, match="needed"):
        _codecs.encode(frame, one, np.zeros(1, np.uint8), np.zeros(3, np.uint8), 160)
    with pytest.raises(ValueError, match="names row"):
        _codecs.encode(frame, one + 1, np.zeros(1, np.uint8), np.zeros((1, 160), np.uint8), 160)
    with pytest.raises(ValueError, match="power of two"):
        _codecs.take(frame, have, one, at, at, at, frame, one, 160)
    with pytest.raises(TypeError, match="arrays"):
        _codecs.clear()
