"""What webhooks keep in STATE_DIR/api.db: how far each is, and the events that are tried no more.

The process that delivers is the only one that writes positions. Anybody may list, drop and mark dead letters:
what is marked is sent again within a second. What events say is not in here but in the journal, so that a
number that is erased there is erased.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from sqlite_utils import Database, Migrations

from softswitch.api.database import make_private
from softswitch.webhook.outputs import DeadLetter, Place

MOST_DEAD = 100_000
"""Dead letters kept of one webhook; the oldest go first."""
BUSY_S = 5.0
_STATEMENTS = 512
_MOST_ROWS = 1 << 40
Row = dict[str, Any]
State = dict[str, Any]
migrations = Migrations("softswitch.webhooks")


@migrations()
def m001_webhooks(db: Database) -> None:
    db.table("webhook_positions").create({"webhook": str, "position": int, "open": str}, pk="webhook")
    dead = db.table("dead_letters")
    columns = {
        "webhook": str, "position": int, "begin": int, "event": str, "type": str, "subject": str, "at": float,
        "attempts": int, "why": str, "died_at": float, "replay": int,
    }  # fmt: skip
    dead.create(columns, pk=("webhook", "position"), defaults={"replay": 0}, not_null={"replay"})
    db.execute("CREATE INDEX dead_letters_replayed ON dead_letters (webhook, position) WHERE replay")
    tests = {"test": int, "webhook": str, "asked_at": float, "answered_at": float, "status": int, "why": str}
    db.table("webhook_tests").create({**tests, "seconds": float}, pk="test")


def open_database(path: Path) -> sqlite3.Connection:
    """For the thread that calls it; made if it is not there, its owner's alone."""
    make_private(path)
    connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
    db = Database(connection)
    if db.journal_mode != "wal":
        db.enable_wal()
    migrations.apply(db)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.row_factory = sqlite3.Row
    return connection


# For whoever operates it


def listed(
    db: sqlite3.Connection, webhook: str | None = None, *, start: int = 0, limit: int = 100
) -> list[Row]:
    """Dead letters of one webhook or all, the oldest first: webhook, event, type, subject (call, agent, queue
    or trunk), at, attempts, why, died_at, position, replay."""
    where, values = ("WHERE webhook = ?", [webhook]) if webhook is not None else ("", [])
    found = db.execute(
        "SELECT webhook, event, type, subject, at, attempts, why, died_at, position, replay FROM dead_letters"
        f" {where} ORDER BY died_at, webhook, position LIMIT ? OFFSET ?",
        [*values, limit, min(start, _MOST_ROWS)],
    )
    return [{**row, "replay": bool(row["replay"])} for row in map(dict, found)]


def replay(db: sqlite3.Connection, webhook: str, events: Collection[str] | None = None) -> int:
    """Mark dead letters to be sent again, those with these event ids or all of them; how many."""
    return _each(db, "UPDATE dead_letters SET replay = 1 WHERE webhook = ?", webhook, events)


def drop(db: sqlite3.Connection, webhook: str, events: Collection[str] | None = None) -> int:
    """Forget dead letters, those with these event ids or all of them; how many."""
    return _each(db, "DELETE FROM dead_letters WHERE webhook = ?", webhook, events)


def _each(db: sqlite3.Connection, statement: str, webhook: str, events: Collection[str] | None) -> int:
    if events is None:
        return db.execute(statement, [webhook]).rowcount
    wanted, done = sorted(set(events)), 0
    for first in range(0, len(wanted), _STATEMENTS):
        part = wanted[first : first + _STATEMENTS]
        marks = ", ".join("?" * len(part))
        done += db.execute(f"{statement} AND event IN ({marks})", [webhook, *part]).rowcount
    return done


def counted(db: sqlite3.Connection) -> dict[str, int]:
    """Dead letters by webhook."""
    found = db.execute("SELECT webhook, count(*) FROM dead_letters GROUP BY webhook")
    return {str(row[0]): int(row[1]) for row in found}


