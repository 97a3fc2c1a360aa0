"""What the ACD engine is told. Calls, queues, agents and offers are named by their ids."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from softswitch import config

AgentStatus = Literal["available", "not_available", "on_break"]
FailedOutcome = Literal["rejected", "no_answer", "busy", "unreachable"]


@dataclass(frozen=True, slots=True)
class QueueConfigured:
    """A queue was added or changed; calls that wait in it stay."""

    queue: config.Queue


@dataclass(frozen=True, slots=True)
class QueueRemoved:
    """A queue was removed; calls that wait in it are sent away with `queue_removed`."""

    name: str


@dataclass(frozen=True, slots=True)
class QueueClosed:
    """Nobody is let into the queue from now on; who waits stays or leaves as its `at_closing` says. `by` is
    who closed it. `cause` is command or hours: the queue is open when neither closes it any longer."""

    queue: str
    reason: str = ""
    by: str = ""
    cause: str = "command"


@dataclass(frozen=True, slots=True)
class QueueOpened:
    queue: str
    by: str = ""
    cause: str = "command"


@dataclass(frozen=True, slots=True)
class AgentConfigured:
    """An agent was added or changed; signed in or not stays as it was."""

    agent: config.Agent


@dataclass(frozen=True, slots=True)
class AgentRemoved:
    name: str


@dataclass(frozen=True, slots=True)
class AgentSignedIn:
    """The agent signed in and is available. `by` says who did it: phone, or a person at the command line;
    `seat` is where (`user:NAME`, `number:NUMBER`), '' for the phones of the agent's own user."""

    agent: str
    by: str = ""
    seat: str = ""


@dataclass(frozen=True, slots=True)
class AgentSignedOut:
    """The agent signed out: an offer is withdrawn, a conversation goes on to its end."""

    agent: str
    reason: str = "signed_out"
    by: str = ""


@dataclass(frozen=True, slots=True)
class AgentStatusSet:
    """The agent (or a supervisor for them) declared a status; ignored for who is not signed in."""

    agent: str
    status: AgentStatus
    reason: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class PhoneReachable:
    """The agent's user registered or refreshed a contact."""

    agent: str


@dataclass(frozen=True, slots=True)
class PhoneUnreachable:
    """The last contact of the agent's user is gone."""

    agent: str


@dataclass(frozen=True, slots=True)
class PhoneQuieted:
    """Do-not-disturb at the agent's phones is on (`quiet`), or off."""

    agent: str
    quiet: bool


@dataclass(frozen=True, slots=True)
class AgentBusy:
    """The agent is on a call that did not come from a queue (outbound, internal, supervision)."""

    agent: str
    call: str


@dataclass(frozen=True, slots=True)
class AgentFree:
    """The call of an `AgentBusy` is over."""

    agent: str
    call: str


@dataclass(frozen=True, slots=True)
class CallQueued:
    """A caller entered a queue. Higher `priority` is served first, then the earlier `queued_at` (monotonic
    seconds; None means now).

    `require` replaces what the queue requires, `agent` is whom the caller is to reach (the one they spoke to
    last, or the owner of the account) while the queue's `sticky_s` lasts, and `caller` is what was noted
    about them, for expressions. `credit_s`, the time waited before a transfer, counts for the order of
    service only."""

    call: str
    queue: str
    priority: int = 0
    queued_at: float | None = None
    require: str | None = None
    agent: str = ""
    caller: Mapping[str, Any] = field(default_factory=dict)
    credit_s: float = 0.0


@dataclass(frozen=True, slots=True)
class CallPrioritised:
    """A supervisor gave a waiting call another priority."""

    call: str
    priority: int


@dataclass(frozen=True, slots=True)
class CallLeft:
    """A queued caller is gone; `reason` is an end reason such as `abandoned_in_queue`."""

    call: str
    reason: str = "abandoned_in_queue"


@dataclass(frozen=True, slots=True)
class AgentRinging:
    """The agent's phone rings; the ring timeout counts from here."""

    offer: str


@dataclass(frozen=True, slots=True)
class AgentPickedUp:
    """The agent has answered and is told something before the caller is there: so long the offer still
    stands."""

    offer: str
    seconds: float


@dataclass(frozen=True, slots=True)
class AgentAnswered:
    offer: str


@dataclass(frozen=True, slots=True)
class OfferFailed:
    """The agent's phone refused or could not be reached; `reason` is an end reason, '' for the usual one."""

    offer: str
    outcome: FailedOutcome
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AgentCallEnded:
    """The conversation of an agent with a caller from a queue is over; wrap-up begins."""

    agent: str
    call: str


@dataclass(frozen=True, slots=True)
class AgentCallMoved:
    """An attended transfer: the agent's conversation goes on as part of another call."""

    agent: str
    call: str
    to_call: str


@dataclass(frozen=True, slots=True)
class WrapUpEnded:
    """The agent, or `by` for them, ended wrap-up before its time."""

    agent: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class WrapUpExtended:
    """The agent needs longer: wrap-up ends so many seconds later."""

    agent: str
    seconds: float
    by: str = ""


@dataclass(frozen=True, slots=True)
class DispositionGiven:
    """The agent has noted what came of this call."""

    agent: str
    call: str


@dataclass(frozen=True, slots=True)
class CallbackKept:
    """A caller keeps the place in the queue as callback.

    `call` waits in the queue; one that does not gets a place at the end, or by `queued_at` where it had
    waited before. `number` is whom to call, `inside` a user of ours; `shown` is the number that the caller
    called; `confirmed` whether the caller has heard the number and said yes; `data` that of the call."""

    callback: str
    call: str
    queue: str
    number: str
    inside: bool = False
    display: str = ""
    shown: str = ""
    language: str = "en"
    confirmed: bool = True
    priority: int = 0
    queued_at: float | None = None
    require: str | None = None
    caller: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CallbackAnswered:
    """The customer, who was called first, has answered and waits for the agent; `call` is the attempt."""

    call: str


@dataclass(frozen=True, slots=True)
class CallbackMissed:
    """The customer was not reached; `reason` is an end reason."""

    call: str
    reason: str


@dataclass(frozen=True, slots=True)
class CallbackReturned:
    """The attempt ended through no doing of the customer's, as of an agent who was lost. The place waits
    again, after `after_s` where it would meet the same. `left_by` is the offer whose agent has hung up."""

    call: str
    reason: str
    after_s: float = 0.0
    left_by: str = ""


@dataclass(frozen=True, slots=True)
class CallbackCancelled:
    callback: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class CallbackEdited:
    """Another number ('': the same), another priority, or the next attempt at once."""

    callback: str
    number: str = ""
    inside: bool = False
    priority: int | None = None
    now: bool = False
    by: str = ""


@dataclass(frozen=True, slots=True)
class AgentAwaits:
    """The agent has picked up and waits for the customer, who rings for so many seconds at most."""

    offer: str
    seconds: float


Event = (
    QueueConfigured | QueueRemoved | QueueClosed | QueueOpened
    | AgentConfigured | AgentRemoved | AgentSignedIn | AgentSignedOut
    | AgentStatusSet | PhoneReachable | PhoneUnreachable | PhoneQuieted | AgentBusy | AgentFree | CallQueued
    | CallPrioritised | CallLeft | AgentRinging | AgentPickedUp | AgentAnswered | OfferFailed | AgentCallEnded
    | AgentCallMoved | WrapUpEnded | WrapUpExtended | DispositionGiven
    | CallbackKept | CallbackAnswered | CallbackMissed | CallbackReturned | CallbackCancelled
    | CallbackEdited | AgentAwaits
)
