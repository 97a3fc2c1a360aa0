"""Reports: what queues, skills, agents, trunks, numbers, flows and endings came to, by any interval.

Every report is a few sums over the roll-ups (softswitch.store.rollups) and some arithmetic. A group without
calls has no row. docs/reports.md defines every column.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from softswitch.store.agent_views import AT_WORK
from softswitch.store.histogram import COLUMNS, quantile
from softswitch.store.rollup_schema import ROLLUPS
from softswitch.store.rollups import INTERVAL_S, parts, quarter

Row = dict[str, Any]
DAY_S = 86400
INTERVALS = {
    "15m": ("%Y-%m-%d %H:%M", 900), "30m": ("%Y-%m-%d %H:%M", 1800), "hour": ("%Y-%m-%d %H:00", 3600),
    "day": ("%Y-%m-%d", DAY_S), "month": ("%Y-%m", 0),
}  # fmt: skip
"""How an interval is called in local time, and its length in seconds; a month has none of its own."""
_MOST = ("wait_max_s", "most_at_once")
WAITS = "waits"
"""Name of the waits by bucket among the sums of a roll-up."""


class TooManyRows(ValueError):
    """The report would be larger than its period allows."""


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` to before `until`, UTC seconds, widened to quarters of an hour.

    `by` is a key of INTERVALS, or '' for one row in all. What still goes on counts up to `now`; `only` is the
    one queue, agent, … that is asked for. Whoever gives `most` gets TooManyRows rather than more rows.
    """

    since: float
    until: float
    by: str = ""
    now: float | None = None
    only: str | None = None
    most: int | None = None

    @property
    def quarters(self) -> tuple[int, int]:
        return quarter(self.since), quarter(self.until + INTERVAL_S - 1)

    def begin(self, column: str) -> str:
        """SQL for what all times of one interval have in common: `name` makes its name of it."""
        if not self.by:
            return "0"
        form, length = INTERVALS[self.by]
        if length == DAY_S or not length:
            return f"strftime('{form}', {column}, 'unixepoch', 'localtime')"
        shift = self._shift
        return f"({column} + {shift}) / {length} * {length} - {shift}"

    @property
    def _shift(self) -> int:
        """Seconds by which hours begin earlier here than in UTC: zones differ by quarters of an hour."""
        offset = datetime.fromtimestamp(self.since).astimezone().utcoffset()
        return 0 if offset is None else int(offset.total_seconds()) % 3600

    def name(self, begin: int | str) -> str:
        """How the interval is called that `begin` or a time in it stands for."""
        if not self.by or isinstance(begin, str):
            return str(begin) if self.by else ""
        form, length = INTERVALS[self.by]
        if self.by == "30m":
            begin = (begin + self._shift) // length * length - self._shift
        return datetime.fromtimestamp(begin).strftime(form)

    def seconds(self, interval: str) -> float:
        """How long an interval of this name is."""
        if not self.by:
            begin, end = self.quarters
            return float(end - begin)
        form, length = INTERVALS[self.by]
        if length:
            return float(length)
        first = datetime.strptime(interval, form)
        following = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
        return following.timestamp() - first.timestamp()


@dataclass(frozen=True, slots=True)
class Report:
    """`run(db, period)` gives the rows; `title` says what they are, `plotted` which columns a plot shows."""

    title: str
    run: Callable[[sqlite3.Connection, Period], list[Row]]
    plotted: tuple[str, ...]


