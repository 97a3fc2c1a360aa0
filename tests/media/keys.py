"""Keys in the sound by numpy: what the kernel is compared with, and the ear of tests."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FRAME = 160
TONES_HZ = np.array([697, 770, 852, 941, 1209, 1336, 1477, 1633])
_PHASE = 2j * np.pi * np.outer(np.arange(FRAME), TONES_HZ) / 8000
_LEAST_RMS, _SHARE, _TWIST, _CLEAR = 100.0, 0.6, 6.3, 4.0


def keys_in(frames: NDArray[np.int16]) -> NDArray[np.int64]:
    """Row × 4 + column of the key in each frame of int16[n, 160], -1 where there is none."""
    sound = frames.astype(np.float64)
    total = (sound**2).sum(axis=1)
    energy = np.abs(sound @ np.exp(_PHASE)) ** 2 * (2 / FRAME)
    rows, columns = np.sort(energy[:, :4], axis=1), np.sort(energy[:, 4:], axis=1)
    low, high = rows[:, 3], columns[:, 3]
    is_key = (total > FRAME * _LEAST_RMS**2) & (low + high > _SHARE * total)
    is_key &= (low < _TWIST * high) & (high < _TWIST * low)
    is_key &= (low > _CLEAR * rows[:, 2]) & (high > _CLEAR * columns[:, 2])
    return np.where(is_key, 4 * energy[:, :4].argmax(axis=1) + energy[:, 4:].argmax(axis=1), -1)
