"""Calls that are going on, and what is asked of them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from softswitch.api.models.base import RequestBody

TextName = Annotated[str, Field(min_length=1, max_length=64)]
Text = Annotated[str, Field(max_length=4096)]


class CallView(BaseModel):
    """A call that is going on."""

    call: str = Field(description="Its id.")
    from_: str = Field(alias="from", description="The caller's number; empty: not known.")
    to: str = Field(description="The number that was dialled.")
    state: str = Field(
        description="talking, waiting, ending, or what the caller is in: flow, dial, conference, parked …"
    )
    queue: str | None = Field(description="From which it came to an agent, or in which it waits.")
    agent: str | None = Field(description="Who has it, or had it last.")
    for_s: float = Field(description="Since it came, in seconds.")


class CallReference(BaseModel):
    """Which call was meant."""

    call: str


class Origination(RequestBody):
    """Click to call."""

    user: str = Field(
        min_length=1, max_length=64, description="Whose phones ring first; agents: their own user only."
    )
    number: str = Field(
        min_length=1,
        max_length=64,
        description="With whom the user is connected then, as dialled by the user.",
    )


class OriginatedCall(BaseModel):
    """The call in which the phones of the user ring now."""

    call: str
    user: str
    number: str


class Priority(RequestBody):
    """The place of a waiting call."""

    priority: int = Field(ge=-1000, le=1000, description="Higher is served first.")


class PrioritisedCall(BaseModel):
    """The place of a waiting call."""

    call: str
    priority: int


class Excursion(RequestBody):
    """Where the caller goes meanwhile."""

    flow: str = Field(min_length=1, max_length=64, description="Name of the flow.")


class CallInFlow(BaseModel):
    """Where the caller is meanwhile."""

    call: str
    flow: str


class ConferenceCall(BaseModel):
    """A conversation of three."""

    call: str
    conference: str


class Supervising(RequestBody):
    """Who hears the supervisor."""

    mode: Literal["listen", "whisper", "barge", "take_over", "call", "agent"] = Field(
        description="take_over: the supervisor has the call in place of who is supervised; agent: stay with"
        " who is supervised from call to call; call: until this call ends."
    )
    as_user: str | None = Field(
        default=None, min_length=1, max_length=64,
        description="Begin: the phones of this user ring, who supervises the conversation of the call. Unset:"
        " the call is the supervisor's own.",
    )  # fmt: skip


class SupervisedCall(BaseModel):
    """The supervisor's own call."""

    call: str
    mode: str


class CallDataChange(RequestBody):
    """Texts that a call has with it; without both they are only told."""

    set: dict[TextName, Text] | None = Field(default=None, max_length=64)
    remove: list[TextName] | None = Field(default=None, max_length=64, description="Names.")


class CallDataView(BaseModel):
    """All texts that a call has with it, by name."""

    call: str
    data: dict[str, str]


class RecordingChange(BaseModel):
    """The recording that was steered."""

    call: str
    recording: str = Field(description="Its id.")
