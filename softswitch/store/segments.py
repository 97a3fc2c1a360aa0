"""Where the journal's bytes lie: segment files named by the log position of their first byte."""

from __future__ import annotations

import os
from pathlib import Path

SUFFIX = ".jsonl"
_BACKWARD_BYTES = 65536


def journal_directory(state_dir: Path) -> Path:
    return state_dir / "journal"


def segment_path(directory: Path, start: int) -> Path:
    return directory / f"{start:020d}{SUFFIX}"


def list_segments(directory: Path) -> list[int]:
    """Start positions in ascending order; empty when there is no journal yet."""
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return []
    stems = (name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX))
    return sorted(int(stem) for stem in stems if stem.isdigit())


def complete_size(descriptor: int) -> int:
    """Bytes of the file up to and including its last newline: what follows is a torn record."""
    end = os.fstat(descriptor).st_size
    while end > 0:
        begin = max(0, end - _BACKWARD_BYTES)
        found = os.pread(descriptor, end - begin, begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        end = begin
    return 0


def complete_end(directory: Path) -> int:
    """Log position after the last complete record on disk."""
    starts = list_segments(directory)
    if not starts:
        return 0
    descriptor = os.open(segment_path(directory, starts[-1]), os.O_RDONLY | os.O_CLOEXEC)
    try:
        return starts[-1] + complete_size(descriptor)
    finally:
        os.close(descriptor)


def sync_directory(directory: Path) -> None:
    """Make created, renamed and removed names durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
