"""Facts about agents and their phones as rows: who is what now, and the timeline of it."""

from __future__ import annotations

import sqlite3
from typing import Any

from softswitch.store.rollups import count_state
from softswitch.store.told import Told

AT_WORK = ("talking", "wrap_up")
"""States in which an agent counts as present even when signed out."""
_SHOWN = ("signed_in", "status", "status_reason", "state", "call")


def agent_signed_in(db: sqlite3.Connection, fact: Told) -> None:
    _change(db, fact, {"signed_in": 1})
    db.execute("UPDATE agents SET user = coalesce(?, user) WHERE agent = ?",
               (fact.of.get("user"), fact.of["agent"]))


def agent_signed_out(db: sqlite3.Connection, fact: Told) -> None:
    _change(db, fact, {"signed_in": 0})


def agent_status_changed(db: sqlite3.Connection, fact: Told) -> None:
    _change(db, fact, {"status": fact.of["status"], "status_reason": fact.of.get("reason") or None})


def agent_state_changed(db: sqlite3.Connection, fact: Told) -> None:
    _change(db, fact, {"state": fact.of["state"], "call": fact.of.get("call")})


def wrap_up_started(db: sqlite3.Connection, fact: Told) -> None:
    _change(db, fact, {"state": "wrap_up", "call": fact.of.get("call")})


def contact_registered(db: sqlite3.Connection, fact: Told) -> None:
    of = fact.of
    db.execute(
        "INSERT INTO registrations VALUES (?, ?, ?, ?, ?) ON CONFLICT (user, contact) DO UPDATE SET"
        " transport = excluded.transport, registered_at = excluded.registered_at,"
        " expires_at = excluded.expires_at",
        (of["user"], of["contact"], of.get("transport"), fact.at, fact.at + of["expires_s"]))


def contact_removed(db: sqlite3.Connection, fact: Told) -> None:
    db.execute("DELETE FROM registrations WHERE user = ? AND contact = ?",
               (fact.of["user"], fact.of["contact"]))


def supervision_started(db: sqlite3.Connection, fact: Told) -> None:
    of = fact.of
    db.execute("INSERT INTO supervisions (log_position, call, supervisor, agent, mode, started_at)"
               " VALUES (?, ?, ?, ?, ?, ?)",
               (fact.position, of["call"], of["supervisor"], of.get("agent"), of.get("mode"), fact.at))


def supervision_ended(db: sqlite3.Connection, fact: Told) -> None:
    db.execute("UPDATE supervisions SET ended_at = ? WHERE call = ? AND supervisor = ? AND ended_at IS NULL",
               (fact.at, fact.of["call"], fact.of["supervisor"]))


def _change(db: sqlite3.Connection, fact: Told, changes: dict[str, Any]) -> None:
    """Begin a new interval of the agent's timeline where something shown there changes.

    What changes at one instant is one interval: signing in tells status and state along with it.
    """
    agent = fact.of["agent"]
    row = db.execute(f"SELECT {', '.join(_SHOWN)}, since_mono, since_boot, since_at, interval FROM agents"
                     " WHERE agent = ?", (agent,)).fetchone()
    before = dict.fromkeys(_SHOWN) if row is None else dict(zip(_SHOWN, row, strict=False))
    after = {**before, "signed_in": before["signed_in"] or 0, **changes}
    if after == before:
        return
    if row is not None and row[-4:-2] == (fact.mono, fact.boot):
        _amend(db, agent, row[-1], after)
        return
    if row is not None:
        _close_interval(db, fact, *row[-4:])
    db.execute("INSERT INTO agent_states (log_position, agent, signed_in, status, status_reason, state, call,"
               " from_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (fact.position, agent, *after.values(), fact.at))
    db.execute(
        "INSERT INTO agents (agent, signed_in, status, status_reason, state, call, since_at, since_mono,"
        " since_boot, interval) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (agent) DO UPDATE SET"
        " signed_in = excluded.signed_in, status = excluded.status, status_reason = excluded.status_reason,"
        " state = excluded.state, call = excluded.call, since_at = excluded.since_at,"
        " since_mono = excluded.since_mono, since_boot = excluded.since_boot, interval = excluded.interval",
        (agent, *after.values(), fact.at, fact.mono, fact.boot, fact.position))


def _amend(db: sqlite3.Connection, agent: str, interval: int, after: dict[str, Any]) -> None:
    assignments = ", ".join(f"{name} = ?" for name in after)
    db.execute(f"UPDATE agent_states SET {assignments} WHERE log_position = ?", (*after.values(), interval))
    db.execute(f"UPDATE agents SET {assignments} WHERE agent = ?", (*after.values(), agent))


def _close_interval(
    db: sqlite3.Connection, fact: Told, mono: float, boot: str, at: float, interval: int
) -> None:
    """Monotonic time within one boot, so that a stepped clock makes no agent's hour longer."""
    seconds = fact.mono - mono if boot == fact.boot else max(0.0, fact.at - at)
    lasted = db.execute(
        "UPDATE agent_states SET until_at = ?, seconds = ? WHERE log_position = ?"
        " RETURNING agent, status, state, from_at, seconds, signed_in",
        (fact.at, round(seconds, 3), interval)).fetchone()
    if lasted is not None and (lasted[-1] or lasted[2] in AT_WORK):
        count_state(db, *lasted[:-1])
