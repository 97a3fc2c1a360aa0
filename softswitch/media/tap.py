"""Recording taps: the shared-memory file through which a media worker hands stereo audio to the recorder.

One file per worker, `<run_dir>/media-<n>.taps`, mapped by both. A slot is one recording: a header and a ring
of `RING_SECONDS` of int16 stereo. The worker only ever adds to the ring and never waits; the recorder reads
behind it. Either may be killed and started again: everything both need to go on stands in the header.

A slot goes free → recording → stopping (by the worker) → finished or failed (by the recorder) → free (by the
worker, which has then reported the outcome). Each header field has one writing side. The fields are aligned
machine words and `written` is stored after the samples it covers.
"""

from __future__ import annotations

import mmap
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from softswitch.media import _codecs
from softswitch.media.arrays import StereoFrames
from softswitch.media.tap_layout import (
    COUNTERS,
    FILE_HEADER_BYTES,
    FRAME_BYTES,
    HEADER,
    MAX_RATE_HZ,
    RING_BYTES,
    RING_SECONDS,
    SIDES,
    Hole,
    HoleReason,
    Mark,
    TapError,
    TapState,
    add_hole,
    add_mark,
    clipped,
    file_bytes,
    file_header,
    fitting,
    get_frames,
    header_text,
    put_frames,
    read_holes,
    read_marks,
    rings_offset,
)

MARK_KINDS = {"paused": "pause", "resumed": "pause"}
"""Marks that undo one another; others tell who it is now."""


