"""What is measured, by name: one table, of which the exposition for Prometheus is made.

Each metric takes its samples from what is known anyway: the status of the switch, the statistics of the
views, and what this process counts itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

Sample = tuple[tuple[str, ...], float | None]
"""Values of the labels, and the figure; None: it is not known, and there is no sample."""


@dataclass(frozen=True)
class Seen:
    """What is known at one moment. `status` is that of the switch, None: no switch answers; `day` are the
    statistics of the views, None: there are none. Positions are bytes of the journal."""

    version: str
    node: str
    status: Mapping[str, Any] | None
    day: Mapping[str, Any] | None
    journal: int
    views: int | None
    lag_s: float
    subscribers: int = 0
    webhooks: Iterable[Mapping[str, Any]] = field(default=())


@dataclass(frozen=True, slots=True)
class Measured:
    """One metric: `samples` gives its figures of what is seen."""

    name: str
    help: str
    samples: Callable[[Seen], Iterable[Sample]]
    labels: tuple[str, ...] = ()
    counts: bool = False

    def family(self, seen: Seen) -> Metric:
        kind = CounterMetricFamily if self.counts else GaugeMetricFamily
        family = kind(self.name, self.help, labels=self.labels)
        for labels, value in self.samples(seen):
            if value is not None:
                family.add_metric(labels, float(value))
        return family


def families(seen: Seen) -> Iterator[Metric]:
    """Every metric that has samples."""
    for measured in MEASURED:
        family = measured.family(seen)
        if family.samples:
            yield family


def _one(figure: Callable[[Seen], float | None]) -> Callable[[Seen], Iterable[Sample]]:
    return lambda seen: [((), figure(seen))]


def _status(key: str) -> Callable[[Seen], Iterable[Sample]]:
    return lambda seen: [] if seen.status is None else [((), seen.status[key])]


def _of(group: str, name: str, key: str) -> Callable[[Seen], Iterable[Sample]]:
    """One sample for each row of a group of the status: rows by name, or a list in which `name` is it."""

    def samples(seen: Seen) -> Iterator[Sample]:
        for label, row in _rows(seen, group, name):
            yield (label,), row.get(key)

    return samples


def _rows(seen: Seen, group: str, name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    rows = {} if seen.status is None else seen.status[group]
    if isinstance(rows, Mapping):
        yield from rows.items()
    else:
        yield from ((str(row[name]), row) for row in rows)


def _of_day(group: str, name: str, key: str) -> Callable[[Seen], Iterable[Sample]]:
    def samples(seen: Seen) -> Iterator[Sample]:
        for row in [] if seen.day is None else seen.day[group]:
            yield (row[name],), row.get(key)

    return samples


def _agents(seen: Seen) -> Iterator[Sample]:
    """Agents of each queue by state; a queue without agents has no sample."""
    agents = {} if seen.status is None else seen.status["agents"]
    found = Counter((queue, agent["state"]) for agent in agents.values() for queue in agent["queues"])
    yield from found.items()


def _packets(seen: Seen) -> Iterator[Sample]:
    for worker, row in _rows(seen, "media", "worker"):
        for kind, count in (row.get("counters") or {}).items():
            yield (worker, kind), count


def _late(seen: Seen) -> Iterator[Sample]:
    for worker, row in _rows(seen, "media", "worker"):
        for quantile, key in (("0.5", "late_ms_p50"), ("0.99", "late_ms_p99"), ("1", "late_ms_max")):
            value = row.get(key)
            yield (worker, quantile), None if value is None else value / 1000


def _trunks_up(seen: Seen) -> Iterator[Sample]:
    states = {"up": 1.0, "down": 0.0}
    for trunk, row in _rows(seen, "trunks", "trunk"):
        for address, state in row["targets"].items():
            yield (trunk, address), states.get(state)


def _trunk_calls(seen: Seen) -> Iterator[Sample]:
    for trunk, row in _rows(seen, "trunks", "trunk"):
        for direction in ("inbound", "outbound"):
            yield (trunk, direction), row[direction]


def _trunk_failures(seen: Seen) -> Iterator[Sample]:
    for trunk, row in _rows(seen, "trunks", "trunk"):
        for status, count in row["failures"].items():
            yield (trunk, status), count


def _backends(seen: Seen) -> Iterator[Sample]:
    for backend, row in _rows(seen, "backends", "backend"):
        yield (backend, row["url"]), row["circuit"] == "closed"


def _alarms(seen: Seen) -> Iterator[Sample]:
    alarms = [] if seen.status is None else seen.status["alarms"]
    for code, count in Counter(alarm["code"] for alarm in alarms).items():
        yield (code,), count


def _overload(key: str) -> Callable[[Seen], Iterable[Sample]]:
    return lambda seen: [] if seen.status is None else [((), seen.status["overload"][key])]


def _webhooks(key: str) -> Callable[[Seen], Iterable[Sample]]:
    return lambda seen: (((row["webhook"],), row[key]) for row in seen.webhooks)


_QUEUE, _TRUNK, _WORKER, _WEBHOOK = ("queue",), ("trunk",), ("worker",), ("webhook",)

MEASURED = (
    Measured(
        "softswitch_info", "1; version and name of this machine.",
        lambda seen: [((seen.version, seen.node), 1)], ("version", "node"),
    ),
    Measured("softswitch_up", "Whether the switch answers.", _one(lambda seen: seen.status is not None)),
    Measured("softswitch_draining", "Whether the switch is being stopped.", _status("draining")),
    Measured("softswitch_calls", "Calls going on.", _status("calls")),
    Measured("softswitch_calls_talking", "Calls in which two or more talk.", _status("talking")),
    Measured("softswitch_calls_recording", "Recordings under way.", _status("recording")),
    Measured("softswitch_registered_users", "Users with a registered phone.", _status("registered")),
    Measured(
        "softswitch_queue_waiting_calls", "Calls that wait.", _of("queues", "queue", "waiting"), _QUEUE
    ),
    Measured(
        "softswitch_queue_ringing_calls", "Waiting calls that ring at an agent.",
        _of("queues", "queue", "ringing"), _QUEUE,
    ),
    Measured(
        "softswitch_queue_longest_wait_seconds", "How long the first of the waiting calls has waited.",
        _of("queues", "queue", "longest_wait_s"), _QUEUE,
    ),
    Measured(
        "softswitch_queue_agents_ready", "Agents who would get a call now.",
        _of("queues", "queue", "agents_ready"), _QUEUE,
    ),
    Measured(
        "softswitch_queue_closed", "Whether the queue takes no calls now.", _of("queues", "queue", "closed"),
        _QUEUE,
    ),
    Measured("softswitch_queue_agents", "Agents by state.", _agents, ("queue", "state")),
    Measured(
        "softswitch_queue_day_offered_calls", "Calls offered since midnight.",
        _of_day("queues", "queue", "offered"), _QUEUE,
    ),
    Measured(
        "softswitch_queue_day_answered_calls", "Calls answered since midnight.",
        _of_day("queues", "queue", "answered"), _QUEUE,
    ),
    Measured(
        "softswitch_queue_day_abandoned_calls", "Calls abandoned since midnight.",
        _of_day("queues", "queue", "abandoned"), _QUEUE,
    ),
    Measured(
        "softswitch_queue_day_service_level_ratio",
        "Share of the calls since midnight that were answered in time, 0 to 1.",
        _of_day("queues", "queue", "service_level"), _QUEUE,
    ),
    Measured(
        "softswitch_media_worker_up", "Whether the media worker is connected.",
        _of("media", "worker", "connected"), _WORKER,
    ),
    Measured("softswitch_media_legs", "Legs of the worker.", _of("media", "worker", "legs"), _WORKER),
    Measured(
        "softswitch_media_free_ports", "RTP ports of the worker that are free.",
        _of("media", "worker", "free_ports"), _WORKER,
    ),
    Measured(
        "softswitch_media_cpu_ratio", "Share of a processor that the worker takes.",
        _of("media", "worker", "cpu"), _WORKER,
    ),
    Measured(
        "softswitch_media_late_seconds", "How late the worker woke in the last 5 s, by quantile.", _late,
        ("worker", "quantile"),
    ),
    Measured(
        "softswitch_media_packets_total",
        "Packets of the worker since its start, by kind (docs/media-protocol.md, `counters`).", _packets,
        ("worker", "kind"), counts=True,
    ),
    Measured(
        "softswitch_trunk_up", "Whether the address of the trunk answers OPTIONS; none if not asked.",
        _trunks_up, ("trunk", "address"),
    ),
    Measured(
        "softswitch_trunk_registered", "Whether our registration at the trunk stands; none without one.",
        _of("trunks", "trunk", "registered"), _TRUNK,
    ),
    Measured("softswitch_trunk_legs", "Legs over the trunk now.", _of("trunks", "trunk", "calls"), _TRUNK),
    Measured(
        "softswitch_trunk_calls_total", "Calls over the trunk that have ended.", _trunk_calls,
        ("trunk", "direction"), counts=True,
    ),
    Measured(
        "softswitch_trunk_failures_total", "Calls that the peer of the trunk refused, by SIP status.",
        _trunk_failures, ("trunk", "status"), counts=True,
    ),
    Measured(
        "softswitch_backend_up", "Whether the server of the back-end is asked (its circuit is closed).",
        _backends, ("backend", "url"),
    ),
    Measured(
        "softswitch_alarms", "Alarms by code among the latest that softswitch status shows.", _alarms,
        ("code",),
    ),
    Measured(
        "softswitch_overload_limited", "Whether new calls are limited for want of processor time.",
        _overload("limited"),
    ),
    Measured(
        "softswitch_overload_refused_total", "Requests refused for that reason.", _overload("refused"),
        counts=True,
    ),
    Measured(
        "softswitch_journal_position_bytes", "Bytes written to the journal.", _one(lambda seen: seen.journal)
    ),
    Measured(
        "softswitch_views_lag_bytes", "Bytes of the journal that are not in the views yet.",
        _one(lambda seen: None if seen.views is None else max(0, seen.journal - seen.views)),
    ),
    Measured(
        "softswitch_views_lag_seconds",
        "How long the views have been behind what the journal had when it was last looked at.",
        _one(lambda seen: seen.lag_s),
    ),
    Measured(
        "softswitch_api_subscribers", "Event streams that are open.", _one(lambda seen: seen.subscribers)
    ),
    Measured(
        "softswitch_webhook_delivered_total", "Events delivered.", _webhooks("delivered"), _WEBHOOK,
        counts=True,
    ),
    Measured(
        "softswitch_webhook_failed_total", "Attempts that failed.", _webhooks("failed"), _WEBHOOK, counts=True
    ),
    Measured("softswitch_webhook_waiting_events", "Events that wait.", _webhooks("waiting"), _WEBHOOK),
    Measured(
        "softswitch_webhook_behind_bytes", "Bytes of the journal that the webhook has still to read.",
        _webhooks("behind_bytes"), _WEBHOOK,
    ),
    Measured("softswitch_webhook_dead_letters", "Dead letters that are kept.", _webhooks("dead"), _WEBHOOK),
)  # fmt: skip
"""In the order of the exposition and of docs/operations.md."""
