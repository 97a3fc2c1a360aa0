"""The load of a simulated day: who calls, how patient they are, and how long agents talk to them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from softswitch.config.base import Model, Name, PositiveSeconds
from softswitch.config.expression import Expression

Rate = Annotated[float, Field(ge=0, le=1_000_000)]
Share = Annotated[float, Field(ge=0, le=1)]


class QueueLoad(Model):
    """Callers of one queue. They come at random (Poisson); all means are of exponential distributions."""

    calls_per_h: tuple[Rate, ...] = Field(
        min_length=1,
        description="Calls an hour; several values are for equal parts of the day, one after the other.",
    )
    handle_s: PositiveSeconds = Field(default=180, description="Mean length of a conversation.")
    handle_by_skill: dict[str, PositiveSeconds] = Field(
        default={}, description="Mean length for agents with a skill; of several the shortest."
    )
    patience_s: PositiveSeconds | None = Field(
        default=None, description="Mean time after which a caller hangs up; unset: never."
    )
    callback: Share = Field(
        default=0, description="Share of those offered a callback by the queue's timeline who take it."
    )
    callback_missed: Share = Field(
        default=0, description="Share of the attempts to call back that do not reach the customer."
    )
    priority: int = Field(default=0, ge=-1000, le=1000, description="Priority of the callers.")
    require: str | None = Field(default=None, description="What these callers need, in place of the queue's.")

    @model_validator(mode="before")
    @classmethod
    def _one_rate(cls, given: object) -> object:
        if isinstance(given, dict) and isinstance(given.get("calls_per_h"), int | float):
            return {**given, "calls_per_h": [given["calls_per_h"]]}
        return given

    @model_validator(mode="after")
    def _readable(self) -> QueueLoad:
        if self.require:
            Expression.parse(self.require)
        return self


class Load(Model):
    """A day for the queues and agents of a centre.yaml."""

    hours: float = Field(default=8, gt=0, le=24 * 31, description="How long calls come in.")
    queues: dict[Name, QueueLoad] = Field(description="Load by queue.")
    answer_s: float = Field(default=0, ge=0, le=300, description="Mean time until an agent picks up.")
    missed: Share = Field(default=0, description="Share of offers that an agent lets ring out.")
    warm_up_h: float = Field(default=0, ge=0, description="First hours that do not count.")

    @model_validator(mode="after")
    def _something_counts(self) -> Load:
        if self.warm_up_h >= self.hours:
            raise ValueError("warm_up_h is as long as hours; nothing would be counted")
        return self
