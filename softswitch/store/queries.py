"""Questions to the views, for commands and reports. Everything here only reads."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from softswitch.store.schema import POSITION_TABLE, database_path
from softswitch.store.segments import complete_end, journal_directory

Row = dict[str, Any]
Place = tuple[float, str]
"""Of a row in a list that is sorted by time: its time, and its id."""
_BUSY_TIMEOUT_S = 5.0
_POLL_S = 0.02
CALL_FIELDS = (
    "source", "direction", "from_number", "to_number", "flow", "outcome", "reason", "ended_by", "node",
)


class NoViews(RuntimeError):
    """There is no database yet: the store process has not run in this state directory."""


class DamagedViews(NoViews):
    """What is there is no database; the store process sets it aside and builds it again."""


def open_views(state_dir: Path) -> sqlite3.Connection:
    """A read-only connection whose rows are dicts. Raises NoViews or DamagedViews; close it when done."""
    path = database_path(state_dir)
    try:
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_BUSY_TIMEOUT_S)
        db.execute(f"SELECT log_position FROM {POSITION_TABLE}").fetchone()
    except sqlite3.OperationalError as error:
        raise NoViews(f"no call records in {path}: {error}") from None
    except sqlite3.DatabaseError as error:
        raise DamagedViews(
            f"{path} is damaged ({error}); a running switch builds it again from the journal"
        ) from None
    db.row_factory = _as_dict
    return db


def log_position(db: sqlite3.Connection) -> int:
    """Up to where in the journal the views are."""
    return int(db.execute(f"SELECT log_position FROM {POSITION_TABLE}").fetchone()["log_position"])


def wait_until_current(
    state_dir: Path, timeout_s: float = 5.0,
    monotonic: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """Wait until the views have everything the journal has now; whether they came so far in time."""
    wanted = complete_end(journal_directory(state_dir))
    until = monotonic() + timeout_s
    while True:
        if _reached(state_dir, wanted):
            return True
        if monotonic() >= until:
            return False
        sleep(_POLL_S)


def list_calls(
    db: sqlite3.Connection, *, since: float | None = None, until: float | None = None,
    queue: str | None = None, agent: str | None = None, number: str | None = None,
    outcome: str | None = None, reason: str | None = None, direction: str | None = None,
    ended: bool | None = True, limit: int = 100, offset: int = 0, older_than: Place | None = None,
    withheld: bool = True,
) -> list[Row]:
    """CDRs, newest first. `since` and `until` (UTC seconds) bound `started_at`, the latter excluded.

    `ended` True: finished calls, False: those going on, None: both. `number`: either side has it; without
    `withheld` a caller who withholds it is not found by it.
    `older_than`: only what stands after this call in the list.
    """
    where = _Where()
    where.older("started_at", "call", older_than)
    where.between("started_at", since, until)
    where.equal(queue=queue, agent=agent, outcome=outcome, reason=reason, direction=direction)
    if number is not None:
        known = "" if withheld else " AND withheld IS NULL"
        where.add(f"(from_number = ?{known} OR to_number = ?)", number, number)
    where.is_set("ended_at", ended)
    return where.select(db, "SELECT * FROM calls", "started_at DESC, call DESC", limit, offset)


def count_calls(db: sqlite3.Connection) -> int:
    """Finished calls: one CDR each."""
    return int(db.execute("SELECT count(*) AS n FROM calls WHERE ended_at IS NOT NULL").fetchone()["n"])


def list_legs(db: sqlite3.Connection, call: str) -> list[Row]:
    """The legs of one call in the order they started."""
    return db.execute("SELECT * FROM legs WHERE call = ? ORDER BY started_at, leg", (call,)).fetchall()


def find_calls(db: sqlite3.Connection, wanted: str, limit: int = 2) -> list[Row]:
    """Calls, newest first, that are called `wanted`: by their id, a SIP Call-ID of any leg, or a number."""
    return db.execute(
        "SELECT * FROM calls WHERE call = ?1 OR sip_call_id = ?1 OR from_number = ?1 OR to_number = ?1"
        " OR call IN (SELECT call FROM legs WHERE sip_call_id = ?1) ORDER BY started_at DESC LIMIT ?2",
        (wanted, limit)).fetchall()


def list_queue_calls(
    db: sqlite3.Connection, *, since: float | None = None, until: float | None = None,
    queue: str | None = None, agent: str | None = None, call: str | None = None,
    outcome: str | None = None, left: bool | None = None, limit: int = 100, offset: int = 0,
) -> list[Row]:
    """Visits of calls to queues, newest first; `left` False: those waiting now. Bounds: `queued_at`."""
    where = _Where()
    where.between("queued_at", since, until)
    where.equal(queue=queue, agent=agent, call=call, outcome=outcome)
    where.is_set("left_at", left)
    order = "queued_at DESC, call DESC, visit DESC"
    return where.select(db, "SELECT * FROM queue_calls", order, limit, offset)


def list_offers(
    db: sqlite3.Connection, *, since: float | None = None, until: float | None = None,
    queue: str | None = None, agent: str | None = None, call: str | None = None,
    outcome: str | None = None, limit: int = 100, offset: int = 0,
) -> list[Row]:
    """Offers of calls to agents, newest first. Bounds are for `offered_at`."""
    where = _Where()
    where.between("offered_at", since, until)
    where.equal(queue=queue, agent=agent, call=call, outcome=outcome)
    return where.select(db, "SELECT * FROM offers", "log_position DESC", limit, offset)


def list_recordings(
    db: sqlite3.Connection, *, since: float | None = None, until: float | None = None,
    queue: str | None = None, agent: str | None = None, call: str | None = None,
    finished: bool | None = None, limit: int = 100, offset: int = 0, recording: str | None = None,
    number: str | None = None, longer_s: float | None = None, shorter_s: float | None = None,
    older_than: Place | None = None, **call_fields: str | None,
) -> list[Row]:
    """Recordings, newest first, with the numbers of their call. Bounds are for `started_at`.

    `number` is how the caller's or the dialled one begins; `call_fields` are columns of `calls`
    (CALL_FIELDS) and what they must be.
    """
    where = _Where(prefix="recordings.")
    where.older("started_at", "recording", older_than)
    where.between("started_at", since, until)
    where.equal(queue=queue, agent=agent, call=call, recording=recording)
    where.is_set("finished_at", finished)
    where.between("seconds", longer_s, shorter_s)
    if number is not None:
        begins = "substr(calls.{}, 1, length(?)) = ?"
        either = " OR ".join(begins.format(column) for column in ("from_number", "to_number"))
        where.add(f"({either})", number, number, number, number)
    for column, value in call_fields.items():
        if column not in CALL_FIELDS:
            raise TypeError(f"calls has no column {column} to search by")
        if value is not None:
            where.add(f"calls.{column} = ?", value)
    selected = ("SELECT recordings.*, calls.from_number, calls.to_number"
                " FROM recordings LEFT JOIN calls ON calls.call = recordings.call")
    order = "recordings.started_at DESC, recordings.recording DESC"
    return where.select(db, selected, order, limit, offset)


def list_agents(
    db: sqlite3.Connection, *, since: float = 0.0, agent: str | None = None, signed_in: bool | None = None
) -> list[Row]:
    """Agents by name: what they are now, and offers and conversations from `since` (UTC seconds) on."""
    where = _Where(since)
    where.equal(agent=agent, signed_in=None if signed_in is None else int(signed_in))
    selected = """SELECT agent, user, signed_in, status, status_reason, state, call, since_at,
        (SELECT count(*) FROM offers o WHERE o.agent = agents.agent AND o.offered_at >= ?1) AS offers,
        (SELECT count(*) FROM offers o WHERE o.agent = agents.agent AND o.offered_at >= ?1
            AND o.outcome = 'accepted') AS accepted,
        (SELECT count(*) FROM offers o WHERE o.agent = agents.agent AND o.offered_at >= ?1
            AND o.outcome = 'no_answer') AS missed,
        (SELECT total(talk_s) FROM legs l WHERE l.agent = agents.agent AND l.started_at >= ?1) AS talk_s
        FROM agents"""
    return where.select(db, selected, "agent", -1, 0)


def list_agent_states(
    db: sqlite3.Connection, agent: str, *, since: float | None = None, until: float | None = None,
    after: int | None = None, limit: int = -1,
) -> list[Row]:
    """The agent's timeline in order; the last interval is the present one (`until_at` None). `after` is a
    log position."""
    where = _Where()
    where.between("from_at", since, until)
    where.equal(agent=agent)
    if after is not None:
        where.add("log_position > ?", after)
    return where.select(db, "SELECT * FROM agent_states", "log_position", limit, 0)


def list_audit(
    db: sqlite3.Connection, *, since: float | None = None, until: float | None = None,
    type: str | None = None, who: str | None = None, subject: str | None = None, call: str | None = None,
    older_than: int | None = None, limit: int = 100,
) -> list[Row]:
    """What was done, newest first. `older_than` is a log position."""
    where = _Where()
    where.between("at", since, until)
    where.equal(type=type, who=who, subject=subject, call=call)
    if older_than is not None:
        where.add("log_position < ?", older_than)
    return where.select(db, "SELECT * FROM audit", "log_position DESC", limit, 0)


def parts_of_call(db: sqlite3.Connection, call: str) -> dict[str, list[Row]]:
    """The rows of a call in every other table, by its name, in their order."""
    return {
        table: db.execute(f"SELECT * FROM {table} WHERE call = ? ORDER BY {order}", (call,)).fetchall()
        for table, order in _PARTS_OF_CALL.items()
    }


_PARTS_OF_CALL = {
    "legs": "started_at, leg", "segments": "log_position, leg", "queue_calls": "visit",
    "offers": "log_position", "flow_steps": "log_position", "recordings": "started_at, recording",
    "supervisions": "log_position", "surveys": "log_position", "dispositions": "log_position",
}  # fmt: skip


def _reached(state_dir: Path, wanted: int) -> bool:
    try:
        db = open_views(state_dir)
    except NoViews:
        return wanted == 0
    try:
        return log_position(db) >= wanted
    finally:
        db.close()


def _as_dict(cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> Row:
    return {column[0]: value for column, value in zip(cursor.description, row, strict=True)}


class _Where:
    """Conditions joined by AND; values travel as parameters only."""

    def __init__(self, *selected: Any, prefix: str = "") -> None:
        """`selected` are the parameters (?1, ?2 …) of what is selected, `prefix` goes before column names."""
        self._prefix = prefix
        self._conditions: list[str] = []
        self._values: list[Any] = [*selected]

    def add(self, condition: str, *values: Any) -> None:
        self._conditions.append(condition)
        self._values.extend(values)

    def equal(self, **columns: Any) -> None:
        for column, value in columns.items():
            if value is not None:
                self.add(f"{self._prefix}{column} = ?", value)

    def between(self, column: str, since: float | None, until: float | None) -> None:
        if since is not None:
            self.add(f"{self._prefix}{column} >= ?", since)
        if until is not None:
            self.add(f"{self._prefix}{column} < ?", until)

    def older(self, at: str, id: str, than: Place | None) -> None:
        if than is not None:
            self.add(f"({self._prefix}{at}, {self._prefix}{id}) < (?, ?)", *than)

    def is_set(self, column: str, wanted: bool | None) -> None:
        if wanted is not None:
            self.add(f"{self._prefix}{column} IS {'NOT ' if wanted else ''}NULL")

    def select(self, db: sqlite3.Connection, selected: str, order: str, limit: int, offset: int) -> list[Row]:
        where = f" WHERE {' AND '.join(self._conditions)}" if self._conditions else ""
        sql = f"{selected}{where} ORDER BY {order} LIMIT ? OFFSET ?"
        return db.execute(sql, (*self._values, limit, offset)).fetchall()
