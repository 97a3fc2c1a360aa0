"""api_keys of centre.yaml: programs that may use the API, each by a token of which only a hash is stored."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from softswitch.config.base import Model, Name, Sha256

Role = Literal["agent", "supervisor", "quality", "admin", "auditor"]
"""What somebody may do through the API."""
TOKEN_PREFIX = "ssk_"
TOKEN_BYTES = 32


def new_token() -> str:
    """A token that nobody can guess: 256 random bits, marked so that scanners of sources find it."""
    return TOKEN_PREFIX + secrets.token_urlsafe(TOKEN_BYTES)


def hash_of(token: str) -> str:
    """What is stored of a token. No salt and no slow function: it has 256 random bits, unlike a password."""
    return hashlib.sha256(token.encode()).hexdigest()


def _moment(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError("is no date and time with zone; allowed: such as 2027-01-31T18:00:00+01:00 or …Z")
    return text


Moment = Annotated[str, Field(max_length=40), AfterValidator(_moment)]
"""A date and time with zone (RFC 3339), kept as it was written."""


class ApiKey(Model):
    """A program that may use the API."""

    name: Name = Field(description="Name of the key; facts say `api:NAME` of what is done with it.")
    role: Role = Field(description="What the key may do: agent only what concerns its agent or user.")
    tenant: Name = Field(default="default", description="Whose calls, queues and agents the key sees.")
    agent: Name | None = Field(default=None, description="Agent that a key of the role agent is.")
    user: Name | None = Field(default=None, description="User that the key is; unset: the one of its agent.")
    sha256: Sha256 = Field(
        repr=False,
        description="SHA-256 of the token in hexadecimal. `softswitch api-key add` makes a token and shows it"
        " once; it is stored nowhere.",
    )
    expires: Moment | None = Field(
        default=None, description="Date and time with zone from which on the key is refused; unset: never."
    )
    enabled: bool = Field(default=True, description="false: the key is refused.")

    @model_validator(mode="after")
    def _agent_is_somebody(self) -> ApiKey:
        if self.role == "agent" and self.agent is None and self.user is None:
            raise ValueError(
                "a key of the role agent needs agent or user: whose calls and status are its own"
            )
        return self
