"""The recorder process: writes what the media workers put into their taps to stereo WAV files.

`python -m softswitch.media.recorder --run-dir DIR --root DIR`. It polls the taps of every worker in the run
directory. It may be killed at any time: how far each recording has come stands in shared memory, the samples
of the last ten seconds too, and every file is valid up to its last header.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import logging
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np

from softswitch import logs
from softswitch.media.recording_chain import ChainBroken
from softswitch.media.recording_chain import append as chain
from softswitch.media.recording_file import (
    MAX_FRAMES,
    RecordingFile,
    RecordingRefused,
    certificate,
    write_certificate,
)
from softswitch.media.tap import TapFile, TapSlot
from softswitch.media.tap_layout import HoleReason, TapError, TapState

POLL_S = 0.2
WRITE_EVERY_S = 0.8
_TURNS = 4
"""A recording is written every so often; recordings that begin together take turns."""
SILENT_WORKER_S = 60.0
GIVE_UP_S = 300.0
UPKEEP_FIRST_S, UPKEEP_EVERY_S = 60.0, 300.0
_READ_FRAMES = 48_000

# A name of an enumeration takes longer to look up than the rest of a round's step.
_RECORDING, _STOPPING = int(TapState.RECORDING), int(TapState.STOPPING)

log = logging.getLogger(__name__)


class Recording:
    """One slot on its way into its file."""

    def __init__(self, slot: TapSlot, root: Path, now: float) -> None:
        self.slot = slot
        self.failing_since: float | None = None
        self._root = root
        self._file: RecordingFile | None = None
        self._begun = False
        self.due_at = now
        """When it is its turn next, while the worker goes on with it."""
        self._written = slot.written
        self._grown_at = now

    def poll(self, now: float) -> None:
        """Brings the file up to date, and closes it when the worker has stopped."""
        stopping = self._has_ended(now)
        try:
            if self._begun and self._opened().lost:
                self._begin_anew()
            self._drain()
            if stopping:
                self._finish()
            elif self._begun:
                self._write_header()
            self._all_clear(now)
            self._take_turn(now)
        except (RecordingRefused, ChainBroken) as refused:
            self.fail(str(refused))
        except OSError as error:
            self._disk_failed(error, stopping, now)

    def _take_turn(self, now: float) -> None:
        share = 1.0 if self._begun else (1 + self.slot.index % _TURNS) / _TURNS
        self.due_at, self._begun = now + share * WRITE_EVERY_S, True

    @property
    def _call(self) -> dict[str, str]:
        return logs.of_part(self.slot.recording)

    def leave(self) -> None:
        """Leaves the file playable as far as it has come, for a later recorder process to go on with."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._drain()
                self._write_header()
        self._close_file()

    def fail(self, error: str) -> None:
        """Gives the recording up; what is in the file stays."""
        log.error("recording %s: %s", self.slot.recording, error, extra=self._call)
        self.slot.close(error)
        self._close_file()

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write_header(self) -> None:
        self._opened().write_header(min(self.slot.consumed, MAX_FRAMES))

    def _has_ended(self, now: float) -> bool:
        """Whether no more audio comes: the worker said so, or has been dead for long."""
        if self.slot.state == _STOPPING:
            return True
        written = self.slot.written
        if written != self._written:
            self._written, self._grown_at = written, now
        if now - self._grown_at < SILENT_WORKER_S:
            return False
        told = "recording %s: no audio for %.0f s, closed"
        log.warning(told, self.slot.recording, SILENT_WORKER_S, extra=self._call)
        self.slot.stop()
        return True

    def _opened(self) -> RecordingFile:
        if self._file is None:
            slot = self.slot
            self._file = RecordingFile.open(
                self._root,
                slot.path,
                slot.rate_hz,
                frames=min(slot.consumed, MAX_FRAMES),
                ours=slot.file_made,
            )
            slot.mark_file_made()
        return self._file

    def _begin_anew(self) -> None:
        self._close_file()
        self.slot.begin_anew()
        self._alarm(f"{self.slot.path} was removed while it was written; begun anew with the last 10 s")

    def _drain(self) -> None:
        slot, file = self.slot, self._opened()
        while slot.pending():
            position, frames = slot.read(_READ_FRAMES)
            if position > slot.consumed:
                late = HoleReason.RECORDER_LATE if self.failing_since is None else HoleReason.DISK_FULL
                slot.consume(position, late)
            end = position + len(frames)
            if end > MAX_FRAMES:
                slot.consume(end, HoleReason.FILE_LIMIT)
                continue
            slot.consume(position + file.write(position, frames))

    def _finish(self) -> None:
        file = self._opened()
        file.finish(min(self.slot.consumed, MAX_FRAMES))
        content = certificate(self.slot, file)
        sealed = write_certificate(file.path, content)
        chain(file.path.parent, "recorded", file.path.name, sha256=content["sha256"], certificate=sealed)
        self.slot.close()
        self._close_file()

    def _disk_failed(self, error: OSError, stopping: bool, now: float) -> None:
        """Keeps trying: the ring holds the samples for ten seconds, later ones become a named hole."""
        if self.failing_since is None:
            self.failing_since = now
            self._alarm(f"cannot write {self.slot.path}: {error.strerror}; after 10 s audio is lost")
            with contextlib.suppress(OSError):
                self._write_header()
        if stopping and now - self.failing_since > GIVE_UP_S:
            self.fail(f"incomplete: {error.strerror}")

    def _all_clear(self, now: float) -> None:
        if self.failing_since is None:
            return
        lost = sum(hole.frames for hole in self.slot.holes() if hole.reason == HoleReason.DISK_FULL)
        after_s, lost_s = now - self.failing_since, lost / self.slot.rate_hz
        self.failing_since = None
        self._alarm(f"writing {self.slot.path} again after {after_s:.1f} s; {lost_s:.1f} s are silent")

    def _alarm(self, message: str) -> None:
        log.error("recording %s: %s", self.slot.recording, message, extra=self._call)
        self.slot.raise_alarm(message)


