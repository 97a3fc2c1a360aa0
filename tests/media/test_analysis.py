"""What is said in a recorded call: speech, talk-over, silence and level by side, and what it costs."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from softswitch.media import _codecs
from softswitch.media.analysis import Analysis, described
from softswitch.media.tap_layout import ANALYSIS
from tests.media.rig import Rig

RATE_HZ = 8000
TURN = 1600


def line(seconds: float, seed: int = 1, rms: float = 20.0) -> NDArray[np.int16]:
    """The noise of a quiet line."""
    return np.random.default_rng(seed).normal(0, rms, int(seconds * RATE_HZ)).astype(np.int16)


def speech(seconds: float, seed: int, rms: float = 2000.0) -> NDArray[np.int16]:
    """Syllables of coloured noise, five a second, with short gaps between."""
    at = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    sound = np.random.default_rng(seed).normal(0, 1, len(at))
    loud = (at * 5 % 1) < 0.75
    return np.clip(sound * loud * rms / np.sqrt(0.75), -32000, 32000).astype(np.int16)


def heard(
    left: NDArray[np.int16], right: NDArray[np.int16], silence_s: float = 0, talk_over_s: float = 0
) -> tuple[dict[str, Any], list[tuple[str, float, float]]]:
    """The figures, and (event, its seconds, when it was told)."""
    rows = np.zeros(3, ANALYSIS)
    analysis = Analysis(rows)
    analysis.set_limits(1, silence_s, talk_over_s)
    both = np.stack((left, right))
    told = []
    for start in range(0, both.shape[1] - TURN + 1, TURN):
        at_s = (start + TURN) / RATE_HZ
        reached = [*analysis.hear(np.array([1], np.intp), both[:, start : start + TURN])]
        if at_s % 1 == 0 or start + 2 * TURN > both.shape[1]:
            reached += analysis.judge()
        for slot, event, seconds in reached:
            assert slot == 1
            told.append((event["event"], seconds, at_s))
    assert not rows["frames"][[0, 2]].any()
    return described(rows[1]), told


def test_who_speaks_when_how_loud_and_for_how_long_nobody_does() -> None:
    left = np.concatenate((line(2), speech(6, 2), line(8)))
    right = np.concatenate((line(6, 3), speech(4, 4, rms=500), line(6, 5)))
    figures, _ = heard(left, right)
    assert figures["speech_s"]["left"] == pytest.approx(6, abs=0.3)
    assert figures["speech_s"]["right"] == pytest.approx(4, abs=0.3)
    assert figures["talk_over_s"] == pytest.approx(2, abs=0.3)
    assert figures["longest_silence_s"] == pytest.approx(6, abs=0.3)
    assert figures["level_dbfs"]["left"] == pytest.approx(20 * np.log10(2000 / 32768), abs=1)
    assert figures["level_dbfs"]["right"] == pytest.approx(20 * np.log10(500 / 32768), abs=1)


def test_a_loud_line_is_not_speech_and_speech_above_it_is() -> None:
    noise = line(40, rms=200)
    said = noise.copy()
    said[20 * RATE_HZ : 25 * RATE_HZ] += speech(5, 3)
    figures, _ = heard(said, noise)
    assert figures["speech_s"]["right"] == 0 and figures["level_dbfs"]["right"] is None
    assert figures["speech_s"]["left"] == pytest.approx(5, abs=0.4)


def test_limits_are_told_once_for_each_stretch_and_in_time() -> None:
    left = np.concatenate((speech(2, 1), line(5), speech(4, 2), line(2)))
    right = np.concatenate((line(7), speech(4, 3), line(2, 4)))
    _, told = heard(left, right, silence_s=3, talk_over_s=1.5)
    (silence, over) = told
    assert silence[:2] == ("long_silence", 3.0) and 5.0 <= silence[2] <= 6.0
    assert over[:2] == ("talk_over", 1.5) and 8.5 <= over[2] <= 9.0
    assert heard(left, right)[1] == []


def test_a_stretch_over_several_turns_is_one() -> None:
    figures, told = heard(line(30), line(30, 2), silence_s=10)
    assert figures["longest_silence_s"] == 30 and figures["speech_s"] == {"left": 0, "right": 0}
    assert told == [("long_silence", 10.0, 10.0)]


def test_two_recordings_are_kept_apart() -> None:
    rows = np.zeros(2, ANALYSIS)
    analysis = Analysis(rows)
    quiet, loud = line(TURN / RATE_HZ), speech(TURN / RATE_HZ, 1)
    for _ in range(10):
        list(analysis.hear(np.array([0, 1], np.intp), np.stack((quiet, quiet, loud, quiet))))
    list(analysis.judge())
    assert rows["speech"].tolist() == [[0, 0], [10 * TURN / 160, 0]]


def test_the_kernel_gathers_mean_squares_as_numpy_does() -> None:
    samples = np.random.default_rng(3).integers(-32768, 32768, (6, TURN + 70)).astype(np.int16)
    slots, filled = np.array([4, 0, 2]), np.array([3, 0, 90, 0, 0], np.int64)
    energy = np.zeros((5, 2, 100), np.float32)
    _codecs.energy(samples, slots, filled, energy, TURN + 70)
    frames = samples[:, :TURN:2].astype(np.float64).reshape(3, 2, 10, 80)
    assert filled.tolist() == [13, 0, 100, 0, 10]
    for slot, at, expected in zip(slots, (0, 3, 90), (frames**2).mean(axis=3), strict=True):
        np.testing.assert_allclose(energy[slot, :, at : at + 10], expected, rtol=1e-6)
    with pytest.raises(ValueError, match="no room"):
        _codecs.energy(samples, slots, filled, energy, TURN + 70)


def test_a_recording_of_a_conversation_tells_of_its_silence(rig: Rig) -> None:
    rig.phone("a", speech(1, 1))
    rig.phone("b", line(1))
    rig.bridge("a", "b")
    rig.do("put_recorder", id="R", left="a", right="b", path="/rec/x.wav", silence_s=2)
    rig.run(3.0)
    assert rig.events_of("long_silence") == []
    rig.phones["a"].says = line(1)
    rig.run(4.0)
    assert rig.events_of("long_silence") == [{"event": "long_silence", "id": "R", "seconds": 2.0}]
    slot = rig.taps.find("R")
    assert slot is not None
    speech_s = described(slot.analysis)["speech_s"]
    assert speech_s == {"left": pytest.approx(3, abs=0.4), "right": 0}


def test_the_cost_is_that_of_matrices_not_of_legs() -> None:
    """A second of 500 recordings costs little more than one of 10, and microseconds for each leg."""
    spent = {}
    for count in (10, 500):
        analysis = Analysis(np.zeros(count, ANALYSIS))
        samples = np.random.default_rng(1).integers(-3000, 3000, (2 * count, TURN)).astype(np.int16)
        slots = np.arange(count)
        rounds = []
        for _ in range(15):
            began = time.process_time()
            for _ in range(RATE_HZ // TURN):
                list(analysis.hear(slots, samples))
            list(analysis.judge())
            rounds.append(time.process_time() - began)
        spent[count] = min(rounds)
    assert spent[500] < 30 * spent[10]
    assert spent[500] / 1000 < 50e-6, f"{spent[500] * 1e3:.0f} µs a second of a leg"
