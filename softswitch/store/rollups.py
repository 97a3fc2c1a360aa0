"""Sums by quarter of an hour, kept as the facts come. docs/reports.md defines what is counted.

A visit to a queue counts in the quarter in which the call began to wait, an offer in which it was made, a
conversation, a hold and a wrap-up in which it began, a call in which it started; time in a state and on a
trunk is divided among the quarters it lay in. All functions are called within the transaction that copies the
fact.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from softswitch.store.histogram import COLUMNS, bucket

INTERVAL_S = 900
SHORT_ABANDON_S = 5.0
REPEAT_S = 86400.0
SERVICE_LEVEL_S = 20.0
SATISFIED_SCORE = 4.0
"""Of a scale from 1 to 5."""
_OF_SEGMENT = {
    "talk": "talk_s", "hold": "hold_s", "held": "held_s", "transfer": "transfer_s", "wrap_up": "wrap_up_s",
    "conference": "talk_s",
}  # fmt: skip
_OF_OFFER = {
    "accepted": "answered", "no_answer": "missed", "unreachable": "missed", "rejected": "refused",
    "busy": "refused", "withdrawn": "withdrawn",
}  # fmt: skip
_MOST = ("most_at_once", "wait_max_s")


def quarter(at: float) -> int:
    """The beginning of the quarter of an hour that a time lies in."""
    return int(at // INTERVAL_S) * INTERVAL_S


def add(db: sqlite3.Connection, table: str, key: Mapping[str, Any], counts: Mapping[str, Any]) -> None:
    """Add to one row of a roll-up; a maximum becomes the larger of both."""
    db.execute(_adding(table, tuple(key), tuple(counts)), (*key.values(), *counts.values()))


@lru_cache(maxsize=256)
def _adding(table: str, key: tuple[str, ...], counts: tuple[str, ...]) -> str:
    """{column} = {column} + its new value, for the columns of one kind of addition."""
    marks = ", ".join("?" * (len(key) + len(counts)))
    added = ", ".join(
        f"{name} = max({name}, excluded.{name})" if name in _MOST else f"{name} = {name} + excluded.{name}"
        for name in counts
    )
    return (f"INSERT INTO {table} ({', '.join((*key, *counts))}) VALUES ({marks})"
            f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {added}")


def count_visit(db: sqlite3.Connection, call: str, visit: int, sign: int = 1) -> None:
    """A visit to a queue that is over; `sign` -1 takes it back, as a better report of its end comes."""
    row = db.execute("SELECT queue, queued_at, outcome, waited_s, service_level_s, skills, repeated"
                     " FROM queue_calls WHERE call = ? AND visit = ?", (call, visit)).fetchone()
    queue, queued_at, outcome, waited_s, level_s, skills, repeated = row
    if outcome == "callback":
        return  # the place goes on as that of another call, which counts when it has come to its end
    counts = {name: sign * count for name, count in _visit(outcome, waited_s or 0.0, level_s).items()}
    counts["repeated"] = sign * (repeated or 0)
    counts["wait_max_s"] = waited_s or 0.0
    at = quarter(queued_at)
    add(db, "queue_intervals", {"interval_at": at, "queue": queue}, counts)
    for skill in (skills or "").split():
        add(db, "skill_intervals", {"interval_at": at, "skill": skill}, counts)


def _visit(outcome: str | None, waited_s: float, level_s: float | None) -> dict[str, Any]:
    always = {"offered": 1, "waited_s": waited_s}
    if outcome == "answered":
        in_time = waited_s <= (SERVICE_LEVEL_S if level_s is None else level_s)
        return {**always, "answered": 1, "in_time": int(in_time), "answer_s": waited_s,
                COLUMNS[bucket(waited_s)]: 1}
    if outcome == "abandoned":
        short = int(waited_s <= SHORT_ABANDON_S)
        return {**always, "abandoned": 1, "short_abandoned": short, "abandon_s": waited_s}
    return {**always, "sent_on": 1}


def has_visited(db: sqlite3.Connection, call: str, queue: str, at: float) -> bool:
    """Whether the caller's number was in this queue with another call within the last day."""
    found = db.execute(
        "SELECT 1 FROM calls AS this JOIN calls AS other ON other.from_number = this.from_number"
        " AND other.started_at BETWEEN ?3 - ?4 AND ?3 JOIN queue_calls ON queue_calls.call = other.call"
        " WHERE this.call = ?1 AND other.call <> ?1 AND queue_calls.queue = ?2"
        " AND this.from_number NOT IN ('', 'anonymous') LIMIT 1", (call, queue, at, REPEAT_S))
    return found.fetchone() is not None


def count_offer(
    db: sqlite3.Connection, agent: str, queue: str | None, at: float, outcome: str | None,
    ring_s: float | None,
) -> None:
    counts = {"offers": 1, "ring_s": ring_s or 0.0}
    if outcome in _OF_OFFER:
        counts[_OF_OFFER[outcome]] = 1
    add(db, "agent_intervals", _agent(at, agent, queue), counts)


