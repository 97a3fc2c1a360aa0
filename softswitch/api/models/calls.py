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
    users: list[str] = Field(description="Users who are in it, or whose phones ring for it.")
    agents: list[str] = Field(description="Agents who are in it, or whose phones ring for it.")
    for_s: float = Field(description="Since it came, in seconds.")


class LegView(BaseModel):
    """One party of a call."""

    leg: str = Field(description="Its id.")
    side: Literal["caller", "other"]
    kind: str = Field(description="What it is: user, trunk, agent …")
    name: str = Field(description="Of the user or the trunk.")
    number: str
    user: str | None = Field(description="null: it is none.")
    agent: str | None = Field(description="Who sits there; null: nobody.")
    state: str = Field(description="Such as ringing or answered.")
    for_s: float | None = Field(description="In this state, in seconds; null: not known.")
    holds: bool = Field(description="This party has put the other one on hold.")
    held: bool = Field(description="This party hears music, as the other one holds.")
    codec: str | None = Field(description="null: no audio yet.")


class ConversationView(BaseModel):
    """Who talks."""

    legs: list[str] = Field(description="Ids.")
    queue: str | None
    agent: str | None
    supervisors: list[str] = Field(description="Users who supervise it.")
    for_s: float = Field(description="In seconds.")


class WaitingView(BaseModel):
    """How the caller waits."""

    queue: str
    place: int | None = Field(description="From 1, who comes next; null: it has none.")
    priority: int | None
    offered_to: list[str] = Field(description="Agents whose phones ring.")
    for_s: float = Field(description="In this queue, in seconds.")


class FlowPlace(BaseModel):
    """Where in a flow the caller is."""

    name: str
    step: str = Field(description="Its path in the flow.")


class TransferView(BaseModel):
    """A transfer under way."""

    by: str
    to: str


class RecordingState(BaseModel):
    """A recording that is being made."""

    recording: str = Field(description="Its id.")
    state: Literal["recording", "paused"]


class CallDetails(CallView):
    """A call whole; null: there is none of it."""

    from_name: str = Field(description="The caller's, as told; empty: not known.")
    answered: bool
    wait_s: float = Field(description="Waited in queues so far, in seconds.")
    legs: list[LegView]
    conversation: ConversationView | None
    waiting: WaitingView | None
    flow: FlowPlace | None
    conference: str | None = Field(description="Name of the room, or id of the call of three.")
    transfer: TransferView | None
    recording: RecordingState | None
    data: dict[str, str] = Field(description="Texts that the call has with it, by name.")


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


class Party(RequestBody):
    """Whose part of the call is meant. Agents mean themselves; where only one user talks nobody need be
    named."""

    user: str | None = Field(default=None, min_length=1, max_length=64)
    leg: str | None = Field(default=None, min_length=1, max_length=64, description="Id of a leg.")


class HeldParty(BaseModel):
    """Whether a party holds."""

    call: str
    leg: str = Field(description="Id of the party's leg.")
    holds: bool


class Transferring(Party):
    """Where the other party goes."""

    to: str = Field(
        min_length=1, max_length=80,
        description="A number as this party would dial it, or queue:NAME, flow:NAME, user:NAME, agent:NAME,"
        " conference:NAME, voicemail:NAME.",
    )  # fmt: skip


class TransferredCall(BaseModel):
    """Where the other party goes."""

    call: str
    leg: str = Field(description="Id of the leg of the party that has sent it there.")
    to: str


class Consulting(Party):
    """With whom the party wants to talk first."""

    number: str = Field(min_length=1, max_length=64, description="As this party would dial it.")


class Consultation(BaseModel):
    """The second call."""

    call: str
    second: str = Field(description="Id of the second call, for complete_transfer, join or conference.")
    number: str


class Joining(RequestBody):
    """Another call of the same user."""

    with_: str = Field(alias="with", min_length=1, max_length=64, description="Id of the other call.")
    user: str | None = Field(default=None, min_length=1, max_length=64, description="Who is in both.")


class JoinedCall(BaseModel):
    """Of two calls one."""

    call: str = Field(description="Id of the one that goes on.")
    over: str = Field(description="Id of the one that is over.")


class Answering(RequestBody):
    """Whose phones are asked to answer."""

    user: str | None = Field(
        default=None, min_length=1, max_length=64, description="Needed where phones of several users ring."
    )


class AskedPhones(BaseModel):
    """Which phones were asked to answer."""

    call: str
    user: str
    phones: int = Field(description="How many.")


class Playing(RequestBody):
    """What is heard: a prompt or a text."""

    prompt: str | None = Field(default=None, min_length=1, max_length=128, description="Name of a prompt.")
    text: str | None = Field(default=None, min_length=1, max_length=1000, description="Is spoken.")
    to: str = Field(
        default="both", min_length=1, max_length=64, description="agent, caller, both, or the id of a leg."
    )
    language: str | None = Field(
        default=None, min_length=2, max_length=16, description="Unset: that of the queue, else en."
    )


class Playback(BaseModel):
    """What is being played."""

    call: str
    playback: str = Field(description="Its id, which facts name.")
    legs: list[str] = Field(description="Ids of the legs that hear it.")


class StoppedPlayback(BaseModel):
    """What is not played any more."""

    call: str
    playback: str | None = Field(description="null: nothing was played.")


class Digits(RequestBody):
    """Keys."""

    digits: str = Field(min_length=1, max_length=32, pattern=r"^[0-9*#A-D]+$")
    to: str = Field(
        default="caller", min_length=1, max_length=64, description="agent, caller, both, or the id of a leg."
    )


class SentDigits(BaseModel):
    """Where keys were sent."""

    call: str
    legs: list[str] = Field(description="Ids.")


class DispositionNote(RequestBody):
    """What came of a call."""

    disposition: str = Field(
        min_length=1, max_length=64, description="One of the call's queue, or of statuses.dispositions."
    )
    agent: str | None = Field(
        default=None, min_length=1, max_length=64, description="Whose note it is; agents: their own."
    )
    note: str | None = Field(default=None, max_length=1000, description="A text beside it.")
    late: bool = Field(
        default=False, description="Also after the wrap-up, for a call of the records; not for agents."
    )


class NotedDisposition(BaseModel):
    """What was noted."""

    call: str
    disposition: str
    agent: str
    queue: str | None = Field(description="Whose call it was; null: of none.")
