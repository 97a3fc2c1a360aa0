"""Callbacks, and what is asked of them."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, Field, model_validator

from softswitch.api.models.base import RequestBody


class CallbackView(BaseModel):
    """A place in a queue whose customer has hung up and is called back."""

    callback: str
    queue: str
    number: str = Field(description="That is called.")
    name: str = Field(description="Of the customer; empty: not known.")
    state: Literal["waiting", "calling", "on_line", "paused", "held", "done", "failed", "cancelled"] = Field(
        description="waiting for its turn; calling: an agent is held for it; on_line: the customer waits for"
        " an agent; paused until the next attempt; held while the queue is closed."
    )
    priority: int = Field(description="Higher is served first.")
    waited_s: float = Field(description="Since the customer came to the queue, in seconds.")
    attempts: int = Field(description="Calls to the customer so far.")
    next_s: float | None = Field(description="Seconds until the next attempt; null: when its turn comes.")
    expires_s: float = Field(description="Seconds until it is given up.")
    call: str = Field(description="Id of the call under way for it, else of its place in the queue.")


class CallbackDetails(CallbackView):
    """Everything about a callback."""

    queue_place: int | None = Field(description="Place in the queue from 1; null: it has none now.")
    require: str = Field(description="Skills asked for; empty: those that the queue requires.")
    wanted_agent: str = Field(description="The only agent to whom it goes; empty: any.")
    language: str
    caller_id: str = Field(description="Number that is shown to the customer; empty: as the queue says.")
    order: str = Field(description="Who is called first: agent_first or customer_first.")
    kept_s: float = Field(description="Since the customer asked to be called back, in seconds.")


class CallbackChange(RequestBody):
    """What is changed; at least one of it."""

    number: str | None = Field(default=None, min_length=1, max_length=64, description="A number, or a user.")
    priority: int | None = Field(default=None, ge=-1000, le=1000, description="Higher is served first.")
    now: bool = Field(default=False, description="Do not wait until the next attempt is due.")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.number is None and self.priority is None and not self.now:
            raise ValueError("nothing to change; give number, priority or now")
        return self


class CancelledCallback(BaseModel):
    """Which callback is given up."""

    callback: str
    queue: str
    number: str
