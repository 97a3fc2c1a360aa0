"""Pure tones: made for tests and the demo's phones, and found again by their frequency."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from softswitch.media.arrays import Samples

_SHARE_OF_A_TONE = 0.5
_AUDIBLE_RMS = 50.0


def tone(freq_hz: float, seconds: float, rate_hz: int, amplitude: float = 8000.0) -> Samples:
    """A sine as int16[seconds × rate_hz], starting at zero; `amplitude` is its peak (up to 32767)."""
    at = np.arange(round(seconds * rate_hz)) / rate_hz
    return np.round(amplitude * np.sin(2 * np.pi * freq_hz * at)).astype(np.int16)


def tone_power(samples: ArrayLike, freq_hz: float, rate_hz: int) -> float:
    """Share of the samples' energy that lies at `freq_hz`, 0 … 1; 0.0 for silence.

    The resolution is rate_hz / len(samples): 100 ms tells tones 20 Hz apart.
    """
    x: NDArray[np.float64] = np.asarray(samples, dtype=np.float64)
    energy = float(x @ x)
    if not energy:
        return 0.0
    at = np.arange(len(x)) / rate_hz
    amplitude = np.exp(-2j * np.pi * freq_hz * at) @ x
    return min(1.0, float(2 * np.abs(amplitude) ** 2 / len(x) / energy))


def has_tone(samples: ArrayLike, freq_hz: float, rate_hz: int) -> bool:
    """Whether the tone is audible and at least half of all that is heard.

    Measured in blocks of 100 ms, so that a jump of phase (a lost packet, a change of path) does not hide it.
    """
    x: NDArray[np.float64] = np.asarray(samples, dtype=np.float64)
    width = rate_hz // 10
    blocks = x[: len(x) // width * width].reshape(-1, width) if len(x) >= width else x.reshape(1, -1)
    if not x.size or np.sqrt(np.mean(blocks**2)) < _AUDIBLE_RMS:
        return False
    energy = np.sum(blocks**2, axis=1)
    shares = np.array([tone_power(block, freq_hz, rate_hz) for block in blocks])
    return bool(shares @ energy / energy.sum() >= _SHARE_OF_A_TONE)
