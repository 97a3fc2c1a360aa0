"""The kernel tells when files of a directory are written (inotify(7)): who follows them need not ask."""

from __future__ import annotations

import ctypes
import os
import struct
from pathlib import Path

MODIFIED, CREATED = 0x2, 0x100
_NONBLOCK, _CLOEXEC = os.O_NONBLOCK, os.O_CLOEXEC
_HEAD = struct.Struct("iIII")


class Inotify:
    """`descriptor` becomes readable when something in a watched directory has changed."""

    def __init__(self) -> None:
        """OSError where the kernel gives no more watches."""
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.descriptor: int = self._checked(self._libc.inotify_init1(_NONBLOCK | _CLOEXEC), "inotify")

    def watch(self, directory: Path) -> int:
        """The number by which changes in it are told."""
        path = os.fsencode(directory)
        added = self._libc.inotify_add_watch(self.descriptor, path, MODIFIED | CREATED)
        return self._checked(added, str(directory))

    def changes(self) -> set[tuple[int, str]]:
        """(number of the directory, name of the file), each once; empty when nothing has changed."""
        found: set[tuple[int, str]] = set()
        try:
            while data := os.read(self.descriptor, 65536):
                at = 0
                while at < len(data):
                    number, _, _, length = _HEAD.unpack_from(data, at)
                    at += _HEAD.size
                    found.add((number, data[at : at + length].rstrip(b"\0").decode(errors="replace")))
                    at += length
        except BlockingIOError:
            pass
        return found

    def close(self) -> None:
        os.close(self.descriptor)

    def _checked(self, result: int, what: str) -> int:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), what)
        return result
