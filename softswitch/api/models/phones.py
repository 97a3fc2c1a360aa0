"""Phones, those who have them, addresses that are banned, and what waits in mailboxes."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from softswitch.api.models.base import RequestBody


class RegistrationView(BaseModel):
    """A phone that is registered."""

    user: str
    contact: str = Field(description="SIP URI at which it is reached.")
    transport: str = Field(description="UDP, TCP, TLS, WS or WSS.")
    address: str = Field(description="Where it registered from, host:port.")
    expires_s: int = Field(description="Seconds until the registration ends.")
    ping_ms: float | None = Field(description="Round trip of the latest ping, in milliseconds; null: none.")


class Presence(BaseModel):
    """Whether a user can be reached, and is on the phone."""

    user: str
    name: str = Field(description="As the phones of others show it; empty: none.")
    state: Literal["offline", "idle", "ringing", "talking"] = Field(
        description="offline: no phone is registered."
    )
    registered: bool
    do_not_disturb: bool
    calls: list[str] = Field(description="Ids of the calls that the user is in, or that ring.")
    agent: str | None = Field(description="Who sits at the user's phones; null: nobody.")
    agent_status: str | None = Field(description="What the agent says of themselves; null: signed out.")
    agent_state: str | None = Field(description="What the switch sees; null: nobody sits there.")


class BanView(BaseModel):
    """An address that is not listened to for a while."""

    address: str
    reason: str
    count: int = Field(description="The how manieth ban of this address it is.")
    for_s: int = Field(description="Seconds until it ends.")


class LiftedBan(BaseModel):
    """Whom the switch listens to again."""

    address: str


class MailboxCount(BaseModel):
    """How many messages wait for a user; the user's phones show it by their lamps."""

    user: str
    new: int = Field(description="Not yet heard.")
    old: int = Field(description="Heard.")


class MailboxChange(RequestBody):
    """How many messages a user has, in a mailbox elsewhere."""

    new: int = Field(ge=0, le=99_999, description="Not yet heard.")
    old: int = Field(default=0, ge=0, le=99_999, description="Heard.")


class VoicemailMessage(BaseModel):
    """A message in a voice mailbox."""

    id: str
    mailbox: str
    call: str = Field(description="Id of the call in which it was left.")
    path: str = Field(description="Of its file on the machine of the switch.")
    seconds: float = Field(description="How long it is.")
    caller: str = Field(description="Number that left it; agents are not told one that was withheld.")
    left_at: float = Field(description="When, in seconds since 1970 (UTC).")
    heard: bool
    withheld: bool = Field(description="The caller wants to stay unknown.")


class ErasedMessage(BaseModel):
    """Which message is gone."""

    message: str
