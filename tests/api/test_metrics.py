"""What Prometheus reads, and what documents and probes say about the same."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain
from websockets.sync.client import connect

from softswitch.api.lag import Lag
from softswitch.api.metrics import MEASURED, Seen, families
from softswitch.api.observed import Requests
from softswitch.api.routes.health import missing
from softswitch.config import Api
from softswitch.store.journal import Journal
from softswitch.store.schema import POSITION_TABLE, open_for_writing
from softswitch.store.segments import complete_end, journal_directory
from tests.api.conftest import As
from tests.system.running import RunningSystem, until

DOCUMENT = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
STATUS = {
    "draining": False, "calls": 3, "talking": 1, "recording": 1, "registered": 2,
    "media": [
        {"worker": 0, "connected": True, "free_ports": 40, "legs": 4, "cpu": 0.25, "late_ms_p50": 0.1,
         "late_ms_p99": 2.0, "late_ms_max": 9.5, "counters": {"received": 500, "sent": 400}},
        {"worker": 1, "connected": False, "free_ports": 0, "legs": None, "cpu": None, "late_ms_p50": None,
         "late_ms_p99": None, "late_ms_max": None, "counters": None},
    ],
    "alarms": [{"code": "disk_full", "message": "a"}, {"code": "disk_full", "message": "b"}],
    "overload": {"limited": True, "refused": 7},
    "trunks": {
        "carrier": {"calls": 2, "inbound": 10, "outbound": 20, "failures": {"503": 4}, "registered": True,
                    "targets": {"192.0.2.1:5060": "up", "192.0.2.2:5060": "down", "pbx:5060": "unknown"}},
    },
    "backends": [{"backend": "crm", "url": "https://a", "circuit": "closed"},
                 {"backend": "crm", "url": "https://b", "circuit": "open"}],
    "queues": {"sales": {"waiting": 5, "ringing": 1, "longest_wait_s": 12.5, "agents_ready": 0,
                         "closed": False}},
    "agents": {"anna": {"state": "talking", "queues": ["sales", "support"]},
               "ben": {"state": "ready", "queues": ["sales"]}},
}  # fmt: skip
DAY = {
    "queues": [{"queue": "sales", "offered": 9, "answered": 7, "abandoned": 2, "service_level": 0.5}],
}
WEBHOOK = {"webhook": "crm", "delivered": 8, "failed": 3, "waiting": 1, "behind_bytes": 100, "dead": 2}
SEEN = Seen("1.0", "node1", STATUS, DAY, journal=900, views=800, lag_s=1.5, subscribers=4, webhooks=[WEBHOOK])


def figures(seen: Seen) -> dict[str, dict[tuple[str, ...], float]]:
    return {
        family.name: {tuple(sample.labels.values()): sample.value for sample in family.samples}
        for family in families(seen)
    }


def test_every_metric_takes_its_figures_from_what_is_seen() -> None:
    found = figures(SEEN)
    assert len(found) == len(MEASURED)
    assert found["softswitch_queue_agents"] == {
        ("sales", "talking"): 1, ("support", "talking"): 1, ("sales", "ready"): 1,
    }  # fmt: skip
    assert found["softswitch_media_late_seconds"] == {
        ("0", "0.5"): 0.0001,
        ("0", "0.99"): 0.002,
        ("0", "1"): 0.0095,
    }
    assert found["softswitch_media_worker_up"] == {("0",): 1, ("1",): 0}
    assert found["softswitch_trunk_up"] == {
        ("carrier", "192.0.2.1:5060"): 1,
        ("carrier", "192.0.2.2:5060"): 0,
    }
    assert found["softswitch_backend_up"] == {("crm", "https://a"): 1, ("crm", "https://b"): 0}
    assert found["softswitch_alarms"] == {("disk_full",): 2}
    assert found["softswitch_views_lag_bytes"] == {(): 100}
    assert found["softswitch_queue_day_service_level_ratio"] == {("sales",): 0.5}
    assert found["softswitch_webhook_dead_letters"] == {("crm",): 2}


def test_without_a_switch_and_views_the_rest_is_told() -> None:
    found = figures(Seen("1.0", "node1", None, None, journal=900, views=None, lag_s=3.0))
    assert found["softswitch_up"] == {(): 0}
    assert found["softswitch_views_lag_seconds"] == {(): 3.0}
    assert "softswitch_calls" not in found


def documented() -> dict[str, list[str]]:
    """Labels by metric, in the order of the document."""
    rows = re.findall(r"^\| `(softswitch_\w+)` \| (.*?) \|", DOCUMENT, re.MULTILINE)
    return {name: re.findall(r"`(\w+)`", labels) for name, labels in rows}


def test_the_document_has_exactly_the_metrics_that_there_are() -> None:
    own = {measured.name: [*measured.labels] for measured in MEASURED}
    requests = Requests()
    requests.note("GET", "/v1/status", 200, 0.1)
    for family in requests.registry.collect():
        (first, *_) = family.samples
        name = family.name + ("_total" if family.type == "counter" else "")
        own[name] = [label for label in first.labels if label != "le"]
    assert documented() == own


def test_prometheus_reads_it_in_both_formats(as_role: As, api_system: RunningSystem) -> None:
    client = as_role("auditor")
    client.get("/v1/status")
    client.get("/v1/nothing/here")
    answer = client.get("/v1/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = {family.name: family for family in plain(answer.text)}
    assert [sample.value for sample in found["softswitch_up"].samples] == [1]
    assert {sample.labels["queue"] for sample in found["softswitch_queue_waiting_calls"].samples} == {
        "sales", "support",
    }  # fmt: skip
    counted = {
        (sample.labels["route"], sample.labels["status"]): sample.value
        for sample in found["softswitch_api_requests"].samples
        if sample.name.endswith("_total")
    }
    assert counted["/v1/status", "200"] >= 1
    assert counted["none", "404"] >= 1
    assert "process_resident_memory_bytes" in found

    answer = client.get("/v1/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    names = {family.name for family in openmetrics(answer.text)}
    assert {"softswitch_api_request_seconds", "softswitch_overload_refused"} <= names


def test_event_streams_are_counted(as_role: As, keys: dict[str, str], api_system: RunningSystem) -> None:
    address = api_system.node.api.origin.replace("http", "ws", 1) + "/v1/events"
    headers = {"Authorization": f"Bearer {keys['auditor']}"}

    def streams() -> float:
        told = as_role("auditor").get("/v1/metrics").text.splitlines()
        return float(next(line for line in told if line.startswith("softswitch_api_subscribers ")).split()[1])

    before = streams()
    with connect(address, additional_headers=headers, proxy=None):
        until(lambda: streams() == before + 1, "the stream is counted")
    until(lambda: streams() == before, "it has gone")


def test_who_may_read_them(as_role: As, api_system: RunningSystem) -> None:
    for role in ("supervisor", "quality", "admin", "auditor"):
        assert as_role(role).get("/v1/metrics").status_code == 200
    assert as_role("agent").get("/v1/metrics").status_code == 403
    assert httpx.get(f"{api_system.node.api.origin}/v1/metrics").status_code == 401


def test_metrics_are_not_open_to_all_that_a_proxy_lets_in() -> None:
    with pytest.raises(ValueError, match="one of metrics_open and behind_proxy"):
        Api(metrics_open=True, behind_proxy=True)


def test_lag_counts_from_when_the_views_were_seen_behind(tmp_path: Path) -> None:
    now = 100.0
    views = open_for_writing(tmp_path)
    journal = Journal(tmp_path, node="node1")
    lag = Lag(tmp_path, lambda: now)
    assert (lag.look(), lag.views) == (0.0, 0)
    journal.append([{"type": "alarm_raised", "data": {"code": "x", "message": "y"}}])
    end = complete_end(journal_directory(tmp_path))
    assert (lag.look(), lag.journal) == (0.0, end)
    now = 107.0
    assert lag.look() == 7.0
    with views:
        views.execute(f"UPDATE {POSITION_TABLE} SET log_position = ?", (end,))
    assert (lag.look(), lag.views) == (0.0, end)
    journal.close()
    views.close()


def test_ready_says_what_is_missing_without_which_calls_go_on() -> None:
    assert [*missing({"media": STATUS["media"][:1]}, 0.5)] == []
    assert [*missing(STATUS, 20.0)] == [
        "media worker 1 is not connected",
        "records and reports are 20 s behind: the store does not keep up, or is not there",
    ]
