"""Several voices at once: no sample is clipped, what is heard keeps its shape, and nothing pumps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from softswitch.media import _codecs
from softswitch.media.tones import tone, tone_power
from tests.media.limiter import limited
from tests.media.rig import Rig

RATE_HZ = 8000
Samples = NDArray[np.int16]


class Row:
    """One row of the mix that hears all sources, frame by frame."""

    def __init__(self, width: int = 160) -> None:
        self.width = width
        self.level = np.ones(1, np.float32)
        self.levels: list[float] = []

    def mix(self, sources: list[Samples]) -> Samples:
        n, out = len(sources), []
        start, base = np.array([0, n], np.int32), np.full(1, -1, np.int32)
        source, gain = np.arange(n, dtype=np.int32), np.full(n, 256, np.int32)
        for at in range(0, len(sources[0]) - self.width + 1, self.width):
            frames = np.ascontiguousarray([each[at : at + self.width] for each in sources])
            mixed = np.empty((1, self.width), np.int16)
            _codecs.mix(frames, start, source, gain, mixed, base, self.level, self.width)
            out.append(mixed[0])
            self.levels.append(float(self.level[0]))
        return np.concatenate(out)


def tones(count: int, amplitude: float, seconds: float = 2.0, rate_hz: int = RATE_HZ) -> list[Samples]:
    return [tone(frequency(k), seconds, rate_hz, amplitude) for k in range(count)]


def frequency(k: int) -> float:
    return 310.0 + 130 * k


def power(samples: Samples, freq_hz: float) -> float:
    """Of one tone, in dB of a full sine."""
    at = np.arange(len(samples)) / RATE_HZ
    amplitude = 2 * abs(np.exp(-2j * np.pi * freq_hz * at) @ samples) / len(samples)
    return float(20 * np.log10(max(amplitude, 1e-3) / 32767))


def distortion_db(samples: Samples, count: int) -> float:
    """What is in it beside the tones."""
    shares = sum(tone_power(samples, frequency(k), RATE_HZ) for k in range(count))
    return float(10 * np.log10(max(1 - shares, 1e-9)))


def hard(sources: list[Samples]) -> Samples:
    return np.clip(sum(each.astype(np.int64) for each in sources), -32768, 32767).astype(np.int16)


@pytest.mark.parametrize(
    ("count", "amplitude"),
    [(2, 16000), (2, 24000), (2, 32000), (3, 16000), (3, 30000), (5, 12000), (10, 16000)],
)
def test_sums_of_tones_are_turned_down_and_not_clipped(count: int, amplitude: int) -> None:
    sources = tones(count, amplitude)
    heard = Row().mix(sources)
    assert np.abs(heard.astype(int)).max() <= 30000
    steady = heard[RATE_HZ:]
    assert distortion_db(steady, count) < -40
    if count * amplitude > 40000:
        assert distortion_db(hard(sources)[RATE_HZ:], count) > -20, "what it would be without"
    levels = [power(steady, frequency(k)) for k in range(count)]
    assert max(levels) - min(levels) < 0.3, "the voices keep their proportion"
    peak = np.abs(sum(each.astype(int) for each in sources)).max()
    turned_down = 20 * np.log10(30000 / peak)
    alone = 20 * np.log10(amplitude / 32767)
    assert alone + turned_down - 0.2 < levels[0] < alone + turned_down + 1.0, "no more than it takes"


def test_what_fits_is_as_it_is() -> None:
    sources = tones(3, 9000)
    row = Row()
    assert (row.mix(sources) == sum(each.astype(int) for each in sources)).all() and set(row.levels) == {1.0}


def test_one_voice_alone_is_never_touched() -> None:
    (loud,) = tones(1, 32767)
    row = Row()
    assert (row.mix([loud]) == loud).all() and set(row.levels) == {1.0}


def test_nothing_pumps() -> None:
    """A quiet voice beside one that shouts in bursts sinks by what the sum takes, and comes back slowly."""
    quiet, shout = tones(1, 8000, 4.0)[0], tone(1700, 4.0, RATE_HZ, 30000)
    bursts = shout * (np.arange(len(shout)) // 4000 % 2 == 1)
    row = Row()
    heard = row.mix([quiet, bursts.astype(np.int16)])
    levels = np.array(row.levels)
    steps = levels[1:] / levels[:-1]
    assert steps.max() < 1.04, "a third of a decibel in 20 ms at most"
    assert levels.min() > 30000 / 38000 - 0.01
    for end in range(4000, len(heard), 8000):  # just before each burst: as without
        assert abs(power(heard[end - 800 : end], frequency(0)) - power(quiet[:800], frequency(0))) < 0.5
    down = [k for k in range(1, len(levels)) if levels[k] < levels[k - 1] * 0.99]
    assert len(down) <= 4, "once for each burst"


def test_no_click_at_the_turns() -> None:
    """What a step in the gain would put between the tones of a steady sum that grows by a third voice."""
    two, third = tones(2, 14000, 1.0), tone(frequency(2), 1.0, RATE_HZ, 14000)
    third = (third * np.clip((np.arange(RATE_HZ) - 4000) / 800, 0, 1)).astype(np.int16)
    heard = Row().mix([*two, third]).astype(float)
    jumps = np.abs(np.diff(heard, 2))
    assert jumps.max() < 1.5 * np.abs(np.diff(sum(each.astype(float) for each in (*two, third)), 2)).max()


@pytest.mark.parametrize("width", [160, 320])
def test_the_kernel_is_its_reference(width: int) -> None:
    random = np.random.default_rng(4)
    row, level = Row(width), np.float32(1)
    for _ in range(200):
        count = int(random.integers(2, 6))
        loudness = int(random.choice([2000, 9000, 20000, 32767]))
        sources = [random.integers(-loudness, loudness + 1, width).astype(np.int16) for _ in range(count)]
        heard = row.mix(sources)
        wanted, level = limited(sum(each.astype(np.int64) for each in sources), level)
        assert np.abs(heard.astype(int) - wanted).max() <= 1 and abs(row.levels[-1] - level) < 1e-5


def test_a_sum_beyond_all_measure_stays_below_the_ceiling() -> None:
    row = Row()
    heard = row.mix([np.full(160, sign * 32767, np.int16) for sign in [1] * 100])
    assert heard.max() == 30000 and row.level[0] == pytest.approx(30000 / 3276700)
    assert (row.mix([np.full(160, -32768, np.int16)] * 100) >= -30000).all()


def test_an_ear_goes_on_as_it_was_when_others_come_and_go(tmp_path: Path) -> None:
    """The level is carried over to the new rows: nothing jumps."""
    rig = Rig(tmp_path)
    phones = [rig.phone(f"{k}", tone(frequency(k), 1, RATE_HZ, 26000)) for k in range(4)]
    ear = rig.phone("ear", codec="L16", receive={"96": "L16"})
    names = [phone.id for phone in phones]
    rig.bridge(*names, "ear")
    rig.run(1.0)
    rig.bridge(*names[:3], "ear")
    rig.run(0.5)
    rig.bridge(*names, "ear")
    rig.run(0.5)
    heard = ear.heard(8000).astype(int)
    assert np.abs(heard).max() <= 30100
    blocks = heard[: len(heard) // 640 * 640].reshape(-1, 640)
    loudness = 10 * np.log10((blocks.astype(float) ** 2).mean(axis=1))
    assert loudness.max() - loudness.min() < 3.0
