"""Backup and restore of a state directory: journal up to now and secrets, from which the rest follows.

The journal only grows, so that a copy of it up to the last complete record is one moment of the system, taken
while it runs and without asking it.
"""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import tempfile
import time
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import orjson

from softswitch.store.chain import NAME as CHAIN
from softswitch.store.chain import read_chain
from softswitch.store.lock import StoreLock, writer_lock
from softswitch.store.segments import (
    SUFFIX,
    complete_end,
    journal_directory,
    list_segments,
    segment_path,
    sync_directory,
)

MANIFEST = "manifest.json"
FORMAT = 1
SECRETS = ("secrets.json", "nonce.key", "subjects.jsonl")
"""Files beside the journal without which passwords of trunks, nonces and telephone numbers are lost."""
MAX_MANIFEST_BYTES = 16 << 20
CHUNK_BYTES = 1 << 20


class BackupError(RuntimeError):
    """What cannot be backed up or restored, and what to do, in one line."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds: `crc32` of each member by name, so that a damaged one is not restored."""

    format: int
    made_at: float
    log_position: int
    members: dict[str, int]


def back_up(state_dir: Path, target: Path) -> Manifest:
    """Write `target` (tar, gzip, mode 0600), whole or not at all. The switch may run. Raises BackupError."""
    directory = journal_directory(state_dir)
    end = complete_end(directory)
    if end == 0:
        raise BackupError(f"there is no journal in {state_dir}; nothing was written")
    unfinished = target.with_name(f"{target.name}.unfinished")
    members: dict[str, int] = {}
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            with tarfile.open(fileobj=file, mode="w:gz") as tar:
                for name, data in _contents(state_dir, end):
                    members[name] = zlib.crc32(data)
                    _add(tar, name, data)
                manifest = Manifest(FORMAT, time.time(), end, members)
                _add(tar, MANIFEST, orjson.dumps(asdict(manifest)))
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, target)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise BackupError(f"{target} cannot be written: {error.strerror}") from None
    return manifest


def restore(source: Path, state_dir: Path) -> Manifest:
    """Fill `state_dir`, which must have no journal, from a backup; nothing of a bad one stays there.

    Raises BackupError, or StoreLocked when a switch runs there.
    """
    if list_segments(journal_directory(state_dir)):
        raise BackupError(
            f"{state_dir} has a journal already; move it away, or restore into another state_dir"
        )
    if not source.exists():
        raise BackupError(f"there is no file {source}")
    lock = StoreLock(writer_lock(state_dir))
    try:
        with tempfile.TemporaryDirectory(prefix=".restoring-", dir=state_dir) as staging:
            manifest = _unpack(source, Path(staging))
            for name in manifest.members:
                os.replace(Path(staging) / name, state_dir / name)
        sync_directory(journal_directory(state_dir))
        sync_directory(state_dir)
    except OSError as error:
        raise BackupError(f"{state_dir} cannot be written: {error.strerror}") from None
    finally:
        lock.release()
    return manifest


def _unpack(source: Path, staging: Path) -> Manifest:
    """All members in `staging`, each checked. BackupError for what is damaged or no backup at all."""
    sums: dict[str, int] = {}
    told = b""
    try:
        with tarfile.open(source, "r:gz") as tar:
            for member in tar:
                if member.name == MANIFEST and member.isfile() and member.size <= MAX_MANIFEST_BYTES:
                    told = _opened(tar, member).read()
                elif _is_known(member):
                    sums[member.name] = _write(staging / member.name, _opened(tar, member))
        manifest = Manifest(**orjson.loads(told))
    except (EOFError, zlib.error, tarfile.TarError, gzip.BadGzipFile, TypeError, ValueError) as error:
        raise BackupError(f"{source} is no backup that can be read ({error})") from None
    if manifest.format != FORMAT:
        raise BackupError(f"{source} has format {manifest.format}; this version reads format {FORMAT}")
    if sums != manifest.members or complete_end(journal_directory(staging)) != manifest.log_position:
        raise BackupError(f"{source} is damaged: what it holds is not what was written")
    return manifest


def _contents(state_dir: Path, end: int) -> Iterator[tuple[str, bytes]]:
    """Members one after the other: a segment, of 64 MiB at most, is in memory at a time."""
    directory = journal_directory(state_dir)
    for start in list_segments(directory):
        if start < end:
            path = segment_path(directory, start)
            with path.open("rb") as segment:
                yield f"journal/{path.name}", segment.read(end - start)
    # A day may have been sealed since, which reaches beyond what is copied.
    sealed = b"".join(day.to_line() for day in read_chain(state_dir) if day.end <= end)
    if sealed:
        yield f"journal/{CHAIN}", sealed
    for name in SECRETS:
        if (state_dir / name).exists():
            yield name, (state_dir / name).read_bytes()


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = len(data), 0o600, int(time.time())
    tar.addfile(member, io.BytesIO(data))


def _is_known(member: tarfile.TarInfo) -> bool:
    """Only what a backup has: nothing else of an archive is looked at, whatever its name or kind."""
    segment = member.name.removeprefix("journal/").removesuffix(SUFFIX)
    in_journal = member.name == f"journal/{segment}{SUFFIX}" and segment.isdigit()
    chain = member.name == f"journal/{CHAIN}"
    return member.isfile() and (in_journal or chain or member.name in SECRETS)


def _opened(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    file = tar.extractfile(member)
    assert file is not None
    return file


def _write(path: Path, source: IO[bytes]) -> int:
    """Copy to a new file for its owner only, durably; the checksum of what was copied."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    crc32 = 0
    with os.fdopen(descriptor, "wb") as file:
        while part := source.read(CHUNK_BYTES):
            crc32 = zlib.crc32(part, crc32)
            file.write(part)
        file.flush()
        os.fsync(file.fileno())
    return crc32
