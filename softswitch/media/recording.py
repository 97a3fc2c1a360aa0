"""Recorders: both sides of a call from the sample ring into the shared-memory tap, in stereo."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from softswitch.media.analysis import Analysis, Event, Slots
from softswitch.media.arrays import Samples, StereoFrames
from softswitch.media.dtmf import FRAME
from softswitch.media.legs import BadCommand, LegTable
from softswitch.media.players import RATE_HZ
from softswitch.media.ring import RECORDER_CHUNK, RECORDER_LAG, SampleRing
from softswitch.media.tap import TapFile, TapSlot
from softswitch.media.tap_layout import COUNTERS, SIDES, HoleReason, TapError, TapState

Emit = Callable[[dict[str, Any]], None]
_NOBODY = -1
JUDGE_EVERY = 8000
_COUNT_EVERY = 10
"""Chunks between two updates of the packet counts in the tap: what a killed worker leaves is 2 s old."""


_MOST_LIMIT_S = 86_400


@dataclass(frozen=True, slots=True)
class RecorderSettings:
    """`parties`: who speaks on each side; `by`: who has paused or resumed; `about`: what the switch wants to
    be in the certificate; silence and talk-over longer than the limits are told, 0: never."""

    id: str
    sides: tuple[str, str]
    path: str
    paused: bool
    parties: tuple[str, str] = ("", "")
    by: str = ""
    about: str = ""
    silence_s: float = 0.0
    talk_over_s: float = 0.0

    @classmethod
    def parse(cls, command: Mapping[str, Any]) -> RecorderSettings:
        """Raises BadCommand."""
        path, about = command.get("path"), command.get("about") or {}
        if not isinstance(path, str) or not path.startswith("/"):
            raise BadCommand(f"put_recorder: path {path!r}: must be absolute")
        if not isinstance(about, dict):
            raise BadCommand("put_recorder: about must be an object")
        sides = str(command.get("left") or ""), str(command.get("right") or "")
        parties = str(command.get("left_party") or ""), str(command.get("right_party") or "")
        return cls(
            id=str(command["id"]),
            sides=sides,
            path=path,
            paused=bool(command.get("paused", False)),
            parties=parties,
            by=str(command.get("by") or ""),
            about=orjson.dumps(about).decode() if about else "",
            silence_s=_limit(command, "silence_s"),
            talk_over_s=_limit(command, "talk_over_s"),
        )


def _limit(command: Mapping[str, Any], name: str) -> float:
    value = command.get(name) or 0
    if not isinstance(value, int | float) or not 0 <= value <= _MOST_LIMIT_S:
        raise BadCommand(f"put_recorder: {name} {value!r}: allowed are 0 to {_MOST_LIMIT_S}")
    return float(value)


def no_recording(settings: RecorderSettings, error: str) -> dict[str, Any]:
    """The event for a recording that could not begin."""
    counters = {counter: dict.fromkeys(SIDES, 0) for counter in COUNTERS}
    return {
        "event": "recorder_finished", "id": settings.id, "path": settings.path, "seconds": 0.0, **counters,
        "error": error,
    }  # fmt: skip


@dataclass(slots=True)
class _Side:
    """Packet counts of one side: what was counted before, and where the leg's counters stood."""

    leg: int = _NOBODY
    at_start: tuple[int, int, int] = (0, 0, 0)
    before: tuple[int, int, int] = (0, 0, 0)
    missing_samples: int = 0


@dataclass(slots=True)
class _Recording:
    settings: RecorderSettings
    slot: TapSlot
    position: int
    phase: int
    sides: tuple[_Side, _Side]


def _counted(slot: TapSlot, name: str) -> _Side:
    """A side that goes on from what a former worker has counted."""
    counters = {counter: by_side[name] for counter, by_side in slot.counters().items()}
    before = counters["expected"], counters["received"], counters["late"]
    return _Side(before=before, missing_samples=counters["concealed"] * FRAME)


