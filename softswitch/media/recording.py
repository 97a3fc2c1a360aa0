"""Recorders: both sides of a call from the sample ring into the shared-memory tap, in stereo."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import orjson

from softswitch.media.analysis import Analysis, Event, Slots
from softswitch.media.arrays import Samples, StereoFrames
from softswitch.media.dtmf import FRAME
from softswitch.media.legs import BadCommand, LegTable
from softswitch.media.players import RATE_HZ
from softswitch.media.recording_sides import NOBODY, RecordingSides
from softswitch.media.ring import RECORDER_CHUNK, RECORDER_LAG, SampleRing
from softswitch.media.tap import TapFile, TapSlot
from softswitch.media.tap_layout import COUNTERS, SIDES, HoleReason, TapError, TapState

Emit = Callable[[dict[str, Any]], None]
JUDGE_EVERY = 8000
_TURNS = RECORDER_CHUNK // FRAME
"""Recordings are spread over so many turns, 20 ms each, however many begin at a time."""
_COUNT_EVERY = 10
"""Chunks between two updates of the packet counts in the tap: what a killed worker leaves is 2 s old."""


_MOST_LIMIT_S = 86_400


@dataclass(frozen=True, slots=True)
class RecorderSettings:
    """`parties`: who speaks on each side; `by`: who has paused or resumed; `about`: what the switch wants to
    be in the certificate; silence and talk-over longer than the limits are told, 0: never."""

    id: str
    sides: tuple[str, ...]
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
class _Recording:
    """`ended`: the recorder process has given it up, and its slot is of others."""

    settings: RecorderSettings
    slot: TapSlot
    turn: int
    ended: bool = False


class Recorders:
    """All recordings of a worker. Each reads 200 ms of the ring at a time, behind the clock.

    What the loop needs of them stands in arrays by slot of the tap.
    """

    def __init__(self, legs: LegTable, ring: SampleRing, taps: TapFile, emit: Emit) -> None:
        slots = len(taps.slots)
        self._legs = legs
        self._ring = ring
        self._taps = taps
        self._emit = emit
        self._recordings: dict[str, _Recording] = {}
        self._of_leg: defaultdict[str, set[str]] = defaultdict(set)
        self._by_turn: list[Slots] = [np.zeros(0, np.intp) for _ in range(_TURNS)]
        self._sides = RecordingSides(legs, ring, slots)
        self._position = np.zeros(slots, np.int64)
        """Up to where each has read the ring, `_next` where it will have next time."""
        self._next = np.zeros(slots, np.int64)
        self._paused = np.zeros(slots, np.bool_)
        self._alarms = np.zeros(slots, np.int64)
        self._analysis = Analysis(taps.headers["analysis"])

    def put(self, settings: RecorderSettings, clock: int) -> None:
        """Starts a recording, or changes a running one. Raises TapError when there is no tap for it."""
        recording = self._recordings.get(settings.id)
        if recording is None:
            recording = self._start(settings, clock)
        elif recording.ended:
            return
        elif settings.paused != recording.settings.paused or settings.parties != recording.settings.parties:
            self._read_to(recording, clock)
        self._take_note(recording, settings)
        self._describe(recording)
        for id in settings.sides:
            self._attach(recording, id)

    def _take_note(self, recording: _Recording, settings: RecorderSettings) -> None:
        for id in recording.settings.sides:
            self._of_leg[id].discard(settings.id)
            if not self._of_leg[id]:
                del self._of_leg[id]
        for id in settings.sides:
            self._of_leg[id].add(settings.id)
        recording.settings = settings
        self._paused[recording.slot.index] = settings.paused

    def _attach(self, recording: _Recording, id: str, *, there: bool = True) -> None:
        """The leg on the sides that are to be its own, if it is there."""
        leg = self._legs.index.get(id, NOBODY) if there else NOBODY
        for side, name in enumerate(recording.settings.sides):
            if name == id:
                self._sides.attach(recording.slot.index, side, leg)

    def leg_arrived(self, id: str) -> None:
        """Recorders may have named this leg before it was there."""
        for each in self._of_leg.get(id, ()):
            if not self._recordings[each].ended:
                self._attach(self._recordings[each], id)

    def leg_leaving(self, id: str, clock: int) -> None:
        """To be called while the leg is still in the table."""
        for each in self._of_leg.get(id, ()):
            recording = self._recordings[each]
            if not recording.ended:
                self._read_to(recording, clock)
                self._attach(recording, id, there=False)

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
        turn = min(range(_TURNS), key=lambda turn: len(self._by_turn[turn]))
        recording = self._recordings[settings.id] = _Recording(settings, slot, turn)
        self._sides.begin(slot.index, slot.counters())
        self._position[slot.index] = clock
        begin = clock // RECORDER_CHUNK * RECORDER_CHUNK + turn * FRAME
        self._next[slot.index] = begin if begin > clock else begin + RECORDER_CHUNK
        self._by_turn[turn] = np.append(self._by_turn[turn], slot.index)
        return recording

    def delete(self, id: str, clock: int) -> None:
        """Ends a recording; `recorder_finished` follows when its file is complete."""
        recording = self._recordings.get(id)
        if recording is not None and not recording.ended:
            self._read_to(recording, clock)
            self._count(np.array([recording.slot.index], np.intp))
            self._tell(self._analysis.judge(np.array([recording.slot.index], np.intp)))
            self._let_go(recording)
            recording.slot.stop()
        if recording is not None:
            self._take_note(recording, replace(recording.settings, sides=()))
            del self._recordings[id]

    def _let_go(self, recording: _Recording) -> None:
        """Nothing more is read for it."""
        recording.ended = True
        slots = self._by_turn[recording.turn]
        self._by_turn[recording.turn] = slots[slots != recording.slot.index]
        for side in range(len(SIDES)):
            self._sides.attach(recording.slot.index, side, NOBODY)

    def stop_strays(self) -> None:
        """Ends recordings of a former worker that nobody has put again."""
        for slot in list(self._taps.in_use()):
            if slot.state == TapState.RECORDING and slot.recording not in self._recordings:
                slot.stop()

    def _count(self, slots: Slots) -> None:
        self._taps.count_many(slots, self._sides.counters(slots))

    # Samples.

    def tick(self, clock: int) -> None:
        """Writes 200 ms of the recordings whose turn it is."""
        if not self._recordings or clock % FRAME:
            return
        if clock % JUDGE_EVERY == 0:
            self._tell(self._analysis.judge())
        until = clock - RECORDER_LAG
        slots = self._by_turn[until // FRAME % _TURNS]
        while len(slots) and len(due := slots[self._next[slots] <= until]):
            self._write_next(due)

    def _write_next(self, due: Slots) -> None:
        """What comes next of each, 200 ms but at its beginning."""
        odd = self._paused[due] | (self._next[due] - self._position[due] != RECORDER_CHUNK)
        for slot in due[odd].tolist():
            self._read_on(slot, int(self._next[slot]))
        whole = due[~odd]
        if len(whole):
            samples = self._samples(whole, RECORDER_CHUNK)
            self._taps.write_many(whole, samples)
            self._tell(self._analysis.hear(whole, samples))
        self._position[due] = self._next[due]
        self._next[due] += RECORDER_CHUNK
        counted = due[self._position[due] // RECORDER_CHUNK % _COUNT_EVERY == 0]
        if len(counted):
            self._count(counted)

    def _read_to(self, recording: _Recording, clock: int) -> None:
        """What is left up to the clock."""
        slot = recording.slot.index
        self._read_on(slot, clock)
        while self._next[slot] <= clock:
            self._next[slot] += RECORDER_CHUNK

    def _read_on(self, slot: int, until: int) -> None:
        """One recording from its position on."""
        tap, alone = self._taps.slots[slot], np.array([slot], np.intp)
        while self._position[slot] < until:
            width = min(RECORDER_CHUNK, until - int(self._position[slot]))
            if self._paused[slot]:
                tap.write_silence(width, HoleReason.PAUSED)
            else:
                samples = self._samples(alone, width)
                tap.write(_stereo(samples)[0])
                self._tell(self._analysis.hear(alone, samples))
            self._position[slot] += width

    def _samples(self, slots: Slots, width: int) -> Samples:
        """int16[2 × n, width] from each recording's position on, left and right in turn."""
        position = np.repeat(self._position[slots], 2)
        samples, missing = self._ring.take(self._sides.leg[slots].ravel(), position, width)
        if missing.any():
            self._sides.missing[slots] += missing.reshape(-1, 2)
        return samples

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
        for slot in self._taps.alarmed(self._alarms):
            self._alarms[slot.index] = slot.alarms
            if slot.alarms:
                self._emit({"event": "recorder_alarm", "id": slot.recording, "message": slot.alarm})
        for slot in list(self._taps.closed()):
            self._alarms[slot.index] = 0
            recording = self._recordings.get(slot.recording)
            if recording is not None and not recording.ended:
                self._let_go(recording)
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
