"""The sample ring: int16[legs, RING_LENGTH], indexed by position on the engine's clock.

Reading consumes nothing: any number of bridges and recorders may read the same samples in any phase.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from softswitch.media import _codecs
from softswitch.media.arrays import Samples
from softswitch.media.legs import NEVER, LegTable
from softswitch.media.packets import Indices, PacketBatch

RING_LENGTH = 8192
RECORDER_LAG = 1280
"""Recorders read this far behind the clock, so that a late packet is still on the record."""
RECORDER_CHUNK = 1600
MAX_LEAD = 2400
"""A packet further ahead of the clock than this is a jump, not jitter."""
CLEAR_CHUNK = 800
KEEP = RECORDER_LAG + RECORDER_CHUNK + 480
"""What is kept behind the clock."""
# What is kept behind the clock, the two chunks that may wait to be cleared, and the furthest sample ahead.
assert KEEP + 2 * CLEAR_CHUNK + MAX_LEAD + 480 <= RING_LENGTH

NEW, DUPLICATE, LATE = range(3)


class SampleRing:
    """Samples of the legs that are mixed or recorded; `use` and `drop` count who needs a leg's samples."""

    def __init__(self, legs: LegTable, length: int = RING_LENGTH) -> None:
        self._legs = legs
        self.length = self._length = length
        # Zero pages: only the rows of legs that ever were in the ring take memory.
        self._samples = np.zeros((legs.capacity, length), np.int16)
        self._have = np.zeros((legs.capacity, length), np.uint8)
        self._users = np.zeros(legs.capacity, np.int32)
        self.in_use = 0
        self._clock = 0

    @property
    def arrays(self) -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
        """The samples, and what is known of each, for kernels."""
        return self._samples, self._have

    def use(self, leg: int) -> None:
        self._users[leg] += 1
        if self._users[leg] == 1:
            self.in_use += 1
            self._samples[leg] = 0
            self._have[leg] = 0
            self._legs.in_ring[leg] = True
            self._legs.cleared[leg] = self._clock - KEEP
            self._legs.in_begin[leg], self._legs.in_end[leg] = -NEVER, NEVER

    def drop(self, leg: int) -> None:
        self._users[leg] -= 1
        if self._users[leg] == 0:
            self.in_use -= 1
            self._legs.in_ring[leg] = False

    def place(
        self, batch: PacketBatch, index: Indices, leg: Indices, position: NDArray[np.int64],
        law: NDArray[np.uint8], floor: int,
    ) -> NDArray[np.uint8]:
        """Decodes the payloads of the batch's rows `index` into their places: NEW, DUPLICATE or LATE."""
        status = np.empty(len(index), np.uint8)
        _codecs.place(
            self._samples, self._have, leg, position, batch.rows, index, batch.offset[index],
            batch.size[index], law, status, self._length, batch.capacity, floor,
        )  # fmt: skip
        return status

    def store(
        self, batch: PacketBatch, index: Indices, leg: Indices, kind: NDArray[np.uint8],
        position: NDArray[np.int64], ext: NDArray[np.int64], clock: int,
    ) -> Indices:
        """Decodes and counts the G.711 among these packets where the leg is in the ring and nothing else is
        to be done with them; returns the numbers of those that are left."""
        legs = self._legs
        odd = np.empty(len(index), np.int32)
        count = _codecs.store(
            self._samples, self._have, batch.rows, batch.offset, batch.size, index, leg, kind, position,
            legs.in_ring, legs.listen, legs.move, legs.move_since, legs.noisy, legs.in_begin, legs.in_end,
            legs.placed, legs.placed_late, legs.late, legs.counted_ext, legs.counted, ext, odd,
            self._length, batch.capacity, clock - RECORDER_LAG, clock,
        )  # fmt: skip
        return odd[:count]

    def lay(
        self, leg: Indices, position: NDArray[np.int64], samples: Samples, size: Indices, floor: int
    ) -> NDArray[np.uint8]:
        """Decoded samples int16[n, width], `size` of them each, into their places: NEW, DUPLICATE or LATE."""
        status = np.empty(len(leg), np.uint8)
        _codecs.lay(
            self._samples, self._have, leg, position, np.ascontiguousarray(samples), size, status,
            self._length, floor,
        )  # fmt: skip
        return status

    def noise(
        self, leg: Indices, first: NDArray[np.int64], last: NDArray[np.int64], peak: NDArray[np.int16]
    ) -> None:
        """White noise from `first` up to `last` wherever nothing is; what comes later replaces it."""
        if len(leg):
            _codecs.noise(self._samples, self._have, leg, first, last, peak, self._length)

    def take(
        self, leg: Indices, position: NDArray[np.int64], width: int
    ) -> tuple[Samples, NDArray[np.int32]]:
        """int16[n, width] from each position on, and how many of them were concealed.

        Before the first packet and after the last one there is silence (or what fades to it), and no loss.
        """
        begin, end = self._legs.in_begin[leg], self._legs.in_end[leg]
        out = np.empty((len(leg), width), np.int16)
        missing = np.empty(len(leg), np.int32)
        if len(leg):
            _codecs.take(self._samples, self._have, leg, position, begin, end, out, missing, self._length)
        return out, missing

    def clear(self, turn: int, turns: int, clock: int) -> None:
        """Forgets what nobody reads any more, so that the places can be written again.

        Of every `turns`th leg from `turn` on. To be called for each leg at least every `CLEAR_CHUNK` samples.
        """
        self._clock = clock
        if self.in_use:
            top, legs = self._legs.top, self._legs
            _codecs.forget(
                self._have, legs.in_ring[:top], legs.cleared, turn, turns, clock, KEEP, CLEAR_CHUNK,
                self._length,
            )  # fmt: skip
