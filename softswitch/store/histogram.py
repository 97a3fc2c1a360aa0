"""Durations counted in buckets that add up: percentiles of any number of intervals put together.

Bucket 0 holds what is shorter than a second; from there each bound is 1.2 times the one before; the last
bucket is open. A percentile is given as the geometric middle of its bucket, which is at most 9.6 % from the
true value (half a second below one second), and never more than the longest that was seen.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate

RATIO = 1.2
BUCKETS = 48
BOUNDS = tuple(RATIO**power for power in range(BUCKETS - 1))
"""Lower bounds of the buckets from 1 on, in seconds; the last is 4,389 s."""
COLUMNS = tuple(f"w{number:02}" for number in range(BUCKETS))
ERROR = math.sqrt(RATIO) - 1


def bucket(seconds: float) -> int:
    return bisect_right(BOUNDS, seconds)


def quantile(counts: Sequence[int], share: float, longest: float | None = None) -> float | None:
    """The value that `share` of all do not exceed; None of none. `longest` is the largest of all."""
    total = sum(counts)
    if not total:
        return None
    wanted = max(1, math.ceil(share * total))
    value = _middle(bisect_left(list(accumulate(counts)), wanted))
    return value if longest is None else min(value, longest)


def _middle(number: int) -> float:
    if number == 0:
        return 0.5
    lower = BOUNDS[number - 1]
    return lower if number == BUCKETS - 1 else lower * math.sqrt(RATIO)
