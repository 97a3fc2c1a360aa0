"""The machine on which figures were measured; without it they cannot be compared."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path
from typing import Any


def machine() -> dict[str, Any]:
    """Processor, cores, memory, kernel, Python and how busy the machine is with everything."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_mib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "python_ms": round(python_ms(), 1),
        "load_average": round(os.getloadavg()[0], 2),
    }


def python_ms() -> float:
    """CPU time of a fixed piece of work, the best of several: how fast this interpreter is here and now."""
    return min(_fixed_work_ms() for _ in range(5))


def _fixed_work_ms() -> float:
    begin = time.thread_time()
    seen: dict[str, str] = {}
    for number in range(20_000):
        name, _, value = f"X-{number}: {number}".partition(":")
        seen[name] = value.strip()
    return 1000 * (time.thread_time() - begin)


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()
