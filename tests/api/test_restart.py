"""A switch that is killed: the API says 503 until the next one serves, and nothing is done twice."""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx

from tests.api.conftest import As
from tests.system.running import DEADLINE_S, RunningSystem


def served(send: Callable[[], httpx.Response]) -> httpx.Response:
    """The answer, asked for again as long as it is 503."""
    deadline = time.monotonic() + DEADLINE_S
    while (answer := send()).status_code == 503:
        assert time.monotonic() < deadline, answer.text
        assert answer.headers["retry-after"] == "1" and answer.json()["hint"]
    return answer


def test_a_command_is_carried_out_once_over_kill_9(api_system: RunningSystem, as_role: As) -> None:
    client, before = as_role("supervisor"), len(api_system.facts("action_taken"))
    body = {"tier": 4}

    def send(key: str, tier: int = 4) -> httpx.Response:
        headers = {"Idempotency-Key": key}
        return client.post("/v1/queues/support/overflow", json={**body, "tier": tier}, headers=headers)

    first = send("k-1")
    assert first.status_code == 200
    api_system.kill("switch")
    again = served(lambda: send("k-1"))
    assert (again.status_code, again.content) == (200, first.content)
    assert len(api_system.facts("action_taken")) == before + 1
    other = send("k-1", tier=5)
    assert other.status_code == 409 and "was used for" in other.json()["detail"]
    # The same key of somebody else is another one.
    headers = {"Idempotency-Key": "k-1"}
    done = as_role("admin").post("/v1/queues/support/overflow", json={"tier": 1}, headers=headers)
    assert done.status_code == 200
    assert len(api_system.facts("action_taken")) == before + 2
    assert served(lambda: client.get("/v1/health/ready")).json()["status"] == "ok"
