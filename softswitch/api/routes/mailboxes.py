"""How many messages wait for whom, and the messages in voice mailboxes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from softswitch.api.models.phones import ErasedMessage, MailboxChange, MailboxCount, VoicemailMessage
from softswitch.api.parameters import MessageId, UserName
from softswitch.api.requests import Admin, Here, Leading, Page, Pages, Reader, Sending, answer
from softswitch.api.routes.health import LIVE_AGE_S
from softswitch.config.base import NAME

router = APIRouter(tags=["mailboxes"])

MailboxName = Annotated[str | None, Query(max_length=64, pattern=NAME, description="Only of this mailbox.")]


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
    services: Here, paging: Pages, caller: Leading, mailbox: MailboxName = None
) -> Response:
    """The messages of a mailbox, or of all, the oldest first."""
    wanted = {"mailbox": mailbox} if mailbox else {}
    return paging.page(await services.answers.read("message.list", wanted, max_age_s=LIVE_AGE_S))


@router.delete("/messages/{message}", response_model=ErasedMessage)
async def erase(message: MessageId, commands: Sending, caller: Leading) -> Response:
    """Erase a message with its file."""
    return answer(await commands.send("message.remove", {"message": message}, caller))
