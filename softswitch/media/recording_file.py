"""A recording on disk: stereo 16-bit WAV, playable whenever the writer was killed, and its certificate."""

from __future__ import annotations

import fcntl
import hashlib
import os
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from softswitch.media.analysis import described
from softswitch.media.arrays import StereoFrames
from softswitch.media.tap import TapSlot
from softswitch.media.tap_layout import FRAME_BYTES, Hole

HEADER_BYTES = 44
MAX_FRAMES = (0xFFFF_FFFF - HEADER_BYTES) // FRAME_BYTES
"""A RIFF file counts its bytes in 32 bits."""


class RecordingRefused(Exception):
    """This recording must not or cannot be written at its path; trying again does not help."""


def wav_header(rate_hz: int, frames: int) -> bytes:
    """RIFF header of a stereo 16-bit PCM file with `frames` frames."""
    size_bytes = frames * FRAME_BYTES
    form = struct.pack("<HHIIHH", 1, 2, rate_hz, rate_hz * FRAME_BYTES, FRAME_BYTES, 16)
    riff = b"RIFF" + struct.pack("<I", HEADER_BYTES - 8 + size_bytes) + b"WAVE"
    return riff + b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", size_bytes)


def path_within(root: Path, path: str) -> Path:
    """The path with links resolved. Raises RecordingRefused unless it is below the resolved `root`."""
    given = Path(path)
    if not given.is_absolute() or given.suffix != ".wav":
        raise RecordingRefused(f"{path}: not an absolute path of a .wav file")
    try:
        resolved = given.parent.resolve() / given.name
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links
        raise RecordingRefused(f"{path}: {error}") from error
    if not resolved.is_relative_to(root):
        raise RecordingRefused(f"{path}: outside of the recording directory {root}")
    return resolved


class RecordingFile:
    """An open file. Frames go to where their position says, so a gap left out reads as silence."""

    def __init__(self, path: Path, descriptor: int, rate_hz: int) -> None:
        self.path = path
        self.rate_hz = rate_hz
        self._descriptor = descriptor

    @classmethod
    def open(cls, root: Path, path: str, rate_hz: int, *, frames: int, ours: bool) -> RecordingFile:
        """Makes the file, or goes on with `ours`, of which `frames` frames are done.

        Raises RecordingRefused (outside of the root, exists already) or OSError (disk).
        """
        place = path_within(root, path)
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        if path_within(root, path) != place:
            raise RecordingRefused(f"{path}: moved while being opened")
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            descriptor = os.open(place, flags if ours else flags | os.O_EXCL, 0o640)
        except FileExistsError:
            descriptor = _unfinished(place, flags)
        file = cls(place, descriptor, rate_hz)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file.write_header(frames)
        except BlockingIOError:
            file.close()
            raise RecordingRefused(f"{path}: another recording is being written there") from None
        except OSError:
            file.close()
            raise
        return file

    def write(self, position: int, frames: StereoFrames) -> int:
        """Writes int16[n, 2] at `position` frames. Returns how many got into the file: a disk that is filling
        up takes some, the next write raises OSError."""
        content = frames.tobytes()
        count = os.pwrite(self._descriptor, content, HEADER_BYTES + position * FRAME_BYTES)
        return count // FRAME_BYTES

    @property
    def lost(self) -> bool:
        """Whether somebody has removed the file, or its folder: what is written goes nowhere."""
        return os.fstat(self._descriptor).st_nlink == 0

    def write_header(self, frames: int) -> None:
        """Makes the first `frames` frames playable."""
        os.pwrite(self._descriptor, wav_header(self.rate_hz, frames), 0)

    def finish(self, frames: int) -> None:
        """Gives the file its final length, a hole at its end included, and puts it on the disk."""
        os.ftruncate(self._descriptor, HEADER_BYTES + frames * FRAME_BYTES)
        self.write_header(frames)
        os.fdatasync(self._descriptor)

    def sha256(self) -> str:
        with open(self._descriptor, "rb", closefd=False) as file:
            file.seek(0)
            return hashlib.file_digest(file, "sha256").hexdigest()

    def close(self) -> None:
        os.close(self._descriptor)


def _unfinished(path: Path, flags: int) -> int:
    """A recorder killed right after making the file leaves at most a header; anything more is not ours."""
    try:
        descriptor = os.open(path, flags)
    except OSError as error:  # a symbolic link, a directory
        raise RecordingRefused(f"{path}: exists already ({error.strerror})") from error
    if os.fstat(descriptor).st_size > HEADER_BYTES:
        os.close(descriptor)
        raise RecordingRefused(f"{path}: exists already")
    return descriptor


def certificate(slot: TapSlot, file: RecordingFile) -> dict[str, Any]:
    """What the file holds and what it lacks: packets of both sides, and each hole with its reason."""
    return {
        "recording": slot.recording,
        "file": file.path.name,
        "sha256": file.sha256(),
        "started_at": slot.opened_at,
        "seconds": round(slot.seconds, 6),
        "rate_hz": slot.rate_hz,
        "channels": {"left": 0, "right": 1},
        "packets": slot.counters(),
        "sound": described(slot.analysis),
        "holes": _named(slot.holes(), slot.rate_hz),
        "marks": [
            {"at_s": round(mark.at / slot.rate_hz, 6), "what": mark.what, "who": mark.who}
            for mark in slot.marks()
        ],
        "about": orjson.loads(slot.about or "{}"),
    }


def _named(holes: Sequence[Hole], rate_hz: int) -> list[dict[str, Any]]:
    return [
        {
            "start_s": round(hole.start / rate_hz, 6),
            "seconds": round(hole.frames / rate_hz, 6),
            "reason": hole.reason.name.lower(),
        }
        for hole in holes
    ]


def _owner_and_group(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o640)


def write_certificate(recording: Path, content: dict[str, Any]) -> str:
    """Writes `<recording>.json` whole or not at all. Returns its SHA-256; raises OSError."""
    path = recording.with_name(recording.name + ".json")
    fresh = recording.with_name(f".{path.name}.new")
    try:
        text = orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        with open(fresh, "wb", opener=_owner_and_group) as file:
            file.write(text)
        fresh.replace(path)
        return hashlib.sha256(text).hexdigest()
    except OSError:
        fresh.unlink(missing_ok=True)
        raise


def remove_within(root: Path, paths: Sequence[str]) -> None:
    """Erases the files that are below `root`, with links resolved; others are left alone."""
    for path in paths:
        wav = path_within(root.resolve(), path.removesuffix(".json"))
        wav.with_name(Path(path).name).unlink(missing_ok=True)
