"""Agents, queues, phones, mailboxes, flows and settings: what is told of them and done with them, by whom."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.api.callers import ROLES
from tests.api.conftest import As
from tests.api.document import Document
from tests.system.running import RunningSystem

LISTS = (
    *("agent_states", "queue_states", "waiting", "callbacks", "conference_members", "actions", "calls"),
    *("registrations", "presence", "bans", "mailboxes", "messages", "trunk_states", "backend_servers"),
)
OF_EVERYBODY = ("queue_states", "calls", "presence")
OF_LEADERS = ("bans", "messages")


@pytest.mark.parametrize("name", LISTS)
def test_lists_are_told_to_those_who_may_know(as_role: As, document: Document, name: str) -> None:
    allowed = {"supervisor", "admin"}
    allowed |= set() if name in OF_LEADERS else {"quality", "auditor"}
    allowed |= {"agent"} if name in OF_EVERYBODY else set()
    for role in ROLES:
        told = as_role(role).get(f"/v1/{name}")
        if role in allowed:
            document.check(told, f"/v1/{name}")
        else:
            assert told.status_code == 403


def test_an_agent_steers_itself_only(as_role: As, document: Document) -> None:
    agent = as_role("agent")
    path = "/v1/agents/{name}"
    told = document.check(agent.post("/v1/agents/anna/sign_in"), f"{path}/sign_in")
    assert (told["agent"], told["signed_in"], told["user"]) == ("anna", True, "anna")
    given = {"status": "on_break", "reason": "lunch"}
    told = document.check(agent.put("/v1/agents/anna/status", json=given), f"{path}/status")
    assert (told["status"], told["reason"]) == ("on_break", "lunch")
    seen = document.check(agent.get("/v1/agents/anna/state"), f"{path}/state")
    assert {**seen, "for_s": 0} == {**told, "for_s": 0}
    told = document.check(agent.post("/v1/agents/anna/wrap_up", json={"extend_s": 5}), f"{path}/wrap_up")
    told = document.check(agent.post("/v1/agents/anna/sign_out"), f"{path}/sign_out")
    assert told["state"] == "signed_out"
    for verb in ("sign_in", "sign_out", "wrap_up"):
        refused = agent.post(f"/v1/agents/ben/{verb}")
        assert refused.status_code == 403 and "is not the agent 'ben'" in refused.json()["detail"]
    assert agent.put("/v1/agents/ben/status", json=given).status_code == 403
    assert agent.get("/v1/agents/ben/state").status_code == 403
    assert agent.post("/v1/agents/anna/queues", json={"add": ["support"]}).status_code == 403
    assert as_role("quality").post("/v1/agents/anna/sign_in").status_code == 403


def test_what_a_supervisor_did_is_taken_back(as_role: As, document: Document) -> None:
    leader = as_role("supervisor")
    moved = leader.post("/v1/agents/ben/queues", json={"add": ["support"], "remove": ["sales"]})
    assert document.check(moved, "/v1/agents/{name}/queues")["queues"] == ["support"]
    document.check(leader.post("/v1/queues/sales/overflow", json={"tier": 3}), "/v1/queues/{name}/overflow")
    tier, queues = document.check(leader.get("/v1/actions?limit=2"), "/v1/actions")["items"]
    assert (queues["command"], queues["by"], queues["undone"]) == (
        "agent.queues",
        "api:test-supervisor",
        False,
    )
    for action in (tier, queues):
        path = f"/v1/actions/{action['action']}/undo"
        assert document.check(leader.post(path), "/v1/actions/{action}/undo")["action"] == action["action"]
        assert leader.post(path).status_code == 409
    assert leader.get("/v1/agents/ben").json()["queues"] == ["sales"]
    assert leader.get("/v1/queues/sales").json()["tier"] == 1
    assert leader.post("/v1/actions/x999999/undo").status_code == 404


def test_a_queue_is_closed_and_opened(as_role: As, document: Document) -> None:
    leader = as_role("supervisor")
    closed = leader.post("/v1/queues/support/close", json={"reason": "fire_alarm"})
    told = document.check(closed, "/v1/queues/{name}/close")
    assert told["closed"] and told["closed_by"] == {"command": "fire_alarm"}
    assert leader.get("/v1/queues/support/state").json()["closed"]
    assert not document.check(leader.post("/v1/queues/support/open"), "/v1/queues/{name}/open")["closed"]
    told = document.check(leader.get("/v1/queues/support/state"), "/v1/queues/{name}/state")
    assert (told["queue"], told["closed"]) == ("support", False)
    announced = leader.post("/v1/queues/support/announce", json={"prompt": "all_agents_busy"})
    assert document.check(announced, "/v1/queues/{name}/announce") == {"queue": "support", "callers": 0}
    silenced = leader.post("/v1/queues/support/silence")
    assert document.check(silenced, "/v1/queues/{name}/silence") == {"queue": "support", "callers": 0}
    assert (
        document.check(leader.get("/v1/queues/support/waiting"), "/v1/queues/{name}/waiting")["items"] == []
    )


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "agents/nobody/state", None, 404),
        ("POST", "agents/nobody/sign_in", None, 404),
        ("POST", "agents/ben/sign_in", {"at": "nowhere"}, 422),
        ("PUT", "agents/ben/status", {"status": "asleep"}, 422),
        ("PUT", "agents/ben/status", {"status": "on_break", "reason": "swimming"}, 422),
        ("POST", "agents/ben/wrap_up", {"extend_s": "60"}, 422),
        ("POST", "agents/ben/wrap_up", {"extend_s": 1e9}, 422),
        ("POST", "agents/ben/queues", {}, 422),
        ("POST", "agents/ben/queues", {"queues": [], "add": ["sales"]}, 422),
        ("POST", "agents/ben/queues", {"add": ["nowhere"]}, 422),
        ("GET", "queues/nowhere/state", None, 404),
        ("GET", "queues/nowhere/waiting", None, 404),
        ("POST", "queues/nowhere/close", None, 404),
        ("POST", "queues/sales/close", {"why": "fire"}, 422),
        ("POST", "queues/sales/overflow", {"tier": 0}, 422),
        ("POST", "queues/sales/announce", {"prompt": "no_such_prompt"}, 404),
        ("POST", "queues/..%2F..%2Fx/close", None, 404),
        ("POST", f"queues/{'x' * 65}/close", None, 422),
        ("GET", "callbacks/b1", None, 404),
        ("PATCH", "callbacks/b1", {"now": True}, 404),
        ("PATCH", "callbacks/b1", {}, 422),
        ("DELETE", "callbacks/b1", None, 404),
        ("PATCH", "conference_members/c1.l1", {"muted": True}, 404),
        ("PATCH", "conference_members/c1.l1", {"muted": 1}, 422),
        ("DELETE", "bans/192.0.2.7", None, 404),
        ("DELETE", "bans/2001:db8::%2F64", None, 404),
        ("DELETE", "bans/not%20an%20address", None, 422),
        ("PUT", "mailboxes/nobody", {"new": 1}, 404),
        ("PUT", "mailboxes/ben", {"new": -1}, 422),
        ("GET", "messages?mailbox=nobody", None, 404),
        ("DELETE", "messages/m1", None, 404),
        ("GET", "trunks/nobody/state", None, 404),
        ("GET", "calendars/nobody/state", None, 404),
        ("GET", "routing?number=201", None, 422),
        ("GET", "routing?number=201&user=nobody", None, 404),
        ("GET", "routing?number=201&user=anna&at=tomorrow", None, 422),
        ("GET", "flows/nobody/versions", None, 404),
        ("GET", "flows/nobody/drawing", None, 404),
        ("GET", "flows/menu/drawing?form=pdf", None, 422),
        ("POST", "flow_tests", {"conversations": "hear welcome"}, 422),
        ("POST", "api_keys/nobody/rotate", None, 404),
        ("PATCH", "settings/numbering", {"country": "Atlantis"}, 422),
        ("PATCH", "settings/numbering", {"colour": "blue"}, 422),
        ("PATCH", "settings/numbering", [], 422),
        ("GET", "settings/weather", None, 404),
        ("POST", "apply", {"centre": {"users": {"zoe": {"pasword": "x"}}}}, 422),
        ("POST", "apply", {}, 422),
        ("POST", "doctor", {"mend": "yes"}, 422),
    ],
)
def test_mistakes_are_told(as_role: As, method: str, path: str, body: Any, status: int) -> None:
    refused = as_role("admin").request(method, f"/v1/{path}", json=body)
    assert refused.status_code == status, refused.text
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["status"] == status and refused.json()["detail"]


def test_mailboxes_elsewhere(as_role: As, document: Document) -> None:
    admin = as_role("admin")
    told = document.check(admin.put("/v1/mailboxes/ben", json={"new": 2}), "/v1/mailboxes/{user}")
    assert told == {"user": "ben", "new": 2, "old": 0}
    assert told in document.check(admin.get("/v1/mailboxes"), "/v1/mailboxes")["items"]
    admin.put("/v1/mailboxes/ben", json={"new": 0})
    assert as_role("supervisor").put("/v1/mailboxes/ben", json={"new": 2}).status_code == 403


def test_where_a_number_leads(as_role: As, document: Document) -> None:
    reader = as_role("quality")
    asked = {"number": "201", "user": "anna", "at": "2026-12-24T18:00"}
    told = document.check(reader.get("/v1/routing", params=asked), "/v1/routing")
    assert (told["kind"], told["name"], told["caller"]) == ("queue", "sales", "user:anna")
    told = document.check(reader.get("/v1/routing?number=999&user=anna"), "/v1/routing")
    assert told["reason"] and told["help"]


def test_a_calendar(as_role: As, document: Document) -> None:
    admin = as_role("admin")
    settings = {"time_zone": "Europe/Berlin", "country": "DE", "week": {"mon-fri": ["09:00-17:00"]}}
    assert admin.post("/v1/calendars/office", json=settings).is_success
    path = "/v1/calendars/office/state?on=2026-12-24&days=2"
    told = document.check(admin.get(path), "/v1/calendars/{name}/state")
    assert [(day["date"], day["hours"]) for day in told["days"]] == [
        ("2026-12-24", "09:00-17:00"),
        ("2026-12-25", "closed"),
    ]
    assert admin.get("/v1/calendars/office/state?on=9999-12-30").status_code == 422
    assert admin.delete("/v1/calendars/office").is_success


def test_flows_are_drawn_and_talked_with(as_role: As, document: Document) -> None:
    admin = as_role("admin")
    (version,) = document.check(admin.get("/v1/flows/menu/versions"), "/v1/flows/{name}/versions")["items"]
    assert (version["size"], version["calls"]) == ("1 steps", 0)
    drawn = document.check(admin.get("/v1/flows/menu/drawing"), "/v1/flows/{name}/drawing")
    assert drawn["name"] == "menu" and len(drawn["nodes"]) == 2
    assert admin.get("/v1/flows/menu/drawing?form=mermaid").text.startswith("flowchart TD")
    picture = admin.get("/v1/flows/menu/drawing?form=svg")
    assert picture.headers["content-type"] == "image/svg+xml" and picture.text.startswith("<svg")
    talk = "flow menu\nconversation right\nhear welcome\nconversation wrong\nhear goodbye\n"
    told = document.check(admin.post("/v1/flow_tests", json={"conversations": talk}), "/v1/flow_tests")
    right, wrong = told["conversations"]
    assert (told["failed"], right["failure"], wrong["failure"]["line"]) == (1, None, 5)


def test_settings_and_the_whole_configuration(as_role: As, document: Document) -> None:
    admin, auditor = as_role("admin"), as_role("auditor")
    before = document.check(auditor.get("/v1/settings/statuses"), "/v1/settings/statuses")
    changed = admin.patch("/v1/settings/statuses", json={"break_reasons": ["tea"]})
    told = document.check(changed, "/v1/settings/statuses")
    assert [change["kind"] for change in told["changes"]] == ["statuses"]
    assert auditor.get("/v1/settings/statuses").json() == {**before, "break_reasons": ["tea"]}
    centre = document.check(auditor.get("/v1/centre"), "/v1/centre")
    assert centre["statuses"] == {"break_reasons": ["tea"]}
    assert centre["queues"]["sales"] == {"wrap_up_s": 0} and "anna" in centre["users"]
    assert not any(word in str(centre) for word in ("secret", "ha1", "sha256", "4711"))
    admin.patch("/v1/settings/statuses", json={"break_reasons": None})
    assert auditor.get("/v1/settings/statuses").json() == before
    assert as_role("supervisor").patch("/v1/settings/statuses", json={}).status_code == 403
    assert as_role("supervisor").get("/v1/centre").status_code == 403


def test_the_status_of_agents_is_about_themselves(as_role: As, document: Document) -> None:
    told = document.check(as_role("supervisor").get("/v1/status"), "/v1/status")
    assert len(told["media"]) == 1 and {*told["agents"]} == {"anna", "ben"}
    told = document.check(as_role("agent").get("/v1/status"), "/v1/status")
    assert ([*told["agents"]], told["media"], told["trunks"]) == (["anna"], [], {})
    assert {*told["queues"]} == {"sales", "support"}


def test_the_journal_says_who_has_changed_the_configuration(api_system: RunningSystem, as_role: As) -> None:
    assert as_role("admin").patch("/v1/queues/support", json={"wrap_up_s": 7}).is_success
    assert as_role("admin").patch("/v1/queues/support", json={"wrap_up_s": None}).is_success
    api_system.command("queue.set", fields={"name": "support", "wrap_up_s": None})
    told = [fact["data"] for fact in api_system.facts("configuration_changed")][-2:]
    assert [(each["name"], each["by"]) for each in told] == [("support", "api:test-admin")] * 2


def test_apply(as_role: As, document: Document) -> None:
    admin = as_role("admin")
    given = {"centre": {"queues": {"night": {"max_wait_s": 60}}}, "dry_run": True}
    told = document.check(admin.post("/v1/apply", json=given), "/v1/apply")
    assert [change["name"] for change in told["changes"]] == ["night"] and not told["applied"]
    assert "queue/sales" in told["left"]
    assert admin.get("/v1/queues/night").status_code == 404
    assert admin.post("/v1/apply", json={**given, "dry_run": False}).json()["applied"]
    assert admin.get("/v1/queues/night").json()["created_by"] == "apply"
    assert admin.delete("/v1/queues/night").is_success
    refused = admin.post(
        "/v1/apply", json={"centre": {"queues": {"sales": {"strategy": "x"}, "y": {"z": 1}}}}
    )
    assert [each["path"] for each in refused.json()["problems"]] == ["queues.sales.strategy", "queues.y.z"]


def test_the_doctor(as_role: As, document: Document) -> None:
    told = document.check(as_role("admin").post("/v1/doctor", json={"mend": False}), "/v1/doctor")
    assert told == {"findings": [], "left": 0}
    assert as_role("supervisor").post("/v1/doctor").status_code == 403


def test_a_key_is_given_a_new_token(as_role: As, document: Document) -> None:
    admin = as_role("admin")
    assert admin.post("/v1/api_keys/turning", json={"role": "quality", "sha256": "0" * 64}).is_success
    told = document.check(admin.post("/v1/api_keys/turning/rotate"), "/v1/api_keys/{name}/rotate")
    headers = {"Authorization": f"Bearer {told['token']}"}
    assert admin.get("/v1/session", headers=headers).json()["name"] == "turning"
    assert admin.delete("/v1/api_keys/turning").is_success
