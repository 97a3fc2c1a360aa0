"""Queues and the agents who serve them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from softswitch.config.base import (
    AGENT_NUMBER,
    PIN,
    SKILL,
    DialledNumber,
    Line,
    Model,
    Name,
    OverflowText,
    PositiveSeconds,
    Seconds,
    Secret,
)
from softswitch.config.callback import CallbackSettings
from softswitch.config.expression import CALLER, WAITED, Expression
from softswitch.config.lookup import Lookup, PopUrl

Language = Literal["en", "zh"]
Strategy = Literal[
    "longest_idle",
    "round_robin",
    "fewest_calls",
    "least_talk_time",
    "top_down",
    "random",
    "skills",
    "ring_all",
]


def _expression(text: str) -> str:
    if text:
        Expression.parse(text)
    return text


def _skill(name: str) -> str:
    if name in (WAITED, CALLER, "and", "or", "not", "in", "is", "if", "else", "lambda"):
        raise ValueError(f"{name!r} is a word of the expressions; choose another name for the skill")
    return name


SkillName = Annotated[str, Field(min_length=1, max_length=32, pattern=SKILL), AfterValidator(_skill)]
ExpressionText = Annotated[str, AfterValidator(_expression)]
Level = Annotated[int, Field(ge=1, le=10)]
Priority = Annotated[int, Field(ge=-1000, le=1000)]
AgentNumber = Annotated[str, Field(pattern=AGENT_NUMBER)]
Tier = Annotated[int, Field(ge=1, le=9)]


class Agent(Model):
    """Someone who answers queued calls."""

    name: Name = Field(description="Name of the agent.")
    user: Name | None = Field(
        default=None,
        description="User whose phones ring, unless the agent signs in elsewhere; unset: the agent has no"
        " phone of their own and signs in by number.",
    )
    number: AgentNumber | None = Field(
        default=None,
        description="Number by which the agent signs in at any phone, with the PIN; unset: at their own"
        " phones only.",
    )
    pin: Secret | None = Field(
        default=None,
        repr=False,
        pattern=PIN,
        description="Digits asked for when signing in by phone; unset: none.",
    )
    outside_numbers: tuple[DialledNumber, ...] = Field(
        default=(),
        description="Numbers outside at which the agent may be signed in, such as a mobile phone; calls of"
        " the queues go there by the routes, and the agent takes each by key 1.",
    )
    queues: tuple[Name, ...] = Field(default=(), description="Queues whose calls this agent takes.")
    tiers: dict[Name, Tier] = Field(
        default={},
        description="Tier in a queue, by its name; unset: 1. A call reaches tier 1 first, and a further one"
        " by the queue's timeline.",
    )
    levels: dict[Name, int] = Field(
        default={}, description="Place in a queue of strategy top_down, by its name, lowest first; unset: 0."
    )
    skills: dict[SkillName, Level] = Field(default={}, description="Level from 1 to 10 by skill.")
    wrap_up_s: Seconds | None = Field(
        default=None, description="Time after each call; unset: that of the queue."
    )
    auto_answer: bool | None = Field(
        default=None, description="The phone is asked to answer by itself; unset: as the user's settings say."
    )
    ring_timeout_s: PositiveSeconds | None = Field(
        default=None,
        description="How long the phone rings before the next agent is tried; unset: that of the queue.",
    )
    max_misses: int = Field(
        default=1,
        ge=1,
        le=100,
        description="Calls in a row that may go unanswered; then the agent is set to not available.",
    )

    @model_validator(mode="after")
    def _can_sign_in(self) -> Agent:
        if self.user is None and self.number is None:
            raise ValueError("has neither user nor number, so that nobody can sign in; give one of them")
        return self

    @model_validator(mode="after")
    def _places_are_in_own_queues(self) -> Agent:
        for setting in ("tiers", "levels"):
            for queue in getattr(self, setting):
                if queue not in self.queues:
                    raise ValueError(f"{setting} names {queue}, which is not among the agent's queues")
        return self


class Statuses(Model):
    """What agents may say of themselves."""

    break_reasons: tuple[Name, ...] = Field(
        default=("break", "lunch", "training", "back_office", "meeting"),
        description="Reasons of status on_break. By phone the code and 2 is the second.",
    )
    dispositions: tuple[Name, ...] = Field(
        default=(), description="What agents may note about a call, unless its queue has a list of its own."
    )


class TimelineStep(Model):
    """What changes for a caller who has waited so long."""

    after_s: Seconds = Field(description="Time waited.")
    tier: Tier | None = Field(default=None, description="Agents up to this tier are asked from now on.")
    require: ExpressionText | None = Field(
        default=None, description="Replaces the queue's require from now on; empty: nothing is required."
    )
    priority: int | None = Field(default=None, ge=-1000, le=1000, description="Added to the call's priority.")
    announce: Name | None = Field(default=None, description="Prompt that the caller hears once.")
    callback: bool = Field(
        default=False,
        description="The caller may keep the place and be called back, as the queue's callback says.",
    )
    to: OverflowText | None = Field(default=None, description="The call leaves the queue for this target.")

    @model_validator(mode="after")
    def _says_something(self) -> TimelineStep:
        told = ("tier", "require", "priority", "announce", "to")
        if not self.callback and all(getattr(self, name) is None for name in told):
            raise ValueError("does nothing; give tier, require, priority, announce, callback or to")
        return self


class Queue(Model):
    """Where calls wait for an agent."""

    name: Name = Field(description="Name of the queue.")
    strategy: Strategy = Field(
        default="longest_idle",
        description="Which free agent is next. skills: who has most of what prefer names. ring_all: all at"
        " once, the first to answer has the call.",
    )
    require: ExpressionText = Field(
        default="",
        description="Which agents may take a call, such as english >= 7 or (waited > 40 and english >= 4);"
        " empty: all of the queue.",
    )
    prefer: tuple[SkillName, ...] = Field(
        default=(), description="Skills whose levels are added up by strategy skills; most comes first."
    )
    tier: Tier = Field(default=1, description="Agents up to this tier are asked from the beginning.")
    timeline: tuple[TimelineStep, ...] = Field(
        default=(), description="What changes while a caller waits, in order of after_s."
    )
    sticky_s: Seconds = Field(
        default=0,
        description="How long a call for a certain agent waits for that agent alone; 0: not at all.",
    )
    ring_all_limit: int = Field(
        default=20, ge=1, le=100, description="Most phones that ring at once with strategy ring_all."
    )
    music: Name = Field(default="hold", description="Music of the prompt manifest heard while waiting.")
    language: Language | None = Field(
        default=None, description="Language of announcements; unset: that of the flow."
    )
    announce_position_every_s: PositiveSeconds | None = Field(
        default=30, description="How often the caller hears the place in the queue; null: never."
    )
    announce_wait: bool = Field(
        default=False,
        description="With the place callers hear how long they will probably wait, as a range of minutes.",
    )
    whisper: Name | None = Field(
        default=None,
        description="Prompt that the agent hears after answering, before the caller is there; unset: none.",
    )
    announce_recording: Name | None = Field(
        default=None,
        description="Prompt that the caller hears before talking to an agent if the conversation is recorded,"
        " such as call_recorded; unset: none.",
    )
    ring_timeout_s: PositiveSeconds = Field(default=15, description="How long an agent's phone rings.")
    wrap_up_s: Seconds = Field(default=10, description="Time for the agent after each call.")
    dispositions: tuple[Name, ...] | None = Field(
        default=None,
        description="What agents may note about its calls; unset: statuses.dispositions.",
    )
    disposition_required: bool = Field(
        default=False,
        description="Wrap-up does not end by time before the agent has noted one, for 10 minutes at most.",
    )
    max_wait_s: PositiveSeconds | None = Field(
        default=None, description="Longest wait, after which the call goes to on_timeout; unset: no limit."
    )
    survey: Name | None = Field(
        default=None,
        description="Flow that callers go to when the agent hangs up and they stay, to judge the call.",
    )
    on_timeout: OverflowText | None = Field(
        default=None,
        description="Target after max_wait_s or at max_length; unset: the flow goes on with its next step.",
    )
    vip: dict[DialledNumber, Priority] = Field(
        default={},
        description="Priority added for callers by their number, in E.164 where numbers outside are meant.",
    )
    agent_display: Line = Field(
        default="", description="Shown on the agent's phone before who calls, such as Sales; empty: nothing."
    )
    remember_agent_days: int = Field(
        default=7,
        ge=0,
        le=365,
        description="How long callers of this queue are known by number to the agent they spoke to last, for"
        " agent: last of a flow's queue step.",
    )
    max_length: int | None = Field(
        default=None,
        ge=1,
        description="Most calls waiting; a further one overflows to on_timeout; unset: no limit.",
    )
    hours: Name | None = Field(
        default=None, description="Calendar by which the queue opens and closes; unset: it is always open."
    )
    when_empty: Literal["wait", "leave"] = Field(
        default="wait",
        description="Whether callers wait while no agent of the queue is signed in. leave: they go to"
        " on_empty, also those who wait when the last agent signs out.",
    )
    on_empty: OverflowText | None = Field(
        default=None,
        description="Target of callers of a queue without agents; unset: the flow goes on.",
    )
    on_closed: OverflowText | None = Field(
        default=None, description="Target of callers while the queue is closed; unset: the flow goes on."
    )
    at_closing: Literal["stay", "leave"] = Field(
        default="stay",
        description="Whether those who wait when the queue is closed may stay until an agent is free.",
    )
    service_level_s: PositiveSeconds = Field(
        default=20, description="Calls answered within this time count towards the service level."
    )
    record: bool = Field(default=True, description="Record the calls that agents answer from this queue.")
    caller_id: DialledNumber | None = Field(
        default=None,
        description="Number shown outside for calls of this queue, such as those that a user forwards.",
    )

    callback: CallbackSettings | None = Field(
        default=None,
        description="How callers who keep their place are called back; unset: they cannot. callback: {} takes"
        " every default.",
    )

    lookup: Lookup | None = Field(
        default=None,
        description="Asked when a call enters the queue, for call data; no offer waits for the answer. Unset:"
        " screen_pop.lookup.",
    )
    pop_url: PopUrl | None = Field(
        default=None,
        description="Address that the agent's phone and programs are told with each call, such as"
        " https://crm.example.com/pop?number={caller}; unset: screen_pop.url.",
    )

    @model_validator(mode="after")
    def _timeout_is_complete(self) -> Queue:
        if self.on_timeout is not None and self.max_wait_s is None and self.max_length is None:
            raise ValueError(
                "on_timeout has no effect without a limit; give max_wait_s or max_length, or remove it"
            )
        return self

    @model_validator(mode="after")
    def _nobody_waits_for_nobody(self) -> Queue:
        if self.on_empty is not None and self.when_empty == "wait":
            raise ValueError("on_empty has no effect with when_empty wait; set leave, or remove on_empty")
        return self

    @model_validator(mode="after")
    def _timeline_is_possible(self) -> Queue:
        for place, problem in _contradictions(self):
            raise ValueError(f"timeline[{place}] {problem}")
        if self.prefer and self.strategy != "skills":
            raise ValueError(f"prefer has no effect with strategy {self.strategy}; use strategy skills")
        return self

    @property
    def rings_at_once(self) -> int:
        """How many agents one call may be offered to at one time."""
        return self.ring_all_limit if self.strategy == "ring_all" else 1


def _contradictions(queue: Queue) -> Iterator[tuple[int, str]]:
    """Steps that cannot come, or cannot mean what they say, by their place."""
    before, tier, end = -1.0, queue.tier, queue.max_wait_s
    for place, step in enumerate(queue.timeline):
        if step.after_s <= before:
            yield place, f"comes after {before:g} s and says {step.after_s:g}; after_s must grow"
        if end is not None and step.after_s >= end:
            yield place, f"never comes: the call has left the queue after {end:g} s"
        if step.callback and queue.callback is None:
            yield place, "offers a callback, and the queue has no callback settings; give it callback: {}"
        if step.tier is not None and step.tier <= tier:
            yield place, f"asks for tier {step.tier}, which is reached already (tier {tier})"
        before, tier = step.after_s, step.tier or tier
        if step.to is not None:
            end = step.after_s if end is None else min(end, step.after_s)
