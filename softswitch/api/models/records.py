"""Records of calls, queues and agents.

Times `*_at` are UTC seconds since 1970, `*_s` and `seconds` are seconds; null: not yet, or not known.
"""

from __future__ import annotations

from pydantic import BaseModel, Field

Text = str | None
At = float | None
Seconds = float | None


class CallRecord(BaseModel):
    """The call detail record (CDR) of one call."""

    call: str = Field(description="The call's id, the same everywhere.")
    tenant: Text = Field(description="Whom the call belongs to.")
    node: Text = Field(description="The node that took the call.")
    sip_call_id: Text = Field(description="Call-ID header of the caller's INVITE.")
    direction: Text = Field(description="inbound, outbound or internal.")
    source: Text = Field(description="Who called: user:NAME or trunk:NAME.")
    from_number: Text = Field(description="Number of the caller.")
    to_number: Text = Field(description="Number that was called.")
    started_at: float = Field(description="The first INVITE came.")
    answered_at: At = Field(description="The caller's side was answered, by a flow or a person.")
    ended_at: At = Field(description="The call ended; null: it goes on.")
    flow: Text = Field(description="The flow it entered last.")
    queue: Text = Field(description="The queue it entered last, or that gave its last agent.")
    agent: Text = Field(description="The agent it was connected to last.")
    outcome: Text = Field(description="answered, completed, abandoned, rejected or failed.")
    reason: Text = Field(description="End reason.")
    ended_by: Text = Field(description="caller, agent or switch.")
    wait_s: Seconds = Field(description="Time in queues.")
    talk_s: Seconds = Field(description="Time connected to a person.")
    duration_s: Seconds = Field(description="From start to end, by a clock that is never set.")
    recordings: int | None = Field(description="Number of recordings.")
    caller_leg: Text = Field(
        description="Leg of the party for whom the call is handled: who called, or who stayed after a"
        " transfer."
    )
    withheld: int | None = Field(
        description="1: the caller withheld the number; agents are told neither from_number nor source."
    )


class LegRecord(BaseModel):
    """One party's side of a call."""

    leg: str
    direction: Text = Field(description="inbound: they called us; outbound: we called them.")
    address: Text = Field(description="Number or user that was called.")
    user: Text = Field(description="User, where it is one of ours.")
    agent: Text = Field(description="Agent, where it was called or connected as one.")
    trunk: Text = Field(description="Trunk it goes over.")
    started_at: At = Field(description="INVITE.")
    answered_at: At = Field(description="Answer.")
    bridged_at: At = Field(description="First connected to another leg.")
    ended_at: At = Field(description="End.")
    queue: Text = Field(description="Queue the connected call came from.")
    talk_s: Seconds = Field(description="Time connected, hold included.")
    seconds: Seconds = Field(description="From start to end, by a clock that is never set.")
    reason: Text = Field(description="End reason.")
    ended_by: Text = Field(description="remote or local.")
    sip_call_id: Text = Field(description="Call-ID of a leg that we called.")


class Segment(BaseModel):
    """A stretch of time in which a leg did one thing; a leg is in one segment at a time."""

    leg: str
    kind: str = Field(
        description="flow, queue, ring, talk, hold, held, transfer, park, conference, supervise or wrap_up."
    )
    agent: Text = Field(description="The agent, if a queue gave the call to one.")
    user: Text = Field(description="The user of the leg.")
    trunk: Text = Field(description="The trunk of the leg.")
    queue: Text = Field(description="The queue that is waited in, or that gave the call.")
    flow: Text
    started_at: float
    ended_at: At = Field(description="null: still so.")
    seconds: Seconds = Field(description="Length, by a clock that is never set.")


