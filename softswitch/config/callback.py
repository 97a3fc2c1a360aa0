"""How callers of a queue are called back."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from softswitch.config.base import KEY, Model, Name, PositiveSeconds

CallbackOrder = Literal["agent_first", "customer_first"]
Key = Annotated[str, Field(pattern=KEY)]


class CallbackSettings(Model):
    """A caller keeps the place in the queue without staying on the line."""

    order: CallbackOrder = Field(
        default="agent_first",
        description="Who is called first when the turn has come: the agent, who then hears it ring at the"
        " customer's, or the customer, while an agent is held free.",
    )
    key: Key = Field(
        default="1", description="Key by which a waiting caller takes the offer; prompt has to name it."
    )
    prompt: Name = Field(default="callback_offer", description="Prompt that makes the offer.")
    another_number: bool = Field(
        default=True, description="Callers may enter another number than the one they call from."
    )
    calling: tuple[Name, ...] = Field(
        default=("local", "national", "mobile"),
        description="Kinds of number, and calling_classes, that may be called back; users always.",
    )
    ring_s: PositiveSeconds = Field(default=30, description="How long the customer's phone rings.")
    attempts: int = Field(
        default=3, ge=1, le=20, description="How often a customer is called who is not reached."
    )
    retry_s: PositiveSeconds = Field(default=300, description="Time between two attempts.")
    expires_s: PositiveSeconds = Field(
        default=28800, description="Time after which a callback that has not come about is given up."
    )
    max_open: int = Field(
        default=100, ge=1, le=10_000, description="Most callbacks of the queue that wait at a time."
    )
