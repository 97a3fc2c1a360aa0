"""Queues as they are now, those who wait in them, and what is asked of them."""

from __future__ import annotations

from pydantic import BaseModel, Field

from softswitch.api.models.base import RequestBody


class QueueRow(BaseModel):
    """A queue now; what is counted is counted since the switch was started."""

    waiting: int = Field(description="Callers, those whose agent's phone rings included.")
    closed: bool
    closed_by: dict[str, str] = Field(description="Why it is closed, by what closes it: command or hours.")
    ringing: int = Field(description="Callers for whom a phone rings.")
    longest_wait_s: float = Field(description="Of those who wait now, in seconds.")
    agents_ready: int = Field(description="Agents who could be given a call now.")
    agents_excluded: dict[str, int] = Field(description="How many cannot, by what is in the way.")
    answered: int
    abandoned: int
    sent_away: int = Field(description="Calls that left by a limit of the queue.")
    service_level: float | None = Field(
        description="Share answered within service_level_s, 0 to 1; null before the first call has left."
    )
    estimated_wait_s: list[float] | None = Field(
        description="From and to, in seconds, for one who would come now; null: not known yet."
    )


class QueueState(QueueRow):
    """A queue now, and which one it is."""

    queue: str


class WaitingCaller(BaseModel):
    """One who waits in a queue, on the line or as a callback."""

    call: str = Field(description="Id of the call, or of the callback's place.")
    callback: str | None = Field(description="Id of the callback whose place it is; null: on the line.")
    queue: str
    place: int = Field(description="From 1, who comes next.")
    priority: int = Field(description="Higher is served first.")
    waited_s: float = Field(description="What counts as waited, in seconds.")
    require: str | None = Field(description="Skills asked for; null: those that the queue requires.")
    wanted_agent: str | None = Field(description="The only agent to whom it goes; null: any.")
    offered: bool = Field(description="An agent's phone rings for it.")
    number: str = Field(description="Of the caller; empty: not known.")
    name: str = Field(description="Of the caller, as told by the phone or the trunk.")


class Closing(RequestBody):
    """Why the queue is closed."""

    reason: str = Field(default="", max_length=64, description="For the records.")


class Overflow(RequestBody):
    """Which agents are asked from the beginning."""

    tier: int = Field(ge=1, le=9, description="Agents up to this tier.")


class QueueTier(BaseModel):
    """Which agents are asked from the beginning."""

    queue: str
    tier: int


class Announcement(RequestBody):
    """What all who wait hear now."""

    prompt: str = Field(min_length=1, max_length=128, description="Name of a prompt.")


class Heard(BaseModel):
    """Who heard it."""

    queue: str
    callers: int = Field(description="How many who wait.")
