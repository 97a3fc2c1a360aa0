"""What queues, agents and trunks are doing now, and what the day came to, by the reports' definitions."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import Any

from softswitch.store.queries import Row, log_position
from softswitch.store.reports import Period, agents, queues, trunks

_QUEUES = """SELECT queue, count(*) AS waiting, min(queued_at) AS since FROM queue_calls
    WHERE left_at IS NULL GROUP BY queue"""
_AGENTS = "SELECT agent, user, signed_in, status, status_reason, state, call, since_at FROM agents"
_TRUNKS = """SELECT trunk, count(*) AS legs_now FROM legs
    WHERE ended_at IS NULL AND trunk IS NOT NULL GROUP BY trunk"""


def statistics(db: sqlite3.Connection, now: float) -> dict[str, Any]:
    """`queues`, `agents` and `trunks` at `now` (UTC seconds), as of `log_position` of the journal.

    Figures of the day are those of the reports from midnight, local time, until now.
    """
    midnight = datetime.fromtimestamp(now).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
    day = Period(midnight, now, now=now)
    nobody = {"waiting": 0, "longest_wait_s": None}
    return {
        "at": now,
        "log_position": log_position(db),
        "queues": _joined(queues(db, day), _waiting(db, now), "queue", nobody),
        "agents": _joined(agents(db, day), _present(db, now), "agent", {}),
        "trunks": _joined(trunks(db, day), _by(db, _TRUNKS, "trunk"), "trunk", {"legs_now": 0}),
    }


def _waiting(db: sqlite3.Connection, now: float) -> dict[str, Row]:
    found = _by(db, _QUEUES, "queue")
    return {
        name: {"queue": name, "waiting": row["waiting"], "longest_wait_s": max(0.0, now - row["since"])}
        for name, row in found.items()
    }


def _present(db: sqlite3.Connection, now: float) -> dict[str, Row]:
    found = _by(db, _AGENTS, "agent")
    return {
        name: {**row, "signed_in": bool(row["signed_in"]), "for_s": max(0.0, now - row["since_at"])}
        for name, row in found.items()
    }


def _by(db: sqlite3.Connection, query: str, name: str) -> dict[str, Row]:
    return {row[name]: row for row in db.execute(query)}


def _joined(day: list[Row], present: dict[str, Row], name: str, absent: Row) -> list[Row]:
    """One row for each that is known to either, the present before the day."""
    of_day = {row[name]: row for row in day}
    return [
        {name: each, **absent, **present.get(each, {}), **of_day.get(each, {})}
        for each in sorted({*of_day, *present})
    ]
