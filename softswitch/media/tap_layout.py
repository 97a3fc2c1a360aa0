"""Layout of the tap file: its constants, header fields, and the small steps on them."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RING_SECONDS = 10
MAX_RATE_HZ = 48_000
FRAME_BYTES = 4
SIDES = ("left", "right")
COUNTERS = ("expected", "received", "concealed", "late")

_MAGIC = 0x736674617033  # changes with the layout
FILE_HEADER_BYTES = 4096
# Whole pages, so that a ring's memory can be given back.
RING_BYTES = -(-MAX_RATE_HZ * RING_SECONDS * FRAME_BYTES // 4096) * 4096
_HOLES = 32
_MARKS = 62
_TEXT_BYTES = 40

_HOLE = np.dtype([("start", "<i8"), ("frames", "<i8"), ("reason", "<i8")])
_MARK = np.dtype([("at", "<i8"), ("what", "S16"), ("who", f"S{_TEXT_BYTES}")])
ANALYSIS = np.dtype(
    [
        ("speech", "<f8", (2,)), ("power", "<f8", (2,)), ("noise", "<f8", (2,)), ("loud", "<f8", (2,)),
        ("frames", "<f8"), ("both", "<f8"), ("longest_silence", "<f8"), ("not_both", "<f8"),
        ("anybody", "<f8"),
    ]
)  # fmt: skip
"""What `analysis` knows of one recording: counts of 20 ms frames; `loud`, `not_both` and `anybody`: how many
frames ago it was so last, negative."""
HEADER = np.dtype(
    {
        "names": [
            "state", "rate_hz", "ring_frames", "written", "opened_mono", "opened_at", "counters",
            "worker_hole_count", "worker_holes", "recording", "path",
            "consumed", "recorder_hole_count", "recorder_holes", "file_made", "alarms", "alarm", "error",
            "analysis", "mark_count", "marks", "about",
        ],
        "formats": [
            "<i8", "<i8", "<i8", "<i8", "<f8", "<f8", ("<i8", (2, 4)),
            "<i8", (_HOLE, _HOLES), "S128", "S512",
            "<i8", "<i8", (_HOLE, _HOLES), "<i8", "<i8", "S256", "S256",
            ANALYSIS, "<i8", (_MARK, _MARKS), "S992",
        ],
        "offsets": [
            0, 8, 16, 24, 32, 40, 64,
            128, 136, 1024, 1152,
            1664, 1672, 1680, 2448, 2560, 2568, 2824,
            904, 4096, 4104, 3088,
        ],
        "itemsize": 8192,
    }
)  # fmt: skip


class TapError(Exception):
    """The recording cannot be tapped: no free slot, no memory, or a value that does not fit."""


class TapState(enum.IntEnum):
    FREE = 0
    RECORDING = 1
    STOPPING = 2
    FINISHED = 3
    FAILED = 4


class HoleReason(enum.IntEnum):
    """Why a stretch of a recording is silence that nobody spoke."""

    WORKER_RESTARTED = 1
    PAUSED = 2
    RECORDER_LATE = 3
    DISK_FULL = 4
    FILE_LIMIT = 5
    FILE_LOST = 6


@dataclass(frozen=True, slots=True)
class Hole:
    """Silence put in place of audio: position and length in frames since the recording's start."""

    start: int
    frames: int
    reason: HoleReason


@dataclass(frozen=True, slots=True)
class Mark:
    """What happened at a position, in frames since the recording's start, and who did it or who it is."""

    at: int
    what: str
    who: str


def rings_offset(slots: int) -> int:
    return FILE_HEADER_BYTES + slots * HEADER.itemsize


def file_bytes(slots: int) -> int:
    return rings_offset(slots) + slots * RING_BYTES


def file_header(slots: int) -> bytes:
    return _MAGIC.to_bytes(8, "little") + slots.to_bytes(8, "little") + boot_id() + bytes(8)


def boot_id() -> bytes:
    """32 bytes that change with a restart of the machine, which stops the monotonic clock's counting."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_bytes().strip().replace(b"-", b"")
    except OSError:  # no /proc in a bare chroot
        return bytes(32)


def put_frames(ring: NDArray[np.int16], at: int, frames: NDArray[np.int16], capacity: int) -> None:
    head = min(len(frames), capacity - at)
    ring[at : at + head] = frames[:head]
    ring[: len(frames) - head] = frames[head:]


def get_frames(ring: NDArray[np.int16], at: int, count: int, capacity: int) -> NDArray[np.int16]:
    head = min(count, capacity - at)
    if head == count:
        return ring[at : at + count].copy()
    return np.concatenate((ring[at : at + head], ring[: count - head]))


def read_holes(header: np.void, side: str) -> list[Hole]:
    rows = header[f"{side}_holes"][: int(header[f"{side}_hole_count"])]
    return [Hole(int(row["start"]), int(row["frames"]), HoleReason(int(row["reason"]))) for row in rows]


def add_hole(header: np.void, side: str, hole: Hole) -> None:
    """Joined to the last one where they touch, or where the table is full: a hole is never forgotten."""
    rows, count = header[f"{side}_holes"], int(header[f"{side}_hole_count"])
    if count:
        last = rows[count - 1]
        touching = last["start"] + last["frames"] == hole.start and last["reason"] == hole.reason
        if touching or count == _HOLES:
            last["frames"] = hole.start + hole.frames - last["start"]
            return
    rows[count] = (hole.start, hole.frames, hole.reason)
    header[f"{side}_hole_count"] = count + 1


def read_marks(header: np.void) -> list[Mark]:
    rows = header["marks"][: int(header["mark_count"])]
    return [Mark(int(row["at"]), header_text(row["what"]), header_text(row["who"])) for row in rows]


def add_mark(header: np.void, mark: Mark) -> None:
    """Later ones than the table holds take the place of the last one."""
    count = min(int(header["mark_count"]), _MARKS - 1)
    header["marks"][count] = (mark.at, clipped(mark.what, 16), clipped(mark.who, _TEXT_BYTES))
    header["mark_count"] = count + 1


def header_text(field: bytes) -> str:
    return field.decode("utf-8", "replace")


def fitting(what: str, value: str, limit_bytes: int) -> bytes:
    encoded = value.encode()
    if not encoded or len(encoded) > limit_bytes or b"\0" in encoded:
        raise TapError(f"{what} {value[:80]!r}: must be 1 to {limit_bytes} bytes without NUL")
    return encoded


def clipped(value: str, limit_bytes: int) -> bytes:
    """UTF-8 cut at a character's edge."""
    return value.encode()[:limit_bytes].decode("utf-8", "ignore").encode()
