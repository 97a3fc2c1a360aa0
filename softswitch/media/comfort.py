"""Comfort noise, RFC 3389: what is heard while a peer sends none, and when we need send none ourselves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from softswitch.media.dtmf import FRAME
from softswitch.media.legs import NEVER, LegTable
from softswitch.media.packets import Indices, PacketBatch
from softswitch.media.ring import SampleRing

_AHEAD = FRAME + 160
"""The noise is made this far ahead of the clock: for every frame that may be read before the next wake."""
_HANGOVER = 1600
_REPEAT_EVERY = 1600
_QUIET_PEAK = 64


class NoiseFloor:
    """Fills the ring of legs whose peer has announced noise until it sends sound again."""

    def __init__(self, legs: LegTable, ring: SampleRing) -> None:
        self._legs = legs
        self._ring = ring
        self.any = False
        """Whether there may be noise to be made."""

    def receive(self, batch: PacketBatch, index: Indices, leg: Indices, pos: NDArray[np.int64]) -> None:
        """Comfort noise packets: the first byte is the level below overload in dB (RFC 3389 section 3)."""
        self.announce(leg, pos, batch.rows[index, batch.offset[index]] & np.uint8(127))

    def announce(self, leg: Indices, pos: NDArray[np.int64], level_db: NDArray[np.uint8]) -> None:
        """From `pos` on there is only noise, so far below overload, until there is sound."""
        legs = self._legs
        newest = pos >= legs.in_end[leg]
        leg, pos, level = leg[newest], pos[newest], level_db[newest].astype(np.float64)
        peak = 32767 * np.sqrt(3) * 10 ** (-level / 20)  # of uniform noise with that power
        legs.noise_peak[leg] = np.minimum(peak, 32767).astype(np.int16)
        legs.noise_to[leg] = np.where(legs.noisy[leg], legs.noise_to[leg], pos)
        legs.noisy[leg] = True
        self.any = self.any or len(leg) > 0

    def sound(self, leg: Indices, pos: NDArray[np.int64]) -> None:
        """Sound came: noise up to it, and no further."""
        if not self.any:
            return
        legs = self._legs
        over = legs.noisy[leg] & (pos >= legs.noise_to[leg] - _AHEAD)
        if over.any():
            self._fill(leg[over], pos[over])
            legs.noisy[leg[over]] = False

    def tick(self, clock: int) -> None:
        if self.any:
            noisy = np.flatnonzero(self._legs.noisy & self._legs.used).astype(np.int32)
            self.any = len(noisy) > 0
            self._fill(noisy, np.full(len(noisy), clock + _AHEAD, np.int64), clock)

    def _fill(self, leg: Indices, to: NDArray[np.int64], clock: int = NEVER) -> None:
        legs = self._legs
        since = np.maximum(legs.noise_to[leg], clock - FRAME)
        wanted = legs.in_ring[leg] & (to > since)
        self._ring.noise(leg[wanted], since[wanted], to[wanted], legs.noise_peak[leg[wanted]])
        legs.noise_to[leg] = np.maximum(legs.noise_to[leg], to)


def quiet(samples: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Which rows of int16[n, width] hold nothing that would be missed."""
    calm: NDArray[np.bool_] = np.abs(samples.astype(np.int32)).max(axis=1, initial=0) <= _QUIET_PEAK
    return calm


def noise_level(samples: NDArray[np.int16]) -> NDArray[np.uint8]:
    """The level of each row of int16[n, width] in dB below overload, 0 to 127."""
    rms = np.sqrt(np.mean(samples.astype(np.float64) ** 2, axis=1))
    level = np.clip(np.rint(-20 * np.log10(np.maximum(rms, 1e-3) / 32767)), 0, 127)
    return np.asarray(level, np.uint8)


def suppress(
    legs: LegTable, ears: Indices, calm: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Who of those that agreed to comfort noise needs no packet for this frame, and who is sent a noise one.

    Sound goes on for a while after its end, so that the short pauses of speech stay sound.
    """
    before = legs.quiet[ears]
    legs.quiet[ears] = now = np.where(calm & legs.comfort[ears], before + FRAME, 0)
    left_out = now > _HANGOVER
    announced = left_out & ((now - _HANGOVER - FRAME) % _REPEAT_EVERY == 0)
    return left_out, announced
