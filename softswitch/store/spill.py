"""Where accepted records wait while the disk is full: a file in tmpfs that survives a killed switch."""

from __future__ import annotations

import os
from pathlib import Path

_PATTERN = "journal-*.spill"


class Spill:
    """Mirrors the unwritten end of the journal, byte for byte; its file is named by its log position.

    Without a directory, or when that is full too, the switch's memory is all there is.
    """

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._path: Path | None = None
        self._descriptor: int | None = None
        self._end = 0
        self._failed = False

    def mirror(self, start: int, pending: bytes | bytearray) -> None:
        """`pending` are the bytes of the journal from position `start` that are not on the disk."""
        if self._directory is None or self._failed:
            return
        try:
            if self._descriptor is None:
                self._create(self._directory, start, pending)
            else:
                self._append(self._descriptor, pending[self._end - start :])
        except OSError:
            self.clear()
            self._failed = True

    def clear(self) -> None:
        """Everything is in the journal now."""
        if self._descriptor is not None:
            os.close(self._descriptor)
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        self._descriptor = self._path = None
        self._failed = False

    def take(self, journal_end: int) -> bytes:
        """What a former process could not write, from `journal_end` on; `clear_old` removes its files."""
        for path in self._old_files():
            start = int(path.stem.removeprefix("journal-"))
            try:
                mirrored = path.read_bytes()
            except OSError:
                continue
            if start <= journal_end < start + len(mirrored):
                rest = mirrored[journal_end - start :]
                return rest[: rest.rfind(b"\n") + 1]
        return b""

    def clear_old(self) -> None:
        for path in self._old_files():
            if path != self._path:
                path.unlink(missing_ok=True)

    def _old_files(self) -> list[Path]:
        return sorted(self._directory.glob(_PATTERN)) if self._directory is not None else []

    def _create(self, directory: Path, start: int, pending: bytes | bytearray) -> None:
        """The name comes last: it may be that of a former process's file, whose content this one includes."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = directory / f"journal-{start:020d}.unfinished"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        self._descriptor = os.open(self._path, flags, 0o600)
        self._end = start
        self._append(self._descriptor, pending)
        self._path = self._path.replace(self._path.with_suffix(".spill"))

    def _append(self, descriptor: int, rest: bytes | bytearray) -> None:
        written = os.write(descriptor, rest)
        self._end += written
        if written != len(rest):
            raise OSError(f"{written} of {len(rest)} bytes mirrored")
