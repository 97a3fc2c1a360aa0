"""Recordings over the API: found, heard, checked, kept, erased."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from softswitch.archive.folder import Archive
from softswitch.archive.upkeep import Upkeep
from tests.api.conftest import As
from tests.api.document import Document
from tests.api.past import Past
from tests.system.running import RunningSystem


@pytest.fixture
def recorded(past: Past) -> dict[str, Any]:
    """The recording of the conversation with anna."""
    return past.recordings[past.conversation["call"]]


def facts_about(system: RunningSystem, recording: str, by: str) -> list[str]:
    told = [fact for fact in system.facts() if fact["data"].get("recording") == recording]
    return [fact["type"] for fact in told if fact["data"].get("by") == by]


def test_recordings_are_found(as_role: As, document: Document, past: Past, recorded: dict[str, Any]) -> None:
    for role in ("supervisor", "quality", "admin", "auditor"):
        page = document.check(as_role(role).get("/v1/recordings?number=carl"), "/v1/recordings")
        assert len(page["items"]) == 2 and page["next"] is None
    assert as_role("agent").get("/v1/recordings").status_code == 403
    reader = as_role("quality")
    for query, count in (("agent=anna", 1), ("from=carl&to=201", 2), ("longer=3600", 0), ("shorter=60", 2)):
        assert len(reader.get(f"/v1/recordings?{query}").json()["items"]) == count, query
    first = reader.get("/v1/recordings?limit=1").json()
    second = reader.get("/v1/recordings", params={"limit": 1, "cursor": first["next"]}).json()
    assert second["items"][0]["recording"] == recorded["recording"]


def test_a_recording_says_whether_it_is_whole(
    as_role: As, document: Document, recorded: dict[str, Any]
) -> None:
    answer = as_role("auditor").get(f"/v1/recordings/{recorded['recording']}")
    told = document.check(answer, "/v1/recordings/{id}")
    assert (told["state"], told["problem"], told["held"]) == ("wav", "", False)
    path = Path(recorded["path"])
    content = path.read_bytes()
    try:
        path.write_bytes(content[:-2] + b"xx")
        changed = as_role("auditor").get(f"/v1/recordings/{recorded['recording']}").json()
        assert changed["problem"] == "the file was changed"
        found = document.check(as_role("auditor").post("/v1/recordings/verify", json={}), VERIFY)
        assert [each["problem"] for each in found["problems"]] == ["the file was changed"]
    finally:
        path.write_bytes(content)
    found = as_role("quality").post("/v1/recordings/verify", json={"days": [path.parent.name]}).json()
    assert found == {"checked": 2, "problems": []}
    assert as_role("admin").post("/v1/recordings/verify", json={"days": ["1999-12-31"]}).status_code == 404


VERIFY = "/v1/recordings/verify"


def test_who_hears_a_recording_hears_its_bytes(
    api_system: RunningSystem, as_role: As, recorded: dict[str, Any]
) -> None:
    listener, url = as_role("quality"), f"/v1/recordings/{recorded['recording']}/audio"
    content = Path(recorded["path"]).read_bytes()
    whole = listener.get(url)
    assert (whole.status_code, whole.headers["content-type"]) == (200, "audio/wav")
    assert whole.content == content and whole.headers["accept-ranges"] == "bytes"
    etag = whole.headers["etag"]
    assert etag == f'"{hashlib.sha256(content).hexdigest()}"'
    size = len(content)
    for asked, first, last in (
        ("bytes=0-43", 0, 43),
        ("bytes=44-", 44, size - 1),
        ("bytes=-100", size - 100, size - 1),
        (f"bytes=1000-{size * 2}", 1000, size - 1),
    ):
        part = listener.get(url, headers={"Range": asked, "If-Range": etag})
        assert part.status_code == 206, asked
        assert part.headers["content-range"] == f"bytes {first}-{last}/{size}"
        assert part.content == content[first : last + 1] and len(part.content) == last + 1 - first
    for headers in (
        {"Range": "bytes=0-1,4-5"},
        {"Range": "bytes=0-1", "If-Range": '"other"'},
        {"Range": "bytes=0-1", "If-Range": "Wed, 21 Oct 2026 07:28:00 GMT"},
        {"Range": "bytes=9-1"},
    ):
        answer = listener.get(url, headers=headers)
        assert (answer.status_code, answer.content) == (200, content), headers
    beyond = listener.get(url, headers={"Range": f"bytes={size}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{size}")
    assert beyond.headers["content-type"] == "application/problem+json"
    assert facts_about(api_system, recorded["recording"], "api:test-quality") == ["recording_played"]


def test_who_may_not_hear(as_role: As, api_system: RunningSystem, recorded: dict[str, Any]) -> None:
    for role in ("agent", "auditor", "stranger"):
        for more in ("audio", "certificate"):
            url = f"/v1/recordings/{recorded['recording']}/{more}"
            assert as_role(role).get(url).status_code == 403
    for role in ("agent", "supervisor", "auditor"):
        assert as_role(role).post(f"/v1/recordings/{recorded['recording']}/keep", json={}).status_code == 403
        erasing = as_role(role).delete(f"/v1/recordings/{recorded['recording']}?reason=x")
        assert erasing.status_code == 403
    assert Path(recorded["path"]).exists()


@pytest.mark.parametrize("name", ["nosuch", "..%2F..%2Fsoftswitch.yaml", "%00", "a" * 128])
def test_only_what_the_archive_lists(as_role: As, past: Past, name: str) -> None:
    for path in (f"/v1/recordings/{name}", f"/v1/recordings/{name}/audio"):
        assert as_role("admin").get(path).status_code == 404


def test_an_exported_recording_comes_with_its_certificate(
    api_system: RunningSystem, as_role: As, document: Document, recorded: dict[str, Any]
) -> None:
    url = f"/v1/recordings/{recorded['recording']}"
    sound = as_role("supervisor").get(f"{url}/audio?export=true")
    told = document.check(as_role("supervisor").get(f"{url}/certificate"), "/v1/recordings/{id}/certificate")
    assert told["certificate"]["sha256"] == hashlib.sha256(sound.content).hexdigest()
    assert facts_about(api_system, recorded["recording"], "api:test-supervisor") == ["recording_exported"]


def test_a_recording_is_held_classified_released_compressed_and_erased(
    api_system: RunningSystem, as_role: As, document: Document, past: Past
) -> None:
    recording = past.recordings[past.other["call"]]["recording"]
    url, path = f"/v1/recordings/{recording}", Path(past.recordings[past.other["call"]]["path"])
    keeper, admin = as_role("quality"), as_role("admin")
    kept = keeper.post(f"{url}/keep", json={"retention": "complaint", "hold": True})
    wanted = {"recording": recording, "retention": "complaint", "held": True}
    assert document.check(kept, "/v1/recordings/{id}/keep") == wanted
    assert keeper.post(f"{url}/keep", json={}).status_code == 422
    refused = keeper.post(f"{url}/keep", json={"retention": "forever"})
    assert refused.status_code == 422 and "complaint, ordinary" in refused.json()["hint"]
    held = admin.delete(url, params={"reason": "asked"})
    assert held.status_code == 409 and path.exists()
    assert keeper.post(f"{url}/keep", json={"hold": False}).json()["held"] is False
    archive = Archive(path.parent.parent)
    Upkeep(archive, "flac", {"ordinary": 30, "complaint": 90}, lambda type, data: None).round(0.0)
    sound = keeper.get(f"{url}/audio", headers={"Range": "bytes=0-3"})
    assert (sound.content, sound.headers["content-type"]) == (b"fLaC", "audio/flac")
    assert keeper.get(url).json()["state"] == "flac"
    assert admin.delete(url).status_code == 422
    erased = document.check(admin.delete(url, params={"reason": "asked"}), "/v1/recordings/{id}")
    assert erased["sha256"] == archive.of_day(path.parent)[path.name].sha256
    assert [each for each in path.parent.iterdir() if each.name.startswith(path.stem)] == []
    assert admin.get(url).json()["state"] == "erased"
    assert keeper.get(f"{url}/audio").status_code == 404
    assert facts_about(api_system, recording, "api:test-quality") == [
        "recording_classified", "recording_held", "recording_released", "recording_played",
    ]  # fmt: skip
    assert facts_about(api_system, recording, "api:test-admin") == ["recording_erased"]
