"""The limiter of the mix in numpy, as codecs/limiter.c has it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CEILING, RELEASE, ENOUGH = np.float32(30000), np.float32(0.1), np.float32(0.999)


def limited(
    total: NDArray[np.int64], level: np.float32, *, alone: bool = False
) -> tuple[NDArray[np.int16], np.float32]:
    """One frame of sums as int16, and the level afterwards."""
    value, one, width = total.astype(np.float32), np.float32(1), len(total)
    most = np.float32(np.abs(total).max(initial=0))
    wanted = one if alone or most <= CEILING else CEILING / most
    if level >= 1 and wanted >= 1:
        return total.astype(np.int16), level
    gain = np.full(width, wanted, np.float32)
    if wanted >= level:
        after = np.float32(level + (wanted - level) * RELEASE)
        after = one if after > ENOUGH else after
        gain = ramp(level, min(after, wanted), width)
        return np.trunc(value * gain).astype(np.int16), after
    loud = int(np.argmax(np.abs(value * level) > CEILING))
    down = max(0, loud - width // 8)
    gain[:down] = level
    gain[down:loud] = ramp(level, wanted, loud - down)
    return np.trunc(value * gain).astype(np.int16), wanted


def ramp(first: np.float32, last: np.float32, count: int) -> NDArray[np.float32]:
    step = np.float32((last - first) / np.float32(max(1, count)))
    return first + step * np.arange(1, count + 1, dtype=np.float32)
