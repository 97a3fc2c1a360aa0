"""A node as it is now."""

from __future__ import annotations

from pydantic import BaseModel, Field

from softswitch.api.models.agents import AgentRow
from softswitch.api.models.peers import BackendServer, TrunkRow
from softswitch.api.models.queues import QueueRow


class MediaWorker(BaseModel):
    """A process that carries audio; what it has not told yet is null."""

    worker: int
    connected: bool
    free_ports: int
    legs: int | None
    cpu: float | None = Field(description="Share of one core, 0 to 1.")
    late_ms_p50: float | None = Field(description="How late packets are sent, in milliseconds: the median.")
    late_ms_p99: float | None
    late_ms_max: float | None
    counters: dict[str, int | float] | None = Field(description="Since it was started, by name.")


class Alarm(BaseModel):
    """Something that somebody should look at."""

    code: str
    message: str


class Overload(BaseModel):
    """Whether more calls come than can be served."""

    limited: bool = Field(description="New calls are refused now.")
    refused: int = Field(description="How many were, since the switch was started.")


class AgentNow(AgentRow):
    """What an agent does now."""

    since: float = Field(description="On the clock of the switch, in seconds; see for_s.")


class Status(BaseModel):
    """A node now. Agents are told the queues and themselves; the other lists are empty for them."""

    node: str
    draining: bool = Field(description="It is about to stop and takes no new calls.")
    calls: int
    talking: int = Field(description="Calls in which two talk.")
    recording: int = Field(description="Recordings that are being made.")
    registered: int = Field(description="Users with a registered phone.")
    media: list[MediaWorker]
    alarms: list[Alarm] = Field(description="The latest ones, the oldest first.")
    overload: Overload
    trunks: dict[str, TrunkRow]
    backends: list[BackendServer]
    queues: dict[str, QueueRow]
    agents: dict[str, AgentNow]


class Stopping(BaseModel):
    """That it ends."""

    stopping: bool
