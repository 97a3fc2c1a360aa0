"""Spoken texts on disk, each under the checksum of what it was made from."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path


class SpeechCache:
    """Files `<checksum>.wav` in one directory, the least recently used removed beyond `max_bytes`.

    Used by several threads; several processes may share the directory.
    """

    def __init__(self, directory: Path, max_bytes: int) -> None:
        self._directory = directory
        self._max_bytes = max_bytes
        self._size_bytes: int | None = None
        self._lock = threading.Lock()

    def path(self, *made_from: str) -> Path:
        """Where the speech is, or will be, that was made from these texts."""
        digest = hashlib.sha256("\0".join(made_from).encode()).hexdigest()
        return self._directory / f"{digest}.wav"

    def used(self, path: Path) -> bool:
        """Whether the file is there; then it is the most recently used one."""
        try:
            os.utime(path)
        except FileNotFoundError:
            return False
        return True

    def unfinished(self, path: Path) -> Path:
        """Where to make the file, before `keep`. Raises OSError."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return path.with_suffix(f".{os.getpid()}-{threading.get_ident()}")

    def keep(self, unfinished: Path, path: Path) -> None:
        """The file is whole; others make way for it. Raises OSError."""
        size_bytes = unfinished.stat().st_size
        os.replace(unfinished, path)
        with self._lock:
            if self._size_bytes is None:
                self._size_bytes = sum(size for _, size, _ in self._files())
            else:
                self._size_bytes += size_bytes
            if self._size_bytes > self._max_bytes:
                self._make_way(path)

    def _make_way(self, newest: Path) -> None:
        """Remove files until a tenth of the room is free, so that not every text has to look through them."""
        files = sorted(self._files())
        self._size_bytes = sum(size for _, size, _ in files)
        for _, size, path in files:
            if self._size_bytes <= self._max_bytes * 9 // 10:
                break
            if path != newest:
                path.unlink(missing_ok=True)
                self._size_bytes -= size

    def _files(self) -> list[tuple[float, int, Path]]:
        """Time of use, size and path of every file."""
        found = []
        for path in self._directory.glob("*.wav"):
            try:
                status = path.stat()
            except FileNotFoundError:
                continue  # another process has made way
            found.append((status.st_mtime, status.st_size, path))
        return found
