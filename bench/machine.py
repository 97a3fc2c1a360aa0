"""The machine on which figures were measured; without it they cannot be compared."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

from softswitch.capacity.yardstick import python_ms


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


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()
