"""Messages in voice mailboxes, and their sound."""

from __future__ import annotations

import os
from pathlib import Path as FilePath
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from softswitch.api.callers import Caller
from softswitch.api.models.phones import VoicemailMessage
from softswitch.api.problem import ApiError
from softswitch.api.ranges import FilePart
from softswitch.api.requests import Anybody, Here, Page, Pages, may
from softswitch.api.routes.recordings import MEDIA_TYPES, SOUND
from softswitch.api.services import Services

router = APIRouter(tags=["voicemail"])
MESSAGES_AGE_S = 0.25
CONFIGURATION_AGE_S = 1.0
Listening = Annotated[Caller, may("agent", "supervisor", "quality", "admin")]
Mailbox = Annotated[str, Path(max_length=64, description="Name of the mailbox.")]
MessageName = Annotated[str, Path(max_length=128, description="The message's id.")]


@router.get("/voicemail/{mailbox}/messages", response_model=Page[VoicemailMessage])
async def list_messages(mailbox: Mailbox, services: Here, paging: Pages, caller: Anybody) -> Response:
    """The messages in a mailbox, new ones first. Agents see those of mailboxes that they may listen to."""
    return paging.page(await _messages(services, mailbox, caller))


@router.get("/voicemail/{mailbox}/messages/{message}/audio", response_class=Response, responses=SOUND)
async def audio(
    mailbox: Mailbox, message: MessageName, request: Request, services: Here, caller: Listening
) -> Response:
    """The sound of a message, whole or by byte ranges. Who hears it is put on record as for recordings;
    the message stays new."""
    rows = await _messages(services, mailbox, caller)
    row = next((row for row in rows if row["id"] == message), None)
    if row is None:
        raise ApiError(404, f"mailbox {mailbox!r} has no message {message!r}")
    archive = await services.archive()
    file = await archive.open(archive.inside(FilePath(row["path"])))
    try:
        await archive.heard(message, caller)
        status = os.fstat(file.fileno())
        return FilePart(
            request,
            file,
            archive.threads,
            media_type=MEDIA_TYPES[".wav"],
            etag=f"{status.st_ino:x}-{status.st_size:x}-{status.st_mtime_ns:x}",
            name=f"{message}.wav",
        )
    except BaseException:
        file.close()
        raise


async def _messages(services: Services, mailbox: str, caller: Caller) -> list[dict[str, Any]]:
    """ApiError 403 for an agent who may not listen to this mailbox, 404 where there is none."""
    boxes = await services.answers.read("voicemail.list", max_age_s=CONFIGURATION_AGE_S)
    box = next((row for row in boxes if row["name"] == mailbox), None)
    agent = caller.role == "agent"
    if agent and (box is None or await _user(services, caller) not in _listeners(box)):
        raise ApiError(403, f"{caller.name} may not listen to mailbox {mailbox!r}", "agents hear their own")
    if box is None:
        raise ApiError(404, f"there is no mailbox {mailbox!r}", "GET /v1/voicemail has them")
    rows: list[dict[str, Any]] = await services.answers.read(
        "message.list", {"mailbox": mailbox}, max_age_s=MESSAGES_AGE_S
    )
    return [{**row, "caller": ""} if row["withheld"] else row for row in rows] if agent else rows


def _listeners(box: dict[str, Any]) -> list[str]:
    return box["users"] or [box["name"]]


async def _user(services: Services, caller: Caller) -> str:
    """As which user an agent's caller acts."""
    if caller.user or not caller.agent:
        return caller.user
    agents = await services.answers.read("agent.list", max_age_s=CONFIGURATION_AGE_S)
    return next((row["user"] for row in agents if row["name"] == caller.agent), "")
