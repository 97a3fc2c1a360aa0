"""Calls are seen and steered over HTTP, proven by phones; agents see and steer their own."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import httpx
import pytest

from tests.api.conftest import CENTRE, As, clients_of, new_key, role_keys
from tests.api.document import Document
from tests.system.handset import Floor, Handset, HandsetCall, all_hear
from tests.system.running import RunningSystem, running, until

Phones = dict[str, Handset]
CALL = "/v1/calls/{call}"


@pytest.fixture(scope="module")
def api_system() -> Iterator[RunningSystem]:
    """One of its own: other tests count the calls that they have made."""
    with running(CENTRE, api={}) as system:
        yield system


@pytest.fixture(scope="module")
def as_role(api_system: RunningSystem) -> Iterator[As]:
    yield from clients_of(api_system, role_keys(api_system))


@pytest.fixture(scope="module")
def document(as_role: As) -> Document:
    return Document(as_role("admin").get("/v1/openapi.json").json())


@pytest.fixture(scope="module")
def phones(api_system: RunningSystem) -> Iterator[Phones]:
    with Floor() as floor:
        made = {
            name: Handset(floor, name, api_system.address).register()
            for name in ("anna", "ben", "carl", "sue")
        }
        yield made
        for phone in made.values():
            phone.unregister()


def talk(caller: Handset, callee: Handset) -> tuple[HandsetCall, HandsetCall]:
    calling = caller.call(callee.user)
    answering = callee.rings().answer()
    all_hear((calling.reached("talking"), answering), 5)
    return calling, answering


def only_call(client: httpx.Client) -> dict[str, Any]:
    (call,) = until(lambda: client.get("/v1/calls").json()["items"], "a call")
    return dict(call)


@pytest.fixture(autouse=True)
def no_calls_are_left(as_role: As, phones: Phones) -> Iterator[None]:
    yield
    client = as_role("admin")
    for phone in phones.values():
        for call in [*phone.calls]:
            call.hang_up()
        phone.arrived.clear()
    until(lambda: not client.get("/v1/calls").json()["items"], "all calls are over")


def test_click_to_call_and_all_that_is_done_with_a_call(
    as_role: As, document: Document, phones: Phones
) -> None:
    agent, leader = as_role("agent"), as_role("supervisor")
    made = agent.post("/v1/calls", json={"user": "anna", "number": "carl"})
    call = document.check(made, "/v1/calls")["call"]
    path = f"/v1/calls/{call}"
    own = phones["anna"].rings()
    assert document.check(agent.get("/v1/calls"), "/v1/calls")["items"][0]["call"] == call
    own.answer()
    other = phones["carl"].rings().answer()
    all_hear((own, other), 5)
    seen = document.check(until(lambda: _talking(agent, path), "they talk"), CALL)
    assert (seen["state"], seen["users"], seen["flow"]) == ("talking", ["anna", "carl"], None)

    def post(verb: str, body: Any = None, status: int = 200) -> Any:
        answer = agent.post(f"{path}/{verb}", json=body)
        assert answer.status_code == status, answer.text
        return document.check(answer, f"{CALL}/{verb}")

    assert post("hold")["holds"] is True
    legs = {leg["user"]: leg for leg in agent.get(path).json()["legs"]}
    assert legs["anna"]["holds"] and legs["carl"]["held"]
    assert post("resume", {"user": "anna"})["holds"] is False
    assert post("digits", {"digits": "47#"})["legs"] == [legs["carl"]["leg"]]
    other.pressed("47#")
    played = post("play", {"prompt": "welcome", "to": "caller"}, 202)
    assert post("stop_playing")["playback"] == played["playback"]
    data = agent.patch(f"{path}/data", json={"set": {"ticket": "T-17"}})
    assert document.check(data, f"{CALL}/data")["data"] == {"ticket": "T-17"}
    recordings = {}
    for action in ("start", "pause", "resume"):
        done = agent.post(f"{path}/recording/{action}")
        recordings[action] = document.check(done, f"{CALL}/recording/{{action}}")["recording"]
    assert len({*recordings.values()}) == 1
    assert agent.get(path).json()["recording"] == {"recording": recordings["start"], "state": "recording"}
    assert agent.post(f"{path}/recording/stop").status_code == 403
    assert leader.post(f"{path}/recording/segment").is_success
    assert leader.post(f"{path}/recording/stop").is_success
    assert leader.put(f"{path}/priority", json={"priority": 5}).status_code == 409
    assert document.check(agent.delete(path), CALL) == {"call": call}
    assert (own.reached("ended").cause, other.reached("ended").cause) == ("remote_bye", "remote_bye")
    assert agent.get(path).status_code == 404
    assert agent.post(f"{path}/hold").status_code == 404


def _talking(client: httpx.Client, path: str) -> httpx.Response | None:
    answer = client.get(path)
    return answer if answer.json()["state"] == "talking" else None


def _rings(client: httpx.Client, path: str) -> bool:
    return any(leg["state"] == "ringing" for leg in client.get(path).json()["legs"])


def test_a_phone_is_asked_to_answer_and_a_call_is_transferred(
    as_role: As, document: Document, phones: Phones
) -> None:
    agent, leader = as_role("agent"), as_role("supervisor")
    calling = phones["carl"].call("anna")
    ringing = phones["anna"].rings()
    call = only_call(agent)["call"]
    until(lambda: _rings(agent, f"/v1/calls/{call}"), "the switch has heard the 180")
    asked = agent.post(f"/v1/calls/{call}/answer")
    assert document.check(asked, f"{CALL}/answer") == {"call": call, "user": "anna", "phones": 1}
    ringing.answer()
    all_hear((calling.reached("talking"), ringing), 5)
    until(lambda: _talking(agent, f"/v1/calls/{call}"), "they talk")
    refused = agent.post(f"/v1/calls/{call}/transfer", json={"to": "queue:nowhere"})
    assert refused.status_code == 422 and "queue:nowhere" in refused.json()["detail"]
    moved = agent.post(f"/v1/calls/{call}/transfer", json={"to": "user:ben"})
    assert document.check(moved, f"{CALL}/transfer")["to"] == "user:ben"
    answering = phones["ben"].rings().answer()
    all_hear((calling, answering), 5)
    ringing.reached("ended")
    # The call is nobody's business any more who is not in it.
    until(lambda: agent.get(f"/v1/calls/{call}").status_code == 403, "anna is out of the call")
    assert agent.get("/v1/calls").json()["items"] == []
    assert leader.get(f"/v1/calls/{call}").json()["users"] == ["carl", "ben"]


def test_a_consultation_becomes_a_transfer_or_a_conference(
    as_role: As, document: Document, phones: Phones
) -> None:
    agent, leader = as_role("agent"), as_role("supervisor")
    for verb in ("complete_transfer", "conference"):
        calling, own = talk(phones["carl"], phones["anna"])
        call = only_call(agent)["call"]
        consulted = agent.post(f"/v1/calls/{call}/consult", json={"number": "ben"})
        assert consulted.status_code == 201
        second = document.check(consulted, f"{CALL}/consult")["second"]
        own_second = phones["anna"].rings().answer()
        asked = phones["ben"].rings().answer()
        all_hear((own_second, asked), 5)
        until(partial(_talking, agent, f"/v1/calls/{second}"), "anna talks with ben")
        done = agent.post(f"/v1/calls/{second if verb == 'conference' else call}/{verb}")
        document.check(done, f"{CALL}/{verb}")
        all_hear((calling, asked), 5)
        if verb == "conference":
            members = document.check(leader.get("/v1/conference_members"), "/v1/conference_members")["items"]
            assert {each["party"] for each in members} == {"anna", "ben", "carl"}
            muted = leader.patch(f"/v1/conference_members/{members[0]['leg']}", json={"muted": True})
            assert document.check(muted, "/v1/conference_members/{leg}")["muted"]
            seen = leader.get("/v1/conference_members").json()["items"]
            assert [each["muted"] for each in seen] == [True, False, False]
        for each in (calling, asked, own, own_second):
            each.hang_up()
        until(lambda: not leader.get("/v1/calls").json()["items"], "all calls are over")


VERBS = {
    "GET": {"": None},
    "DELETE": {"": None},
    "PATCH": {"/data": {"set": {"a": "b"}}},
    "POST": {
        **{f"/{verb}": None for verb in ("answer", "hold", "resume", "complete_transfer", "conference")},
        **{f"/recording/{action}": None for action in ("start", "pause", "resume")},
        "/stop_playing": None,
        "/transfer": {"to": "anna"},
        "/consult": {"number": "anna"},
        "/join": {"with": "c0"},
        "/play": {"prompt": "welcome"},
        "/digits": {"digits": "1"},
        "/flow": {"flow": "menu"},
    },
}


def test_agents_touch_no_calls_of_others(as_role: As, phones: Phones) -> None:
    agent, leader = as_role("agent"), as_role("supervisor")
    talk(phones["carl"], phones["ben"])
    call = only_call(leader)["call"]
    for method, verbs in VERBS.items():
        for verb, body in verbs.items():
            refused = agent.request(method, f"/v1/calls/{call}{verb}", json=body)
            assert refused.status_code == 403, (method, verb, refused.text)
            assert "is no call of yours" in refused.json()["detail"]
    assert agent.get("/v1/calls").json()["items"] == []
    for body in ({"user": "ben", "number": "carl"}, {"user": "ben", "number": "anna"}):
        assert agent.post("/v1/calls", json=body).status_code == 403
    for verb, body in (("supervise", {"mode": "listen", "as_user": "anna"}), ("priority", {"priority": 1})):
        method = "POST" if verb == "supervise" else "PUT"
        assert agent.request(method, f"/v1/calls/{call}/{verb}", json=body).status_code == 403
    presence = {row["user"]: row for row in agent.get("/v1/presence").json()["items"]}
    assert (presence["ben"]["state"], presence["ben"]["calls"]) == ("talking", [])
    for role in ("quality", "auditor"):
        assert as_role(role).get(f"/v1/calls/{call}").is_success
        assert as_role(role).delete(f"/v1/calls/{call}").status_code == 403


def test_a_supervisor_is_rung_to_a_conversation(as_role: As, document: Document, phones: Phones) -> None:
    leader = as_role("supervisor")
    talk(phones["carl"], phones["ben"])
    path = f"/v1/calls/{only_call(leader)['call']}/supervise"
    refused = leader.post(path, json={"mode": "listen", "as_user": "anna"})
    assert refused.status_code == 403 and "permission supervise" in refused.json()["detail"]
    begun = leader.post(path, json={"mode": "listen", "as_user": "sue"})
    own = document.check(begun, f"{CALL}/supervise")["call"]
    listening = phones["sue"].rings().answer()
    listening.hears(5)
    changed = leader.post(f"/v1/calls/{own}/supervise", json={"mode": "whisper"})
    assert document.check(changed, f"{CALL}/supervise") == {"call": own, "mode": "whisper"}


def test_who_waits_is_seen_prioritised_and_spoken_to(as_role: As, document: Document, phones: Phones) -> None:
    leader = as_role("supervisor")
    calls = [phones[name].call("201").reached("talking") for name in ("carl", "sue")]
    path = "/v1/queues/sales/waiting"

    def waiting() -> list[dict[str, Any]]:
        told = document.check(leader.get(path), "/v1/queues/{name}/waiting")
        return [dict(each) for each in told["items"]]

    until(lambda: len(waiting()) == 2, "both wait")
    first, second = waiting()
    assert (first["number"], second["number"], second["place"]) == ("carl", "sue", 2)
    put = leader.put(f"/v1/calls/{second['call']}/priority", json={"priority": 7})
    assert document.check(put, f"{CALL}/priority")["priority"] == 7
    assert [(each["number"], each["priority"]) for each in waiting()] == [("sue", 7), ("carl", 0)]
    told = document.check(leader.get(f"/v1/calls/{second['call']}"), CALL)
    assert (told["state"], told["waiting"]["place"]) == ("waiting", 1)
    heard = leader.post("/v1/queues/sales/announce", json={"prompt": "all_agents_busy"})
    assert heard.json()["callers"] == 2
    for each in (first, second):
        assert leader.delete(f"/v1/calls/{each['call']}").is_success
    assert {call.reached("ended").cause for call in calls} == {"remote_bye"}


def test_what_came_of_a_call_is_noted(
    api_system: RunningSystem, as_role: As, document: Document, phones: Phones
) -> None:
    agent, leader, admin = as_role("agent"), as_role("supervisor"), as_role("admin")
    admin.patch("/v1/settings/statuses", json={"dispositions": ["sold", "later"]})
    agent.post("/v1/agents/anna/sign_in")
    agent.put("/v1/agents/anna/status", json={"status": "available"})
    calling = phones["carl"].call("201").reached("talking")
    own = phones["anna"].rings().answer()
    all_hear((calling, own), 5)
    until(lambda: agent.get("/v1/agents/anna/state").json()["state"] == "talking", "anna talks")
    path = f"/v1/calls/{only_call(agent)['call']}/disposition"
    noted = agent.put(path, json={"disposition": "sold", "note": "calls again"})
    told = document.check(noted, f"{CALL}/disposition")
    assert (told["disposition"], told["agent"], told["queue"]) == ("sold", "anna", "sales")
    assert agent.put(path, json={"disposition": "sold", "agent": "ben"}).status_code == 403
    assert agent.put(path, json={"disposition": "lost"}).status_code == 404
    assert leader.put(path, json={"disposition": "sold"}).status_code == 422
    own.hang_up()
    calling.reached("ended")
    api_system.cdr(calling.sip_call_id)
    late = {"disposition": "later", "agent": "anna", "late": True}
    assert agent.put(path, json=late).status_code == 403
    assert leader.put(path, json={**late, "late": False}).status_code == 409
    assert leader.put(path, json=late).json()["queue"] == "sales"
    agent.post("/v1/agents/anna/sign_out")
    admin.patch("/v1/settings/statuses", json={"dispositions": None})


def test_a_call_that_cannot_be_made(as_role: As) -> None:
    leader = as_role("supervisor")
    for body, status in (
        ({"user": "nobody", "number": "201"}, 404),
        ({"user": "anna", "number": "no such number"}, 422),
        ({"user": "anna"}, 422),
        ({"user": "anna", "number": 201}, 422),
        ({"user": "anna", "number": "201", "colour": "red"}, 422),
    ):
        refused = leader.post("/v1/calls", json=body)
        assert refused.status_code == status, refused.text
        assert refused.json()["detail"]


def test_a_key_of_nobody_has_no_calls(api_system: RunningSystem, phones: Phones) -> None:
    """Of an agent who signs in by number at any phone."""
    api_system.command("agent.set", fields={"name": "roamer", "number": "77", "pin": "4711"})
    headers = {"Authorization": f"Bearer {new_key(api_system, name='nobody', role='agent', agent='roamer')}"}
    with httpx.Client(base_url=api_system.node.api.origin, headers=headers) as client:
        for path in ("/v1/calls", "/v1/calls/c1"):
            refused = client.get(path)
            assert refused.status_code == 403 and "is no user" in refused.json()["detail"]
        assert client.post("/v1/calls", json={"user": "anna", "number": "201"}).status_code == 403
    api_system.command("api_key.remove", name="nobody")
    api_system.command("agent.remove", name="roamer")
