"""How a worker gets the processor when its packets are due: a core of its own, and precedence over others."""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress

_PR_SET_TIMERSLACK = 29
_SLACK_NS = 1000
_REAL_TIME_PRIORITY = 1
_NICENESS = -11


def pin(cpu: int) -> str | None:
    """Keeps this process on one processor; returns why that cannot be."""
    try:
        os.sched_setaffinity(0, {cpu})
    except OSError as error:
        return f"not pinned to processor {cpu}: {error.strerror}"
    return None


def take_precedence() -> str | None:
    """Real-time scheduling (SCHED_RR), else a raised priority; returns what was refused, in one line.

    The kernel leaves a share of each second to others (sched_rt_runtime_us). What this process starts
    inherits none of it.
    """
    ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, _SLACK_NS)
    refused = "media.realtime: SCHED_RR is refused; CAP_SYS_NICE or a limit rtprio of 1 or more allows it"
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(_REAL_TIME_PRIORITY))
        return None
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, _NICENESS)
        return f"{refused}. Its priority is raised to nice {_NICENESS}"
    return f"{refused}. Under load its packets may leave late"
