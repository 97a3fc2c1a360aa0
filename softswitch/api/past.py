"""What was told after a position of the journal, for subscribers who come back; blocking, for threads."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from softswitch.api.event_socket import text_frame
from softswitch.api.parties import Names, Parties, named
from softswitch.api.view import Event, View
from softswitch.store.queries import NoViews, log_position, open_views
from softswitch.store.reader import Fact, JournalGap, JournalReader
from softswitch.store.segments import complete_end, journal_directory, list_segments

MOST_FRAME_BYTES = 256 << 10
UNKNOWN, TRY_LATER = 4410, 1013
"""Codes of closed streams."""
_BACK_BYTES = 256 << 10
"""From so far before a position the parties of calls are followed: facts of one moment lie side by side."""
_MOST_BEHIND_BYTES = 64 << 20
_PARTS = (("legs", "leg", "started_at", "p.user, p.agent"), ("offers", "offer", "offered_at", "p.agent"))
"""By what somebody takes part in a call: table, its id, when it began, whose it is."""


class Refused(Exception):
    """There is no stream from there: the code to close with, and why."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Past:
    """The facts after `position` as a view has them, a part at a time; `parties` as they were then."""

    def __init__(self, state_dir: Path, view: View, position: int) -> None:
        self.position = position
        self.parties: Parties | None = None
        self._state_dir = state_dir
        self._view = view
        self._reader: JournalReader | None = None
        self._waiting: list[Event] = []

    def part(self, until: int) -> list[bytes]:
        """About a mebibyte of the journal as frames, not beyond `until`. Refused when it is not there."""
        if self._reader is None:
            self._begin()
        events = self._read(until)
        if self._view.needs_parties:
            assert self.parties is not None
            for event in events:
                event.place(self.parties)
        return frames_of(self._view.of_them(events), self.position)

    def _begin(self) -> None:
        end = complete_end(journal_directory(self._state_dir))
        if self.position > end:
            reason = f"position {self.position} is not known, the journal ends at {end}; begin without from"
            raise Refused(UNKNOWN, reason)
        if self._view.needs_parties:
            self.parties = parties_at(self._state_dir, self.position)
        self._reader = JournalReader(self._state_dir, self.position)

    def _read(self, until: int) -> list[Event]:
        assert self._reader is not None
        if not self._waiting and self._reader.position < until:
            try:
                self._waiting = [Event(*each) for each in self._reader.read()]
            except JournalGap as error:
                raise Refused(UNKNOWN, f"{error}; begin without from") from None
        ready = [each for each in self._waiting if each.position <= until]
        del self._waiting[: len(ready)]
        if self._waiting or not ready:
            self.position = max(self.position, until)
        else:
            self.position = ready[-1].position
        return ready

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()


def position_frame(position: int) -> bytes:
    return text_frame(b'{"position":%d}' % position)


def frames_of(events: Sequence[Event], position: int) -> list[bytes]:
    """Frames of some events; who has them all, and the position they are told with, is at `position`."""
    parts: list[list[Event]] = []
    size = MOST_FRAME_BYTES
    for event in events:
        if size + len(event.json) > MOST_FRAME_BYTES:
            parts.append([])
            size = 0
        parts[-1].append(event)
        size += len(event.json)
    ends = [*(part[-1].position for part in parts[:-1]), position]
    return [_frame(part, end) for part, end in zip(parts, ends, strict=False)] or [position_frame(position)]


def _frame(events: Sequence[Event], position: int) -> bytes:
    return text_frame(
        b'{"events":[' + b",".join([each.json for each in events]) + b'],"position":%d}' % position
    )


def parties_at(state_dir: Path, position: int) -> Parties:
    """Who took part in which call when the journal was at `position`, by the views and what came since."""
    first = next(iter(list_segments(journal_directory(state_dir))), 0)
    with contextlib.ExitStack() as stack:
        try:
            db = stack.enter_context(contextlib.closing(open_views(state_dir)))
            begin = min(position, log_position(db)) - _BACK_BYTES
        except NoViews:
            db, begin = None, 0
        if begin <= first == 0:
            db, begin = None, 0
        if position - begin > _MOST_BEHIND_BYTES:
            raise Refused(TRY_LATER, "the call records are being built; try again soon")
        facts = [*_facts(state_dir, max(begin, first), position)]
        parties, start = Parties(), 0
        if db is not None and facts:
            start = _next_moment(facts)
            _know(parties, db, facts[start - 1]["at"])
        for fact in facts[start:]:
            parties.concerned(fact["type"], fact.get("data") or {})
    return parties


def _next_moment(facts: Sequence[Fact]) -> int:
    """The first fact that is of another moment than the one before: between them the views know exactly
    who was there, since all that was told at one moment has the same time."""
    later = (place for place in range(1, len(facts)) if facts[place]["at"] != facts[place - 1]["at"])
    return next(later, 1)


def _facts(state_dir: Path, begin: int, until: int) -> Iterator[Fact]:
    reader = JournalReader(state_dir, begin)
    try:
        while batch := reader.read():
            for position, fact in batch:
                if position > until:
                    return
                yield fact
    finally:
        reader.close()


def _know(parties: Parties, db: sqlite3.Connection, at: float) -> None:
    """The calls that went on after that moment (UTC seconds)."""
    there: dict[str, list[tuple[str, Names]]] = {}
    were: dict[str, set[str]] = {}
    for table, part, begin, names in _PARTS:
        found = db.execute(
            f"SELECT p.call, p.{part} AS part, p.ended_at, {names} FROM calls c JOIN {table} p ON"
            f" p.call = c.call WHERE (c.ended_at IS NULL OR c.ended_at > ?1) AND p.{begin} <= ?1",
            (at,),
        )
        for row in found:
            whose = named({kind: row.get(kind) for kind in ("user", "agent")})
            were.setdefault(row["call"], set()).update(whose)
            if row["ended_at"] is None or row["ended_at"] > at:
                there.setdefault(row["call"], []).append((row["part"], whose))
    going_on = "SELECT call, queue FROM calls WHERE (ended_at IS NULL OR ended_at > ?1) AND started_at <= ?1"
    for row in db.execute(going_on, (at,)):
        call = row["call"]
        parties.know(call, row["queue"] or "", there.get(call, ()), were.get(call, ()))
