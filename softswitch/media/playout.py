"""When packets are played: a depth for each leg that follows its jitter and the drift of its peer's clock.

What counts is the lead: how long before its place is due a packet arrives. The least lead of a second tells
whether packets come too late, or all of them earlier than they must. Places are then moved a few samples at
a time, in frames so quiet that it is not heard: later by saying samples twice, earlier by leaving some out.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from softswitch.media.dtmf import FRAME
from softswitch.media.legs import NEVER, LegTable
from softswitch.media.packets import Indices
from softswitch.media.ring import MAX_LEAD

REVIEW_EVERY = 8000
LEAST_LEAD = FRAME + 16
"""A whole frame is read at once, so a packet must be there that long before its place."""
_FEW = 2
"""One straggler in a second is concealed; more of them are waited for."""
_THIN_LEAD = FRAME + 48
"""Packets are not too late yet: time enough to wait for a quiet frame."""
_WANTED_LEAD = FRAME + 80
_AMPLE_LEAD = _WANTED_LEAD + 80
_CALM_REVIEWS = 4
_FAR_TOO_EARLY = 400
_MOST_LEAD = 1600
_STEP = 40
_QUIET_PEAK = 500
_PATIENCE = 3200
"""Packets that come too late are not waited with for a quiet frame for longer than this."""


class Playout:
    def __init__(self, legs: LegTable) -> None:
        self._legs = legs
        self._moving = False

    def review(self, clock: int) -> None:
        """To be called every `REVIEW_EVERY` samples: what each leg has to be moved by."""
        legs, rows = self._legs, slice(self._legs.top)
        lead, calm, calm_lead = legs.lead_min[rows], legs.calm[rows], legs.calm_lead[rows]
        move, late = legs.move[rows], legs.short[rows]
        heard = (lead < MAX_LEAD) & legs.used[rows]
        short = heard & (late >= _FEW)
        calm[:] = np.where(heard & (lead > _AMPLE_LEAD), calm + 1, 0)
        calm_lead[:] = np.where(calm > 1, np.minimum(calm_lead, lead), lead)
        early = calm >= _CALM_REVIEWS
        thin = heard & (late == 0) & (lead < _THIN_LEAD)
        move[:] = np.where(short | thin, np.minimum(_WANTED_LEAD - lead, _MOST_LEAD), move * ~heard)
        move[early] = (_WANTED_LEAD - calm_lead)[early]
        legs.move_since[rows] = np.where(short, clock, -NEVER)
        far = heard & (lead - _WANTED_LEAD >= _FAR_TOO_EARLY)
        legs.in_pos[rows][far] -= (lead - _WANTED_LEAD)[far]
        move[far] = 0
        lead[:] = -NEVER
        late[:] = 0
        self._moving = bool(move.any())

    def steps(
        self, leg: Indices, pos: NDArray[np.int64], size: Indices, peak: Callable[[int], int], clock: int
    ) -> NDArray[np.int64] | None:
        """By how much each of these packets is moved from here on; None if none is. Changes `pos`.

        `size` is in samples at 8 kHz, `peak` tells the loudest sample of the packet of this number.
        """
        if not self._moving:
            return None
        legs = self._legs
        moves = np.zeros(len(leg), np.int64)
        for k in np.flatnonzero(legs.move[leg]):
            one = int(leg[k])
            late = legs.move[one] > 0 and clock - legs.move_since[one] > _PATIENCE
            if late or peak(int(k)) <= _QUIET_PEAK:
                moves[k] = step = self._step(one, int(size[k]), int(pos[k]) - clock, late)
                pos[k:][leg[k:] == one] += step
        return moves

    def _step(self, leg: int, size: int, lead: int, late: bool) -> int:
        """Takes the next step of a leg's move, by up to `_STEP` samples, or all of it once it is late."""
        legs = self._legs
        most = size if late else min(_STEP, size // 2)
        step = max(-most, min(most, int(legs.move[leg]), _MOST_LEAD - lead))
        legs.move[leg] -= step
        legs.in_pos[leg] += step
        legs.transit[leg] -= step
        # What came before it in this second must not be moved for again.
        legs.lead_min[leg] += step
        if legs.lead_min[leg] >= LEAST_LEAD:
            legs.short[leg] = 0
        return step
