"""Agents as they are now, and what is asked of them."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, model_validator

from softswitch.api.models.base import RequestBody

Status = Literal["available", "not_available", "on_break"]
QueueName = Annotated[str, Field(min_length=1, max_length=64)]


class AgentRow(BaseModel):
    """What an agent does now."""

    user: str | None = Field(description="At whose phones the agent sits; null: at none.")
    number: str | None = Field(description="At which number outside; null: at none.")
    queues: list[str] = Field(description="Queues whose calls the agent takes.")
    signed_in: bool
    status: Status = Field(description="What the agent says of themselves.")
    state: Literal["signed_out", "idle", "reserved", "ringing", "talking", "wrap_up", "busy"] = Field(
        description="What the switch sees; busy: in a call that did not come from a queue."
    )
    reason: str = Field(description="Of the status, such as lunch; empty: none.")
    reachable: bool = Field(description="A phone of the agent is registered.")
    do_not_disturb: bool
    for_s: float = Field(description="How long in this state, in seconds.")
    call: str | None = Field(description="Id of the call of a queue that rings or is talked in.")


class AgentState(AgentRow):
    """What an agent does now, and who it is."""

    agent: str


class SigningIn(RequestBody):
    """Where the agent sits."""

    at: str | None = Field(
        default=None, min_length=1, max_length=64,
        description="A user, or one of the agent's outside_numbers; unset: the agent's own user.",
    )  # fmt: skip


class SigningOut(RequestBody):
    """Why."""

    reason: str = Field(default="command", min_length=1, max_length=64, description="For the records.")


class StatusChange(RequestBody):
    """What the agent says of themselves from now on."""

    status: Status
    reason: str = Field(
        default="", max_length=64, description="Of a break: one of statuses.break_reasons; empty: none."
    )


class WrapUpChange(RequestBody):
    """Without extend_s the wrap-up ends."""

    extend_s: float | None = Field(default=None, ge=1, le=3600, description="So many seconds more.")


class QueueMembership(RequestBody):
    """Either all queues of the agent, or those that are added and removed."""

    queues: list[QueueName] | None = Field(default=None, max_length=200, description="All of them.")
    add: list[QueueName] | None = Field(default=None, max_length=200)
    remove: list[QueueName] | None = Field(default=None, max_length=200)
    tiers: dict[QueueName, Annotated[int, Field(ge=1, le=9)]] | None = Field(
        default=None, max_length=200, description="Tier by queue; of queues that are left they go."
    )
    levels: dict[QueueName, Annotated[int, Field(ge=0, le=1000)]] | None = Field(
        default=None, max_length=200, description="Place by queue of strategy top_down, lowest first."
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        changes = self.add is not None or self.remove is not None
        if self.queues is not None and changes:
            raise ValueError("give queues, or add and remove")
        if self.queues is None and not changes and self.tiers is None and self.levels is None:
            raise ValueError("nothing to change; give queues, add, remove, tiers or levels")
        return self


class AgentQueues(BaseModel):
    """Whose calls the agent takes from now on."""

    agent: str
    queues: list[str]
