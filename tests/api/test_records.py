"""What is on record: real calls, as each role may see them, and as the OpenAPI document says."""

from __future__ import annotations

import httpx
import pytest

from tests.api.conftest import As, new_key
from tests.api.document import Document
from tests.api.past import Past
from tests.system.running import RunningSystem

READERS = ("supervisor", "quality", "admin", "auditor")


def test_a_list_of_calls_goes_on_where_it_was(as_role: As, document: Document, past: Past) -> None:
    reader, seen, cursor = as_role("supervisor"), [], ""
    while cursor is not None:
        query = {"limit": 1, "number": "carl", "cursor": cursor}
        page = document.check(reader.get("/v1/cdrs", params=query), "/v1/cdrs")
        seen += [row["call"] for row in page["items"]]
        cursor = page["next"]
    calls = (past.unknown, past.other, past.message, past.abandoned, past.conversation)
    assert seen == [each["call"] for each in calls]
    for query, calls in (
        ({"outcome": "abandoned", "number": "carl"}, [past.abandoned]),
        ({"agent": "anna"}, [past.conversation]),
        ({"queue": "sales", "agent": "ben"}, [past.other]),
        ({"until": "1970-01-02"}, []),
    ):
        found = reader.get("/v1/cdrs", params=query).json()["items"]
        assert [row["call"] for row in found] == [each["call"] for each in calls]


@pytest.mark.parametrize(
    "query",
    [
        "cursor=x",
        "cursor=WzEsMl0=",
        "since=soon",
        "limit=0",
        "limit=1001",
        "since=nan",
        "since=9999999d",
        "agnet=anna",
    ],
)
def test_what_is_no_filter_is_refused(as_role: As, query: str) -> None:
    refused = as_role("supervisor").get(f"/v1/cdrs?{query}")
    assert refused.status_code == 422 and refused.json()["detail"]


def test_agents_see_their_own_calls_only(as_role: As, past: Past) -> None:
    agent = as_role("agent")
    own = agent.get("/v1/cdrs?agent=own").json()["items"]
    assert [row["call"] for row in own] == [past.conversation["call"]]
    for path in (
        "/v1/cdrs",
        "/v1/cdrs?agent=ben",
        f"/v1/cdrs/{past.conversation['call']}",
        "/v1/agents/ben/history",
    ):
        assert agent.get(path).status_code == 403, path
    assert agent.get("/v1/agents/anna/history").status_code == 200
    assert as_role("quality").get("/v1/cdrs?agent=own").status_code == 422


def test_agents_are_not_told_who_withheld_the_number(
    api_system: RunningSystem, as_role: As, document: Document, past: Past
) -> None:
    key = new_key(api_system, name="desk-ben", role="agent", agent="ben", user="ben")
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=api_system.node.api.origin, headers=headers) as ben:
        (own,) = document.check(ben.get("/v1/cdrs?agent=own"), "/v1/cdrs")["items"]
        assert ben.get("/v1/cdrs?agent=own&number=carl").json()["items"] == []
        assert ben.get("/v1/cdrs?agent=own&number=201").json()["items"] == [own]
    whole = {**past.other, "from_number": "carl", "source": "user:carl", "withheld": 1}
    assert own == {**whole, "from_number": None, "source": None}
    supervisor = as_role("supervisor").get("/v1/cdrs?agent=ben&number=carl").json()["items"]
    assert supervisor == [whole]
    (anna,) = as_role("agent").get("/v1/cdrs?agent=own&number=carl").json()["items"]
    assert (anna["from_number"], anna["withheld"]) == ("carl", None)


def test_a_call_with_all_its_parts(as_role: As, document: Document, past: Past) -> None:
    call = past.conversation["call"]
    for role in READERS:
        told = document.check(as_role(role).get(f"/v1/cdrs/{call}"), "/v1/cdrs/{call}")
    assert told["agent"] == "anna" and told["from_number"] == "carl"
    assert [leg["direction"] for leg in told["legs"]] == ["inbound", "outbound"]
    assert [visit["outcome"] for visit in told["queue_visits"]] == ["answered"]
    assert [offer["agent"] for offer in told["offers"]] == ["anna"]
    assert {"queue", "ring", "talk"} <= {segment["kind"] for segment in told["segments"]}
    assert [each["recording"] for each in told["recorded"]] == [past.recordings[call]["recording"]]
    assert as_role("admin").get("/v1/cdrs/nosuch").status_code == 404


def test_what_an_agent_did(as_role: As, document: Document, past: Past) -> None:
    seen, cursor = [], ""
    while cursor is not None:
        query = {"limit": 3, "cursor": cursor, "since": "1h"}
        answer = as_role("auditor").get("/v1/agents/anna/history", params=query)
        page = document.check(answer, "/v1/agents/{name}/history")
        seen += page["items"]
        cursor = page["next"]
    talked = [each for each in seen if each["state"] == "talking"]
    assert [each["call"] for each in talked] == [past.conversation["call"]]
    assert seen[-1]["until_at"] is None


def test_another_tenant_sees_nothing(as_role: As, past: Past) -> None:
    for path in ("/v1/cdrs", f"/v1/cdrs/{past.conversation['call']}", "/v1/agents/anna/history"):
        assert as_role("stranger").get(path).status_code == 403
