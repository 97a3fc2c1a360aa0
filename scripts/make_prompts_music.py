"""Hold music: a quiet piece for electric piano and pad, synthesised; the same seed gives the same samples.

Everything is rendered on a circle of the loop's length, tails and reverberation included: there is no seam.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Signal = NDArray[np.float64]

RATE_HZ = 16_000
BAR_S = 10 / 3
BEATS = 4
SEED = 20

# One bar each: bass note, then the chord from below, as MIDI note numbers around middle C (60).
BARS = (
    (48, (64, 67, 71, 74)),  # Cmaj9
    (45, (64, 67, 72, 76)),  # Am7
    (53, (65, 69, 72, 76)),  # Fmaj7
    (55, (65, 69, 71, 74)),  # G9
    (52, (64, 67, 71, 74)),  # Em7
    (45, (64, 69, 72, 76)),  # Am
    (50, (65, 69, 72, 77)),  # Dm7
    (55, (67, 71, 74, 77)),  # G7
    (53, (65, 69, 72, 76)),  # Fmaj7
    (52, (64, 67, 71, 76)),  # Em7
    (50, (65, 69, 72, 74)),  # Dm7
    (48, (64, 67, 72, 74)),  # Cadd9
)


def hold_music() -> Signal:
    """float64[n] at 16 kHz, one turn of the loop."""
    random = np.random.default_rng(SEED)
    loop = np.zeros(round(len(BARS) * BAR_S * RATE_HZ))
    for bar, (bass, chord) in enumerate(BARS):
        start_s = bar * BAR_S
        _add(loop, start_s, _pad(bass, BAR_S * 1.1) * 0.5)
        for note in chord:
            _add(loop, start_s, _pad(note, BAR_S * 1.1) * 0.16)
        for start, note, strength in _arpeggio(random, chord):
            _add(loop, start_s + start, _piano(note) * strength)
    return _reverberate(loop, random)


def _arpeggio(random: np.random.Generator, chord: tuple[int, ...]) -> list[tuple[float, int, float]]:
    """Eighth notes through the chord: (seconds in the bar, note, strength); some rest, the first never."""
    eighth_s = BAR_S / BEATS / 2
    order = [0, 1, 2, 3, 2, 3, 1, 2] if random.random() < 0.5 else [0, 2, 1, 3, 2, 1, 3, 2]
    played = []
    for step, index in enumerate(order):
        if step and random.random() < 0.3:
            continue
        late_s = random.uniform(0, 0.012)
        octave = 12 if step in (3, 5) and random.random() < 0.4 else 0
        played.append((step * eighth_s + late_s, chord[index] + octave, random.uniform(0.35, 0.55)))
    return played


def _time(seconds: float) -> Signal:
    return np.arange(round(seconds * RATE_HZ)) / RATE_HZ


def _hertz(note: int) -> float:
    return 440.0 * 2.0 ** ((note - 69) / 12)


def _piano(note: int) -> Signal:
    """A tine-like tone: a sine, modulated by its own frequency, that dies away."""
    time, hertz = _time(2.4), _hertz(note)
    modulation = 0.9 * np.exp(-time / 0.25) * np.sin(2 * np.pi * hertz * time)
    envelope = (1 - np.exp(-time / 0.004)) * np.exp(-time / 0.7) * np.clip((2.4 - time) / 0.2, 0, 1)
    return np.sin(2 * np.pi * hertz * time + modulation) * envelope


def _pad(note: int, seconds: float) -> Signal:
    """Three slightly detuned voices with soft harmonics that swell and fade."""
    time = _time(seconds)
    tone = np.zeros_like(time)
    for detune in (0.9965, 1.0, 1.0035):
        phase = 2 * np.pi * _hertz(note) * detune * time
        tone += np.sin(phase) + 0.3 * np.sin(2 * phase) + 0.1 * np.sin(3 * phase)
    return tone / 3 * np.sin(np.pi * time / seconds) ** 0.7


def _add(loop: Signal, start_s: float, tone: Signal) -> None:
    positions = (round(start_s * RATE_HZ) + np.arange(len(tone))) % len(loop)
    loop[positions] += tone


def _reverberate(loop: Signal, random: np.random.Generator) -> Signal:
    """Circular convolution with a decaying noise tail of 1.2 s."""
    time = _time(1.2)
    tail = random.standard_normal(len(time)) * np.exp(-time / 0.25) * (1 - np.exp(-time / 0.02))
    tail *= 0.45 / np.sqrt((tail**2).sum())
    response = np.zeros(len(loop))
    response[: len(tail)] = tail
    response[0] += 1.0
    return np.fft.irfft(np.fft.rfft(loop) * np.fft.rfft(response), len(loop))
