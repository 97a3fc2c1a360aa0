"""What is on record: calls, reports, recordings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from softswitch.api.models.recordings import RecordingDetails, RecordingFound
from softswitch.api.models.records import CallHistory, CallRecord
from softswitch.client.transport import Transport

CHUNK = 64 * 1024


class Records:
    """`since` and `until` are UTC seconds, or times such as 2026-01-31T08:00 by the clock of the node."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def calls(self, *, most: int | None = None, **wanted: Any) -> Iterator[CallRecord]:
        """Finished calls, newest first: `since`, `until`, `queue`, `agent`, `number`, `outcome`, `reason`."""
        return map(CallRecord.model_validate, self._transport.rows("/cdrs", most=most, **wanted))

    def call(self, call: str) -> CallHistory:
        """One call with all its parts, by its id, a SIP Call-ID or a number."""
        return CallHistory.model_validate(self._transport.get(f"/cdrs/{quote(call, safe='')}"))

    def report(self, name: str, **wanted: Any) -> list[dict[str, Any]]:
        """The rows of a report such as queues or agents; docs/reports.md defines the columns."""
        rows: list[dict[str, Any]] = self._transport.get(f"/reports/{quote(name, safe='')}", **wanted)[
            "items"
        ]
        return rows

    def recordings(self, *, most: int | None = None, **wanted: Any) -> Iterator[RecordingFound]:
        """Recordings, newest first."""
        return map(RecordingFound.model_validate, self._transport.rows("/recordings", most=most, **wanted))

    def recording(self, recording: str) -> RecordingDetails:
        """One recording; its file, certificate and chain are checked."""
        found = self._transport.get(f"/recordings/{quote(recording, safe='')}")
        return RecordingDetails.model_validate(found)

    def download(self, recording: str, path: Path) -> int:
        """Write the sound to a file; that it was taken out of the house is put on record. Octets."""
        found = self._transport.request(
            "GET", f"/recordings/{quote(recording, safe='')}/audio", query={"export": "true"}
        )
        return path.write_bytes(found.content)
