"""Webhooks of a running system, set and watched over the API."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from softswitch.cli.main import main
from softswitch.webhook.signature import verify
from tests.api.conftest import As
from tests.system.running import RunningSystem, until

HOST = "127.0.0.96"
SECRET = "whsec_" + "C" * 32


class Receiver:
    """Answers `status` and keeps what it gets: type and data of genuine events."""

    def __init__(self) -> None:
        self.status = 204
        self.events: list[dict[str, Any]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                verify(SECRET, dict(self.headers), body, float(self.headers["Webhook-Timestamp"]))
                receiver.events.append(json.loads(body))
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Silent."""

        self.server = ThreadingHTTPServer((HOST, 0), Handler)
        self.url = f"http://{HOST}:{self.server.server_address[1]}/events?centre=1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def types(self) -> list[str]:
        return [each["type"] for each in self.events]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


def states(client: httpx.Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get("/v1/webhook_states").json()["items"]
    return found


def test_events_dead_letters_and_tests(api_system: RunningSystem, as_role: As, receiver: Receiver) -> None:
    admin = as_role("admin")
    settings = {
        "url": receiver.url,
        "inner_hosts": [HOST],
        "events": ["agent_status_changed"],
        "agents": ["ben"],
        "secret": SECRET,
    }
    assert admin.post("/v1/webhooks/crm", json={**settings, "secret": None}).status_code == 422
    assert admin.post("/v1/webhooks/crm", json=settings).status_code == 201
    assert SECRET not in admin.get("/v1/webhooks/crm").text
    until(lambda: [each["webhook"] for each in states(admin)] == ["crm"], "it is known")
    tested = admin.post("/v1/webhooks/crm/test").json()
    assert (tested["status"], receiver.types()) == (204, ["webhook_test"])
    asked = CliRunner().invoke(main, ["webhook", "test", "crm", "-c", str(api_system.config)])
    assert "crm takes events: status 204" in asked.output, asked.output
    assert receiver.types().count("webhook_test") == 2
    for name in ("anna", "ben"):
        api_system.command("agent.sign_in", name=name)
        api_system.command("agent.status", name=name, status="on_break")
    until(lambda: len(receiver.events) > 2, "an event")
    receiver.status = 404
    api_system.command("agent.status", name="ben", status="available")
    rows = until(lambda: admin.get("/v1/webhooks/crm/dead_letters").json()["items"], "a dead letter")
    assert {each["why"] for each in rows} == {"status 404"}
    receiver.status = 200
    assert as_role("auditor").post("/v1/webhooks/crm/replay", json={}).status_code == 403
    assert admin.post("/v1/webhooks/crm/replay", json={"events": [rows[0]["event"]]}).json() == {"count": 1}
    until(lambda: [each["id"] for each in receiver.events].count(rows[0]["event"]) == 2, "it comes again")
    assert admin.post("/v1/webhooks/crm/replay", json={}).status_code == 200
    until(lambda: not admin.get("/v1/webhooks/crm/dead_letters").json()["items"], "none is dead any more")
    assert {each["data"]["agent"] for each in receiver.events[2:]} == {"ben"}
    assert admin.post("/v1/webhooks/other/drop", json={}).status_code == 404
    for name in ("anna", "ben"):
        api_system.command("agent.sign_out", name=name)
    assert admin.delete("/v1/webhooks/crm").status_code == 200
    until(lambda: states(admin) == [], "it is gone")
