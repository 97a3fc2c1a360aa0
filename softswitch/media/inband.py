"""Keys in the sound itself, for legs without telephone-events: eight tones by one matrix product."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from softswitch.media.dtmf import FRAME
from softswitch.media.legs import LegTable
from softswitch.media.packets import Indices
from softswitch.media.ring import SampleRing

KEYS = ("123A", "456B", "789C", "*0#D")
"""By row and column tone (ITU-T Q.23)."""
_TONES_HZ = np.array([697, 770, 852, 941, 1209, 1336, 1477, 1633])
_PHASE = 2j * np.pi * np.outer(np.arange(FRAME), _TONES_HZ) / 8000
_BASIS = np.concatenate((np.exp(_PHASE).real, np.exp(_PHASE).imag), axis=1).astype(np.float32)
_LEAST_RMS = 100.0
_SHARE = 0.6
"""Of a frame's energy that lies in its two tones; a tone may be wrong by 1.5 %."""
_TWIST = 6.3
_CLEAR = 4.0
_NONE = -1
_FRAMES = 2
_TONE_FRAMES, _PAUSE_FRAMES = 5, 3
_PEAK = 5200
"""Of each of the two tones that are sent: -13 dBm0 together with the other (ITU-T Q.23 section 6)."""


def key_frames(digit: str, rate_hz: int) -> NDArray[np.int16]:
    """The key's two tones for 100 ms, then 60 ms of silence: int16[8, 20 ms]."""
    row = next(row for row, keys in enumerate(KEYS) if digit in keys)
    low, high = _TONES_HZ[row], _TONES_HZ[4 + KEYS[row].index(digit)]
    width = rate_hz // 50
    at = 2 * np.pi * np.arange(_TONE_FRAMES * width) / rate_hz
    frames = np.zeros((_TONE_FRAMES + _PAUSE_FRAMES, width), np.int16)
    both = _PEAK * (np.sin(low * at) + np.sin(high * at))
    frames[:_TONE_FRAMES] = both.astype(np.int16).reshape(-1, width)
    return frames


class ToneSender:
    """The digits that one leg without telephone-events is being sent, as sound."""

    def __init__(self, digits: str, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._frames: deque[NDArray[np.int16]] = deque()
        self.add(digits)

    def add(self, digits: str) -> None:
        for digit in digits:
            self._frames.extend(key_frames(digit, self._rate_hz))

    def next_frame(self) -> NDArray[np.int16]:
        """The next 20 ms; raises StopIteration at the end."""
        if not self._frames:
            raise StopIteration
        return self._frames.popleft()


def keys_in(frames: NDArray[np.int16]) -> NDArray[np.int64]:
    """Row × 4 + column of the key in each frame of int16[n, 160], -1 where there is none."""
    sound = frames.astype(np.float32)
    total = np.einsum("ij,ij->i", sound, sound) + 1e-9
    parts = (sound @ _BASIS) ** 2
    energy = (parts[:, :8] + parts[:, 8:]) * (2 / FRAME)
    rows, columns = np.sort(energy[:, :4], axis=1), np.sort(energy[:, 4:], axis=1)
    low, high = rows[:, 3], columns[:, 3]
    is_key = (total > FRAME * _LEAST_RMS**2) & (low + high > _SHARE * total)
    is_key &= (low < _TWIST * high) & (high < _TWIST * low)
    is_key &= (low > _CLEAR * rows[:, 2]) & (high > _CLEAR * columns[:, 2])
    return np.where(is_key, 4 * energy[:, :4].argmax(axis=1) + energy[:, 4:].argmax(axis=1), _NONE)


class InbandDetector:
    """Listens to the legs flagged `inband`, whose samples must be in the ring."""

    def __init__(self, legs: LegTable, ring: SampleRing, on_digit: Callable[[int, str], None]) -> None:
        self._legs = legs
        self._ring = ring
        self._on_digit = on_digit

    def tick(self, members: Indices, clock: int) -> None:
        """20 ms of each. A key counts after two frames, and again after two frames without it."""
        legs = self._legs
        leg = members[legs.inband[members]]
        if not len(leg):
            return
        found = keys_in(self._ring.take(leg, np.full(len(leg), clock, np.int64), FRAME)[0])
        legs.key_run[leg] = np.where(found == legs.key_heard[leg], legs.key_run[leg] + 1, 1)
        legs.key_heard[leg] = found
        steady = (legs.key_run[leg] >= _FRAMES) & (found != legs.key_told[leg])
        for k in np.flatnonzero(steady):
            legs.key_told[leg[k]] = found[k]
            if found[k] != _NONE:
                self._on_digit(int(leg[k]), KEYS[found[k] // 4][found[k] % 4])