def _sums(
    db: sqlite3.Connection, period: Period, table: str, by: str | tuple[str, ...], only: str | None = None
) -> dict[tuple[str, ...], Row]:
    """Sums of all counts of a roll-up by interval and columns `by`, in order; `only` is the column that
    `period.only` is about."""
    keys = (by,) if isinstance(by, str) else by
    counts = ", ".join(
        f"{'max' if name in _MOST else 'sum'}({name}) AS {name}" for name in ROLLUPS[table][1]
    )
    wanted, values = "", [*period.quarters]
    if period.only is not None:
        wanted, values = f" AND {only or keys[0]} = ?", [*values, period.only]  # type: ignore[list-item]
    groups = ", ".join(map(str, range(1, len(keys) + 2)))
    found = db.execute(
        f"SELECT {period.begin('interval_at')} AS interval, {', '.join(keys)}, {counts} FROM {table}"
        f" WHERE interval_at >= ? AND interval_at < ?{wanted} GROUP BY {groups} ORDER BY {groups}", values)
    found.row_factory = None
    names = [column[0] for column in found.description]
    width = len(keys) + 1
    # Waits by bucket come last: they are taken as they are, since there are so many.
    buckets = names.index(COLUMNS[0]) if COLUMNS[0] in names else len(names)
    counted = names[width:buckets]
    named: dict[int | str, str] = {}
    sums: dict[tuple[str, ...], Row] = {}
    for row in found:
        interval = named.get(row[0])
        if interval is None:
            interval = named[row[0]] = period.name(row[0])
        if len(sums) == period.most:
            raise TooManyRows
        sums[interval, *row[1:width]] = of = dict(zip(counted, row[width:buckets], strict=True))
        of[WAITS] = row[buckets:]
    return sums


def _named(period: Period, key: tuple[str, ...], *names: str) -> Row:
    """The first columns of a row."""
    return {**({"interval": key[0]} if period.by else {}), **dict(zip(names, key[1:], strict=True))}


def queues(db: sqlite3.Connection, period: Period) -> list[Row]:
    waits = _sums(db, period, "queue_intervals", "queue")
    work = _sums(db, period, "agent_intervals", "queue")
    said = _sums(db, period, "survey_intervals", "queue")
    return [
        {**_named(period, key, "queue"), **waited(waits[key]), **_handled(work.get(key, {})),
         "satisfaction": _satisfaction(said.get(key))}
        for key in waits
    ]  # fmt: skip


def skills(db: sqlite3.Connection, period: Period) -> list[Row]:
    found = _sums(db, period, "skill_intervals", "skill")
    return [{**_named(period, key, "skill"), **waited(row)} for key, row in found.items()]


def waited(of: Mapping[str, Any]) -> Row:
    """What calls that waited came to, of the sums of a roll-up."""
    counts = of[WAITS]
    counted = of["offered"] - of["short_abandoned"]
    longest = of["wait_max_s"]
    return {
        "offered": of["offered"],
        "answered": of["answered"],
        "abandoned": of["abandoned"],
        "short_abandoned": of["short_abandoned"],
        "sent_on": of["sent_on"],
        "repeated": of["repeated"],
        "service_level": _share(of["in_time"], counted),
        "abandon_rate": _share(of["abandoned"] - of["short_abandoned"], counted),
        "wait_s": _share(of["waited_s"], of["offered"]),
        "speed_of_answer_s": _share(of["answer_s"], of["answered"]),
        "wait_p50_s": quantile(counts, 0.5, longest),
        "wait_p90_s": quantile(counts, 0.9, longest),
        "wait_p95_s": quantile(counts, 0.95, longest),
        "wait_max_s": longest,
        "abandon_s": _share(of["abandon_s"], of["abandoned"]),
    }


def _handled(of: Mapping[str, Any]) -> Row:
    """What agents did with the calls they took, by call."""
    answered = of.get("answered") or 0
    talk_s = of.get("talk_s", 0.0) + of.get("held_s", 0.0)
    handled = talk_s + of.get("hold_s", 0.0) + of.get("transfer_s", 0.0) + of.get("wrap_up_s", 0.0)
    return {
        "talk_s": _share(talk_s, answered),
        "hold_s": _share(of.get("hold_s", 0.0), answered),
        "wrap_up_s": _share(of.get("wrap_up_s", 0.0), answered),
        "handle_s": _share(handled, answered),
        "transfers": of.get("transfers", 0),
    }


