"""Finished recordings: search, hear, check, keep, erase."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field

from softswitch.api.callers import Caller
from softswitch.api.models.base import RequestBody
from softswitch.api.models.recordings import (
    Certificate,
    Erased,
    Kept,
    RecordingDetails,
    RecordingFound,
    Verified,
)
from softswitch.api.problem import ApiError
from softswitch.api.ranges import FilePart
from softswitch.api.requests import PROBLEMS, Admin, Here, Moment, Page, Places, Reader, answer, may
from softswitch.api.routes.records import Name, Text
from softswitch.api.services import Services
from softswitch.store.queries import Row, list_recordings

if TYPE_CHECKING:
    from softswitch.archive.folder import Recorded

router = APIRouter(tags=["recordings"])
Listening = Annotated[Caller, may("supervisor", "quality", "admin")]
Keeping = Annotated[Caller, may("quality", "admin")]
Checking = Annotated[Caller, may("quality", "admin", "auditor")]
RecordingName = Annotated[str, Path(alias="id", max_length=128, description="The recording's id.")]
Reason = Annotated[str, Query(min_length=1, max_length=200, description="Why, for the record.")]
MEDIA_TYPES = {".wav": "audio/wav", ".flac": "audio/flac", ".opus": "audio/ogg"}
VERIFY_S = 3600.0
_FILE = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in MEDIA_TYPES.values()}
SOUND: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file.", "content": _FILE},
    206: {"description": "A part of it; Content-Range says which.", "content": _FILE},
    416: {
        **PROBLEMS[422],
        "description": "It has no such part; Content-Range says how long it is.",
    },
}


class RecordingFilter(Places):
    """Which recordings are wanted; what is not given is not looked at."""

    since: Moment | None = Field(default=None, description="Began at or after this time.")
    until: Moment | None = Field(default=None, description="Began before this time.")
    queue: Name | None = None
    agent: Name | None = None
    call: Text | None = Field(default=None, description="Only of this call.")
    recording: Text | None = Field(default=None, description="Only this one.")
    number: Text | None = Field(
        default=None, description="How the caller's number or the dialled one begins."
    )
    from_number: Text | None = Field(default=None, alias="from", description="The caller's number.")
    to_number: Text | None = Field(default=None, alias="to", description="The dialled number.")
    direction: Name | None = Field(default=None, description="inbound, outbound or internal.")
    source: Text | None = Field(default=None, description="Who called, as trunk:carrier or user:alice.")
    flow: Name | None = Field(default=None, description="Flow that the call went through.")
    outcome: Name | None = Field(default=None, description="Outcome of the call, such as answered.")
    reason: Name | None = Field(default=None, description="Why the call ended.")
    ended_by: Name | None = Field(default=None, description="Who ended it.")
    node: Name | None = Field(default=None, description="Machine that recorded it.")
    longer_s: float | None = Field(
        default=None, ge=0, alias="longer", description="At least so many seconds."
    )
    shorter_s: float | None = Field(
        default=None, ge=0, alias="shorter", description="Less than so many seconds."
    )


class Keep(RequestBody):
    """How long it is to be kept; at least one of both."""

    retention: Name | None = Field(default=None, description="A class of recording.retention_days.")
    hold: bool | None = Field(
        default=None,
        description="true: legal hold, it is not erased whatever its class; false: the hold ends.",
    )


class Days(RequestBody):
    """What is to be checked."""

    days: list[Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]] | None = Field(
        default=None, min_length=1, max_length=400, description="Such as 2026-01-31; null: all."
    )


@router.get("/recordings", response_model=Page[RecordingFound], name="list_recordings")
async def list_found(services: Here, wanted: Annotated[RecordingFilter, Query()], caller: Reader) -> Response:
    """Recordings, newest first, by what is known of their calls."""
    place = wanted.after(float, str)
    filters = wanted.model_dump(exclude={"limit", "cursor"})
    rows = await services.views(
        lambda db: list_recordings(db, **filters, limit=wanted.limit + 1, older_than=place)
    )
    return wanted.page(rows, "started_at", "recording")


@router.get("/recordings/{id}", response_model=RecordingDetails)
async def show(recording: RecordingName, services: Here, caller: Reader) -> Response:
    """One recording, and whether file, certificate and chain are what they were."""
    row = await _row(services, recording)
    return answer({**row, **await _state(services, recording, row)})


async def _state(services: Services, recording: str, row: Row) -> dict[str, Any]:
    archive = await services.archive()
    unknown = {"state": "unfinished", "problem": None, "sha256": None, "retention": None, "held": False}
    try:
        recorded = await archive.listed(recording, row["path"])
    except ApiError as error:
        return unknown if error.status == 404 else {**unknown, "state": "chain", "problem": error.detail}
    found = await archive.check(recorded)
    return {
        "state": found.state,
        "problem": found.problem,
        "sha256": recorded.sha256,
        "retention": recorded.retention,
        "held": recorded.held,
    }


@router.get("/recordings/{id}/audio", response_class=Response, responses=SOUND)
async def audio(
    recording: RecordingName,
    request: Request,
    services: Here,
    caller: Listening,
    export: Annotated[bool, Query(description="It is taken out of the house, and so put on record.")] = False,
) -> Response:
    """The sound, whole or by byte ranges; the caller on the left channel, the agent on the right. Who hears
    it is put on record, once for all parts that are asked for within five minutes."""
    archive = await services.archive()
    recorded = await _found(services, recording)
    file = await archive.open(recorded.path)
    try:
        if export:
            told = {"recording": recording, "by": caller.by, "to": "api"}
            await archive.tell("recording_exported", told)
        else:
            await archive.heard(recording, caller)
        return FilePart(
            request,
            file,
            archive.threads,
            media_type=MEDIA_TYPES[recorded.path.suffix],
            etag=recorded.form_sha256 or recorded.sha256,
            name=recorded.path.name,
        )
    except BaseException:
        file.close()
        raise


@router.get("/recordings/{id}/certificate", response_model=Certificate)
async def certificate(recording: RecordingName, services: Here, caller: Listening) -> Response:
    """The certificate: checksum, packets, holes, marks, who is heard."""
    archive = await services.archive()
    recorded = await _found(services, recording)
    with await archive.open(recorded.certificate_path) as file:
        text = await archive.threads(file.read)
    try:
        return answer({"recording": recording, "certificate": orjson.loads(text)})
    except orjson.JSONDecodeError:
        raise ApiError(409, "the certificate is damaged", "POST /v1/recordings/verify tells more") from None


@router.post("/recordings/{id}/keep", response_model=Kept)
async def keep(recording: RecordingName, given: Keep, services: Here, caller: Keeping) -> Response:
    """Change how long a recording is kept; that is put on record."""
    classes = services.node.recording.retention_days
    if given.retention is None and given.hold is None:
        raise ApiError(422, "nothing to change", "give retention or hold")
    if given.retention is not None and given.retention not in classes:
        known = ", ".join(sorted(classes))
        raise ApiError(422, f"there is no retention class {given.retention!r}", f"there are: {known}")
    archive = await services.archive()
    recorded = await _found(services, recording)
    await archive.keep(recorded, caller, given.retention, given.hold)
    return answer({"recording": recording, "retention": recorded.retention, "held": recorded.held})


@router.delete("/recordings/{id}", response_model=Erased)
async def erase(recording: RecordingName, reason: Reason, services: Here, caller: Admin) -> Response:
    """Erase a recording for good; its checksum stays on record as proof. Refused under legal hold."""
    archive = await services.archive()
    recorded = await _found(services, recording)
    await archive.erase(recorded, caller, reason)
    return answer({"recording": recording, "sha256": recorded.sha256})


@router.post("/recordings/verify", response_model=Verified)
async def verify(given: Days, services: Here, caller: Checking) -> Response:
    """Check that every file, certificate and chain is what it was. It answers when it has read them all."""
    directory = str(services.node.recording.directory)
    found = await services.aside.ask(
        "verify_recordings", longest_s=VERIFY_S, directory=directory, days=given.days
    )
    return Response(found, media_type="application/json")


async def _row(services: Services, recording: str) -> Row:
    rows = await services.views(lambda db: list_recordings(db, recording=recording))
    if not rows:
        raise ApiError(404, f"there is no recording {recording!r}", "GET /v1/recordings has them")
    return rows[0]


async def _found(services: Services, recording: str) -> Recorded:
    """The finished recording of this id. ApiError 404, 409."""
    row = await _row(services, recording)
    return await (await services.archive()).find(recording, str(row["path"]))