class Recorders:
    """All recordings of a worker. Each reads 200 ms of the ring at a time, behind the clock."""

    def __init__(self, legs: LegTable, ring: SampleRing, taps: TapFile, emit: Emit, step: int) -> None:
        self._legs = legs
        self._ring = ring
        self._taps = taps
        self._emit = emit
        self._step = step
        self._phases = RECORDER_CHUNK // step
        self._recordings: dict[str, _Recording] = {}
        self._by_phase: list[list[_Recording]] = [[] for _ in range(self._phases)]
        self._alarms: dict[int, int] = {}
        self._analysis = Analysis(taps.headers["analysis"])

    def put(self, settings: RecorderSettings, clock: int) -> None:
        """Starts a recording, or changes a running one. Raises TapError when there is no tap for it."""
        recording = self._recordings.get(settings.id)
        if recording is None:
            recording = self._start(settings, clock)
        elif settings.paused != recording.settings.paused or settings.parties != recording.settings.parties:
            self._read_to(recording, clock)
        recording.settings = settings
        self._describe(recording)
        for side, id in zip(recording.sides, settings.sides, strict=True):
            leg = self._legs.index.get(id, _NOBODY)
            if leg != side.leg:
                self._attach(side, leg)

    def _describe(self, recording: _Recording) -> None:
        """What the certificate will say beside the audio."""
        slot, settings = recording.slot, recording.settings
        if settings.about and settings.about != slot.about:
            slot.describe(settings.about)
        for side, party in zip(SIDES, settings.parties, strict=True):
            if party or any(mark.what == side for mark in slot.marks()):
                slot.mark(side, party)
        if settings.paused or any(mark.what == "paused" for mark in slot.marks()):
            slot.mark("paused" if settings.paused else "resumed", settings.by)
        self._analysis.set_limits(slot.index, settings.silence_s, settings.talk_over_s)

    def _start(self, settings: RecorderSettings, clock: int) -> _Recording:
        slot = self._taps.find(settings.id)
        if slot is None:
            slot = self._taps.free_slot()
            slot.open(settings.id, settings.path, RATE_HZ)
        elif slot.state == TapState.RECORDING:  # a former worker's
            slot.catch_up()
        else:
            raise TapError(f"recording {settings.id} has ended and is being completed")
        sides = _counted(slot, SIDES[0]), _counted(slot, SIDES[1])
        recording = _Recording(settings, slot, clock, clock // self._step % self._phases, sides)
        self._recordings[settings.id] = recording
        self._by_phase[recording.phase].append(recording)
        return recording

    def _attach(self, side: _Side, leg: int) -> None:
        if side.leg != _NOBODY:
            side.before = self._totals(side)
            self._ring.drop(side.leg)
        side.leg = leg
        if leg != _NOBODY:
            self._ring.use(leg)
            side.at_start = self._counters(leg)

    def _counters(self, leg: int) -> tuple[int, int, int]:
        legs = self._legs
        return int(legs.expected(leg)), int(legs.placed[leg]), int(legs.placed_late[leg])

    def _totals(self, side: _Side) -> tuple[int, int, int]:
        """Expected, received and late since the recording's start."""
        if side.leg == _NOBODY:
            return side.before
        now = self._counters(side.leg)
        expected, received, late = (
            b + n - s for b, n, s in zip(side.before, now, side.at_start, strict=True)
        )
        return expected, received, late

    def leg_leaving(self, id: str, clock: int) -> None:
        """To be called while the leg is still in the table."""
        for recording in self._recordings.values():
            if id in recording.settings.sides:
                self._read_to(recording, clock)
                for side, name in zip(recording.sides, recording.settings.sides, strict=True):
                    if name == id:
                        self._attach(side, _NOBODY)

    def delete(self, id: str, clock: int) -> None:
        """Ends a recording; `recorder_finished` follows when its file is complete."""
        recording = self._recordings.pop(id, None)
        if recording is None:
            return
        self._by_phase[recording.phase].remove(recording)
        self._read_to(recording, clock)
        for side in recording.sides:
            self._attach(side, _NOBODY)
        self._count(recording)
        self._tell(self._analysis.judge(np.array([recording.slot.index], np.intp)))
        recording.slot.stop()

    def stop_strays(self) -> None:
        """Ends recordings of a former worker that nobody has put again."""
        for slot in list(self._taps.in_use()):
            if slot.state == TapState.RECORDING and slot.recording not in self._recordings:
                slot.stop()

    def _count(self, recording: _Recording) -> None:
        for name, side in zip(SIDES, recording.sides, strict=True):
            expected, received, late = self._totals(side)
            concealed = round(side.missing_samples / FRAME)
            recording.slot.count(name, expected=expected, received=received, concealed=concealed, late=late)

    # Samples.

    def tick(self, clock: int) -> None:
        """Writes 200 ms of the recordings whose turn it is."""
        if clock % JUDGE_EVERY == 0 and self._recordings:
            self._tell(self._analysis.judge())
        phase = clock // self._step % self._phases
        due = [r for r in self._by_phase[phase] if r.position + RECORDER_CHUNK <= clock - RECORDER_LAG]
        while due:
            self._write_chunk(due)
            due = [r for r in due if r.position + RECORDER_CHUNK <= clock - RECORDER_LAG]

    def _write_chunk(self, due: list[_Recording]) -> None:
        live = [r for r in due if not r.settings.paused]
        if live:
            samples = self._samples(live, RECORDER_CHUNK)
            slots = np.array([r.slot.index for r in live], np.intp)
            self._taps.write_many(slots, samples)
            self._hear(slots, samples)
        for recording in due:
            if recording.settings.paused:
                recording.slot.write_silence(RECORDER_CHUNK, HoleReason.PAUSED)
            recording.position += RECORDER_CHUNK
            if recording.position // RECORDER_CHUNK % _COUNT_EVERY == 0:
                self._count(recording)

    def _read_to(self, recording: _Recording, clock: int) -> None:
        """What is left up to the clock."""
        while recording.position < clock:
            width = min(RECORDER_CHUNK, clock - recording.position)
            if recording.settings.paused:
                recording.slot.write_silence(width, HoleReason.PAUSED)
            else:
                samples = self._samples([recording], width)
                recording.slot.write(_stereo(samples)[0])
                self._hear(np.array([recording.slot.index], np.intp), samples)
            recording.position += width

    def _samples(self, recordings: list[_Recording], width: int) -> Samples:
        """int16[2 × n, width] from each recording's position on, left and right in turn."""
        sides = [side for recording in recordings for side in recording.sides]
        leg = np.array([side.leg for side in sides], np.int32)
        position = np.repeat(np.array([r.position for r in recordings], np.int64), 2)
        samples, missing = self._ring.take(leg, position, width)
        for k in np.flatnonzero(missing):
            sides[k].missing_samples += int(missing[k])
        return samples

    def _hear(self, slots: Slots, samples: Samples) -> None:
        self._tell(self._analysis.hear(slots, samples))

    def _tell(self, events: Iterable[Event]) -> None:
        for slot, event, seconds in events:
            self._emit({**event, "id": self._taps.slots[slot].recording, "seconds": seconds})

    # What the recorder process says.

    @property
    def busy(self) -> bool:
        """Whether there are recordings, or outcomes to be told."""
        return bool(self._recordings) or next(self._taps.in_use(), None) is not None

    def report(self) -> None:
        """Emits alarms and finished recordings. To be called every few wakes."""
        for slot in list(self._taps.in_use()):
            if slot.alarms != self._alarms.get(slot.index, 0):
                self._alarms[slot.index] = slot.alarms
                self._emit({"event": "recorder_alarm", "id": slot.recording, "message": slot.alarm})
        for slot in list(self._taps.closed()):
            self._alarms.pop(slot.index, None)
            self._emit(
                {
                    "event": "recorder_finished", "id": slot.recording, "path": slot.path,
                    "seconds": round(slot.seconds, 3), **slot.counters(), "error": slot.error or None,
                }
            )  # fmt: skip
            slot.release()


def _stereo(samples: Samples) -> StereoFrames:
    """int16[2 × n, width] as int16[n, width, 2]."""
    return np.ascontiguousarray(samples.reshape(-1, 2, samples.shape[1]).transpose(0, 2, 1))
