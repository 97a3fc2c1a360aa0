"""ITU-T G.722 at 64 kbit/s for many legs at once: one byte for two samples of 16 kHz, RTP clock 8000."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from softswitch.media import _codecs
from softswitch.media.packets import Indices, PacketBatch

_WORDS = _codecs.g722_words()


class G722:
    """Encoder and decoder of each leg; a leg that is new is `reset`."""

    def __init__(self, legs: int) -> None:
        self._state = np.zeros((legs, _WORDS), np.int32)

    def reset(self, leg: int) -> None:
        self._state[leg] = 0

    def decode(
        self, batch: PacketBatch, index: Indices, leg: Indices
    ) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
        """Rows of the batch as int16[n, 2·widest] at 16 kHz and as int16[n, widest] at 8 kHz."""
        size = batch.size[index]
        width = int(size.max(initial=0))
        wide = np.zeros((len(index), 2 * width), np.int16)
        narrow = np.zeros((len(index), width), np.int16)
        _codecs.g722_decode(
            self._state, leg, batch.rows, index, batch.offset[index], size, wide, narrow, batch.capacity
        )
        return wide, narrow

    def encode(self, leg: Indices, samples: NDArray[np.int16]) -> NDArray[np.uint8]:
        """int16[n, 2·width] at 16 kHz as uint8[n, width]."""
        out = np.empty((len(leg), samples.shape[1] // 2), np.uint8)
        _codecs.g722_encode(self._state, leg, np.ascontiguousarray(samples), out)
        return out
