"""Reports: what queues, agents, trunks, numbers, flows and endings came to, by hour or day.

Every report is one query over the views and some arithmetic. A group without calls has no row. Definitions:

- service level: answered within the queue's `service_level_s`, of all calls that left the queue except those
  that abandoned within `short_abandon_s`
- speed of answer: mean waiting of the answered
- handle time: talking and wrap-up, by call answered
- occupancy: share of the time available or at work that was talking, ringing or wrap-up
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

Row = dict[str, Any]
SHORT_ABANDON_S = 5.0
INTERVALS = {"hour": "%Y-%m-%d %H:00", "day": "%Y-%m-%d", "month": "%Y-%m"}


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` to before `until`, UTC seconds; `by` is hour, day, month, or '' for one row in all."""

    since: float
    until: float
    by: str = ""

    def label(self, column: str) -> str:
        """SQL for the interval that a time belongs to, in local time."""
        return f"strftime('{INTERVALS[self.by]}', {column}, 'unixepoch', 'localtime')" if self.by else "''"


@dataclass(frozen=True, slots=True)
class Report:
    """`run(db, period)` gives the rows; `title` says what they are."""

    title: str
    run: Callable[[sqlite3.Connection, Period], list[Row]]


def _grouped(rows: Iterable[Row], name: str) -> Iterable[tuple[Row, list[Row]]]:
    """Rows in order, put together by interval and `name`."""
    for (interval, of), group in groupby(rows, key=lambda row: (row["interval"], row[name])):
        first = {"interval": interval, name: of} if interval else {name: of}
        yield first, list(group)


def queues(db: sqlite3.Connection, period: Period) -> list[Row]:
    visits = db.execute(
        f"SELECT {period.label('queued_at')} AS interval, queue, outcome, waited_s, service_level_s"
        " FROM queue_calls WHERE queued_at >= ? AND queued_at < ? AND left_at IS NOT NULL"
        " ORDER BY interval, queue",
        (period.since, period.until),
    )
    return [{**first, **_queue(rows)} for first, rows in _grouped(visits.fetchall(), "queue")]


def _queue(rows: list[Row]) -> Row:
    waits = sorted(row["waited_s"] or 0.0 for row in rows if row["outcome"] == "answered")
    abandoned = [row["waited_s"] or 0.0 for row in rows if row["outcome"] == "abandoned"]
    short = sum(waited <= SHORT_ABANDON_S for waited in abandoned)
    in_time = sum(
        (row["waited_s"] or 0.0) <= (row["service_level_s"] or 20.0)
        for row in rows
        if row["outcome"] == "answered"
    )
    return {
        "offered": len(rows),
        "answered": len(waits),
        "abandoned": len(abandoned),
        "short_abandoned": short,
        "sent_on": len(rows) - len(waits) - len(abandoned),
        "service_level": _share(in_time, len(rows) - short),
        "abandon_rate": _share(len(abandoned) - short, len(rows) - short),
        "speed_of_answer_s": _mean(waits),
        "wait_p50_s": _at(waits, 0.5),
        "wait_p90_s": _at(waits, 0.9),
        "wait_max_s": max((row["waited_s"] or 0.0 for row in rows), default=None),
    }


def agents(db: sqlite3.Connection, period: Period) -> list[Row]:
    """Offers count when they were made, states when they began; one that goes on counts up to the end."""
    span = (period.since, period.until)
    found: dict[tuple[str, str], Row] = {}

    def row(interval: str, agent: str) -> Row:
        return found.setdefault(
            (interval, agent), {**({"interval": interval} if interval else {}), "agent": agent}
        )

    for offer in db.execute(
        f"SELECT {period.label('offered_at')} AS interval, agent, count(*) AS offers,"
        " sum(outcome = 'accepted') AS answered, sum(outcome = 'no_answer') AS missed,"
        " sum(outcome IN ('rejected', 'busy')) AS refused"
        " FROM offers WHERE offered_at >= ? AND offered_at < ? GROUP BY 1, 2",
        span,
    ):
        row(offer["interval"], offer["agent"]).update(offer)
    for talk in db.execute(
        f"SELECT {period.label('started_at')} AS interval, agent, total(talk_s) AS talk_s FROM legs"
        " WHERE agent IS NOT NULL AND started_at >= ? AND started_at < ? GROUP BY 1, 2",
        span,
    ):
        row(talk["interval"], talk["agent"])["talk_s"] = talk["talk_s"]
    for state in db.execute(
        f"SELECT {period.label('from_at')} AS interval, agent, total(lasted) AS signed_in_s,"
        " total(lasted * (status = 'on_break')) AS break_s, total(lasted * (state = 'wrap_up')) AS wrap_up_s,"
        " total(lasted * (state IN ('talking', 'ringing', 'wrap_up'))) AS busy_s,"
        " total(lasted * (status = 'available' OR state IN ('talking', 'wrap_up'))) AS work_s"
        " FROM (SELECT *, coalesce(seconds, ? - from_at) AS lasted FROM agent_states)"
        " WHERE signed_in AND from_at >= ? AND from_at < ? GROUP BY 1, 2",
        (period.until, *span),
    ):
        row(state["interval"], state["agent"]).update(state)
    return [_agent(found[key]) for key in sorted(found)]


