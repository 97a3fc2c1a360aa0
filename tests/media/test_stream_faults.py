"""Streams with faults in, samples out: loss, reordering, duplicates, wraps, jumps, any frame length."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from softswitch.media import g711
from softswitch.media.tones import has_tone, tone, tone_power
from tests.media.rig import FRAME, Phone, Rig, rtp

# Noise, so that every packet is like no other.
SOUND = np.random.default_rng(5).integers(-6000, 6000, 16000).astype(np.int16)
AS_HEARD = g711.decode(g711.encode(SOUND, 0), 0)


@pytest.fixture
def mixed(rig: Rig) -> tuple[Rig, Phone, Phone]:
    """`a` speaks and `b` hears it through the ring, at gain 1; a third leg forbids the relay."""
    a, b = rig.phone("a", SOUND), rig.phone("b")
    rig.phone("third")
    rig.bridge("a", "b", "third")
    return rig, a, b


def deliver(rig: Rig, phone: Phone, numbers: list[list[int]]) -> None:
    """In each 20 ms the packets of the given numbers arrive; then time for the rest to be played."""
    for arriving in numbers:
        for number in arriving:
            rig.arrive(phone, phone.packet(number))
        for _ in range(4):
            rig.step()
    for _ in range(40):
        rig.step()


def aligned(phone: Phone) -> NDArray[np.int16]:
    """What was heard in frames that begin where the speaker's packets begin."""
    heard = np.append(phone.heard(), np.zeros(FRAME, np.int16))
    starts = (k for k in range(0, len(heard), 40) if (heard[k : k + FRAME] == AS_HEARD[:FRAME]).all())
    first = next(starts) % FRAME
    return heard[first : first + (len(heard) - first) // FRAME * FRAME].reshape(-1, FRAME)


def frames_heard(phone: Phone) -> list[int | None]:
    """Which packet of the speaker each frame heard is, None for any other content, without what is around."""
    known = {AS_HEARD[n * FRAME : (n + 1) * FRAME].tobytes(): n for n in range(100)}
    numbers = [known.get(frame.tobytes()) for frame in aligned(phone)]
    first = next(k for k, n in enumerate(numbers) if n is not None)
    last = max(k for k, n in enumerate(numbers) if n is not None)
    return numbers[first : last + 1]


def test_a_steady_stream_comes_out_sample_by_sample(mixed: tuple[Rig, Phone, Phone]) -> None:
    rig, a, b = mixed
    deliver(rig, a, [[n] for n in range(20)])
    assert frames_heard(b) == list(range(20))


def test_the_added_delay_is_the_jitter_depth_and_at_most_one_tick(mixed: tuple[Rig, Phone, Phone]) -> None:
    rig, a, b = mixed
    arrived = rig.engine.clock
    deliver(rig, a, [[n] for n in range(5)])
    first = next(p for p in b.got if g711.decode(np.frombuffer(p.payload, np.uint8), 0).any())
    assert 320 - FRAME < first.clock - arrived <= 320 + FRAME


def test_reordered_within_the_depth_is_as_if_never_reordered(mixed: tuple[Rig, Phone, Phone]) -> None:
    rig, a, b = mixed
    deliver(rig, a, [[0], [1], [], [3, 2], [4], [6], [5], [7], [8]])
    assert frames_heard(b) == list(range(9))


def test_duplicates_are_heard_once(mixed: tuple[Rig, Phone, Phone]) -> None:
    rig, a, b = mixed
    deliver(rig, a, [[0, 0], [1], [2, 1], [3, 3, 3], [4]])
    assert frames_heard(b) == list(range(5))
    assert rig.engine.legs.received[rig.engine.legs.index["a"]] == 9


def test_a_lost_packet_is_concealed_by_what_came_before_at_three_quarters(
    mixed: tuple[Rig, Phone, Phone],
) -> None:
    rig, a, b = mixed
    deliver(rig, a, [[0], [1], [], [], [4], [5]])
    numbers = frames_heard(b)
    assert numbers == [0, 1, None, None, 4, 5]
    frames = aligned(b)
    at = next(k for k, f in enumerate(frames) if f.tobytes() == AS_HEARD[FRAME : 2 * FRAME].tobytes())
    once = np.trunc(AS_HEARD[FRAME : 2 * FRAME] * 3 / 4).astype(np.int16)
    twice = np.trunc(once * 3 / 4).astype(np.int16)
    for offset, expected in ((1, once), (2, twice)):
        assert (frames[at + offset] == g711.decode(g711.encode(expected, 0), 0)).all()


def test_a_stream_that_ends_fades_to_silence(mixed: tuple[Rig, Phone, Phone]) -> None:
    rig, a, b = mixed
    deliver(rig, a, [[0], [1], [2]])
    for _ in range(200):
        rig.step()
    assert not b.heard()[-FRAME:].any()


def test_sequence_and_timestamp_wrap_without_a_seam(mixed: tuple[Rig, Phone, Phone]) -> None:
    rig, a, b = mixed
    a.seq, a.ts = 65530, 2**32 - 3 * FRAME
    deliver(rig, a, [[n] for n in range(12)])
    assert frames_heard(b) == list(range(12))
    assert int(rig.engine.legs.expected(rig.engine.legs.index["a"])) == 12


def test_a_new_ssrc_is_anchored_anew(mixed: tuple[Rig, Phone, Phone]) -> None:
    rig, a, b = mixed
    deliver(rig, a, [[n] for n in range(4)])
    a.ssrc, a.seq, a.ts = a.ssrc ^ 5, 100, 4_000_000
    rig.arrive(a, a.packet(10))
    rig.step()
    before = int(rig.engine.legs.received[rig.engine.legs.index["a"]])
    deliver(rig, a, [[n] for n in range(11, 16)])
    assert frames_heard(b)[-6:] == list(range(10, 16))
    leg = rig.engine.legs.index["a"]
    assert int(rig.engine.legs.received[leg]) == before + 5
    assert int(rig.engine.legs.expected(leg)) == 10


def test_a_jump_longer_than_the_ring_starts_again_at_the_depth(mixed: tuple[Rig, Phone, Phone]) -> None:
    rig, a, b = mixed
    deliver(rig, a, [[n] for n in range(4)])
    a.ts += 50_000_000
    deliver(rig, a, [[n] for n in range(20, 26)])
    assert frames_heard(b)[-6:] == list(range(20, 26))


def test_a_jump_back_is_found_out_after_a_few_packets(mixed: tuple[Rig, Phone, Phone]) -> None:
    rig, a, b = mixed
    deliver(rig, a, [[n] for n in range(4)])
    a.ts -= 50_000_000
    deliver(rig, a, [[n] for n in range(10, 30)])
    assert frames_heard(b)[-8:] == list(range(22, 30))


def test_packets_that_wait_too_long_are_brought_back_to_the_depth(mixed: tuple[Rig, Phone, Phone]) -> None:
    rig, a, _ = mixed
    rig.arrive(a, a.packet(0))
    for number in range(3, 260):  # the first packet was 60 ms late
        rig.arrive(a, a.packet(number))
        for _ in range(4):
            rig.step()
    legs = rig.engine.legs
    lead = int(legs.in_pos[legs.index["a"]]) - rig.engine.clock
    assert lead <= 320
    assert not rig.events_of("error")


@pytest.mark.parametrize("ptime_ms", [10, 20, 30, 40, 60])
def test_any_frame_length_lands_sample_exact(rig: Rig, ptime_ms: int) -> None:
    a, b = rig.phone("a", ptime_ms=ptime_ms), rig.phone("b", ptime_ms=20)
    rig.phone("c")
    rig.bridge("a", "b", "c")
    size = ptime_ms * 8
    codes = g711.encode(SOUND, 0)
    for wake in range(200):
        if wake % (ptime_ms // 5) == 0:
            at = wake // (ptime_ms // 5) * size
            rig.arrive(a, rtp(a.seq + at // size, a.ts + at, a.ssrc, codes[at : at + size].tobytes()))
        rig.step()
    heard = b.heard()
    start = next(k for k in range(len(heard)) if (heard[k : k + 400] == AS_HEARD[:400]).all())
    assert (heard[start : start + 4800] == AS_HEARD[:4800]).all()


def test_legs_of_different_frame_length_are_not_relayed_but_mixed(rig: Rig) -> None:
    rig.phone("a", tone(400, 1, 8000))
    b = rig.phone("b", ptime_ms=40)
    rig.bridge("a", "b")
    rig.run(0.5)
    assert rig.engine.legs.relay_source[rig.engine.legs.index["b"]] < 0
    assert has_tone(b.heard()[800:], 400, 8000)


def test_ten_percent_loss_keeps_the_tone(rig: Rig) -> None:
    a, b = rig.phone("a", tone(400, 1, 8000)), rig.phone("b")
    rig.phone("c")
    rig.bridge("a", "b", "c")
    random = np.random.default_rng(3)
    for number in range(200):
        if random.random() >= 0.1:
            rig.arrive(a, a.packet(number))
        for _ in range(4):
            rig.step()
    assert tone_power(b.heard()[800:8800], 400, 8000) > 0.95


def test_junk_on_a_live_leg_changes_nothing(mixed: tuple[Rig, Phone, Phone]) -> None:
    rig, a, b = mixed
    random = np.random.default_rng(4)
    for number in range(20):
        rig.arrive(a, a.packet(number))
        for _ in range(20):
            junk = random.bytes(int(random.integers(0, 900)))
            # Not by chance a packet of the stream: neither its payload types nor its version.
            rig.arrive(a, bytes([junk[0] & 0x7F]) + junk[1:] if junk else junk)
        rig.arrive(a, rtp(number, 0, a.ssrc, b"", 0))
        rig.arrive(a, rtp(number, 0, a.ssrc, bytes(900), 0))
        for _ in range(4):
            rig.step()
    deliver(rig, a, [])
    assert frames_heard(b) == list(range(20))