class QueueVisit(BaseModel):
    """One visit of a call to a queue."""

    visit: int = Field(description="1 for the call's first visit to any queue, 2 for the next.")
    queue: Text
    priority: int | None = Field(description="Higher goes first.")
    queued_at: At = Field(description="Entered the queue.")
    left_at: At = Field(description="Left it; null: waits now.")
    outcome: Text = Field(
        description="answered, abandoned, timeout, overflow, withdrawn, callback (the place goes on as that"
        " of another call) or callback_failed."
    )
    reason: Text = Field(description="End reason.")
    agent: Text = Field(description="The agent who accepted.")
    offers: int | None = Field(description="Offers made to agents.")
    waited_s: Seconds = Field(description="Time in the queue.")
    service_level_s: Seconds = Field(
        description="Within which an answer counted towards the service level, as it was set then."
    )
    skills: Text = Field(description="Skills that the call asked for when it left, with spaces between.")
    repeated: int | None = Field(description="1: the same number was here within the 24 hours before.")


class Offer(BaseModel):
    """One attempt to bring a call to an agent."""

    offer: Text = Field(description="The offer's id.")
    visit: int | None = Field(description="The visit to the queue.")
    queue: Text
    agent: Text
    offered_at: At = Field(description="Offer made.")
    ended_at: At = Field(description="Offer over.")
    outcome: Text = Field(description="accepted, rejected, no_answer, busy, unreachable or withdrawn.")
    reason: Text = Field(description="End reason.")
    ring_s: Seconds = Field(description="From offer to its end.")


class FlowStep(BaseModel):
    """One step of a flow that a call went through."""

    flow: Text
    step: Text
    at: At = Field(description="When it began.")


class RecordingRecord(BaseModel):
    """One recording. Packets tell how complete a side is: expected by the sender's numbering, received,
    concealed (lost and filled), late (came after their place was written)."""

    recording: str = Field(description="The recording's id.")
    call: Text = Field(description="The call.")
    agent: Text = Field(description="The agent who is heard.")
    queue: Text = Field(description="The queue the call came from.")
    path: Text = Field(description="The audio file on the machine that recorded it.")
    left_leg: Text = Field(description="Leg on the left channel.")
    right_leg: Text = Field(description="Leg on the right channel.")
    started_at: At = Field(description="Start.")
    finished_at: At = Field(description="The file was complete; null: it is being recorded.")
    seconds: Seconds = Field(description="Length of the audio.")
    left_expected: int | None
    left_received: int | None
    left_concealed: int | None
    left_late: int | None
    right_expected: int | None
    right_received: int | None
    right_concealed: int | None
    right_late: int | None
    error: Text = Field(description="What went wrong; null: nothing.")


class SupervisionRecord(BaseModel):
    """A supervisor who joined the call."""

    supervisor: Text
    agent: Text = Field(description="The agent supervised.")
    mode: Text = Field(description="listen, whisper, barge or take_over.")
    started_at: At
    ended_at: At


class Survey(BaseModel):
    """One answer of a caller."""

    queue: Text = Field(description="The queue, or empty.")
    agent: Text = Field(description="The agent, or empty.")
    question: Text
    score: float | None = Field(description="1 to 5.")
    at: At


class Disposition(BaseModel):
    """What an agent noted about the call: the last note of each agent."""

    queue: Text = Field(description="The queue, or empty.")
    agent: Text = Field(description="The agent, or empty.")
    disposition: Text = Field(description="A code of the centre.")
    note: Text = Field(description="What the agent wrote beside it.")
    at: At


class CallHistory(CallRecord):
    """A call with everything that is known of it."""

    legs: list[LegRecord]
    segments: list[Segment] = Field(description="What each party did and when.")
    queue_visits: list[QueueVisit]
    offers: list[Offer]
    flow_steps: list[FlowStep]
    recorded: list[RecordingRecord] = Field(description="Its recordings.")
    supervisions: list[SupervisionRecord]
    surveys: list[Survey]
    dispositions: list[Disposition]


class AgentInterval(BaseModel):
    """A stretch of time in which nothing of this changed."""

    log_position: int = Field(description="Position in the journal of the fact that began it.")
    agent: Text
    signed_in: int | None = Field(description="1 or 0.")
    status: Text = Field(description="Declared: available, not_available or on_break.")
    status_reason: Text = Field(description="Reason of the status.")
    state: Text = Field(description="Seen: idle, reserved, ringing, talking, wrap_up, busy or signed_out.")
    call: Text = Field(description="The call they are busy with.")
    from_at: float
    until_at: At = Field(description="null: still so.")
    seconds: Seconds = Field(description="Length, by a clock that is never set.")
