"""Tables of the views: created and changed by numbered migrations, never by hand.

Times named `*_at` are UTC seconds since 1970, durations named `*_s` are seconds. docs/database.md tells what
every column means.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlite_utils import Database, Migrations

from softswitch.store.rollup_schema import DETAILS, ROLLUPS, statements

DATABASE_NAME = "softswitch.db"
# Raise it when a view function changes: the views of an older version are rebuilt from the journal.
VIEWS_VERSION = 9
POSITION_TABLE = "journal_position"
SUBJECTS_TABLE = "subjects"
_BUSY_TIMEOUT_S = 1.0
_STATEMENTS = 512

Columns = dict[str, type]
migrations = Migrations("softswitch")

_CALL_TABLES: dict[str, tuple[Columns, str | tuple[str, ...]]] = {
    "calls": ({
        "call": str, "tenant": str, "node": str, "sip_call_id": str, "direction": str, "source": str,
        "from_number": str, "to_number": str, "started_at": float, "answered_at": float, "ended_at": float,
        "flow": str, "queue": str, "agent": str, "outcome": str, "reason": str, "ended_by": str,
        "wait_s": float, "talk_s": float, "duration_s": float, "recordings": int,
    }, "call"),
    "legs": ({
        "call": str, "leg": str, "direction": str, "address": str, "user": str, "agent": str, "trunk": str,
        "started_at": float, "answered_at": float, "bridged_at": float, "ended_at": float, "queue": str,
        "talk_s": float, "reason": str, "ended_by": str,
    }, ("call", "leg")),
    "flow_steps": ({
        "log_position": int, "call": str, "flow": str, "step": str, "at": float,
    }, "log_position"),
    "queue_calls": ({
        "call": str, "visit": int, "queue": str, "priority": int, "queued_at": float, "left_at": float,
        "outcome": str, "reason": str, "agent": str, "offers": int, "waited_s": float,
    }, ("call", "visit")),
    "offers": ({
        "log_position": int, "offer": str, "call": str, "visit": int, "queue": str, "agent": str,
        "offered_at": float, "ended_at": float, "outcome": str, "reason": str, "ring_s": float,
    }, "log_position"),
    "recordings": ({
        "recording": str, "call": str, "agent": str, "queue": str, "path": str, "left_leg": str,
        "right_leg": str, "started_at": float, "finished_at": float, "seconds": float,
        "left_expected": int, "left_received": int, "left_concealed": int, "left_late": int,
        "right_expected": int, "right_received": int, "right_concealed": int, "right_late": int,
        "error": str,
    }, "recording"),
}

_OTHER_TABLES: dict[str, tuple[Columns, str | tuple[str, ...]]] = {
    "agents": ({
        "agent": str, "user": str, "signed_in": int, "status": str, "status_reason": str, "state": str,
        "call": str, "since_at": float, "since_mono": float, "since_boot": str, "interval": int,
    }, "agent"),
    "agent_states": ({
        "log_position": int, "agent": str, "signed_in": int, "status": str, "status_reason": str,
        "state": str, "call": str, "from_at": float, "until_at": float, "seconds": float,
    }, "log_position"),
    "registrations": ({
        "user": str, "contact": str, "transport": str, "registered_at": float, "expires_at": float,
    }, ("user", "contact")),
    "supervisions": ({
        "log_position": int, "call": str, "supervisor": str, "agent": str, "mode": str,
        "started_at": float, "ended_at": float,
    }, "log_position"),
    "configuration_changes": ({
        "log_position": int, "at": float, "kind": str, "name": str, "change": str,
    }, "log_position"),
    "switch_starts": ({
        "log_position": int, "at": float, "node": str, "generation": int, "restored_calls": int,
        "restored_queued": int,
    }, "log_position"),
    "alarms": ({
        "log_position": int, "at": float, "node": str, "code": str, "message": str,
    }, "log_position"),
}

_INDEXES = {
    "calls": (["started_at"], ["ended_at"], ["queue", "started_at"], ["agent", "started_at"]),
    "flow_steps": (["call"],),
    "queue_calls": (["queue", "queued_at"], ["queued_at"]),
    "offers": (["call"], ["agent", "offered_at"]),
    "recordings": (["call"], ["started_at"]),
    "agent_states": (["agent", "from_at"],),
    "supervisions": (["call"],),
}

_SEGMENTS: Columns = {
    "log_position": int, "leg": str, "call": str, "kind": str, "agent": str, "user": str, "trunk": str,
    "queue": str, "flow": str, "started_at": float, "ended_at": float, "seconds": float,
    "started_mono": float, "started_boot": str,
}

_AUDIT: Columns = {
    "log_position": int, "at": float, "type": str, "who": str, "call": str, "subject": str, "data": str,
}

VIEW_TABLES = (*_CALL_TABLES, *_OTHER_TABLES, "segments", "audit", *DETAILS, *ROLLUPS)


@migrations()
def m001_views(db: Database) -> None:
    for name, (columns, key) in {**_CALL_TABLES, **_OTHER_TABLES}.items():
        db.table(name).create(columns, pk=key)
        for indexed in _INDEXES.get(name, ()):
            db.table(name).create_index(indexed)


@migrations()
def m002_position(db: Database) -> None:
    """How far the views are: the last record copied, with its checksum to know the journal again by."""
    columns = {"id": int, "log_position": int, "record_bytes": int, "record_crc32": int, "views_version": int}
    db.table(POSITION_TABLE).create(columns, pk="id")
    db.table(POSITION_TABLE).insert({"id": 1, "log_position": 0, "record_bytes": 0, "record_crc32": 0,
                               "views_version": VIEWS_VERSION})


@migrations()
def m003_call_ids(db: Database) -> None:
    """The Call-ID of each leg, by which a trace finds its messages."""
    db.table("legs").add_column("sip_call_id", str)
    db.table("legs").create_index(["sip_call_id"])
    db.table("calls").create_index(["sip_call_id"])


@migrations()
def m004_service_level(db: Database) -> None:
    """Within which time an answer counted towards the service level when the call left the queue."""
    db.table("queue_calls").add_column("service_level_s", float)


@migrations()
def m005_segments(db: Database) -> None:
    """What each party did and when; of the parties of a call, whose it is now."""
    db.table("segments").create(_SEGMENTS, pk=("log_position", "leg"))
    db.table("segments").create_index(["call"])
    db.execute("CREATE INDEX segments_open ON segments (call, leg) WHERE ended_at IS NULL")
    db.table("calls").add_column("caller_leg", str)


@migrations()
def m006_rollups(db: Database) -> None:
    """Sums by quarter of an hour, what they need beside the rows there were, and what callers said."""
    added: dict[str, Columns] = {
        "queue_calls": {"skills": str, "repeated": int},
        "legs": {"seconds": float, "started_mono": float, "started_boot": str},
    }
    for name, columns in added.items():
        for column, of in columns.items():
            db.table(name).add_column(column, of)
    for name, columns in DETAILS.items():
        db.table(name).create(columns, pk="log_position")
        db.table(name).create_index(["call"])
    for statement in statements():
        db.execute(statement)
    db.table("calls").create_index(["from_number", "started_at"])
    db.execute("CREATE INDEX trunk_legs_open ON legs (trunk) WHERE ended_at IS NULL AND trunk IS NOT NULL")


@migrations()
def m007_subjects(db: Database) -> None:
    """Which number each subject of the journal is, so that its rows are found when it is erased."""
    db.table(SUBJECTS_TABLE).create({"subject": str, "number": str}, pk="subject")


@migrations()
def m008_estimates(db: Database) -> None:
    """How often waits lay in the range that had been estimated."""
    for statement in statements():
        db.execute(statement)


@migrations()
def m009_notes(db: Database) -> None:
    """What agents wrote beside a disposition."""
    if "note" not in db.table("dispositions").columns_dict:
        db.table("dispositions").add_column("note", str)


@migrations()
def m010_audit(db: Database) -> None:
    """What people and programs did."""
    db.table("audit").create(_AUDIT, pk="log_position")
    db.table("audit").create_index(["at"])
    db.table("audit").create_index(["subject"])


@migrations()
def m011_withheld(db: Database) -> None:
    """Whose caller is not to be told to agents."""
    if "withheld" not in db.table("calls").columns_dict:
        db.table("calls").add_column("withheld", int)


class LaterSchema(sqlite3.DatabaseError):
    """The database has had migrations that this version does not know."""


def migration_names() -> list[str]:
    """All that this version knows, in their order."""
    return [each.name for each in migrations.pending(Database(memory=True))]


def _require_known(schema: Database) -> None:
    applied = {each.name for each in migrations.applied(schema)}
    unknown = sorted(applied - set(migration_names()))
    if unknown:
        raise LaterSchema(f"made by a later version ({', '.join(unknown)})")


def database_path(state_dir: Path) -> Path:
    return state_dir / DATABASE_NAME


def open_for_writing(state_dir: Path) -> sqlite3.Connection:
    """Open or create the database and bring its schema up to date; transactions are the caller's.

    Raises sqlite3.Error when it is locked, damaged or the disk is full, LaterSchema when a later version of
    softswitch has made it.
    """
    db = sqlite3.connect(database_path(state_dir), timeout=_BUSY_TIMEOUT_S, isolation_level=None,
                         cached_statements=_STATEMENTS)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        # What is erased is not to be found in the file either.
        db.execute("PRAGMA secure_delete = ON")
        # A power cut may take the last transactions back, position and rows together: they are copied again.
        db.execute("PRAGMA synchronous = NORMAL")
        schema = Database(db)
        _require_known(schema)
        if migrations.pending(schema):
            migrations.apply(schema)
    except BaseException:
        db.close()
        raise
    return db
