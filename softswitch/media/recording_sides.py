"""Who is on the two sides of each recording, and the packets of both since it began, by slot of the tap."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from softswitch.media.dtmf import FRAME
from softswitch.media.legs import LegTable
from softswitch.media.ring import SampleRing
from softswitch.media.tap_layout import SIDES

NOBODY = -1
_COUNTED = ("expected", "received", "late")
_Slots = NDArray[np.intp]


class RecordingSides:
    """`leg` is int32[slots, 2], `missing` int64[slots, 2]: samples that were concealed."""

    def __init__(self, legs: LegTable, ring: SampleRing, slots: int) -> None:
        self._legs = legs
        self._ring = ring
        self.leg = np.full((slots, 2), NOBODY, np.int32)
        self.missing = np.zeros((slots, 2), np.int64)
        # What was counted before, and where the leg's own counters stood when it came.
        self._before = np.zeros((slots, 2, len(_COUNTED)), np.int64)
        self._at_start = np.zeros((slots, 2, len(_COUNTED)), np.int64)

    def begin(self, slot: int, counters: Mapping[str, Mapping[str, int]]) -> None:
        """Nobody yet; `counters` are those that a former worker has left, as of `TapSlot.counters`."""
        self.leg[slot] = NOBODY
        for k, side in enumerate(SIDES):
            self._before[slot, k] = [counters[name][side] for name in _COUNTED]
            self.missing[slot, k] = counters["concealed"][side] * FRAME

    def attach(self, slot: int, side: int, leg: int) -> None:
        """`leg` is on this side from now on, in place of who was."""
        former = int(self.leg[slot, side])
        if former == leg:
            return
        if former != NOBODY:
            self._before[slot, side] = self._totals(np.array([slot]))[0, side]
            self._ring.drop(former)
        self.leg[slot, side] = leg
        if leg != NOBODY:
            self._ring.use(leg)
            self._at_start[slot, side] = self._now(self.leg[slot, side : side + 1])[0]

    def _now(self, leg: NDArray[np.int32]) -> NDArray[np.int64]:
        legs = self._legs
        return np.stack((legs.expected(leg), legs.placed[leg], legs.placed_late[leg]), axis=-1)

    def _totals(self, slots: _Slots) -> NDArray[np.int64]:
        leg = self.leg[slots]
        since = self._now(leg) - self._at_start[slots]
        return self._before[slots] + np.where(leg[:, :, None] == NOBODY, 0, since)

    def counters(self, slots: _Slots) -> NDArray[np.int64]:
        """int64[n, 2, 4]: packets of both sides in the order of `tap_layout.COUNTERS`."""
        expected, received, late = np.moveaxis(self._totals(slots), -1, 0)
        concealed = np.rint(self.missing[slots] / FRAME).astype(np.int64)
        return np.stack((expected, received, concealed, late), axis=-1)
