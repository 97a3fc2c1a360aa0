"""Reading the journal: from any log position to its end, and following it while it grows."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson

from softswitch.store.segments import journal_directory, list_segments, segment_path
from softswitch.store.subjects import SubjectBook

Fact = dict[str, Any]
OnDamage = Callable[[int, str], None]
Wanted = Callable[[bytes], bool]
_TYPE = b'"type":"'
_CHUNK_BYTES = 1 << 20


class JournalGap(RuntimeError):
    """The journal does not reach back to the wanted position."""


def ignore_damage(position: int, what: str) -> None:
    """The default for readers that have nobody to tell."""


class JournalReader:
    """Follows the journal of `state_dir` from `position`; never sees half a record.

    A record that is no JSON object is skipped and told to `on_damage(position, what)`, as is a hole between
    two segments: both can only come from a power cut between two fsyncs, and waiting would not heal them.
    `record_bytes` and `record_crc32` are of the last record before `position`. Records of which `wanted` says
    no are passed over without being decoded.
    """

    def __init__(
        self, state_dir: Path, position: int = 0, on_damage: OnDamage = ignore_damage,
        wanted: Wanted | None = None,
    ) -> None:
        self.position = position
        self._directory = journal_directory(state_dir)
        self._on_damage = on_damage
        self._wanted = wanted
        self._start = -1
        self._descriptor: int | None = None
        self._want_bytes = _CHUNK_BYTES
        self.record_bytes = self.record_crc32 = 0
        self.raw = b""
        self.subjects = SubjectBook(state_dir)
        """The bytes of the last `read`, up to `position`."""

    def read(self) -> list[tuple[int, Fact]]:
        """About a mebibyte of facts, each with the log position *after* it; empty at the end, and where none
        is wanted: at the end `position` has not moved.

        Raises JournalGap when the first segment starts after `position`.
        """
        while True:
            later = self._open_segment()
            if self._descriptor is None:
                return []
            chunk = os.pread(self._descriptor, self._want_bytes, self.position - self._start)
            complete = chunk.rfind(b"\n") + 1
            if complete:
                self._want_bytes = _CHUNK_BYTES
                return self._decode(chunk[:complete])
            if len(chunk) == self._want_bytes:
                self._want_bytes *= 4
            elif later is None:
                return []
            else:
                self._leave_segment(later, len(chunk))

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _open_segment(self) -> int | None:
        """Open the segment of the current position; the start of the next one, if that exists by now.

        The list is taken before the read: a segment with a successor no longer grows, so that an empty read
        after this means its end.
        """
        starts = list_segments(self._directory)
        if self._descriptor is None and starts:
            if self.position < starts[0]:
                raise JournalGap(f"the journal begins at {starts[0]}, facts from {self.position} are missing")
            self._start = max(start for start in starts if start <= self.position)
            self._descriptor = os.open(segment_path(self._directory, self._start), os.O_RDONLY | os.O_CLOEXEC)
        return next((start for start in starts if start > self._start), None)

    def _leave_segment(self, later: int, torn_bytes: int) -> None:
        if torn_bytes or later != self.position:
            self._on_damage(self.position, f"{later - self.position} bytes of the journal are missing")
        self.close()
        self.position = later

    def _decode(self, complete: bytes) -> list[tuple[int, Fact]]:
        found: list[tuple[int, Fact]] = []
        lines, self.raw = _lines(complete), complete
        self.subjects.refresh()
        self.record_bytes, self.record_crc32 = len(lines[-1]), zlib.crc32(lines[-1])
        wanted = self._wanted
        for line in lines:
            begin = self.position
            self.position += len(line)
            if wanted is not None and not wanted(line):
                continue
            fact = _parse(self.subjects.open(line))
            if fact is None:
                self._on_damage(begin, f"{len(line)} bytes that are no fact were skipped")
            else:
                found.append((self.position, fact))
        return found


def read_facts(state_dir: Path, position: int = 0) -> Iterator[tuple[int, Fact]]:
    """Every fact from `position` to the present end, each with the log position after it."""
    reader = JournalReader(state_dir, position)
    try:
        while batch := reader.read():
            yield from batch
    finally:
        reader.close()


def type_in(line: bytes) -> bytes:
    """The type of the fact in a line of the journal, of which nothing else is decoded."""
    begin = line.find(_TYPE) + len(_TYPE)
    return line[begin : line.find(b'"', begin)]


def _lines(complete: bytes) -> list[bytes]:
    return [line + b"\n" for line in complete[:-1].split(b"\n")]


def _parse(line: bytes) -> Fact | None:
    try:
        fact = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return fact if isinstance(fact, dict) and isinstance(fact.get("type"), str) else None
