"""The journal, what is read from it, and the SIP messages of calls."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from softswitch.api.models.records import Text


class Fact(BaseModel):
    """One fact of the journal (docs/database.md)."""

    log_position: int = Field(description="Position in the journal after it.")
    id: tuple[str, int] = Field(description="Whom it is about, and which of its facts it is.")
    type: str
    v: int = Field(description="Version of the form of facts.")
    tenant: str
    node: str
    at: float = Field(description="When, UTC seconds.")
    mono: float = Field(description="The same on a clock that is never set, seconds.")
    boot: str = Field(description="The boot of that clock.")
    data: dict[str, Any] = Field(description="What it says; by type.")


class FactPage(BaseModel):
    """Facts in their order."""

    items: list[Fact]
    next: int = Field(
        description="Position from which to go on; that of the last fact, or of what was looked through."
    )
    more: bool = Field(description="There is more to be had at once.")


class CallFacts(BaseModel):
    """The facts that are about one call."""

    call: str
    items: list[Fact]


class Considered(BaseModel):
    """An agent who was considered for a call."""

    agent: str
    place: int | None = Field(description="From 1 among those who could take the call.")
    rule: str = Field(description="Why not this one; empty: this one could.")
    tier: int
    score: int
    idle_s: float = Field(description="How long idle, seconds.")


class Decision(BaseModel):
    """One choice of an agent."""

    at: float = Field(description="When, UTC seconds.")
    log_position: int = Field(description="Position of the fact in the journal.")
    decided: dict[str, Any] = Field(description="The fact: queue, agent, strategy, and what was asked for.")
    considered: list[Considered] | None = Field(
        description="All agents of the queue, made again from the journal; null: it does not reach back so"
        " far."
    )
    differences: list[str] | None = Field(
        description="In which fields the record of the time says something else."
    )


class CallDecisions(BaseModel):
    """Every choice of an agent for one call."""

    call: str
    items: list[Decision]


class TracedMessage(BaseModel):
    """One SIP message. Passwords and keys are masked."""

    at: float = Field(description="When, UTC seconds.")
    direction: str = Field(description="sent or received.")
    transport: str
    local: tuple[str, int] = Field(description="Our address and port.")
    remote: tuple[str, int] = Field(description="Theirs.")
    sip_call_id: str
    leg: str = Field(
        description="Whose it is: caller, or the name of the agent, user, trunk or leg; or empty."
    )
    message: str = Field(description="The message; what is no UTF-8 is replaced.")


class CallTrace(BaseModel):
    """The SIP messages of a call that are there still."""

    call: Text = Field(description="The call; null: they belong to none.")
    messages: list[TracedMessage]
    ladder: list[str] = Field(description="The same as a drawing of lines.")


class AuditEntry(BaseModel):
    """Something that somebody did."""

    log_position: int = Field(description="Position of the fact in the journal.")
    at: float = Field(description="When, UTC seconds.")
    type: str = Field(description="Type of the fact, such as recording_played.")
    who: Text = Field(
        description="api:NAME for keys and user:NAME for users at the API, a user of the machine, or of the"
        " house; null: not told."
    )
    call: Text
    subject: Text = Field(description="What it was done to: a recording, agent, queue, object, address …")
    data: dict[str, Any] = Field(description="The whole fact.")
