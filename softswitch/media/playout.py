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
        legs = self._legs
        lead = legs.lead_min
        heard = (lead < MAX_LEAD) & legs.used
        short = heard & (legs.short >= _FEW)
        legs.calm[:] = np.where(heard & (lead > _AMPLE_LEAD), legs.calm + 1, 0)
        legs.calm_lead[:] = np.where(legs.calm > 1, np.minimum(legs.calm_lead, lead), lead)
        early = legs.calm >= _CALM_REVIEWS
        thin = heard & (legs.short == 0) & (lead < _THIN_LEAD)
        legs.move[:] = np.where(short | thin, np.minimum(_WANTED_LEAD - lead, _MOST_LEAD), legs.move * ~heard)
        legs.move[early] = (_WANTED_LEAD - legs.calm_lead)[early]
        legs.move_since[:] = np.where(short, clock, -NEVER)
        far = heard & (lead - _WANTED_LEAD >= _FAR_TOO_EARLY)
        legs.in_pos[far] -= (lead - _WANTED_LEAD)[far]
        legs.move[far] = 0
        lead[:] = -NEVER
        legs.short[:] = 0
        self._moving = bool(legs.move.any())

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
        return step
