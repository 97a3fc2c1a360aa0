"""The chain of a day: what became of each recording in one folder, every line sealed by the one before.

`chain.jsonl` has one JSON object a line: `n` from 1, `what` (recorded, compressed, erased, hold, release,
class), `file`, `at` (UTC seconds), what goes with it, `previous` and `link`, the SHA-256 over the rest of the
line. A line changed, taken out or put between breaks every link after it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

NAME = "chain.jsonl"
_TAIL_BYTES = 64 * 1024
Line = dict[str, Any]


class ChainBroken(ValueError):
    """The text says where and how."""


def seed(directory: Path) -> str:
    """What the first line of a folder is chained to."""
    return hashlib.sha256(f"softswitch recordings {directory.name}".encode()).hexdigest()


def link_of(line: Line) -> str:
    body = {key: value for key, value in line.items() if key != "link"}
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()


def append(directory: Path, what: str, file: str, **more: Any) -> Line:
    """Adds a line and gives it; a recorder that was killed right after it may say the same again.

    Raises OSError or ChainBroken.
    """
    descriptor = os.open(directory / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        end = _drop_torn_line(descriptor)
        last = _last_lines(descriptor, end)
        same = [line for line in last if what == "recorded" == line["what"] and line["file"] == file]
        if same and all(same[-1].get(key) == value for key, value in more.items()):
            return same[-1]
        previous = (last[-1]["n"], last[-1]["link"]) if last else (0, seed(directory))
        line = {"n": previous[0] + 1, "what": what, "file": file, "at": round(time.time(), 3), **more}
        line["previous"] = previous[1]
        line["link"] = link_of(line)
        text = orjson.dumps(line) + b"\n"
        if os.pwrite(descriptor, text, end) < len(text):
            os.ftruncate(descriptor, end)
            raise OSError(28, "no space left for the chain")
        os.fdatasync(descriptor)
        return line
    finally:
        os.close(descriptor)


def _drop_torn_line(descriptor: int) -> int:
    """The end of the last whole line; what a process killed in mid-write left behind it is taken off."""
    size = os.fstat(descriptor).st_size
    tail = os.pread(descriptor, _TAIL_BYTES, max(0, size - _TAIL_BYTES))
    end = size - len(tail) + tail.rfind(b"\n") + 1
    if end < size:
        os.ftruncate(descriptor, end)
    return end


def _last_lines(descriptor: int, end: int) -> list[Line]:
    tail = os.pread(descriptor, min(end, _TAIL_BYTES), max(0, end - _TAIL_BYTES))
    lines = tail.splitlines()
    if end > _TAIL_BYTES:
        lines = lines[1:]  # its beginning is further up
    try:
        return [orjson.loads(line) for line in lines]
    except orjson.JSONDecodeError as error:
        raise ChainBroken(f"a line of {NAME} is no JSON: {error}") from None


def read(directory: Path) -> Iterator[Line]:
    """The lines in order, each checked. Raises ChainBroken at the first that is wrong, OSError."""
    path = directory / NAME
    if not path.exists():
        return
    previous, number = seed(directory), 0
    with open(path, "rb") as file:
        for text in file:
            number += 1
            try:
                line = orjson.loads(text)
                good = line["previous"] == previous and line["n"] == number and line["link"] == link_of(line)
            except (orjson.JSONDecodeError, KeyError, TypeError):
                good = False
            if not good:
                raise ChainBroken(f"{path}: line {number} is not what it was when it was written")
            previous = line["link"]
            yield line
