"""Voice mailboxes: who leaves messages, who listens, how long they stay."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from softswitch.config.acd import Language
from softswitch.config.base import PIN, Model, Name, PositiveSeconds


class Voicemail(Model):
    """A mailbox of a user, a queue, or a group of users: callers are sent there by voicemail:NAME."""

    name: Name = Field(description="Name of the mailbox; that of a user is theirs.")
    users: tuple[Name, ...] = Field(
        default=(),
        description="Users who may listen, and whose phones show waiting messages; unset: the user of the"
        " same name.",
    )
    pin: Annotated[str, Field(pattern=PIN)] | None = Field(
        default=None, repr=False, description="PIN that is asked for before listening."
    )
    greeting: Name = Field(
        default="leave_message",
        description="Prompt that callers hear before the tone, as long as nobody has recorded a greeting.",
    )
    language: Language = Field(default="en", description="Language of greeting and menu.")
    max_s: PositiveSeconds = Field(default=120, le=3600, description="Longest message.")
    min_s: PositiveSeconds = Field(default=1, le=60, description="Shorter messages are thrown away.")
    silence_s: PositiveSeconds = Field(default=6, le=60, description="Silence that ends a message.")
    max_messages: int = Field(default=100, ge=1, le=10_000, description="Messages; no more are taken.")
    keep_days: int = Field(
        default=30, ge=1, le=36_500, description="Days after which a message is erased, heard or not."
    )
