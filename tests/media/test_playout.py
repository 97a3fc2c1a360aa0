"""The depth of each leg follows its jitter and its peer's clock, and nobody hears it happen."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from softswitch.media import g711
from softswitch.media.tones import tone
from tests.media.rig import FRAME, HOST, Phone, Rig


def speech(seconds: float, seed: int = 2) -> NDArray[np.int16]:
    """Half a second of tone and half a second of almost nothing, in turn."""
    loud = tone(300, 0.5, 8000)
    faint = np.random.default_rng(seed).integers(-100, 100, 4000).astype(np.int16)
    return np.tile(np.concatenate([loud, faint]), round(seconds))


def stream(
    rig: Rig, phone: Phone, seconds: float, *, jitter_ms: float = 0.0, drift: float = 0.0, seed: int = 1
) -> None:
    """Packets in time by a clock that runs `drift` too fast, each held up by up to `jitter_ms`."""
    random, samples = np.random.default_rng(seed), round(seconds * 8000)
    count = int(samples * (1 + drift) / FRAME)
    due = np.arange(count) * FRAME / (1 + drift) + random.uniform(0, jitter_ms * 8, count)
    order = np.argsort(due, kind="stable")
    began, k = rig.engine.clock, 0
    for _ in range(samples // 40):
        while k < count and due[order[k]] <= rig.engine.clock - began:
            rig.arrive(phone, phone.packet(phone.at + int(order[k])))
            k += 1
        rig.step()
    phone.at += count


@pytest.fixture
def mixed(rig: Rig) -> tuple[Rig, Phone, Phone, int]:
    a, b = rig.phone("a", speech(20)), rig.phone("b")
    rig.phone("third")
    rig.bridge("a", "b", "third")
    return rig, a, b, rig.engine.legs.index["a"]


def late(rig: Rig, leg: int) -> int:
    return int(rig.engine.legs.late[leg])


def lead(rig: Rig, leg: int) -> int:
    return int(rig.engine.legs.in_pos[leg]) - rig.engine.clock


def test_jitter_makes_the_depth_grow_until_nothing_is_late(mixed: tuple[Rig, Phone, Phone, int]) -> None:
    rig, a, _, leg = mixed
    stream(rig, a, 5.0, jitter_ms=80)
    learned = late(rig, leg)
    stream(rig, a, 10.0, jitter_ms=80, seed=9)
    assert late(rig, leg) - learned <= 2
    assert rig.engine.legs.in_pos[leg] - rig.engine.clock < 1600


def test_a_steady_stream_waits_no_longer_than_it_must(mixed: tuple[Rig, Phone, Phone, int]) -> None:
    rig, a, _, leg = mixed
    stream(rig, a, 4.0, jitter_ms=60)
    deep = lead(rig, leg)
    stream(rig, a, 16.0)
    assert lead(rig, leg) < deep - 160 and lead(rig, leg) <= FRAME + 160
    assert late(rig, leg) < 30


@pytest.mark.parametrize("drift", [-0.002, 0.002])
def test_a_clock_that_is_wrong_by_two_per_mille_costs_no_sample_of_speech(
    mixed: tuple[Rig, Phone, Phone, int], drift: float
) -> None:
    rig, a, b, leg = mixed
    stream(rig, a, 20.0, drift=drift)
    assert late(rig, leg) == 0 and 0 <= lead(rig, leg) <= 480
    heard = b.heard()[800:].astype(float)
    # Every loud half second is the tone as it was said: no sample left out of it, none said twice.
    reference = g711.decode(g711.encode(tone(300, 0.5, 8000), 0), 0)[400:3600]
    loud = np.abs(heard) > 3000
    begins = [k for k in range(4000, len(heard) - 4000) if loud[k] and not loud[k - 200 : k].any()]
    assert len(begins) >= 16
    for begin in begins:
        around = (heard[begin + at : begin + at + 3200] for at in range(360, 440))
        assert any((piece == reference).all() for piece in around)


def test_the_move_is_made_in_quiet_frames_by_a_few_samples_each(
    mixed: tuple[Rig, Phone, Phone, int],
) -> None:
    rig, a, _, leg = mixed
    legs = rig.engine.legs
    stream(rig, a, 2.1)
    legs.move[leg], rig.engine._receiver.playout._moving = -200, True
    a.says = speech(20)[np.arange(160_000)]
    moved = []
    for number in range(a.at, a.at + 40):
        before = int(legs.move[leg])
        rig.arrive(a, a.packet(number))
        for _ in range(4):
            rig.step()
        if legs.move[leg] != before:
            moved.append(abs(int(legs.move[leg]) - before))
            peak = np.abs(a.says[np.arange(number * FRAME, (number + 1) * FRAME) % len(a.says)]).max()
            assert peak <= 500
    assert moved == [40] * 5


def test_nothing_moves_for_a_single_straggler(mixed: tuple[Rig, Phone, Phone, int]) -> None:
    rig, a, _, leg = mixed
    stream(rig, a, 0.98)
    before = int(rig.engine.legs.in_pos[leg]) - a.ts - a.at * FRAME
    for number in range(a.at, a.at + 150):
        if number % 50 != 10:
            rig.arrive(a, a.packet(number))
        if number % 50 == 14:
            rig.arrive(a, a.packet(number - 4))
        for _ in range(4):
            rig.step()
    a.at += 150
    assert int(rig.engine.legs.in_pos[leg]) - a.ts - a.at * FRAME == before
    assert rig.engine.legs.remote_ip[leg] == HOST


@pytest.mark.parametrize("jitter_ms", [60, 80])
def test_what_was_late_once_is_waited_for_once(rig: Rig, jitter_ms: int) -> None:
    a = rig.phone("a", tone(300, 1, 8000))  # never quiet: moved at once after a while
    rig.phone("b")
    rig.phone("third")
    rig.bridge("a", "b", "third")
    stream(rig, a, 5.0, jitter_ms=jitter_ms)
    leg = rig.engine.legs.index["a"]
    stream(rig, a, 0.5)
    # The last packet came one frame ago: 30 ms for the slowest, less that frame.
    assert lead(rig, leg) <= 80 + 8 * jitter_ms
