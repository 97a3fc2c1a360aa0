"""What is true now: the fold of every fact's `keep`, and its snapshots."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from softswitch.store.journal import Journal
from softswitch.store.reader import Fact, read_facts
from softswitch.store.segments import (
    complete_end,
    journal_directory,
    list_segments,
    segment_path,
    sync_directory,
)
from softswitch.store.subjects import SubjectBook

_SUFFIX = ".json"
_KEPT_SNAPSHOTS = 2
_HEADER_VERSION = 1


class LiveState:
    """`values` by key as of `position`; a whole new value replaces, None deletes."""

    def __init__(self, values: dict[str, Any] | None = None, position: int = 0) -> None:
        self.values: dict[str, Any] = {} if values is None else values
        self.position = position

    def apply(self, position: int, fact: Fact) -> None:
        """Fold one fact; `position` is the one after it. A fact that is already in is ignored."""
        if position <= self.position:
            return
        self.position = position
        for key, value in (fact.get("keep") or {}).items():
            if value is None:
                self.values.pop(key, None)
            else:
                self.values[key] = self._held(value)

    def _held(self, value: Any) -> Any:
        """What is remembered of a value."""
        return value

    def under(self, prefix: str) -> Iterator[tuple[str, Any]]:
        """Pairs whose key starts with `prefix`, in the order they first came; the key without the prefix."""
        for key, value in self.values.items():
            if key.startswith(prefix):
                yield key.removeprefix(prefix), value


class PackedState(LiveState):
    """For who only writes snapshots: values are JSON texts, which take a quarter of the memory."""

    def __init__(self, values: dict[str, Any], position: int) -> None:
        super().__init__({key: self._held(value) for key, value in values.items()}, position)

    def _held(self, value: Any) -> orjson.Fragment:
        # Decoded, because the bytes that orjson gives keep the room in which they were made: 8 KiB for 2.
        return orjson.Fragment(orjson.dumps(value).decode())


def load(state_dir: Path, journal: Journal | None = None) -> tuple[dict[str, Any], int]:
    """Live state and its log position: the newest valid snapshot and the journal after it.

    With `journal` given its pending facts count too, so open the journal first.
    """
    state = load_snapshot(state_dir)
    facts = read_facts(state_dir, state.position) if journal is None else journal.read(state.position)
    for position, fact in facts:
        state.apply(position, fact)
    return state.values, state.position


def load_snapshot(state_dir: Path) -> LiveState:
    """The newest snapshot that is whole and not ahead of the journal; an empty state when there is none."""
    end = complete_end(journal_directory(state_dir))
    for position in reversed(_list_snapshots(snapshot_directory(state_dir))):
        if position > end:
            continue
        path = _snapshot_path(snapshot_directory(state_dir), position)
        values = _read_snapshot(path, position, SubjectBook(state_dir))
        if values is not None:
            return LiveState(values, position)
    return LiveState()


def write_snapshot(state_dir: Path, values: dict[str, Any], position: int) -> Path:
    """Write atomically and durably; the two newest are kept. OSError when the disk does not take it.

    The journal is synced first: after a power cut no snapshot may know more than the journal.
    """
    directory = snapshot_directory(state_dir)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    _sync_journal(state_dir, position)
    path = _snapshot_path(directory, position)
    unfinished = path.with_suffix(".unfinished")
    try:
        _write_durably(unfinished, _encode(values, position, SubjectBook(state_dir)))
        os.replace(unfinished, path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
    sync_directory(directory)
    _remove_old(directory)
    return path


def snapshot_directory(state_dir: Path) -> Path:
    return state_dir / "snapshots"


def _snapshot_path(directory: Path, position: int) -> Path:
    return directory / f"{position:020d}{_SUFFIX}"


def _list_snapshots(directory: Path) -> list[int]:
    return sorted(int(path.stem) for path in directory.glob(f"*{_SUFFIX}") if path.stem.isdigit())


def _encode(values: dict[str, Any], position: int, subjects: SubjectBook) -> bytes:
    body = subjects.protect_known(orjson.dumps(values))
    header = {"version": _HEADER_VERSION, "position": position, "crc32": zlib.crc32(body)}
    return orjson.dumps(header, option=orjson.OPT_APPEND_NEWLINE) + body


def _read_snapshot(path: Path, position: int, subjects: SubjectBook) -> dict[str, Any] | None:
    """The values, or None for a file that is not exactly what `write_snapshot` wrote."""
    try:
        head, _, body = path.read_bytes().partition(b"\n")
        header = orjson.loads(head)
        expected = {"version": _HEADER_VERSION, "position": position, "crc32": zlib.crc32(body)}
        values = orjson.loads(subjects.open(body)) if header == expected else None
    except (OSError, orjson.JSONDecodeError):
        return None
    return values if isinstance(values, dict) else None


def _write_durably(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_journal(state_dir: Path, position: int) -> None:
    """fsync the segments written since the last snapshot: any descriptor of a file syncs all of it."""
    directory = journal_directory(state_dir)
    newest = max(_list_snapshots(snapshot_directory(state_dir)), default=0)
    starts = list_segments(directory)
    for start, following in zip(starts, [*starts[1:], None], strict=True):
        if (following is None or following > newest) and start < position:
            descriptor = os.open(segment_path(directory, start), os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _remove_old(directory: Path) -> None:
    for position in _list_snapshots(directory)[:-_KEPT_SNAPSHOTS]:
        _snapshot_path(directory, position).unlink(missing_ok=True)
