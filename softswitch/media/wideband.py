"""Legs at 16 kHz: what they say in a ring of its own beside that at 8 kHz, and the mix for their ears.

A mix for a wide ear is made at 16 kHz from all its sources, narrow ones resampled; a narrow ear hears a wide
source by its samples at 8 kHz.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from softswitch.media import _codecs
from softswitch.media.dtmf import FRAME
from softswitch.media.formats import CODECS
from softswitch.media.g722 import G722
from softswitch.media.legs import NEVER, LegTable
from softswitch.media.opus import DTX_OCTETS, Opus
from softswitch.media.packets import Indices, PacketBatch
from softswitch.media.players import PlayerTable
from softswitch.media.prompts import polyphase_taps
from softswitch.media.ring import SampleRing
from softswitch.media.routing import MixPlan

_LENGTH = 8192
_KEEP = 640
_UP = polyphase_taps(2, 1)
_DOWN = np.ascontiguousarray(polyphase_taps(1, 2)[0])
_PAST = _UP.shape[1] - 1
_DOWN_PAST = len(_DOWN) - 2

Wide = NDArray[np.int16]
"""int16[n, 2·width]: 16 kHz."""


class Wideband:
    """Samples at 16 kHz of the legs whose codec has them; positions are those of the ring at 8 kHz."""

    def __init__(self, legs: LegTable, ring: SampleRing, players: PlayerTable) -> None:
        self._legs = legs
        self._ring = ring
        self._players = players
        self._g722 = G722(legs.capacity)
        self._opus = Opus(legs.capacity)
        # Zero pages: only the rows of legs that ever were wide take memory.
        self._samples = np.zeros((legs.capacity, _LENGTH), np.int16)
        self._have = np.zeros((legs.capacity, _LENGTH), np.uint8)
        self._used = False
        self._past = np.zeros((legs.capacity, _DOWN_PAST), np.float32)

    # What wide legs say.

    def decode(
        self, batch: PacketBatch, index: Indices, leg: Indices, codec: NDArray[np.uint8], clock: int
    ) -> tuple[Wide, NDArray[np.int16], Indices, Indices]:
        """Payloads at 16 kHz, at 8 kHz, how many samples at 8 kHz each has, and how many of these make up for
        what was lost before it."""
        for one in np.unique(leg[self._legs.wide_at[leg] == NEVER]).tolist():
            self._begin(one, clock)
        g722 = codec == CODECS["G722"]
        opus = np.flatnonzero(codec == CODECS["OPUS"])
        size = np.where(g722, batch.size[index], batch.size[index] // 4).astype(np.int32)
        lead = np.zeros(len(leg), np.int32)
        if len(opus):
            decoded, count, made_up = self._opus.decode(batch, index[opus], leg[opus])
            size[opus], lead[opus] = count // 2, made_up // 2
        width = int(size.max(initial=0))
        wide, narrow = np.zeros((len(leg), 2 * width), np.int16), np.zeros((len(leg), width), np.int16)
        if g722.any():
            both = self._g722.decode(batch, index[g722], leg[g722])
            wide[g722, : both[0].shape[1]], narrow[g722, : both[1].shape[1]] = both
        if len(opus):
            wide[opus] = decoded[:, : 2 * width]
            narrow[opus] = self._halved(leg[opus], wide[opus], count)
        for k in np.flatnonzero(codec == CODECS["L16"]).tolist():
            start, samples = int(batch.offset[index[k]]), 2 * int(size[k])
            linear = batch.rows[index[k], start : start + 2 * samples].view(">i2")
            wide[k, :samples], narrow[k, : samples // 2] = linear, self._narrowed(int(leg[k]), linear)
        return wide, narrow, size, lead

    def _begin(self, leg: int, clock: int) -> None:
        self._used = True
        self._new_coder(leg)
        self._samples[leg], self._have[leg], self._past[leg] = 0, 0, 0
        self._legs.wide_at[leg] = clock - _KEEP

    def _new_coder(self, leg: int) -> None:
        if not self._legs.coded[leg]:
            self._legs.coded[leg] = True
            self._g722.reset(leg)
            self._opus.forget(leg)

    def leave(self, leg: int) -> None:
        """The leg is gone."""
        self._opus.forget(leg)

    def _halved(self, leg: Indices, wide: Wide, count: Indices) -> NDArray[np.int16]:
        narrow = np.zeros((len(leg), wide.shape[1] // 2), np.int16)
        if wide.shape[1]:
            samples = np.ascontiguousarray(wide)
            _codecs.halve(self._past, leg, samples, count, _DOWN, narrow, self._legs.capacity)
        return narrow

    def _narrowed(self, leg: int, samples: NDArray[np.int16]) -> NDArray[np.int16]:
        stretch = np.concatenate((self._past[leg], samples.astype(np.float32)))
        self._past[leg] = stretch[-_DOWN_PAST:]
        windows = np.lib.stride_tricks.sliding_window_view(stretch, len(_DOWN))[::2]
        return _rounded(windows @ _DOWN)[: len(samples) // 2]

    def place(self, leg: Indices, pos: NDArray[np.int64], wide: Wide, size: Indices, floor: int) -> None:
        status = np.empty(len(leg), np.uint8)
        _codecs.lay(self._samples, self._have, leg, 2 * pos, wide, 2 * size, status, _LENGTH, 2 * floor)

    # What wide ears hear.

    def mix(self, plan: MixPlan, clock: int) -> Wide:
        """int16[distinct rows, 320]."""
        frames = np.concatenate((self._heard(plan.legs, clock), self._played(plan.players, clock)))
        mixed = np.empty((len(plan.base), 2 * FRAME), np.int16)
        _codecs.mix(frames, plan.start, plan.source, plan.gain, mixed, plan.base, plan.wide_level, 2 * FRAME)
        return mixed

    def _heard(self, legs: Indices, clock: int) -> Wide:
        out = np.empty((len(legs), 2 * FRAME), np.int16)
        wide = self._legs.wide_at[legs] != NEVER
        if wide.any():
            out[wide] = self._taken(legs[wide], clock)
        if not wide.all():
            narrow = legs[~wide]
            position = np.full(len(narrow), clock - _PAST, np.int64)
            out[~wide] = _widened(self._ring.take(narrow, position, FRAME + _PAST)[0])
        return out

    def _taken(self, legs: Indices, clock: int) -> Wide:
        out = np.empty((len(legs), 2 * FRAME), np.int16)
        position = np.full(len(legs), 2 * clock, np.int64)
        missing = np.empty(len(legs), np.int32)
        _codecs.take(self._samples, self._have, legs, position, position, position, out, missing, _LENGTH)
        return out

    def _played(self, players: Indices, clock: int) -> Wide:
        return _widened(self._players.take(players, clock - _PAST, FRAME + _PAST))

    def encode(
        self, ears: Indices, rows: Indices, samples: Wide
    ) -> list[tuple[Indices, NDArray[np.uint8], Indices]]:
        """(legs, a payload each, octets of it) by codec; ear k hears row rows[k] of int16[n, 320].

        An Opus row is encoded once for all of its ears, by the encoder of the first.
        """
        for ear in ears[~self._legs.coded[ears]].tolist():
            self._new_coder(ear)
        law = self._legs.law[ears]
        found = []
        for codec in np.unique(law).tolist():
            some, row = ears[law == codec], rows[law == codec]
            if codec == CODECS["OPUS"]:
                _, first, which = np.unique(row, return_index=True, return_inverse=True)
                payload, size = self._opus.encode(some[first], samples[row[first]])
                sent = size[which] > DTX_OCTETS
                found.append((some[sent], payload[which[sent]], size[which[sent]]))
                continue
            if codec == CODECS["G722"]:
                payload = self._g722.encode(some, samples[row])
            else:
                payload = samples[row].astype(">i2").view(np.uint8)
            found.append((some, payload, np.full(len(some), payload.shape[1], np.int32)))
        return [each for each in found if len(each[0])]

    def clear(self, members: Indices, clock: int) -> None:
        """Forgets what nobody reads any more. To be called for each leg every 20 ms or so."""
        if not self._used:
            return
        at = self._legs.wide_at
        wide = members[at[members] != NEVER]
        behind = wide[clock - at[wide] > _LENGTH // 4]
        self._have[behind] = 0
        at[behind] = clock - _KEEP
        while len(due := wide[at[wide] + FRAME <= clock - _KEEP]):
            _codecs.clear(self._have, due, 2 * at[due], 2 * FRAME, _LENGTH)
            at[due] += FRAME


def _widened(samples: NDArray[np.int16]) -> Wide:
    """int16[n, _PAST + width] at 8 kHz as int16[n, 2·width] at 16 kHz, by two phases of a FIR."""
    windows = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float32), _UP.shape[1], axis=1)
    return _rounded((windows @ _UP.T).reshape(len(samples), 2 * windows.shape[1]))


def _rounded(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    rounded: NDArray[np.int16] = np.clip(np.rint(samples), -32768, 32767).astype(np.int16)
    return rounded
