"""Processes of a system and the CPU time they have used.

The time is read from the process's CPU clock: user + system of all its threads, those that have ended
included, in nanoseconds. /proc/PID/stat has the same time in steps of 10 ms, too coarse for a few seconds.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
# The part of a Linux clock id that says: of a process, user and system time by the scheduler's count.
_PROCESS_CPU = 2
_MODULES = {
    "softswitch.node": "switch",
    "softswitch.store.process": "store",
    "softswitch.store.feed": "feed",
    "softswitch.media.recorder": "recorder",
    "softswitch.media.worker": "media",
    "softswitch.api": "api",
}


class Gone(Exception):
    """A process of the system under test has ended: what was measured of it is worth nothing."""


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds by process id at one moment (`time.monotonic`)."""

    at: float
    cpu_s: Mapping[int, float]


def processes(root: int) -> dict[int, str]:
    """Process ids of `root` and all its descendants, each with its role: parent, switch, store, media …"""
    children: dict[int, list[int]] = {}
    for pid, parent in _parents():
        children.setdefault(parent, []).append(pid)
    found = {root: "parent"}
    waiting = [*children.get(root, ())]
    while waiting:
        pid = waiting.pop()
        found[pid] = role_of(_command(pid))
        waiting += children.get(pid, ())
    return found


def role_of(command: list[str]) -> str:
    """What a process of softswitch does, by its command line; `other` for anything unknown."""
    return next((_MODULES[word] for word in command if word in _MODULES), "other")


def usage(pids: Mapping[int, str]) -> Usage:
    """CPU time of every process so far. Raises Gone when one of them has ended."""
    return Usage(time.monotonic(), {pid: cpu_seconds(pid) for pid in pids})


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads of a process so far. Raises Gone."""
    try:
        return time.clock_gettime((~pid << 3) | _PROCESS_CPU)
    except OSError:
        raise Gone(f"process {pid} has ended") from None


def used(before: Usage, after: Usage, roles: Mapping[int, str]) -> dict[str, float]:
    """CPU seconds between two readings, by role."""
    by_role: dict[str, float] = {}
    for pid, role in roles.items():
        by_role[role] = by_role.get(role, 0.0) + after.cpu_s[pid] - before.cpu_s[pid]
    return by_role


def resident_mib(pids: Mapping[int, str]) -> float:
    """Resident memory of all processes together; pages they share are counted in each. Raises Gone."""
    pages = 0
    for pid in pids:
        try:
            pages += int((_PROC / str(pid) / "statm").read_text().split()[1])
        except OSError:
            raise Gone(f"process {pid} has ended") from None
    return pages * _PAGE_BYTES / 2**20


def proportional_kib(pids: Mapping[int, str]) -> int:
    """Memory of all processes together, pages that several share counted once (the kernel's Pss).

    Raises Gone.
    """
    found = 0
    for pid in pids:
        try:
            rollup = (_PROC / str(pid) / "smaps_rollup").read_text()
        except OSError:
            raise Gone(f"process {pid} has ended") from None
        found += next((int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")), 0)
    return found


def _parents() -> Iterator[tuple[int, int]]:
    """(process id, its parent) of every process of the machine."""
    for directory in _PROC.iterdir():
        if directory.name.isdigit():
            try:
                stat = (directory / "stat").read_text()
            except OSError:
                continue
            # The name in parentheses may itself have spaces and parentheses.
            yield int(directory.name), int(stat.rpartition(")")[2].split()[1])


def _command(pid: int) -> list[str]:
    try:
        return (_PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []
