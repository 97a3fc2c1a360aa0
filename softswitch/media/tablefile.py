"""Tables that outlive their process: named columns in a file that a worker maps and its successor reads.

The file is of one boot of the machine and one layout; anything else is taken for none. What a killed process
was about to write may be there in part, so each row stands for itself and is only believed by its key.
"""

from __future__ import annotations

import hashlib
import mmap
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softswitch.media.tap_layout import boot_id

_HEADER_BYTES = 4096
_ALIGN_BYTES = 64

Columns = Mapping[str, tuple[Any, tuple[int, ...]]]
"""Name → item type and shape."""
Table = dict[str, NDArray[Any]]

KEY = np.dtype("S16")
"""Item type of a key column."""


def key_of(id: str) -> bytes:
    """What stands for an id of any length in a key column; never ends in NUL, which numpy would drop."""
    return hashlib.blake2b(id.encode(), digest_size=15).digest() + b"."


def memory_table(columns: Columns) -> Table:
    """The same columns for a process that nobody succeeds."""
    return {name: np.zeros(shape, dtype) for name, (dtype, shape) in columns.items()}


class TableFile:
    """`table` is mapped, all zero at first; `former` is a copy of what the process before has left.

    A successor finds this table from now on. `former` is None where there is nothing to go on with.
    """

    def __init__(self, path: Path, columns: Columns) -> None:
        """Raises OSError when there is no room for the file."""
        self._path = path
        offsets, size = _layout(columns)
        header = _header(columns)
        self.former = _read(path, columns, offsets, size, header)
        fresh = path.with_name(path.name + ".new")
        descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, size)  # a full disk must not fault a later write
            os.pwrite(descriptor, header, 0)
            self.table = _columns_of(mmap.mmap(descriptor, size), columns, offsets)
        finally:
            os.close(descriptor)
        fresh.rename(path)

    def discard(self) -> None:
        """There is nothing to go on with."""
        with suppress(FileNotFoundError):
            self._path.unlink()


def _layout(columns: Columns) -> tuple[dict[str, int], int]:
    at, offsets = _HEADER_BYTES, {}
    for name, (dtype, shape) in columns.items():
        offsets[name] = at
        at += -(-int(np.prod(shape)) * np.dtype(dtype).itemsize // _ALIGN_BYTES) * _ALIGN_BYTES
    return offsets, at


def _header(columns: Columns) -> bytes:
    layout = repr([(name, np.dtype(dtype).str, shape) for name, (dtype, shape) in columns.items()])
    return boot_id() + hashlib.blake2b(layout.encode(), digest_size=32).digest()


def _columns_of(content: mmap.mmap | bytes, columns: Columns, offsets: Mapping[str, int]) -> Table:
    return {
        name: np.frombuffer(content, dtype, int(np.prod(shape)), offsets[name]).reshape(shape)
        for name, (dtype, shape) in columns.items()
    }


def _read(path: Path, columns: Columns, offsets: Mapping[str, int], size: int, header: bytes) -> Table | None:
    try:
        content = path.read_bytes()
    except OSError:
        return None
    if len(content) != size or content[: len(header)] != header:
        return None
    return _columns_of(content, columns, offsets)
