"""From facts to rows: one function for each type of fact, and the transaction they run in."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from softswitch.store import (
    agent_views,
    call_views,
    estimate_views,
    said_views,
    segment_views,
    subject_views,
)
from softswitch.store.audit_views import AUDIT_VIEWS
from softswitch.store.reader import Fact, OnDamage, ignore_damage
from softswitch.store.record import VERSION
from softswitch.store.schema import POSITION_TABLE, VIEW_TABLES, VIEWS_VERSION
from softswitch.store.segments import journal_directory, list_segments, segment_path
from softswitch.store.told import Told, told

View = Callable[[sqlite3.Connection, Told], None]


def configuration_changed(db: sqlite3.Connection, fact: Told) -> None:
    change = fact.of.get("change")
    text = change if isinstance(change, str | None) else orjson.dumps(change).decode()
    db.execute("INSERT INTO configuration_changes VALUES (?, ?, ?, ?, ?)",
               (fact.position, fact.at, fact.of.get("kind"), fact.of.get("name"), text))


def switch_started(db: sqlite3.Connection, fact: Told) -> None:
    of = fact.of
    db.execute("INSERT INTO switch_starts VALUES (?, ?, ?, ?, ?, ?)",
               (fact.position, fact.at, fact.node, of.get("generation"), of.get("restored_calls"),
                of.get("restored_queued")))


def alarm_raised(db: sqlite3.Connection, fact: Told) -> None:
    db.execute("INSERT INTO alarms VALUES (?, ?, ?, ?, ?)",
               (fact.position, fact.at, fact.node, fact.of.get("code"), fact.of.get("message")))


def facts_lost(db: sqlite3.Connection, fact: Told) -> None:
    message = f"{fact.of['count']} facts were not stored because the disk was full for too long"
    db.execute("INSERT INTO alarms VALUES (?, ?, ?, 'journal_facts_lost', ?)",
               (fact.position, fact.at, fact.node, message))


_VIEWS: tuple[View, ...] = (
    call_views.call_started, call_views.call_answered, call_views.call_ended,
    call_views.flow_entered, call_views.flow_step,
    call_views.call_queued, call_views.queue_left, call_views.offer_made, call_views.offer_ended,
    call_views.leg_started, call_views.leg_answered, call_views.leg_ended, call_views.leg_moved,
    call_views.call_bridged, call_views.bridge_ended, call_views.transfer_started,
    call_views.call_transferred,
    call_views.recording_started, call_views.recording_finished,
    agent_views.agent_signed_in, agent_views.agent_signed_out,
    agent_views.agent_status_changed, agent_views.agent_state_changed, agent_views.wrap_up_started,
    agent_views.contact_registered, agent_views.contact_removed,
    agent_views.supervision_started, agent_views.supervision_ended,
    estimate_views.wait_estimate_judged,
    said_views.survey_answered, said_views.disposition_set,
    configuration_changed, switch_started, alarm_raised, facts_lost, subject_views.subject_erased,
)  # fmt: skip
# What a fact of a strange shape raises: parts missing, of the wrong type, or nothing SQLite can store.
_BAD_FACT = (
    LookupError, TypeError, ValueError, ArithmeticError, AttributeError, sqlite3.InterfaceError,
    sqlite3.ProgrammingError, sqlite3.DataError, sqlite3.IntegrityError,
)  # fmt: skip
VIEW_OF: dict[str, tuple[View, ...]] = {}
for _view in (*_VIEWS, *segment_views.VIEWS):
    VIEW_OF[_view.__name__] = (*VIEW_OF.get(_view.__name__, ()), _view)
for _type, _audited in AUDIT_VIEWS.items():
    VIEW_OF[_type] = (*VIEW_OF.get(_type, ()), _audited)


@dataclass(frozen=True, slots=True)
class ViewsPosition:
    """Up to where the views know the journal, and the last record they saw."""

    log_position: int
    record_bytes: int
    record_crc32: int
    views_version: int

    def is_of(self, state_dir: Path) -> bool:
        """Whether the journal still has that record there: after a power cut it may be shorter."""
        if self.log_position == 0:
            return True
        directory = journal_directory(state_dir)
        begin = self.log_position - self.record_bytes
        start = max((start for start in list_segments(directory) if start <= begin), default=None)
        if start is None:
            return False
        with segment_path(directory, start).open("rb") as segment:
            segment.seek(begin - start)
            return zlib.crc32(segment.read(self.record_bytes)) == self.record_crc32


def read_position(db: sqlite3.Connection) -> ViewsPosition:
    row = db.execute(f"SELECT log_position, record_bytes, record_crc32, views_version FROM {POSITION_TABLE}")
    return ViewsPosition(*row.fetchone())


def copy_facts(
    db: sqlite3.Connection, facts: Sequence[tuple[int, Fact]], at: ViewsPosition,
    on_damage: OnDamage = ignore_damage,
) -> None:
    """Rows of all facts and the position `at` after them in one transaction: all of it or, on an error, none.

    Types and versions from the future are passed over. A fact its view cannot take is told to
    `on_damage(position, what)` and passed over too: one bad fact must not hold up all that follow.
    """
    db.execute("BEGIN IMMEDIATE")
    try:
        for position, fact in facts:
            _apply(db, position, fact, on_damage)
        _write_position(db, at)
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def clear_views(db: sqlite3.Connection) -> None:
    """Drop all rows and go back to the journal's beginning."""
    db.execute("BEGIN IMMEDIATE")
    try:
        for table in VIEW_TABLES:
            db.execute(f"DELETE FROM {table}")
        _write_position(db, ViewsPosition(0, 0, 0, VIEWS_VERSION))
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _apply(db: sqlite3.Connection, position: int, fact: Fact, on_damage: OnDamage) -> None:
    views = VIEW_OF.get(fact["type"], ())
    if fact.get("v") != VERSION:
        return
    try:
        for view in views:
            view(db, told(position, fact))
    except _BAD_FACT as error:
        on_damage(position, f"{fact['type']} was passed over: {type(error).__name__}: {error}")


def _write_position(db: sqlite3.Connection, at: ViewsPosition) -> None:
    db.execute(f"UPDATE {POSITION_TABLE} SET log_position = ?, record_bytes = ?, record_crc32 = ?,"
               " views_version = ?", (at.log_position, at.record_bytes, at.record_crc32, at.views_version))
