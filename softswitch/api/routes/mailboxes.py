"""How many messages wait for whom, and the messages in voice mailboxes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import Field

from softswitch.api.models.phones import ErasedMessage, MailboxChange, MailboxCount, VoicemailMessage
from softswitch.api.parameters import MessageId, UserName
from softswitch.api.requests import Admin, Here, Leading, Page, Pages, Paging, Reader, Sending, answer
from softswitch.api.routes.health import LIVE_AGE_S
from softswitch.config.base import NAME

router = APIRouter(tags=["mailboxes"])


class MessageFilter(Paging):
    """Which messages are wanted."""

    mailbox: str | None = Field(
        default=None, max_length=64, pattern=NAME, description="Only of this mailbox."
    )


@router.get("/mailboxes", response_model=Page[MailboxCount])
async def list_mailboxes(services: Here, paging: Pages, caller: Reader) -> Response:
    """How many messages wait for whom."""
    return paging.page(await services.answers.read("mailbox.list", max_age_s=LIVE_AGE_S))


@router.put("/mailboxes/{user}", response_model=MailboxCount)
async def set_mailbox(user: UserName, given: MailboxChange, commands: Sending, caller: Admin) -> Response:
    """Say how many messages a user has in a mailbox elsewhere; the user's phones hear of it at once."""
    return answer(await commands.send("mailbox.set", {"user": user, **given.model_dump()}, caller))


@router.get("/messages", response_model=Page[VoicemailMessage])
async def list_messages(
    services: Here, wanted: Annotated[MessageFilter, Query()], caller: Leading
) -> Response:
    """The messages of a mailbox, or of all, the oldest first."""
    args = {"mailbox": wanted.mailbox} if wanted.mailbox else {}
    return wanted.page(await services.answers.read("message.list", args, max_age_s=LIVE_AGE_S))


@router.delete("/messages/{message}", response_model=ErasedMessage)
async def erase(message: MessageId, commands: Sending, caller: Leading) -> Response:
    """Erase a message with its file."""
    return answer(await commands.send("message.remove", {"message": message}, caller))
