"""Webhooks: programs that are told over HTTP what happens."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated

from pydantic import AfterValidator, Field

from softswitch.config.backend import HeaderName, SecretSource
from softswitch.config.base import (
    EVENTS,
    WEBHOOK_SECRET,
    WEBHOOK_URL,
    Host,
    Line,
    Model,
    Name,
    PositiveSeconds,
)

EventPattern = Annotated[str, Field(max_length=64, pattern=EVENTS)]
WebhookUrl = Annotated[str, Field(max_length=1024, pattern=WEBHOOK_URL)]


def _decodable(text: str) -> str:
    for secret in text.split():
        try:
            base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except binascii.Error:
            raise ValueError("is no base64 behind whsec_; allowed: that of 24 to 64 octets") from None
    return text


WebhookSecret = Annotated[str, Field(max_length=192, pattern=WEBHOOK_SECRET), AfterValidator(_decodable)]


class Webhook(Model):
    """A receiver of events: each is a signed POST, repeated until the receiver has it."""

    name: Name = Field(description="Name of the webhook.")
    url: WebhookUrl = Field(description="Where events are sent, http:// or https://.")
    events: tuple[EventPattern, ...] = Field(
        default=("call_*", "offer_*", "agent_*"),
        min_length=1,
        max_length=64,
        description="Types of event that are sent; * stands for any letters.",
    )
    queues: tuple[Name, ...] = Field(
        default=(), description="Only events that name one of these queues; none: whatever the queue."
    )
    agents: tuple[Name, ...] = Field(
        default=(), description="Only events that name one of these agents; none: whoever the agent."
    )
    secret: WebhookSecret | None = Field(
        default=None,
        repr=False,
        description="Key of the signatures: whsec_ and 24 to 64 octets in base64; a second one after a space"
        " signs as well, while the receiver changes over. Unset: the stored one stays.",
    )
    headers: dict[HeaderName, Line] = Field(default={}, description="Headers of every request.")
    secret_headers: dict[HeaderName, SecretSource] = Field(
        default={},
        description="Headers whose whole value is secret: env:NAME (environment of softswitch) or"
        " file:/PATH.",
    )
    inner_hosts: tuple[Host, ...] = Field(
        default=(),
        description="Hosts of the url that may be at private, loopback or link-local addresses; such an"
        " address of any other host is not connected to, whatever DNS says.",
    )
    deadline_s: PositiveSeconds = Field(default=10, le=60, description="How long an answer may take.")
    max_age_s: float = Field(
        default=86_400,
        gt=0,
        le=604_800,
        description="How old an event may become while it is tried again; then it is a dead letter.",
    )
    most_requests: int = Field(
        default=8, ge=1, le=100, description="Requests at one time; those of one call follow each other."
    )
    enabled: bool = Field(
        default=True, description="false: nothing is sent; what happens meanwhile is sent afterwards."
    )
