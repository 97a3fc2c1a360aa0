"""Who is in conferences."""

from __future__ import annotations

from pydantic import BaseModel, Field

from softswitch.api.models.base import RequestBody


class ConferenceMember(BaseModel):
    """One who is in a conference now."""

    conference: str = Field(description="Name of the room, or id of the call of three.")
    leg: str = Field(description="Id of the member's part of the call.")
    call: str
    party: str = Field(description="The agent, else the user or trunk, else the number.")
    muted: bool = Field(description="The others do not hear the member.")
    for_s: float = Field(description="Since the member came, in seconds.")


class Muting(RequestBody):
    """Whether the others hear the member."""

    muted: bool


class MutedMember(BaseModel):
    """Whether the others hear the member."""

    leg: str
    muted: bool
