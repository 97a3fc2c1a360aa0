"""The journal over the API: facts from a position, those of a call, decisions, SIP messages."""

from __future__ import annotations

import pytest

from tests.api.conftest import As
from tests.api.document import Document
from tests.api.past import Past
from tests.system.running import RunningSystem

FACTS, OF_CALL = "/v1/facts", "/v1/calls/{call}/facts"
DECISIONS, TRACE = "/v1/calls/{call}/decisions", "/v1/calls/{call}/trace"


def test_facts_from_a_position_on(
    api_system: RunningSystem, as_role: As, document: Document, past: Past
) -> None:
    seen, position, more = [], 0, True
    while more:
        page = document.check(as_role("auditor").get(FACTS, params={"from": position, "limit": 50}), FACTS)
        assert len(page["items"]) <= 50 and page["next"] >= position
        seen += [(fact["type"], fact["data"]) for fact in page["items"]]
        position, more = page["next"], page["more"]
    told = [(fact["type"], fact["data"]) for fact in api_system.facts()]
    assert seen == told[: len(seen)] and len(seen) >= 50
    query = {"types": "call_started,call_ended", "limit": 3}
    some = as_role("admin").get(FACTS, params=query).json()
    assert [fact["type"] for fact in some["items"]] == ["call_started", "call_ended", "call_started"]
    assert "keep" not in some["items"][0]
    later = as_role("admin").get(FACTS, params={**query, "from": some["next"]}).json()
    assert later["items"][0]["log_position"] > some["next"]


@pytest.mark.parametrize("query", ["from=-1", "from=99999999999999999999", "types=a;b", "limit=0"])
def test_what_is_no_position(as_role: As, query: str) -> None:
    assert as_role("admin").get(f"{FACTS}?{query}").status_code == 422


def test_beyond_the_end_there_is_nothing(as_role: As) -> None:
    end = 1 << 61
    found = as_role("admin").get(FACTS, params={"from": end}).json()
    assert found == {"items": [], "next": end, "more": False}


def test_the_story_of_a_call(as_role: As, document: Document, past: Past) -> None:
    call, sip_call_id = past.conversation["call"], past.conversation["sip_call_id"]
    told = document.check(as_role("auditor").get(f"/v1/calls/{sip_call_id}/facts"), OF_CALL)
    types = [fact["type"] for fact in told["items"]]
    assert told["call"] == call and types[0] == "call_started" and "routing_decided" in types
    chosen = document.check(as_role("quality").get(f"/v1/calls/{call}/decisions"), DECISIONS)
    (decision,) = chosen["items"]
    assert decision["decided"]["agent"] == "anna" and decision["differences"] == []
    assert {each["agent"]: each["place"] for each in decision["considered"]} == {"anna": 1, "ben": None}
    drawn = document.check(as_role("admin").get(f"/v1/calls/{call}/trace"), TRACE)
    assert drawn["call"] == call
    assert {message["leg"] for message in drawn["messages"]} == {"caller", "anna"}
    assert any("INVITE (sdp)" in line for line in drawn["ladder"])
    assert not any("anna-secret" in message["message"] for message in drawn["messages"])


def test_what_never_was(as_role: As, past: Past) -> None:
    for what in ("facts", "decisions", "trace"):
        assert as_role("admin").get(f"/v1/calls/nosuch/{what}").status_code == 404
    assert as_role("admin").get(f"/v1/calls/{past.unknown['call']}/decisions").status_code == 404


def test_who_reads_the_journal(as_role: As, past: Past) -> None:
    call = past.conversation["call"]
    for role in ("agent", "supervisor", "quality"):
        for path in (FACTS, f"/v1/calls/{call}/facts", f"/v1/calls/{call}/trace"):
            assert as_role(role).get(path).status_code == 403, path
    assert as_role("agent").get(f"/v1/calls/{call}/decisions").status_code == 403
