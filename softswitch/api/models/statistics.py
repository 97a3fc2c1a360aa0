"""Live statistics: what is true now, and what the day came to since midnight."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class QueueFigures(BaseModel):
    """One queue; the figures of the day are those of the report `queues`, absent before its first call."""

    model_config = ConfigDict(extra="allow")

    queue: str
    waiting: int
    longest_wait_s: float | None = Field(description="Of those who wait now; null: nobody waits.")
    offered: int | None = None
    answered: int | None = None
    abandoned: int | None = None
    service_level: float | None = Field(default=None, description="0 to 1.")


class AgentFigures(BaseModel):
    """One agent; the figures of the day are those of the report `agents`."""

    model_config = ConfigDict(extra="allow")

    agent: str
    user: str | None = Field(default=None, description="Where the agent sits.")
    signed_in: bool | None = None
    status: str | None = None
    status_reason: str | None = None
    state: str | None = None
    call: str | None = Field(default=None, description="The call that the agent has now.")
    for_s: float | None = Field(default=None, description="How long it has been so, in seconds.")
    answered: int | None = None
    missed: int | None = None


class TrunkFigures(BaseModel):
    """One trunk; the figures of the day are those of the report `trunks`."""

    model_config = ConfigDict(extra="allow")

    trunk: str
    legs_now: int
    legs: int | None = None
    most_at_once: int | None = None


class Statistics(BaseModel):
    """Queues, agents and trunks."""

    at: float = Field(description="UTC seconds.")
    log_position: int = Field(description="Position of the journal up to which everything is counted.")
    queues: list[QueueFigures]
    agents: list[AgentFigures]
    trunks: list[TrunkFigures]