def ask_for_test(db: sqlite3.Connection, webhook: str, now: float) -> int:
    """A test event shall be sent to a webhook; the number by which `tested` finds what came of it."""
    db.execute("DELETE FROM webhook_tests WHERE asked_at < ?", [now - 3600])
    number = db.execute(
        "INSERT INTO webhook_tests (webhook, asked_at) VALUES (?, ?)", [webhook, now]
    ).lastrowid
    assert number is not None
    return number


def tested(db: sqlite3.Connection, test: int) -> Row | None:
    """status (0: no answer), why and seconds; None: not yet."""
    found = db.execute(
        "SELECT status, why, seconds FROM webhook_tests WHERE test = ? AND answered_at NOT NULL", [test]
    ).fetchone()
    return None if found is None else dict(found)


# For the process that delivers


@dataclass(frozen=True, slots=True)
class Written:
    """What belongs together: states, dead letters that came, and those that live again."""

    states: Mapping[str, State]
    dead: Sequence[DeadLetter] = ()
    replayed: Iterable[tuple[str, Place]] = ()
    removed: Iterable[str] = ()


def states(db: sqlite3.Connection) -> dict[str, State]:
    found = db.execute("SELECT webhook, position, open FROM webhook_positions")
    return {name: {"position": at, "open": orjson.loads(events)} for name, at, events in found}


def write(db: sqlite3.Connection, what: Written) -> dict[str, int]:
    """All of it or nothing; dead letters by webhook after it."""
    db.execute("BEGIN IMMEDIATE")
    try:
        for name in what.removed:
            db.execute("DELETE FROM webhook_positions WHERE webhook = ?", [name])
        for name, place in what.replayed:
            db.execute("DELETE FROM dead_letters WHERE webhook = ? AND position = ?", [name, place.position])
        rows = [
            (name, each["position"], orjson.dumps(each["open"]).decode())
            for name, each in what.states.items()
        ]
        db.executemany("INSERT OR REPLACE INTO webhook_positions VALUES (?, ?, ?)", rows)
        _bury(db, what.dead)
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise
    return counted(db)


def _bury(db: sqlite3.Connection, dead: Sequence[DeadLetter]) -> None:
    rows = [
        (
            each.webhook, each.place.position, each.place.begin, each.id, each.type, each.subject, each.at,
            each.attempts, each.why, each.died_at,
        )
        for each in dead
    ]  # fmt: skip
    db.executemany(
        "INSERT OR REPLACE INTO dead_letters (webhook, position, begin, event, type, subject, at, attempts,"
        " why, died_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        rows,
    )
    for name in {each.webhook for each in dead}:
        db.execute(
            "DELETE FROM dead_letters WHERE webhook = ?1 AND position <= (SELECT position FROM dead_letters"
            " WHERE webhook = ?1 ORDER BY position DESC LIMIT 1 OFFSET ?2)",
            [name, MOST_DEAD],
        )


def changes(db: sqlite3.Connection) -> int:
    """Another number after each change that somebody else has made."""
    return int(db.execute("PRAGMA data_version").fetchone()[0])


def marked(db: sqlite3.Connection, webhook: str, most: int) -> list[Place]:
    """Dead letters that shall be sent again, the oldest first."""
    found = db.execute(
        "SELECT begin, position FROM dead_letters WHERE webhook = ? AND replay ORDER BY position LIMIT ?",
        [webhook, most],
    )
    return [Place(*row) for row in found]


def tests_wanted(db: sqlite3.Connection) -> list[tuple[int, str]]:
    found = db.execute("SELECT test, webhook FROM webhook_tests WHERE answered_at IS NULL ORDER BY test")
    return [(number, name) for number, name in found]


def answer_test(db: sqlite3.Connection, test: int, now: float, status: int, why: str, seconds: float) -> None:
    db.execute(
        "UPDATE webhook_tests SET answered_at = ?, status = ?, why = ?, seconds = ? WHERE test = ?",
        [now, status, why, seconds, test],
    )
