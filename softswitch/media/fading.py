"""A leg that is to hear something else hears it rise, and what it heard before fall: 20 ms, and no click."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from softswitch.media.legs import LegTable
from softswitch.media.packets import Indices
from softswitch.media.routing import MixPlan, Row, mix_rows


class Fade(NamedTuple):
    """One frame of a plan in which some rows are replaced.

    `plan` has a further mixed row for each pair of `before` (row of `old`) and `after` (row of the plan).
    """

    plan: MixPlan
    old: MixPlan
    before: Indices
    after: Indices

    def blend(self, old: NDArray[np.int16], new: NDArray[np.int16]) -> NDArray[np.int16]:
        """The plan's mixed rows: those of the `new` one, and the blends."""
        rising: NDArray[np.float32] = np.arange(1, new.shape[1] + 1, dtype=np.float32) / new.shape[1]
        blended = old[self.before] * (1 - rising) + new[self.after] * rising
        return np.concatenate((new, np.rint(blended).astype(np.int16)))


def fade(
    legs: LegTable, plan: MixPlan, replaced: Mapping[int, Row], levels: NDArray[np.float32]
) -> Fade | None:
    """`replaced`: the former rows of ears of the plan; `levels`: float32[2, legs], how far the limiter has
    turned them down, at 8 and 16 kHz. None where nothing was heard before."""
    chosen = np.flatnonzero(np.isin(plan.ears, [*replaced]) & legs.started[plan.ears]).tolist()
    if not chosen:
        return None
    rows: dict[Row, int] = {}
    blends: dict[tuple[int, int], int] = {}
    encodings: dict[tuple[int, int], int] = {}
    encoded = plan.encoded.copy()
    for k in chosen:
        ear = int(plan.ears[k])
        row = rows.setdefault(replaced[ear], len(rows))
        blend = blends.setdefault((row, int(plan.mixed_row[plan.encoded[k]])), len(blends))
        encoded[k] = len(plan.law) + encodings.setdefault((blend, int(legs.law[ear])), len(encodings))
    old = mix_rows([*rows])
    for k in chosen:
        ear = int(plan.ears[k])
        old.level[rows[replaced[ear]]], old.wide_level[rows[replaced[ear]]] = levels[:, ear]
    further = [len(plan.base) + blend for blend, _ in encodings]
    return Fade(
        plan=plan._replace(
            encoded=encoded,
            mixed_row=_extended(plan.mixed_row, further),
            law=_extended(plan.law, [law for _, law in encodings]),
        ),
        old=old,
        before=np.array([before for before, _ in blends], np.int32),
        after=np.array([after for _, after in blends], np.int32),
    )


def _extended(values: NDArray[Any], further: list[int]) -> NDArray[Any]:
    return np.concatenate((values, np.array(further, values.dtype)))