def agents(db: sqlite3.Connection, period: Period) -> list[Row]:
    work = _sums(db, period, "agent_intervals", "agent")
    said = _sums(db, period, "survey_intervals", "agent")
    times = _times(db, period)
    return [
        {**_named(period, key, "agent"), **_offered(work.get(key, {})), **_handled(work.get(key, {})),
         **_present(times.get(key, {})), "satisfaction": _satisfaction(said.get(key))}
        for key in sorted({*work, *times})
    ]  # fmt: skip


def _offered(of: Mapping[str, Any]) -> Row:
    return {name: of.get(name, 0) for name in ("offers", "answered", "missed", "refused")}


def _times(db: sqlite3.Connection, period: Period) -> dict[tuple[str, ...], dict[tuple[str, str], float]]:
    """Seconds by (interval, agent) and (status, state), those of what still goes on included."""
    found: dict[tuple[str, ...], dict[tuple[str, str], float]] = {}

    def take(key: tuple[str, str], state: tuple[str, str], seconds: float) -> None:
        of = found.setdefault(key, {})
        of[state] = of.get(state, 0.0) + seconds

    for key, row in _sums(db, period, "agent_time_intervals", ("agent", "status", "state")).items():
        take((key[0], key[1]), (key[2], key[3]), row["seconds"])
    begin, end = period.quarters
    for row in db.execute("SELECT agent, status, state, signed_in, since_at FROM agents"):
        if not (row["signed_in"] or row["state"] in AT_WORK) or period.only not in (None, row["agent"]):
            continue
        since = max(row["since_at"], begin)
        until = min(period.until if period.now is None else period.now, end)
        for at, seconds in parts(since, until - since):
            take((period.name(at), row["agent"]), (row["status"] or "", row["state"] or ""), seconds)
    return found


def _present(times: Mapping[tuple[str, str], float]) -> Row:
    def total(wanted: Callable[[str, str], bool]) -> float:
        return sum(seconds for (status, state), seconds in times.items() if wanted(status, state))

    busy = total(lambda status, state: state in ("ringing", *AT_WORK))
    work = total(lambda status, state: status == "available" or state in ("ringing", *AT_WORK))
    return {
        "signed_in_s": total(lambda status, state: True),
        "available_s": total(lambda status, state: status == "available" and state == "idle"),
        "break_s": total(lambda status, state: status == "on_break"),
        "occupancy": _share(busy, work),
    }


def trunks(db: sqlite3.Connection, period: Period) -> list[Row]:
    found = _sums(db, period, "trunk_intervals", "trunk")
    return [
        {**_named(period, key, "trunk"), "legs": (legs := row["inbound"] + row["outbound"]),
         "inbound": row["inbound"], "outbound": row["outbound"], "answered": row["answered"],
         "answer_rate": _share(row["answered"], legs), "seconds": row["seconds"],
         "erlangs": row["seconds"] / period.seconds(key[0]), "most_at_once": row["most_at_once"]}
        for key, row in found.items()
    ]  # fmt: skip


def numbers(db: sqlite3.Connection, period: Period) -> list[Row]:
    found = _sums(db, period, "number_intervals", "to_number")
    return [
        {**_named(period, key, "to_number"),
         **{name: row[name] for name in ("calls", "talked", "abandoned", "repeated", "wait_s", "talk_s")}}
        for key, row in found.items()
    ]  # fmt: skip


def flows(db: sqlite3.Connection, period: Period) -> list[Row]:
    """How often each step was reached, and by how many calls."""
    found = _sums(db, period, "flow_intervals", ("flow", "step"))
    return [
        {**_named(period, key, "flow", "step"), "times": row["times"], "calls": row["calls"]}
        for key, row in found.items()
    ]


