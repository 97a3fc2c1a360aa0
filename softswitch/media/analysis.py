"""What is said in recorded calls: speech, talk-over, silence and level, for all recordings of a turn at once.

The state is a row of `ANALYSIS` for each recording in the tap's header, so it outlives the worker.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from softswitch.media import _codecs
from softswitch.media.arrays import Samples
from softswitch.media.dtmf import FRAME
from softswitch.media.tap_layout import SIDES

Slots = NDArray[np.intp]
Event = tuple[int, dict[str, str], float]
"""Slot, event, and the seconds that it has lasted."""
FRAMES_PER_S = 50
_MOST_FRAMES = 2 * FRAMES_PER_S
_FULL_SCALE = 32768.0
_LEAST = 100.0**2
"""Mean square below which nothing is speech (-50 dBFS)."""
_MOST_NOISE = 400.0**2
"""The noise of a line is at most this loud (-38 dBFS); what is steadily louder is no noise."""
_ABOVE_NOISE = 8.0
_NOISE_RISES = 1.35
"""Between two judgements: 1.3 dB, so that a pause for breath finds the floor again."""
_LONG_AGO = -(2**30)
_HANGOVER = 8
"""Frames that speech goes on after the last loud one: the gaps within words."""
TOLD = ({"event": "long_silence"}, {"event": "talk_over"})


class Analysis:
    """Energies are gathered turn by turn, and judged for all recordings at once, about once a second."""

    def __init__(self, rows: NDArray[np.void]) -> None:
        """`rows`: the states of all slots, ANALYSIS[slots]."""
        self._rows = rows
        self._limits = np.zeros((len(rows), 2), np.int64)
        self._energy = np.zeros((len(rows), 2, _MOST_FRAMES), np.float32)
        """Mean squares of the frames that have not been judged, `_filled` of each slot."""
        self._filled = np.zeros(len(rows), np.int64)

    def set_limits(self, slot: int, silence_s: float, talk_over_s: float) -> None:
        """What is told of this slot's recording; 0: never."""
        self._limits[slot] = round(silence_s * FRAMES_PER_S), round(talk_over_s * FRAMES_PER_S)

    def hear(self, slots: Slots, samples: Samples) -> Iterator[Event]:
        """Takes int16[2 × slots, n], left and right in turn, 8 kHz, whole frames of it."""
        frames = samples.shape[1] // FRAME
        full = slots[self._filled[slots] + frames > _MOST_FRAMES]
        if len(full):
            yield from self.judge(full)
        _codecs.energy(np.ascontiguousarray(samples), slots, self._filled, self._energy, samples.shape[1])

    def judge(self, slots: Slots | None = None) -> Iterator[Event]:
        """Brings the states of these slots, or all, up to date; gives the events whose limit was reached."""
        filled = self._filled if slots is None else self._filled[slots]
        for frames in sorted({*filled[filled > 0].tolist()}):  # numpy.unique loads numpy.ma at its first call
            due = np.flatnonzero(filled == frames)
            due = due if slots is None else slots[due]
            self._filled[due] = 0
            yield from self._judge(due, self._energy[due, :, :frames])

    def _judge(self, slots: Slots, energy: NDArray[np.float32]) -> Iterator[Event]:
        rows, frames = self._rows[slots], energy.shape[2]
        speech = _speech(rows, energy)
        number = np.arange(1, frames + 1, dtype=np.int32)
        left, right = speech[:, 0], speech[:, 1]
        both, anybody = left & right, left | right
        over = number - _last(~both, number, rows["not_both"])
        silence = number - _last(anybody, number, rows["anybody"])
        rows["speech"] += speech.sum(axis=2)
        rows["power"] += np.einsum("ijk,ijk->ij", energy, speech)
        rows["both"] += both.sum(axis=1)
        rows["longest_silence"] = np.maximum(rows["longest_silence"], silence.max(axis=1))
        rows["not_both"], rows["anybody"] = -over[:, -1], -silence[:, -1]
        rows["frames"] += frames
        self._rows[slots] = rows
        for runs, column, event in zip((silence, over), (0, 1), TOLD, strict=True):
            limit = self._limits[slots, column]
            for k in np.flatnonzero(((runs == limit[:, None]) & (runs > 0)).any(axis=1)):
                yield int(slots[k]), event, int(limit[k]) / FRAMES_PER_S


def _speech(rows: NDArray[np.void], energy: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which frames are speech: bool[n, 2, frames]. The noise floor and the hangover go on in `rows`."""
    quietest = np.minimum(energy.min(axis=2), _MOST_NOISE)
    rows["loud"][rows["frames"] == 0] = _LONG_AGO
    risen = np.where(rows["frames"][:, None] > 0, rows["noise"] * _NOISE_RISES + 1, _MOST_NOISE)
    rows["noise"] = np.minimum(quietest, risen)
    threshold = np.maximum(_LEAST, _ABOVE_NOISE * rows["noise"])
    loud = energy > threshold[:, :, None]
    number = np.arange(1, energy.shape[2] + 1, dtype=np.int32)
    since = number - _last(loud, number, rows["loud"])
    rows["loud"] = -since[:, :, -1]
    return np.asarray(since <= _HANGOVER)


def _last(
    holds: NDArray[np.bool_], number: NDArray[np.int32], before: NDArray[np.float64]
) -> NDArray[np.int32]:
    """For each frame the number of the last one for which it holds, counted from 1; `before` is that of the
    frames before these, 0 or less."""
    last = np.where(holds, number, np.int32(_LONG_AGO))
    last[..., 0] = np.maximum(last[..., 0], before)
    return np.asarray(np.maximum.accumulate(last, axis=-1))


def described(row: np.void) -> dict[str, object]:
    """One recording's figures for its certificate. Levels are those of the speech alone, RMS; 0 dB is full
    scale; None where nobody spoke."""
    return {
        "speech_s": {side: _seconds(row["speech"][k]) for k, side in enumerate(SIDES)},
        "level_dbfs": {side: _level(row["power"][k], row["speech"][k]) for k, side in enumerate(SIDES)},
        "talk_over_s": _seconds(row["both"]),
        "longest_silence_s": _seconds(row["longest_silence"]),
    }


def _seconds(frames: float) -> float:
    return round(float(frames) / FRAMES_PER_S, 2)


def _level(power: float, frames: float) -> float | None:
    if not frames or not power:
        return None
    return round(10 * float(np.log10(power / frames)) - 20 * float(np.log10(_FULL_SCALE)), 1)
