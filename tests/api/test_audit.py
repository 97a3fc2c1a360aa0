"""Who did what, over the API."""

from __future__ import annotations

import pytest

from tests.api.conftest import As
from tests.api.document import Document
from tests.api.past import Past
from tests.system.running import RunningSystem, until

AUDIT = "/v1/audit"


def test_what_was_done_is_told_newest_first(
    api_system: RunningSystem, as_role: As, document: Document, past: Past
) -> None:
    recording = past.recordings[past.conversation["call"]]["recording"]
    as_role("admin").get(f"/v1/recordings/{recording}/audio").raise_for_status()
    query = {"type": "recording_played", "who": "api:test-admin", "subject": recording}
    (entry,) = until(
        lambda: document.check(as_role("auditor").get(AUDIT, params=query), AUDIT)["items"], "the entry"
    )
    assert entry["data"] == {"recording": recording, "by": "api:test-admin"}
    seen, cursor = [], ""
    while cursor is not None:
        page = as_role("admin").get(AUDIT, params={"limit": 3, "cursor": cursor, "since": "1h"}).json()
        seen += [each["log_position"] for each in page["items"]]
        cursor = page["next"]
    assert seen == sorted(set(seen), reverse=True) and len(seen) > 3
    types = {each["type"] for each in as_role("admin").get(AUDIT, params={"limit": 1000}).json()["items"]}
    assert {"configuration_changed", "switch_started", "recording_played"} <= types


@pytest.mark.parametrize("role", ["agent", "supervisor", "quality"])
def test_who_is_not_told(as_role: As, role: str) -> None:
    assert as_role(role).get(AUDIT).status_code == 403
