"""Frames of 20 ms as packets of another length, for legs that agreed on 10, 30, 40 or 60 ms."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from softswitch.media.dtmf import FRAME
from softswitch.media.legs import LegTable
from softswitch.media.packets import Indices

_LONGEST = 480


class Packetizer:
    """What has been mixed for a leg and does not fill a packet yet. One byte is one sample at 8 kHz."""

    def __init__(self, legs: LegTable) -> None:
        self._legs = legs
        self._waiting = np.zeros((legs.capacity, _LONGEST + FRAME), np.uint8)
        self._filled = np.zeros(legs.capacity, np.int32)
        self._end = np.zeros(legs.capacity, np.int64)

    def packets(
        self, ears: Indices, payload: NDArray[np.uint8], clock: int
    ) -> Iterator[tuple[Indices, NDArray[np.uint8], NDArray[np.int64]]]:
        """Takes the frames at the clock and yields (legs, uint8[n, size], position of each first sample)."""
        self._filled[ears] *= self._end[ears] == clock  # after a pause the rest before it is too old
        columns = self._filled[ears][:, None] + np.arange(FRAME)
        self._waiting[ears[:, None], columns] = payload
        self._filled[ears] += FRAME
        self._end[ears] = clock + FRAME
        while len(ears := ears[self._filled[ears] >= self._legs.ptime[ears]]):
            size = int(self._legs.ptime[ears[0]])
            alike = ears[self._legs.ptime[ears] == size]
            yield alike, self._waiting[alike, :size], self._end[alike] - self._filled[alike]
            self._waiting[alike, :-size] = self._waiting[alike, size:]
            self._filled[alike] -= size
