"""How alike two recordings of speech sound: the difference of their loudness over time in bands of hearing.

Bands of one Bark from 100 to 3,400 Hz (Zwicker), frames of 32 ms, levels in dB above what the ear makes out
beside the loudest band of the frame. 0 dB is the same; below 2 dB hardly anybody tells the difference; other
speech is beyond 6 dB.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 8000
_EDGES_HZ = (100, 200, 300, 400, 510, 630, 770, 920, 1080, 1270, 1480, 1720, 2000, 2320, 2700, 3150, 3400)
_FRAME, _HOP = 256, 128
_AUDIBLE_DB = 30.0
"""Below the loudest band of a frame what is there is masked."""
_SILENCE = 1e4
"""Energy of a band that is taken for silence."""


def aligned(reference: NDArray[np.int16], heard: NDArray[np.int16]) -> NDArray[np.int16]:
    """The part of what was heard that fits the reference best, of its length."""
    size = 1 << (len(reference) + len(heard)).bit_length()
    spectrum = np.conj(np.fft.rfft(reference.astype(float), size)) * np.fft.rfft(heard.astype(float), size)
    at = int(np.argmax(np.fft.irfft(spectrum, size)[: max(1, len(heard) - len(reference) + 1)]))
    return heard[at : at + len(reference)]


def difference_db(reference: NDArray[np.int16], heard: NDArray[np.int16]) -> float:
    """Mean difference over frames with speech, of recordings that begin at the same sample."""
    one, other = _loudness(reference), _loudness(heard)
    speech = one.max(axis=1) > one.max() - 40
    floor = np.maximum(one, other)[speech].max(axis=1, keepdims=True) - _AUDIBLE_DB
    return float(np.abs(np.maximum(one[speech], floor) - np.maximum(other[speech], floor)).mean())


def _loudness(samples: NDArray[np.int16]) -> NDArray[np.float64]:
    """[frames, bands] in dB."""
    count = (len(samples) - _FRAME) // _HOP
    index = np.arange(_FRAME) + _HOP * np.arange(count)[:, None]
    power = np.abs(np.fft.rfft(samples[index] * np.hanning(_FRAME), axis=1)) ** 2
    bins = np.fft.rfftfreq(_FRAME, 1 / RATE_HZ)
    bands = [(bins >= low) & (bins < high) for low, high in pairwise(_EDGES_HZ)]
    energy = np.stack([power[:, band].sum(axis=1) for band in bands], axis=1)
    return np.asarray(10 * np.log10(energy + _SILENCE))
