"""Opus legs: a decoder and an encoder each at 16 kHz, made when they are first needed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from softswitch.media import _codecs
from softswitch.media.legs import BadCommand
from softswitch.media.libopus import MISSING, available
from softswitch.media.packets import Indices, PacketBatch

BITRATE = 24_000
"""Wideband speech with room for the forward error correction."""
COMPLEXITY = 3
"""A frame costs 86 µs to encode; 5 costs 111 µs and 10 costs 169 µs."""
DTX_OCTETS = 2
"""Packets up to this long say that nothing is said (RFC 6716 section 3.1): they need not be sent."""
LONGEST = 2880
"""Samples at 16 kHz of one packet of 120 ms and 60 ms that were lost before it."""
_ROOM = 400
_NONE = -1


class Opus:
    def __init__(self, legs: int) -> None:
        self._decoders: NDArray[np.int32] = np.full(legs, _NONE, np.int32)
        self._encoders: NDArray[np.int32] = np.full(legs, _NONE, np.int32)

    def decode(
        self, batch: PacketBatch, index: Indices, leg: Indices
    ) -> tuple[NDArray[np.int16], Indices, Indices]:
        """Rows of the batch as int16[n, LONGEST] at 16 kHz, how many samples each has, and how many of them
        make up for what was lost before it."""
        self._open(self._decoders, leg, 0)
        out = np.empty((len(leg), LONGEST), np.int16)
        lead, count = np.zeros(len(leg), np.int32), np.zeros(len(leg), np.int32)
        _codecs.opus_decode(
            self._decoders[leg], batch.rows, index, batch.offset[index], batch.size[index], batch.ts[index],
            out, lead, count, batch.capacity,
        )  # fmt: skip
        return out, count, lead

    def encode(self, leg: Indices, samples: NDArray[np.int16]) -> tuple[NDArray[np.uint8], Indices]:
        """int16[n, width] at 16 kHz as uint8[n, room], and how many octets each has."""
        self._open(self._encoders, leg, BITRATE)
        out, size = np.zeros((len(leg), _ROOM), np.uint8), np.zeros(len(leg), np.int32)
        _codecs.opus_encode(self._encoders[leg], np.ascontiguousarray(samples), out, size)
        return out, size

    def forget(self, leg: int) -> None:
        """The leg is gone, or begins anew."""
        for handles in (self._decoders, self._encoders):
            if handles[leg] != _NONE:
                _codecs.opus_close(int(handles[leg]))
                handles[leg] = _NONE

    def _open(self, handles: NDArray[np.int32], leg: Indices, bitrate: int) -> None:
        for one in leg[handles[leg] == _NONE].tolist():
            if handles[one] == _NONE:
                handles[one] = _codecs.opus_open(bitrate, COMPLEXITY)


def require() -> None:
    """Raises BadCommand where there is no libopus."""
    if not available():
        raise BadCommand(MISSING)
