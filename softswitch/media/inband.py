"""Keys in the sound itself, for legs without telephone-events: eight tones of each frame."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from softswitch.media import _codecs
from softswitch.media.dtmf import FRAME
from softswitch.media.legs import LegTable
from softswitch.media.packets import Indices
from softswitch.media.ring import SampleRing

KEYS = ("123A", "456B", "789C", "*0#D")
"""By row and column tone (ITU-T Q.23)."""
_TONES_HZ = np.array([697, 770, 852, 941, 1209, 1336, 1477, 1633])
_PHASE = 2j * np.pi * np.outer(np.arange(FRAME), _TONES_HZ) / 8000
_BASIS = np.ascontiguousarray(
    np.stack((np.cos(_PHASE.imag), np.sin(_PHASE.imag)), axis=1).reshape(FRAME, 2, 2, 4).swapaxes(1, 2),
    np.float32,
)
"""float32[160, rows or columns, cosine or sine, 4]."""
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


class InbandDetector:
    """Listens to the legs flagged `inband`, whose samples must be in the ring."""

    def __init__(self, legs: LegTable, ring: SampleRing, on_digit: Callable[[int, str], None]) -> None:
        self._legs = legs
        self._ring = ring
        self._on_digit = on_digit
        self.flagged = 0
        """How many legs are flagged."""

    def tick(self, members: Indices, clock: int) -> None:
        """20 ms of each. A key counts after two frames, and again after two frames without it."""
        legs = self._legs
        leg = members[legs.inband[members]]
        if not len(leg):
            return
        frames, told = self._ring.take(leg, np.full(len(leg), clock, np.int64), FRAME)[0], np.empty_like(leg)
        count = _codecs.keys(frames, _BASIS, leg, legs.key_heard, legs.key_told, legs.key_run, told)
        for each in told[:count].tolist():
            key = int(legs.key_told[each])
            self._on_digit(each, KEYS[key // 4][key % 4])
