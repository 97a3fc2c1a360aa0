"""The chain of the days: what was written on a day cannot be changed afterwards without being noticed.

When a UTC day is over, a line is added to `journal/chain.jsonl`: `day`, the log positions `from` and
`until`, the `sha256` of the bytes between them, and `chain`, the checksum of this and of the line before. The
head, the last `chain`, stands for everything before it: who notes it elsewhere can tell whether all was made
anew. A clock that is set back goes on with the day that it had.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from softswitch.store.reader import Fact, JournalReader
from softswitch.store.segments import journal_directory, list_segments, segment_path, sync_directory

NAME = "chain.jsonl"
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Sealed:
    """One day: its bytes from `begin` to `end`, and the chain up to it."""

    day: str
    begin: int
    end: int
    sha256: str
    chain: str

    def to_line(self) -> bytes:
        told = {"day": self.day, "from": self.begin, "until": self.end}
        return orjson.dumps(
            {**told, "sha256": self.sha256, "chain": self.chain}, option=orjson.OPT_APPEND_NEWLINE
        )


def chain_path(state_dir: Path) -> Path:
    return journal_directory(state_dir) / NAME


def read_chain(state_dir: Path) -> list[Sealed]:
    """The days that are sealed, in order; a torn last line is left out. ValueError for what is no chain."""
    try:
        content = chain_path(state_dir).read_bytes()
    except FileNotFoundError:
        return []
    return [_sealed(orjson.loads(line)) for line in content[: content.rfind(b"\n") + 1].splitlines()]


def _sealed(told: dict[str, Any]) -> Sealed:
    try:
        return Sealed(told["day"], told["from"], told["until"], told["sha256"], told["chain"])
    except (KeyError, TypeError):
        raise ValueError(f"no line of a chain: {told}") from None


def linked(before: str, day: str, begin: int, end: int, sha256: str) -> Sealed:
    """The line that follows the one whose `chain` is `before` ('' for the first)."""
    chain = hashlib.sha256(f"{before} {day} {begin} {end} {sha256}".encode()).hexdigest()
    return Sealed(day, begin, end, sha256, chain)


class ChainKeeper:
    """Follows the journal and seals each day when the first fact of a later one has come."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        sealed = read_chain(state_dir)
        self._before = sealed[-1].chain if sealed else ""
        starts = list_segments(journal_directory(state_dir))
        self._begin = sealed[-1].end if sealed else starts[0] if starts else 0
        self._day = ""
        self._hash = hashlib.sha256()
        self._reader = JournalReader(state_dir, self._begin)

    def turn(self) -> bool:
        """Take up about a mebibyte of journal. Whether there was anything. OSError: the disk is full."""
        at = self._reader.position
        facts = self._reader.read()
        if self._reader.position == at:
            return False
        raw = memoryview(self._reader.raw)
        start = before = self._reader.position - len(raw)
        for position, fact in facts:
            day = max(self._day, day_of(fact))
            if self._day and day != self._day:
                self._hash.update(raw[: before - start])
                raw, start = raw[before - start :], before
                self._seal(before)
            self._day, before = day, position
        self._hash.update(raw)
        return True

    def close(self) -> None:
        self._reader.close()

    def _seal(self, end: int) -> None:
        sealed = linked(self._before, self._day, self._begin, end, self._hash.hexdigest())
        _append(chain_path(self._state_dir), sealed.to_line())
        self._before, self._begin, self._hash = sealed.chain, end, hashlib.sha256()


def day_of(fact: Fact) -> str:
    """The UTC day of a fact, '' where it does not say."""
    at = fact.get("at")
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d") if isinstance(at, int | float) else ""


def broken_days(state_dir: Path) -> tuple[list[Sealed], list[str]]:
    """The days that are sealed, and a message for each that is not what it was."""
    try:
        days = read_chain(state_dir)
    except ValueError as error:
        return [], [f"{chain_path(state_dir)}: {error}"]
    wrong, before, end = [], "", None
    for each in days:
        again = linked(before, each.day, each.begin, each.end, each.sha256)
        if again != each or end not in (None, each.begin):
            wrong.append(f"the chain is broken at {each.day}")
        elif sha256_of(state_dir, each.begin, each.end) != each.sha256:
            wrong.append(f"the journal of {each.day} is not what was written")
        before, end = each.chain, each.end
    return days, wrong


def sha256_of(state_dir: Path, begin: int, end: int) -> str:
    """The checksum of the journal between two log positions; of what is there of it."""
    directory, found = journal_directory(state_dir), hashlib.sha256()
    starts = list_segments(directory)
    for start, following in zip(starts, [*starts[1:], end], strict=True):
        first, last = max(begin, start), min(end, following)
        if first >= last:
            continue
        with segment_path(directory, start).open("rb") as segment:
            segment.seek(first - start)
            while first < last and (part := segment.read(min(_CHUNK_BYTES, last - first))):
                found.update(part)
                first += len(part)
    return found.hexdigest()


def _append(path: Path, line: bytes) -> None:
    """Durably, after what is whole of the file."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        content = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
        whole = content.rfind(b"\n") + 1
        os.ftruncate(descriptor, whole)
        os.pwrite(descriptor, line, whole)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync_directory(path.parent)