class Recorder:
    """All recordings of all workers of one run directory."""

    def __init__(self, run_dir: Path, root: Path) -> None:
        self._run_dir = run_dir
        self._root = root.resolve()
        self._taps: dict[Path, tuple[tuple[int, int], TapFile]] = {}
        self._recordings: dict[tuple[Path, int], Recording] = {}

    def poll(self, now: float) -> None:
        """One round over all slots; `now` is monotonic."""
        self._look_for_workers()
        for path, (_, tap) in self._taps.items():
            state = tap.headers["state"].copy()
            for index in np.flatnonzero(state == _STOPPING).tolist():
                self._poll_slot((path, index), tap.slots[index], now)
            for index in np.flatnonzero(state == _RECORDING).tolist():
                recording = self._recordings.get((path, index))
                if recording is None or recording.due_at <= now:
                    self._poll_slot((path, index), tap.slots[index], now)

    def close(self) -> None:
        """Puts what is there into the files and leaves the rest to the next recorder."""
        for recording in self._recordings.values():
            recording.leave()
        self._recordings.clear()

    def _poll_slot(self, key: tuple[Path, int], slot: TapSlot, now: float) -> None:
        recording = self._recordings.get(key)
        if recording is None:
            recording = self._recordings[key] = Recording(slot, self._root, now)
        try:
            recording.poll(now)
        except Exception as error:  # one recording's fault must not stop the others
            log.exception("recording %s", slot.recording, extra=logs.of_part(slot.recording))
            recording.fail(f"recorder: {error}")
        if slot.state in (TapState.FINISHED, TapState.FAILED):
            del self._recordings[key]

    def _look_for_workers(self) -> None:
        for path in self._run_dir.glob("media-*.taps"):
            identity = _identity(path)
            if path in self._taps and self._taps[path][0] == identity:
                continue
            try:
                tap = TapFile.attach(path)
            except TapError as error:
                log.debug("%s", error)
                continue
            self._forget(path)
            self._taps[path] = (identity, tap)

    def _forget(self, path: Path) -> None:
        """A worker that made a new file has dropped the recordings of the old one."""
        for key in [key for key in self._recordings if key[0] == path]:
            self._recordings.pop(key).leave()
        if path in self._taps:
            self._taps.pop(path)[1].close()


class Upkeep:
    """Starts a round of upkeep over finished recordings every now and then, one at a time, as a process that
    gives way to everything else."""

    def __init__(self, arguments: list[str]) -> None:
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None
        self._next_at = 0.0

    def poll(self, now: float) -> None:
        """`now` is monotonic."""
        if self._process is not None and self._process.poll() is None:
            return
        if not self._next_at:
            self._next_at = now + UPKEEP_FIRST_S
        elif now >= self._next_at:
            self._next_at = now + UPKEEP_EVERY_S
            command = [sys.executable, "-m", "softswitch.archive", *self._arguments]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait()


def _identity(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return (0, 0)
    return status.st_dev, status.st_ino


def take_lock(run_dir: Path) -> int:
    """Only one recorder may write. Returns the lock's descriptor, which must stay open; raises OSError."""
    descriptor = os.open(run_dir / "recorder.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor


def _allow_many_files() -> None:
    """One open file per recording: the usual soft limit of 1024 is too few."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def run(run_dir: Path, root: Path, stopped: threading.Event, upkeep: Upkeep | None = None) -> None:
    """Records until `stopped`, with a last round so that nothing that is there stays unwritten."""
    recorder = Recorder(run_dir, root)
    while not stopped.is_set():
        recorder.poll(time.monotonic())
        if upkeep is not None:
            upkeep.poll(time.monotonic())
        stopped.wait(POLL_S)
    if upkeep is not None:
        upkeep.close()
    recorder.poll(time.monotonic())
    recorder.close()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="softswitch.media.recorder", description="Writes call recordings.")
    parser.add_argument("--run-dir", type=Path, required=True, help="where the media workers' tap files are")
    parser.add_argument("--root", type=Path, required=True, help="recordings outside of it are refused")
    parser.add_argument("--control", type=Path, help="the switch's socket; without it there is no upkeep")
    parser.add_argument("--compress", default="none", help="form of finished recordings")
    parser.add_argument("--retention", default="", help="days by class: ordinary=30,complaint=90")
    parser.add_argument("--log-level", default="info", help="least severity written to standard error")
    options = parser.parse_args(arguments)
    logs.configure("recorder", options.log_level)
    try:
        options.root.mkdir(parents=True, exist_ok=True, mode=0o750)
        lock = take_lock(options.run_dir)
    except OSError as error:
        log.error("cannot start, is another one running? %s", error)
        return 1
    _allow_many_files()
    stopped = threading.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, lambda *_: stopped.set())
    print("ready", flush=True)
    upkeep = None
    if options.control is not None:
        names = ("root", "control", "compress", "retention")
        upkeep = Upkeep([f"--{name}={getattr(options, name)}" for name in names])
    run(options.run_dir, options.root, stopped, upkeep)
    os.close(lock)
    return 0


if __name__ == "__main__":
    sys.exit(main())
