"""A system that is watched: probes and metrics while processes are gone, and what its log says."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.api.conftest import CENTRE
from tests.system.handset import Floor, Handset
from tests.system.running import RunningSystem, until

NUMBER = "+4930123456"


@pytest.fixture(scope="module")
def watched() -> Iterator[RunningSystem]:
    centre = CENTRE | {"numbers": {NUMBER: "flow:menu"}}
    system = RunningSystem(centre, api={"metrics_open": True}, log={"format": "json"})
    try:
        system.start()
        system.apply()
        yield system
    finally:
        system.close()


@pytest.fixture
def client(watched: RunningSystem) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=watched.node.api.origin) as client:
        yield client


def lines(system: RunningSystem, **wanted: Any) -> list[dict[str, Any]]:
    """Lines of the log that say this, all of which are JSON."""
    found = [json.loads(line) for line in system.log().splitlines()]
    return [line for line in found if all(line.get(name) == value for name, value in wanted.items())]


def test_the_lines_of_a_call_have_its_id_and_no_whole_number(watched: RunningSystem) -> None:
    with Floor() as floor:
        phone = Handset(floor, "ben", watched.address)
        assert phone.register().registered
        call = phone.call(NUMBER).reached("talking")
        call.hang_up()
        row = watched.cdr(call.sip_call_id)
        phone.unregister()
    mine = lines(watched, call=row["call"], process="switch")
    assert [line["message"].split(",")[0] for line in mine] == [
        "internal call from ben to +4930****56", "call answered", "call ended: abandoned",
    ]  # fmt: skip
    for line in lines(watched):
        assert {"time", "level", "process", "node", "message"} <= line.keys()
        assert line["node"] == "node1"
    assert NUMBER[1:] not in watched.log()


def test_the_access_log_names_route_caller_and_call(watched: RunningSystem, client: httpx.Client) -> None:
    client.get("/v1/calls/0123456789abcdef", headers={"Authorization": "Bearer ssk_none-such"})
    (line,) = until(lambda: lines(watched, process="api", call="0123456789abcdef"), "a line of the access")
    assert line["message"].startswith("GET /v1/calls/{call} 401 ")
    assert "ssk_none" not in watched.log()


def test_alarms_and_ends_of_processes_are_lines_too(watched: RunningSystem) -> None:
    former = watched.kill("feed")
    watched.replaced("feed", former)
    (line,) = until(lambda: lines(watched, process="parent", level="warning"), "the parent says it")
    assert line["message"] == "feed ended (killed by SIGKILL); starting a new one"


def test_an_api_that_dies_comes_back_and_sessions_go_on(watched: RunningSystem, client: httpx.Client) -> None:
    begun = client.post("/v1/session", json={"user": "sue", "password": "sue-secret"})
    headers = {"Authorization": f"Bearer {begun.json()['token']}"}
    former = watched.kill("api")
    watched.replaced("api", former)
    with httpx.Client(base_url=watched.node.api.origin, headers=headers) as again:
        assert again.get("/v1/session", timeout=20).json()["name"] == "sue"


def test_probes_and_metrics_while_processes_are_gone(watched: RunningSystem, client: httpx.Client) -> None:
    assert client.get("/v1/health/ready").json() == {"status": "ok", "missing": []}
    store = watched.pids()["store"]
    os.kill(store, signal.SIGSTOP)
    try:
        watched.command("user.set", fields={"name": "zoe", "password": "zoe-secret"})
        until(lambda: behind(client) > 0, "the views are behind")
    finally:
        os.kill(store, signal.SIGCONT)
    until(lambda: behind(client) == 0, "the views have caught up")

    parent = watched.parent
    os.kill(parent, signal.SIGSTOP)  # nobody starts a successor meanwhile
    try:
        former = watched.kill("switch")
        until(lambda: client.get("/v1/health/ready").status_code == 503, "the switch is gone")
        refused = client.get("/v1/health/ready")
        assert refused.headers["retry-after"] == "1"
        assert "switch is not answering" in refused.json()["detail"]
        assert client.get("/v1/health/live").status_code == 200
        until(lambda: "softswitch_up 0.0" in client.get("/v1/metrics").text, "the metrics tell it")
    finally:
        os.kill(parent, signal.SIGCONT)
    watched.replaced("switch", former)
    until(lambda: client.get("/v1/health/ready").status_code == 200, "the switch serves again", 20)


def behind(client: httpx.Client) -> float:
    """Seconds that the views are behind."""
    told = client.get("/v1/metrics").text.splitlines()
    return float(next(line for line in told if line.startswith("softswitch_views_lag_seconds ")).split()[1])
