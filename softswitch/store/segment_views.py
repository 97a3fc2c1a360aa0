"""Facts of a call as segments: what each party did, from when to when (docs/call-records.md).

A leg is in one segment at a time, so that a second of a party is counted once. Whoever stays on the line
while a transfer is under way is in `transfer`, who is put on hold in `held`, who did that in `hold`. Wrap-up
goes on after the leg has ended.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from softswitch.store.rollups import count_segment
from softswitch.store.told import Told

TALKING = ("talk", "hold", "held")
"""Kinds of a party of a conversation."""


def flow_entered(db: sqlite3.Connection, fact: Told) -> None:
    _caller(db, fact, "flow", flow=fact.of.get("flow"))


def flow_step(db: sqlite3.Connection, fact: Told) -> None:
    """The flow goes on with the caller after a queue, or after somebody who was called in vain."""
    leg = _caller_leg(db, fact.of["call"])
    if leg is not None and _kind(db, fact.of["call"], leg) in (None, "ring"):
        become(db, fact, fact.of["call"], leg, "flow", flow=fact.of.get("flow"))


def call_queued(db: sqlite3.Connection, fact: Told) -> None:
    """Told again after a restart for who has waited all the time."""
    call, queue = fact.of["call"], fact.of["queue"]
    leg = _caller_leg(db, call)
    if leg is not None and _open(db, call, leg)[:2] != ("queue", queue):
        become(db, fact, call, leg, "queue", queue=queue)


def queue_left(db: sqlite3.Connection, fact: Told) -> None:
    leg = _caller_leg(db, fact.of["call"])
    if leg is not None and _kind(db, fact.of["call"], leg) == "queue":
        end(db, fact, fact.of["call"], leg)


def leg_started(db: sqlite3.Connection, fact: Told) -> None:
    """A phone rings; who is not in a queue meanwhile hears that it does."""
    of = fact.of
    if of.get("direction") != "outbound":
        return
    call, queue = of["call"], None
    caller = _caller_leg(db, call)
    kind, waits_in, _ = _open(db, call, caller)
    if kind == "queue":
        queue = waits_in
    elif caller is not None and kind in (None, "flow", "park"):
        become(db, fact, call, caller, "ring")
    elif of.get("agent") is not None:
        queue = _waits_in(db, call)
    become(db, fact, call, of["leg"], "ring", queue=queue)


def leg_answered(db: sqlite3.Connection, fact: Told) -> None:
    if _kind(db, fact.of["call"], fact.of["leg"]) == "ring":
        end(db, fact, fact.of["call"], fact.of["leg"])


def leg_ended(db: sqlite3.Connection, fact: Told) -> None:
    end(db, fact, fact.of["call"], fact.of["leg"])


def leg_moved(db: sqlite3.Connection, fact: Told) -> None:
    end(db, fact, fact.of["from_call"], fact.of["leg"])


def call_bridged(db: sqlite3.Connection, fact: Told) -> None:
    of = fact.of
    holders = of.get("held_by") or ()
    for leg in (of.get("caller"), of.get("leg")):
        if leg is not None:
            become(db, fact, of["call"], leg, _talks(leg, holders), queue=of.get("queue"))


def leg_held(db: sqlite3.Connection, fact: Told) -> None:
    _hold(db, fact, True)


def leg_resumed(db: sqlite3.Connection, fact: Told) -> None:
    _hold(db, fact, False)


def bridge_ended(db: sqlite3.Connection, fact: Told) -> None:
    for leg in (fact.of.get("caller"), fact.of.get("leg")):
        if leg is not None:
            end(db, fact, fact.of["call"], leg)


def conference_joined(db: sqlite3.Connection, fact: Told) -> None:
    of = fact.of
    become(db, fact, of["call"], of["leg"], "conference", queue=of.get("queue"), by=of.get("agent"))


def conference_left(db: sqlite3.Connection, fact: Told) -> None:
    end(db, fact, fact.of["call"], fact.of["leg"])


def transfer_started(db: sqlite3.Connection, fact: Told) -> None:
    of = fact.of
    if of.get("leg") is not None:
        become(db, fact, of["call"], of["leg"], "transfer", queue=_last_queue(db, of["call"], of["leg"]))


def call_parked(db: sqlite3.Connection, fact: Told) -> None:
    _caller(db, fact, "park")


def supervision_started(db: sqlite3.Connection, fact: Told) -> None:
    of = fact.of
    if of.get("leg") is not None:
        become(db, fact, of["call"], of["leg"], "supervise", user=of["supervisor"])


def supervision_ended(db: sqlite3.Connection, fact: Told) -> None:
    if fact.of.get("leg") is not None:
        end(db, fact, fact.of["call"], fact.of["leg"])


def wrap_up_started(db: sqlite3.Connection, fact: Told) -> None:
    """On the leg with which the agent talked last, of the queue that gave it the call."""
    call, agent = fact.of.get("call"), fact.of["agent"]
    last = db.execute(
        "SELECT leg, queue FROM segments WHERE call = ? AND agent = ?"
        " ORDER BY queue IS NULL, log_position DESC LIMIT 1", (call, agent)).fetchone()
    if call is not None and last is not None:
        become(db, fact, call, last[0], "wrap_up", queue=last[1], by=agent)


def wrap_up_ended(db: sqlite3.Connection, fact: Told) -> None:
    for position, leg in db.execute(
        "SELECT log_position, leg FROM segments WHERE call = ? AND agent = ? AND kind = 'wrap_up'"
        " AND ended_at IS NULL", (fact.of.get("call"), fact.of["agent"])).fetchall():
        _close(db, fact, position, leg)


def call_ended(db: sqlite3.Connection, fact: Told) -> None:
    """Nothing goes on but wrap-up."""
    for position, leg in db.execute(
        "SELECT log_position, leg FROM segments WHERE call = ? AND ended_at IS NULL AND kind <> 'wrap_up'",
        (fact.of["call"],)).fetchall():
        _close(db, fact, position, leg)


def become(
    db: sqlite3.Connection, fact: Told, call: str, leg: str, kind: str, *,
    queue: str | None = None, flow: str | None = None, user: str | None = None, by: str | None = None,
) -> None:
    """The leg's present segment ends, another one begins; what begins twice at one fact is the later. `by`
    is the agent whose it is, if not the leg's."""
    end(db, fact, call, leg)
    found = db.execute("SELECT agent, user, trunk FROM legs WHERE call = ? AND leg = ?", (call, leg))
    agent, named, trunk = found.fetchone() or (None, user, None)
    agent = by or agent
    db.execute("INSERT OR REPLACE INTO segments VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, ?, ?)",
               (fact.position, leg, call, kind, agent, named, trunk, queue, flow, fact.at, fact.mono,
                fact.boot))


