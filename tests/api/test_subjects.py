"""A telephone number is told of and forgotten; a message is heard by whose mailbox it is in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.api.conftest import As
from tests.api.document import Document
from tests.api.past import UNKNOWN, Past
from tests.system.running import RunningSystem

MESSAGES, AUDIO = (
    "/v1/voicemail/{mailbox}/messages",
    "/v1/voicemail/{mailbox}/messages/{message}/audio",
)


def test_a_message_is_heard(api_system: RunningSystem, as_role: As, document: Document, past: Past) -> None:
    for role in ("agent", "supervisor", "quality", "admin", "auditor"):
        page = document.check(as_role(role).get("/v1/voicemail/anna/messages"), MESSAGES)
        (row,) = page["items"]
        assert (row["id"], row["withheld"]) == (past.message["id"], True)
        assert row["caller"] == ("" if role == "agent" else "carl")
    url = f"/v1/voicemail/anna/messages/{past.message['id']}/audio"
    content = Path(past.message["path"]).read_bytes()
    own = as_role("agent").get(url)
    assert (own.status_code, own.content, own.headers["content-type"]) == (200, content, "audio/wav")
    part = as_role("quality").get(url, headers={"Range": "bytes=44-99", "If-Range": own.headers["etag"]})
    assert (part.status_code, part.content) == (206, content[44:100])
    played = [each["data"] for each in api_system.facts("recording_played")]
    assert {each["by"] for each in played if each["recording"] == past.message["id"]} == {
        "api:test-agent",
        "api:test-quality",
    }


def test_who_hears_no_messages(as_role: As, past: Past) -> None:
    url = f"/v1/voicemail/anna/messages/{past.message['id']}/audio"
    assert as_role("auditor").get(url).status_code == 403
    for path in ("ben/messages", "nosuch/messages", f"ben/messages/{past.message['id']}/audio"):
        assert as_role("agent").get(f"/v1/voicemail/{path}").status_code == 403, path
    for path in ("nosuch/messages", "anna/messages/nosuch/audio", f"ben/messages/{past.message['id']}/audio"):
        assert as_role("admin").get(f"/v1/voicemail/{path}").status_code == 404, path


def test_a_number_is_told_and_forgotten(
    api_system: RunningSystem, as_role: As, document: Document, past: Past
) -> None:
    # This wipes the SIP trace too: the tests of that come before, in the order of their files.
    admin, url = as_role("admin"), f"/v1/subjects/{UNKNOWN}"
    known = document.check(admin.get(url), "/v1/subjects/{number}")
    assert [row["to_number"] for row in known["calls"]] == [UNKNOWN] and known["legs"]
    assert admin.delete(url).status_code == 422
    erased = document.check(admin.delete(url, params={"reason": "asked"}), "/v1/subjects/{number}")
    assert len(erased["subjects"]) == 1 and erased["still_in"] == []
    assert admin.get(url).json()["calls"] == []
    call = admin.get(f"/v1/cdrs/{past.unknown['call']}").json()
    assert call["to_number"] == f"erased:{erased['subjects'][0]}"


def test_a_number_of_the_house_stays(as_role: As) -> None:
    refused = as_role("admin").delete("/v1/subjects/4930100200", params={"reason": "asked"})
    assert refused.status_code == 409 and "in use by configuration" in refused.json()["detail"]


@pytest.mark.parametrize("role", ["agent", "supervisor", "quality", "auditor"])
def test_who_neither_learns_nor_forgets_numbers(as_role: As, role: str) -> None:
    assert as_role(role).get(f"/v1/subjects/{UNKNOWN}").status_code == 403
    assert as_role(role).delete(f"/v1/subjects/{UNKNOWN}?reason=x").status_code == 403
    assert as_role("admin").get("/v1/subjects/x'--").status_code == 422
