"""Every route that tells of the past tells what the OpenAPI document says, and is told of here."""

from __future__ import annotations

import pytest
from fastapi.routing import APIRoute

from softswitch.api.naming import PREFIX
from softswitch.api.routes.past import PAST
from softswitch.store.reports import REPORTS
from tests.api.conftest import As
from tests.api.document import Document
from tests.api.past import UNKNOWN, Past

SOUND = {"/v1/recordings/{id}/audio", "/v1/voicemail/{mailbox}/messages/{message}/audio"}
READING = {
    "/v1/audit": "/v1/audit?since=1h",
    "/v1/facts": "/v1/facts?limit=1000",
    "/v1/calls/{call}/facts": "/v1/calls/{call}/facts",
    "/v1/calls/{call}/decisions": "/v1/calls/{call}/decisions",
    "/v1/calls/{call}/trace": "/v1/calls/{call}/trace",
    "/v1/cdrs": "/v1/cdrs?since=1h",
    "/v1/cdrs/{call}": "/v1/cdrs/{call}",
    "/v1/agents/{name}/history": "/v1/agents/anna/history",
    "/v1/recordings": "/v1/recordings?since=1h",
    "/v1/recordings/{id}": "/v1/recordings/{recording}",
    "/v1/recordings/{id}/certificate": "/v1/recordings/{recording}/certificate",
    "/v1/subjects/{number}": f"/v1/subjects/{UNKNOWN}",
    "/v1/voicemail/{mailbox}/messages": "/v1/voicemail/anna/messages",
    "/v1/reports": "/v1/reports",
    **{f"/v1/reports/{name}": f"/v1/reports/{name}?from=1h&by=15m" for name in REPORTS},
}
"""What to ask, by route."""


def test_every_route_that_reads_is_in_the_table() -> None:
    routes = {
        PREFIX + route.path_format
        for router in PAST
        for route in router.routes
        if isinstance(route, APIRoute) and "GET" in route.methods
    }
    assert routes - SOUND == {*READING}


@pytest.mark.parametrize("path", list(READING))
def test_an_answer_is_what_the_document_says(as_role: As, document: Document, past: Past, path: str) -> None:
    call = past.conversation["call"]
    url = READING[path].format(call=call, recording=past.recordings[call]["recording"])
    answer = as_role("admin").get(url)
    assert answer.status_code == 200, answer.text
    document.check(answer, path)


@pytest.mark.parametrize("path", ["/v1/audit", "/v1/agents/anna/history"])
def test_a_cursor_of_more_than_the_journal_can_have(as_role: As, path: str) -> None:
    beyond = "WzE4NDQ2NzQ0MDczNzA5NTUxNjE1XQ=="  # [2 ** 64 - 1]
    assert as_role("admin").get(path, params={"cursor": beyond}).status_code == 422
