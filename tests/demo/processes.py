"""Processes by a text in their command line, and waiting for their end."""

from __future__ import annotations

import os
import select
import time
from pathlib import Path


def processes_with(text: str) -> set[int]:
    """Living processes, zombies left out, whose command line has the text."""
    found = set()
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            command = (directory / "cmdline").read_bytes()
        except OSError:
            continue
        if text.encode() in command:
            found.add(int(directory.name))
    return found - {os.getpid()}


def wait_for_end(pids: set[int], deadline_s: float) -> set[int]:
    """Those that are still there after the deadline."""
    until = time.monotonic() + deadline_s
    left = set()
    for pid in pids:
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            if not select.select([descriptor], [], [], max(0.0, until - time.monotonic()))[0]:
                left.add(pid)
        finally:
            os.close(descriptor)
    return left
