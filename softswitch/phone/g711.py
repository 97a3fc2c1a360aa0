"""G.711 one byte at a time (ITU-T G.711), for phones whose tone is encoded once and whose ear is a table."""

from __future__ import annotations

import functools
from array import array
from bisect import bisect_left
from collections.abc import Iterable

RATE_HZ = 8000


def _ulaw(code: int) -> int:
    turned = ~code & 0xFF
    magnitude = (((turned & 0x0F) << 3) + 0x84 << ((turned & 0x70) >> 4)) - 0x84
    return -magnitude if turned & 0x80 else magnitude


def _alaw(code: int) -> int:
    turned = code ^ 0x55
    segment = (turned & 0x70) >> 4
    magnitude = ((turned & 0x0F) << 4) + (0x108 if segment else 8) << max(segment - 1, 0)
    return magnitude if turned & 0x80 else -magnitude


LINEAR = {
    "PCMU": array("h", map(_ulaw, range(256))),
    "PCMA": array("h", map(_alaw, range(256))),
}
"""What each code stands for, by encoding."""

_LEVELS = {name: bytes(abs(value) >> 7 for value in values) for name, values in LINEAR.items()}


def decode(codes: bytes, encoding: str) -> array[int]:
    """The samples of a payload."""
    linear = LINEAR[encoding]
    return array("h", [linear[code] for code in codes])


def encode(samples: Iterable[int], encoding: str) -> bytes:
    """The code nearest to each sample."""
    values, codes = _by_value(encoding)
    return bytes(codes[_nearest(values, sample)] for sample in samples)


def peak(codes: bytes, encoding: str) -> int:
    """The greatest magnitude of a payload to within 128."""
    return max(codes.translate(_LEVELS[encoding]), default=0) << 7


@functools.cache
def _by_value(encoding: str) -> tuple[list[int], list[int]]:
    pairs = sorted((value, code) for code, value in enumerate(LINEAR[encoding]))
    return [value for value, _ in pairs], [code for _, code in pairs]


def _nearest(values: list[int], sample: int) -> int:
    above = min(bisect_left(values, sample), len(values) - 1)
    below = max(above - 1, 0)
    return below if sample - values[below] < values[above] - sample else above