def end(db: sqlite3.Connection, fact: Told, call: str, leg: str) -> None:
    """The leg's present segment ends, unless that is wrap-up, which goes on without a leg."""
    row = db.execute("SELECT log_position FROM segments WHERE call = ? AND leg = ? AND ended_at IS NULL"
                     " AND kind <> 'wrap_up'", (call, leg)).fetchone()
    if row is not None:
        _close(db, fact, row[0], leg)


def _close(db: sqlite3.Connection, fact: Told, position: int, leg: str) -> None:
    """Monotonic time within one boot, so that a stepped clock makes no conversation longer."""
    closed = db.execute(
        "UPDATE segments SET ended_at = ?1, seconds = round(CASE WHEN started_boot = ?2"
        " THEN ?3 - started_mono ELSE max(0, ?1 - started_at) END, 3),"
        " started_mono = NULL, started_boot = NULL WHERE log_position = ?4 AND leg = ?5"
        " RETURNING kind, agent, queue, started_at, seconds",
        (fact.at, fact.boot, fact.mono, position, leg)).fetchone()
    count_segment(db, *closed)


def _hold(db: sqlite3.Connection, fact: Told, holds: bool) -> None:
    call, leg = fact.of["call"], fact.of["leg"]
    legs = db.execute("SELECT leg, kind, queue FROM segments WHERE call = ? AND ended_at IS NULL"
                      " AND kind IN ('talk', 'hold', 'held')", (call,)).fetchall()
    holders = {each for each, kind, _ in legs if kind == "hold"}
    holders = holders | {leg} if holds else holders - {leg}
    for each, kind, queue in legs:
        if _talks(each, holders) != kind:
            become(db, fact, call, each, _talks(each, holders), queue=queue)


def _talks(leg: str, holders: Any) -> str:
    return "hold" if leg in holders else "held" if holders else "talk"


def _caller(db: sqlite3.Connection, fact: Told, kind: str, flow: str | None = None) -> None:
    leg = _caller_leg(db, fact.of["call"])
    if leg is not None:
        become(db, fact, fact.of["call"], leg, kind, flow=flow)


def _caller_leg(db: sqlite3.Connection, call: str) -> str | None:
    row = db.execute("SELECT caller_leg FROM calls WHERE call = ?", (call,)).fetchone()
    return None if row is None else row[0]


def _kind(db: sqlite3.Connection, call: str, leg: str) -> str | None:
    kind: str | None = _open(db, call, leg)[0]
    return kind


def _open(db: sqlite3.Connection, call: str, leg: str | None) -> tuple[Any, Any, Any]:
    """Kind, queue and begin of the leg's present segment; None where it has none."""
    row: tuple[Any, Any, Any] | None = db.execute(
        "SELECT kind, queue, started_at FROM segments WHERE call = ? AND leg = ? AND ended_at IS NULL",
        (call, leg)).fetchone()
    return row or (None, None, None)


def _waits_in(db: sqlite3.Connection, call: str) -> str | None:
    """The queue of a callback, whose agent is called before there is a caller."""
    row = db.execute("SELECT queue FROM queue_calls WHERE call = ? AND left_at IS NULL", (call,)).fetchone()
    return None if row is None else row[0]


def _last_queue(db: sqlite3.Connection, call: str, leg: str) -> str | None:
    row = db.execute("SELECT queue FROM segments WHERE call = ? AND leg = ?"
                     " ORDER BY log_position DESC LIMIT 1", (call, leg)).fetchone()
    return None if row is None else row[0]


VIEWS = (
    flow_entered, flow_step, call_queued, queue_left, leg_started, leg_answered, leg_ended, leg_moved,
    call_bridged, conference_joined, conference_left, leg_held, leg_resumed, bridge_ended,
    transfer_started, call_parked,
    supervision_started, supervision_ended, wrap_up_started, wrap_up_ended, call_ended,
)  # fmt: skip
