"""Several days of one centre, put together; and the load of a day that really was."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from statistics import fmean, stdev
from typing import Any

from softswitch.config import Centre
from softswitch.config.errors import ConfigError, Problem, did_you_mean
from softswitch.simulation.day import Day
from softswitch.simulation.load import Load

PARTS = 24
COUNTS = ("offered", "answered", "abandoned", "sent_on")
FIGURES = ("service_level", "abandon_rate", "mean_wait_s", "wait_p50_s", "wait_p90_s", "wait_p99_s")


def check(load: Load, centre: Centre) -> None:
    """Raise ConfigError for every queue of the load that the centre does not have or nobody serves."""
    served = {queue for agent in centre.agents.values() for queue in agent.queues}
    problems = []
    for queue in load.queues:
        if queue not in centre.queues:
            hint = did_you_mean(queue, centre.queues)
            problems.append(Problem(("queues", queue), f"there is no queue {queue!r}; {hint}"))
        elif queue not in served:
            problems.append(Problem(("queues", queue), f"no agent serves queue {queue!r}"))
    if problems:
        raise ConfigError(problems)


def study(centre: Centre, load: Load, seeds: Iterable[int]) -> dict[str, Any]:
    """Mean of several days: `queues` with a row each (and `service_level_spread`, its standard deviation over
    the days), and `occupancy`. Raises ConfigError."""
    check(load, centre)
    tallies = [Day(centre, load, seed).run() for seed in seeds]
    days = [{row["queue"]: row for row in tally.rows()} for tally in tallies]
    names = [name for name in load.queues if any(name in day for day in days)]
    rows = [{"queue": name, **_mean([day[name] for day in days if name in day])} for name in names]
    return {"days": len(days), "queues": rows, "occupancy": fmean(tally.occupancy() for tally in tallies)}


def _mean(rows: list[Mapping[str, Any]]) -> dict[str, Any]:
    mean: dict[str, Any] = {name: fmean(row[name] for row in rows) for name in COUNTS}
    for name in FIGURES:
        values = [row[name] for row in rows if row[name] is not None]
        mean[name] = fmean(values) if values else None
    levels = [row["service_level"] for row in rows if row["service_level"] is not None]
    mean["service_level_spread"] = stdev(levels) if len(levels) > 1 else 0.0
    return mean


def load_of_day(db: sqlite3.Connection, since: float, until: float) -> Load:
    """The load between two points of time (UTC seconds), as the call records tell it. Raises ConfigError.

    Patience is estimated as the waiting of all callers divided by the number of those who hung up, which is
    right for an exponential distribution also when most were answered before they lost patience.
    """
    part_s = (until - since) / PARTS
    queues = {}
    for (queue,) in db.execute(
        "select distinct queue from queue_calls where queued_at >= ? and queued_at < ?", (since, until)
    ).fetchall():
        arrivals = [0] * PARTS
        waited_s, abandoned = 0.0, 0
        for queued_at, wait_s, outcome in db.execute(
            "select queued_at, waited_s, outcome from queue_calls"
            " where queue = ? and queued_at >= ? and queued_at < ?",
            (queue, since, until),
        ):
            arrivals[int((queued_at - since) / part_s)] += 1
            waited_s += wait_s or 0.0
            abandoned += outcome == "abandoned"
        (talk_s,) = db.execute(
            "select avg(talk_s) from calls"
            " where queue = ? and started_at >= ? and started_at < ? and talk_s > 0",
            (queue, since, until),
        ).fetchone()
        queues[queue] = {
            "calls_per_h": [count * 3600 / part_s for count in arrivals],
            "handle_s": min(max(talk_s or 180.0, 1.0), 86400.0),
            "patience_s": min(max(waited_s / abandoned, 1.0), 86400.0) if abandoned else None,
        }
    if not queues:
        raise ConfigError([Problem((), "no call was queued in that time; give another day, or a load file")])
    return Load.model_validate({"hours": (until - since) / 3600, "queues": queues})
