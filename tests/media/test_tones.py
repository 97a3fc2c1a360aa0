"""Tones are found by their frequency, at any phase, in noise and across breaks; nothing else is."""

from __future__ import annotations

import numpy as np
import pytest

from softswitch.media.tones import has_tone, tone, tone_power


@pytest.mark.parametrize("freq_hz", [300, 441, 1000, 3399])
@pytest.mark.parametrize("rate_hz", [8000, 16000])
def test_a_tone_is_itself_and_nothing_else(freq_hz: int, rate_hz: int) -> None:
    sound = tone(freq_hz, 0.5, rate_hz)
    assert len(sound) == rate_hz // 2 and abs(int(np.abs(sound).max()) - 8000) < 200
    assert tone_power(sound, freq_hz, rate_hz) > 0.99
    assert tone_power(sound, freq_hz + 100, rate_hz) < 0.01
    assert has_tone(sound, freq_hz, rate_hz) and not has_tone(sound, freq_hz + 100, rate_hz)


def test_the_share_of_a_mixture_is_its_share_of_energy() -> None:
    both = tone(400, 1, 8000, 3000).astype(float) + tone(900, 1, 8000, 4000)
    assert abs(tone_power(both, 400, 8000) - 9 / 25) < 0.01
    assert abs(tone_power(both, 900, 8000) - 16 / 25) < 0.01


def test_silence_and_faint_noise_are_no_tone() -> None:
    assert tone_power(np.zeros(800), 400, 8000) == 0.0
    assert not has_tone(np.zeros(0), 400, 8000)
    assert not has_tone(tone(400, 1, 8000, 20), 400, 8000)
    assert not has_tone(np.random.default_rng(1).normal(0, 3000, 8000), 400, 8000)


def test_a_jump_of_phase_does_not_hide_a_tone() -> None:
    sound = tone(400, 1, 8000)
    broken = np.concatenate((sound[:4000], -sound[4000:]))
    assert has_tone(broken, 400, 8000)
