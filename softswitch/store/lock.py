"""An exclusive lock on a file: the store never has a second writer."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from softswitch.store.segments import journal_directory


class StoreLocked(RuntimeError):
    """Another process holds the lock; `pid` is its process id, or None when it could not be read."""

    def __init__(self, path: Path, pid: int | None) -> None:
        holder = f"process {pid}" if pid is not None else "another process"
        super().__init__(f"{path.parent} is in use by {holder}; stop it first, or let it do the work")
        self.path = path
        self.pid = pid


def views_lock(state_dir: Path) -> Path:
    """The lock of the process that keeps the views."""
    return state_dir / "views.lock"


def writer_lock(state_dir: Path) -> Path:
    """The lock of the one writer of the journal."""
    return journal_directory(state_dir) / "writer.lock"


class StoreLock:
    """Held from construction to `release()`; the kernel releases it when the process dies.

    The lock file stays behind on purpose: removing it would let two processes lock two files of one name.
    """

    def __init__(self, path: Path) -> None:
        _make_private(path.parent)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = _read_pid(descriptor)
            os.close(descriptor)
            raise StoreLocked(path, pid) from None
        _write_pid(descriptor)
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _make_private(directory: Path) -> None:
    """Make it and what is missing above it, for its owner only: mkdir gives `mode` to the last one alone."""
    if directory.is_dir():
        return
    _make_private(directory.parent)
    directory.mkdir(mode=0o700, exist_ok=True)


def _read_pid(descriptor: int) -> int | None:
    text = os.pread(descriptor, 32, 0).strip()
    return int(text) if text.isdigit() else None


def _write_pid(descriptor: int) -> None:
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
    except OSError:
        # A full disk must not keep the switch from starting: only the pid in the other's message is lost.
        return
