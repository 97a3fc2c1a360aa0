"""What supervisors have done."""

from __future__ import annotations

from pydantic import BaseModel, Field


class ActionView(BaseModel):
    """Something that was done to agents, queues or waiting calls and can be taken back."""

    action: str = Field(description="Its id.")
    at: str = Field(description="When, UTC, ISO 8601.")
    by: str = Field(description="Who; api:NAME was a caller of the API.")
    command: str
    args: str = Field(description="What the command was given, as name=value.")
    undone: bool = Field(description="It has been taken back.")