def count_segment(
    db: sqlite3.Connection, kind: str, agent: str | None, queue: str | None, at: float, seconds: float
) -> None:
    if agent is not None and kind in _OF_SEGMENT:
        add(db, "agent_intervals", _agent(at, agent, queue), {_OF_SEGMENT[kind]: seconds})


def count_transfer(db: sqlite3.Connection, call: str, user: str, at: float) -> None:
    """By the agent who the user was in this call, if a queue gave it to one."""
    row = db.execute("SELECT agent, queue FROM segments WHERE call = ? AND user = ? AND agent IS NOT NULL"
                     " ORDER BY queue IS NULL, log_position DESC LIMIT 1", (call, user)).fetchone()
    if row is not None:
        add(db, "agent_intervals", _agent(at, *row), {"transfers": 1})


def count_state(
    db: sqlite3.Connection, agent: str, status: str | None, state: str | None, at: float, seconds: float
) -> None:
    """Time of an agent who is signed in, divided among the quarters."""
    for begin, part in parts(at, seconds):
        key = {"interval_at": begin, "agent": agent, "status": status or "", "state": state or ""}
        add(db, "agent_time_intervals", key, {"seconds": part})


def count_leg(db: sqlite3.Connection, trunk: str, direction: str | None, at: float) -> None:
    """A leg over a trunk begins; its row is there already."""
    open_legs = db.execute("SELECT count(*) FROM legs WHERE trunk = ? AND ended_at IS NULL", (trunk,))
    counts = {"most_at_once": open_legs.fetchone()[0]}
    if direction in ("inbound", "outbound"):
        counts[direction] = 1
    add(db, "trunk_intervals", {"interval_at": quarter(at), "trunk": trunk}, counts)


def count_answer(db: sqlite3.Connection, trunk: str, at: float) -> None:
    """In the quarter in which the leg began."""
    add(db, "trunk_intervals", {"interval_at": quarter(at), "trunk": trunk}, {"answered": 1})


def count_trunk_time(db: sqlite3.Connection, trunk: str, at: float, seconds: float) -> None:
    for begin, part in parts(at, seconds):
        add(db, "trunk_intervals", {"interval_at": begin, "trunk": trunk}, {"seconds": part})


def count_step(db: sqlite3.Connection, call: str, flow: str | None, step: str | None, at: float) -> None:
    """Before the row of the step is written: a call counts once for each step."""
    known = db.execute("SELECT 1 FROM flow_steps WHERE call = ? AND flow IS ? AND step IS ? LIMIT 1",
                       (call, flow, step)).fetchone()
    key = {"interval_at": quarter(at), "flow": flow or "", "step": str(step or "")}
    add(db, "flow_intervals", key, {"times": 1, "calls": int(known is None)})


def count_call(db: sqlite3.Connection, call: str) -> None:
    """A call that is over, by the number that was called and by its end."""
    row = db.execute("SELECT started_at, from_number, to_number, queue, reason, outcome, wait_s, talk_s"
                     " FROM calls WHERE call = ?", (call,)).fetchone()
    started_at, caller, number, queue, reason, outcome, wait_s, talk_s = row
    sums = {"calls": 1, "wait_s": wait_s or 0.0, "talk_s": talk_s or 0.0}
    at = quarter(started_at)
    key = {"interval_at": at, "queue": queue or "", "reason": reason or "", "outcome": outcome or ""}
    add(db, "reason_intervals", key, sums)
    if number is None:
        return
    counts = {
        **sums, "talked": int((talk_s or 0.0) > 0), "abandoned": int(outcome == "abandoned"),
        "repeated": int(_called_before(db, call, caller, number, started_at)),
    }  # fmt: skip
    add(db, "number_intervals", {"interval_at": at, "to_number": number}, counts)


def _called_before(db: sqlite3.Connection, call: str, caller: str | None, number: str, at: float) -> bool:
    if caller in (None, "", "anonymous"):
        return False
    found = db.execute("SELECT 1 FROM calls WHERE from_number = ?1 AND started_at BETWEEN ?2 - ?3 AND ?2"
                       " AND to_number = ?4 AND call <> ?5 LIMIT 1", (caller, at, REPEAT_S, number, call))
    return found.fetchone() is not None


def parts(at: float, seconds: float) -> Iterator[tuple[int, float]]:
    """A stretch of time by quarters: the beginning of each, and how much of the stretch lies in it."""
    end = at + seconds
    while at < end:
        begin = quarter(at)
        until = min(end, begin + INTERVAL_S)
        yield begin, until - at
        at = until


def _agent(at: float, agent: str, queue: str | None) -> dict[str, Any]:
    return {"interval_at": quarter(at), "agent": agent, "queue": queue or ""}