class TapSlot:
    """One recording's place in the tap file; the same class serves the worker's and the recorder's side."""

    __slots__ = ("_file", "_header", "_ring", "index")

    def __init__(self, file: TapFile, index: int) -> None:
        self._file = file
        self._header = file.headers[index]
        self._ring = file.rings[index]
        self.index = index

    # What either side may read.

    @property
    def state(self) -> TapState:
        return TapState(int(self._header["state"]))

    @property
    def recording(self) -> str:
        return header_text(self._header["recording"])

    @property
    def path(self) -> str:
        return header_text(self._header["path"])

    @property
    def rate_hz(self) -> int:
        return int(self._header["rate_hz"])

    @property
    def ring_frames(self) -> int:
        return int(self._header["ring_frames"])

    @property
    def written(self) -> int:
        """Frames put in by the worker since the recording's start, silence included."""
        return int(self._header["written"])

    @property
    def consumed(self) -> int:
        """Frames that the recorder has done with: in the file, or named as a hole."""
        return int(self._header["consumed"])

    @property
    def file_made(self) -> bool:
        """Whether the file at `path` is this recording's own, begun by this recorder or a former one."""
        return bool(self._header["file_made"])

    @property
    def opened_at(self) -> float:
        """UTC seconds."""
        return float(self._header["opened_at"])

    @property
    def alarms(self) -> int:
        """Grows by one with every alarm of this recording, the all-clear included."""
        return int(self._header["alarms"])

    @property
    def alarm(self) -> str:
        return header_text(self._header["alarm"])

    @property
    def error(self) -> str:
        return header_text(self._header["error"])

    @property
    def seconds(self) -> float:
        return self.written / self.rate_hz if self.rate_hz else 0.0

    def counters(self) -> dict[str, dict[str, int]]:
        """Packets by counter and side: `{"expected": {"left": 50, "right": 49}, …}`."""
        table = self._header["counters"]
        return {
            counter: {side: int(table[row, column]) for row, side in enumerate(SIDES)}
            for column, counter in enumerate(COUNTERS)
        }

    def holes(self) -> list[Hole]:
        """Holes of both sides in order of time."""
        both = [*read_holes(self._header, "worker"), *read_holes(self._header, "recorder")]
        return sorted(both, key=lambda hole: hole.start)

    def marks(self) -> list[Mark]:
        """In order of time."""
        return read_marks(self._header)

    @property
    def analysis(self) -> np.void:
        """The state of `analysis`, an ANALYSIS."""
        row: np.void = self._header["analysis"]
        return row

    @property
    def about(self) -> str:
        """What the switch says of the recording, as JSON; "" when nothing."""
        return header_text(self._header["about"])

    # The worker's side.

    def describe(self, about: str) -> None:
        """Sets `about`. Raises TapError when it does not fit."""
        self._header["about"] = fitting("about", about, 992)

    def mark(self, what: str, who: str) -> None:
        """Marks where the worker is now, unless that is what the last mark of this kind says already."""
        kind = MARK_KINDS.get(what, what)
        former = [mark for mark in self.marks() if MARK_KINDS.get(mark.what, mark.what) == kind]
        same = bool(former) and former[-1].what == what
        if not same or (kind == what and former[-1].who != header_text(clipped(who, 40))):
            add_mark(self._header, Mark(self.written, what, who))

    def open(self, recording: str, path: str, rate_hz: int, *, now: float | None = None) -> None:
        """Takes the free slot for a recording. Memory is reserved here, so that a write can never fault.

        Raises TapError when the memory is not there or a value does not fit.
        """
        if self.state != TapState.FREE:
            raise TapError(f"tap slot {self.index} is not free")
        if not 1000 <= rate_hz <= MAX_RATE_HZ:
            raise TapError(f"recording at {rate_hz} Hz: allowed are 1000 to {MAX_RATE_HZ}")
        encoded = fitting("recording id", recording, 128), fitting("path", path, 512)
        self._file.reserve_ring(self.index, rate_hz * RING_SECONDS * FRAME_BYTES)
        self._file.headers[self.index] = np.zeros((), dtype=HEADER)
        self._header["recording"], self._header["path"] = encoded
        self._header["rate_hz"] = rate_hz
        self._header["ring_frames"] = rate_hz * RING_SECONDS
        self._header["opened_mono"] = time.monotonic() if now is None else now
        self._header["opened_at"] = time.time()
        self._header["state"] = TapState.RECORDING

    def write(self, frames: StereoFrames) -> None:
        """Appends int16[n, 2]. A recorder that is more than the ring behind loses the oldest audio."""
        if self._header["state"] != TapState.RECORDING:
            return
        capacity = self.ring_frames
        start = self.written
        kept = frames[-capacity:]
        put_frames(self._ring, (start + len(frames) - len(kept)) % capacity, kept, capacity)
        self._header["written"] = start + len(frames)

    def write_silence(self, frames: int, reason: HoleReason) -> None:
        """Appends silence that the certificate names as a hole with its reason."""
        if frames <= 0 or self._header["state"] != TapState.RECORDING:
            return
        add_hole(self._header, "worker", Hole(self.written, frames, reason))
        start, capacity = self.written, self.ring_frames
        shown = min(frames, capacity)
        put_frames(self._ring, (start + frames - shown) % capacity, np.zeros((shown, 2), np.int16), capacity)
        self._header["written"] = start + frames

    def catch_up(self, now: float | None = None) -> int:
        """After a worker's restart: silence for the time that nobody wrote, so that time stays right.

        `now` is monotonic. Returns the frames put in.
        """
        passed = (time.monotonic() if now is None else now) - float(self._header["opened_mono"])
        missing = int(passed * self.rate_hz) - self.written
        self.write_silence(missing, HoleReason.WORKER_RESTARTED)
        return max(0, missing)

    def stop(self) -> None:
        """No more audio comes. The recorder empties the ring, closes the file and sets the outcome."""
        if self._header["state"] == TapState.RECORDING:
            self._header["state"] = TapState.STOPPING

    def release(self) -> None:
        """Frees a finished or failed slot, once its outcome has been reported."""
        if self.state in (TapState.FINISHED, TapState.FAILED):
            self._header["state"] = TapState.FREE
            self._file.give_back_ring(self.index)

    # The recorder's side.

    def pending(self) -> int:
        """Frames written and not yet consumed; may exceed the ring when the recorder is late."""
        return self.written - self.consumed

    def read(self, limit: int) -> tuple[int, StereoFrames]:
        """Copies up to `limit` of the oldest frames that are still whole.

        Returns (position of the first, int16[n, 2]). A position beyond `consumed` means that what lies
        between was overwritten.
        """
        capacity = self.ring_frames
        whole = capacity - self.rate_hz // 10  # the oldest may be under the worker's pen right now
        start = max(self.consumed, self.written - whole)
        count = min(limit, self.written - start)
        frames = get_frames(self._ring, start % capacity, count, capacity)
        overwritten = min(count, max(0, self.written - whole - start))  # while copying
        return start + overwritten, frames[overwritten:]

    def consume(self, position: int, missed_for: HoleReason | None = None) -> None:
        """Everything before `position` is done with; with a reason, it is named as a hole."""
        if missed_for is not None and position > self.consumed:
            add_hole(self._header, "recorder", Hole(self.consumed, position - self.consumed, missed_for))
        self._header["consumed"] = position

    def begin_anew(self) -> None:
        """The file is lost: what the ring still holds can go into another one, the rest is a named hole."""
        start = max(0, self.written - self.ring_frames + self.rate_hz // 10)
        if start:
            add_hole(self._header, "recorder", Hole(0, start, HoleReason.FILE_LOST))
        self._header["consumed"] = start

    def mark_file_made(self) -> None:
        self._header["file_made"] = 1

    def raise_alarm(self, message: str) -> None:
        self._header["alarm"] = clipped(message, 256)
        self._header["alarms"] += 1

    def close(self, error: str = "") -> None:
        """The file is complete, or there is none because of `error`."""
        self._header["error"] = clipped(error, 256)
        self._header["state"] = TapState.FAILED if error else TapState.FINISHED


class TapFile:
    """The mapped file with all slots. `headers` is one structured array, `rings` int16[slots, n, 2]."""

    def __init__(self, path: Path, descriptor: int, slots: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self._map = mmap.mmap(descriptor, file_bytes(slots))
        self._rings_at = rings_offset(slots)
        self.headers = np.frombuffer(self._map, dtype=HEADER, count=slots, offset=FILE_HEADER_BYTES)
        self._flat = np.frombuffer(self._map, dtype=np.int16, offset=self._rings_at)
        self.rings: NDArray[np.int16] = self._flat.reshape(slots, -1, 2)
        self.slots = [TapSlot(self, index) for index in range(slots)]

    @classmethod
    def create(cls, path: str | os.PathLike[str], slots: int = 512) -> TapFile:
        """The worker's own file: the former worker's, with its recordings, or a new one.

        The file is sparse; only rings in use take memory. `path` belongs on a memory file system.
        Raises TapError.
        """
        path = Path(path)
        with suppress(TapError):
            return cls.attach(path)
        descriptor = -1
        fresh = path.with_name(path.name + ".new")
        try:
            descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            os.ftruncate(descriptor, file_bytes(slots))
            os.posix_fallocate(descriptor, 0, rings_offset(slots))
            os.pwrite(descriptor, file_header(slots), 0)
            os.rename(fresh, path)
            return cls(path, descriptor, slots)
        except OSError as error:
            if descriptor >= 0:
                os.close(descriptor)
            raise TapError(f"tap file {path}: {error}") from error

    @classmethod
    def attach(cls, path: str | os.PathLike[str]) -> TapFile:
        """An existing file. Raises TapError when there is none, or it is of another boot or layout."""
        path = Path(path)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError as error:
            raise TapError(f"tap file {path}: {error}") from error
        header = os.pread(descriptor, 56, 0)
        slots = int.from_bytes(header[8:16], "little")
        if header != file_header(slots) or os.fstat(descriptor).st_size != file_bytes(slots):
            os.close(descriptor)
            raise TapError(f"tap file {path}: of another boot or layout")
        return cls(path, descriptor, slots)

    def free_slot(self) -> TapSlot:
        """Raises TapError when every slot is in use."""
        free = np.flatnonzero(self.headers["state"] == TapState.FREE)
        if not len(free):
            raise TapError(f"all {len(self.slots)} recording slots are in use")
        return self.slots[int(free[0])]

    def find(self, recording: str) -> TapSlot | None:
        """The slot in use by this recording."""
        named = self.headers["recording"] == recording.encode()
        found = np.flatnonzero(named & (self.headers["state"] != TapState.FREE))
        return self.slots[int(found[0])] if len(found) else None

    def in_use(self) -> Iterator[TapSlot]:
        return (self.slots[index] for index in np.flatnonzero(self.headers["state"] != TapState.FREE))

    def alarmed(self, alarms: NDArray[np.int64]) -> Iterator[TapSlot]:
        """Slots in use whose count of alarms is another than that of int64[slots]."""
        changed = (self.headers["alarms"] != alarms) & (self.headers["state"] != TapState.FREE)
        return (self.slots[index] for index in np.flatnonzero(changed))

    def closed(self) -> Iterator[TapSlot]:
        """Slots whose outcome the worker has to report and release."""
        return (self.slots[index] for index in np.flatnonzero(self.headers["state"] >= TapState.FINISHED))

    def write_many(self, slots: NDArray[np.intp], samples: NDArray[np.int16]) -> None:
        """Appends the samples int16[2 m, n] of m recordings, left and right in turn, to their slots."""
        written = self.headers["written"][slots].astype(np.int64)
        capacity = self.headers["ring_frames"][slots].astype(np.int64)
        base = slots.astype(np.int64) * (RING_BYTES // 2)
        _codecs.interleave(samples, self._flat, base, written, capacity)
        self.headers["written"][slots] = written + samples.shape[1]

    def count_many(self, slots: NDArray[np.intp], counters: NDArray[np.int64]) -> None:
        """Sets the packet totals of both sides, int64[m, 2, 4] in the order of COUNTERS."""
        self.headers["counters"][slots] = counters

    def reserve_ring(self, slot: int, size_bytes: int) -> None:
        try:
            os.posix_fallocate(self._descriptor, self._rings_at + slot * RING_BYTES, size_bytes)
        except OSError as error:
            raise TapError(f"no memory for a recording's ring in {self.path}: {error}") from error

    def give_back_ring(self, slot: int) -> None:
        with suppress(OSError):  # where holes cannot be punched, the next recording gets this memory
            self._map.madvise(mmap.MADV_REMOVE, self._rings_at + slot * RING_BYTES, RING_BYTES)

    def close(self) -> None:
        """Closes the descriptor; the mapping goes with the last array that points into it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