def reasons(db: sqlite3.Connection, period: Period) -> list[Row]:
    found = _sums(db, period, "reason_intervals", ("reason", "outcome"))
    return [
        {**_named(period, key, "reason", "outcome"), "calls": row["calls"],
         "mean_wait_s": _share(row["wait_s"], row["calls"]),
         "mean_talk_s": _share(row["talk_s"], row["calls"])}
        for key, row in found.items()
    ]  # fmt: skip


def estimates(db: sqlite3.Connection, period: Period) -> list[Row]:
    """How often the range that was estimated when a call came was right, of the answered calls."""
    found = _sums(db, period, "estimate_intervals", "queue")
    return [
        {**_named(period, key, "queue"), "judged": row["judged"],
         **{name: _share(row[of], row["judged"]) for name, of in _ESTIMATED.items()}}
        for key, row in found.items()
    ]  # fmt: skip


_ESTIMATED = {
    "hit_rate": "hits",
    "shorter_rate": "shorter",
    "longer_rate": "longer",
    "width_s": "width_s",
    "speed_of_answer_s": "waited_s",
}


def surveys(db: sqlite3.Connection, period: Period) -> list[Row]:
    found = _sums(db, period, "survey_intervals", ("queue", "question"))
    return [
        {**_named(period, key, "queue", "question"), "answers": row["answers"],
         "mean_score": _share(row["score"], row["answers"]), "satisfaction": _satisfaction(row)}
        for key, row in found.items()
    ]  # fmt: skip


def dispositions(db: sqlite3.Connection, period: Period) -> list[Row]:
    found = _sums(db, period, "disposition_intervals", ("queue", "disposition"))
    named = ("queue", "disposition")
    return [
        {**_named(period, key, *named), "calls": row["calls"]} for key, row in found.items() if row["calls"]
    ]


def timeline(db: sqlite3.Connection, period: Period) -> list[Row]:
    """What each agent did, stretch by stretch, in order."""
    now = min(period.until, period.until if period.now is None else period.now)
    only = "" if period.only is None else " AND agent = ?"
    found = db.execute(
        "SELECT agent, from_at, until_at, status, status_reason AS reason, state, call,"
        " coalesce(seconds, max(0, ? - from_at)) AS seconds FROM agent_states"
        f" WHERE from_at < ? AND coalesce(until_at, ?) > ? AND signed_in{only} ORDER BY agent, log_position",
        (now, period.until, period.until, period.since, *([] if period.only is None else [period.only])))
    rows = found.fetchall() if period.most is None else found.fetchmany(period.most)
    if period.most is not None and found.fetchone() is not None:
        raise TooManyRows
    return rows


def _satisfaction(of: Mapping[str, Any] | None) -> float | None:
    return None if of is None else _share(of["satisfied"], of["answers"])


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


REPORTS = {
    "queues": Report("Queues: offered, answered, abandoned, service level, waiting, handling", queues,
                     ("offered", "answered", "abandoned", "service_level")),
    "skills": Report("Skills that calls asked for: offered, answered, waiting", skills,
                     ("offered", "answered", "service_level")),
    "agents": Report("Agents: offers, handling, time, occupancy", agents,
                     ("answered", "handle_s", "occupancy")),
    "trunks": Report("Trunks: legs, answer rate, occupancy", trunks, ("legs", "erlangs", "most_at_once")),
    "numbers": Report("Numbers called: calls, talked, repeated calls", numbers, ("calls", "abandoned")),
    "flows": Report("Flows: steps reached", flows, ("times", "calls")),
    "reasons": Report("Endings: reason and outcome", reasons, ("calls",)),
    "estimates": Report("Waiting times estimated: how often the range was right", estimates,
                        ("judged", "hit_rate")),
    "surveys": Report("Surveys: answers and satisfaction", surveys, ("answers", "mean_score")),
    "dispositions": Report("Dispositions: what agents noted", dispositions, ("calls",)),
    "timeline": Report("Timeline of the agents", timeline, ("seconds",)),
}  # fmt: skip
