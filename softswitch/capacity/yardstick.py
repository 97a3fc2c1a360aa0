"""How fast Python is here and now: costs measured elsewhere are scaled by it."""

from __future__ import annotations

import time

_TRIES = 20


def python_ms() -> float:
    """CPU time of a fixed piece of work in ms, the best of several."""
    return min(_fixed_work_ms() for _ in range(_TRIES))


def _fixed_work_ms() -> float:
    begin = time.thread_time()
    seen: dict[str, str] = {}
    for number in range(20_000):
        name, _, value = f"X-{number}: {number}".partition(":")
        seen[name] = value.strip()
    return 1000 * (time.thread_time() - begin)