def _agent(told: Row) -> Row:
    answered, talk_s = told.get("answered") or 0, told.get("talk_s") or 0.0
    handle_s = talk_s + (told.get("wrap_up_s") or 0.0)
    return {
        **({"interval": told["interval"]} if told.get("interval") else {}),
        "agent": told["agent"],
        "offers": told.get("offers") or 0,
        "answered": answered,
        "missed": told.get("missed") or 0,
        "refused": told.get("refused") or 0,
        "talk_s": talk_s,
        "wrap_up_s": told.get("wrap_up_s") or 0.0,
        "handle_s": handle_s / answered if answered else None,
        "signed_in_s": told.get("signed_in_s") or 0.0,
        "break_s": told.get("break_s") or 0.0,
        "occupancy": _share(told.get("busy_s") or 0.0, told.get("work_s") or 0.0),
    }


def trunks(db: sqlite3.Connection, period: Period) -> list[Row]:
    return _counted(
        db,
        period,
        "trunk",
        "count(*) AS legs, sum(direction = 'inbound') AS inbound, sum(direction = 'outbound') AS outbound,"
        " sum(answered_at IS NOT NULL) AS answered,"
        " 1.0 * sum(answered_at IS NOT NULL) / count(*) AS answer_rate,"
        " total(coalesce(ended_at, started_at) - started_at) AS seconds",
        "legs",
        "started_at",
    )


def reasons(db: sqlite3.Connection, period: Period) -> list[Row]:
    return _counted(
        db,
        period,
        "reason",
        "outcome, count(*) AS calls, avg(wait_s) AS mean_wait_s, avg(talk_s) AS mean_talk_s",
        "calls",
        "started_at",
    )


def numbers(db: sqlite3.Connection, period: Period) -> list[Row]:
    return _counted(
        db,
        period,
        "to_number",
        "count(*) AS calls, sum(talk_s > 0) AS talked, sum(outcome = 'abandoned') AS abandoned,"
        " count(DISTINCT from_number) AS callers, count(*) - count(DISTINCT from_number) AS repeated,"
        " total(talk_s) AS talk_s",
        "calls",
        "started_at",
    )


def flows(db: sqlite3.Connection, period: Period) -> list[Row]:
    """How often each step was reached, and by how many calls."""
    columns = "count(*) AS times, count(DISTINCT call) AS calls"
    return _counted(db, period, "flow || ' ' || step", columns, "flow_steps", "at", named="step")


def _counted(
    db: sqlite3.Connection, period: Period, by: str, columns: str, table: str, at: str, named: str = ""
) -> list[Row]:
    name = named or by
    rows = db.execute(
        f"SELECT {period.label(at)} AS interval, {by} AS {name}, {columns} FROM {table}"
        f" WHERE {at} >= ? AND {at} < ? AND {by} IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2",
        (period.since, period.until),
    ).fetchall()
    return rows if period.by else [{key: row[key] for key in row if key != "interval"} for row in rows]


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _at(ordered: list[float], share: float) -> float | None:
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else None


REPORTS = {
    "queues": Report("Queues: offered, answered, abandoned, service level, waiting", queues),
    "agents": Report("Agents: offers, talking, wrap-up, occupancy", agents),
    "trunks": Report("Trunks: legs, answer rate, occupancy in seconds", trunks),
    "numbers": Report("Numbers called: calls, callers, repeated calls", numbers),
    "flows": Report("Flows: steps reached", flows),
    "reasons": Report("Endings: reason and outcome", reasons),
}
