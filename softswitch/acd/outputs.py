"""What the ACD engine wants done."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class OfferCall:
    """Ring the phones of `user`, or the agent's `number` outside. The engine watches the time itself and
    takes the offer back by `WithdrawOffer`; `ring_timeout_s` is for display and as a last resort of the
    phone's side."""

    offer: str
    call: str
    queue: str
    agent: str
    user: str
    ring_timeout_s: float
    number: str = ""


@dataclass(frozen=True, slots=True)
class AgentSeated:
    """The agent sits elsewhere: say by events whether a phone is there, and which calls it is on."""

    agent: str


@dataclass(frozen=True, slots=True)
class WithdrawOffer:
    """Stop ringing; whatever the phone still says about this offer is ignored. `reason` is an end reason."""

    offer: str
    agent: str
    reason: str


@dataclass(frozen=True, slots=True)
class AnnouncePosition:
    """Tell the caller that they are number `position` (from 1) of the queue; `wait` is how long they will
    probably wait, from and to, in seconds."""

    call: str
    position: int
    queue: str
    wait: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class AnnouncePrompt:
    """Let the caller hear this prompt once."""

    call: str
    prompt: str
    queue: str


@dataclass(frozen=True, slots=True)
class OfferCallback:
    """Let the caller hear that they may keep their place and be called back."""

    call: str
    queue: str


@dataclass(frozen=True, slots=True)
class QueueTimedOut:
    """The call is no longer in the queue: send it to `target` ('flow:x', 'queue:x', 'user:x'; None: hang up).
    `reason` is `queue_timeout`, `queue_overflow`, `queue_full`, `queue_closed`, `no_agents` or
    `queue_removed`."""

    call: str
    queue: str
    target: str | None
    reason: str = "queue_timeout"


@dataclass(frozen=True, slots=True)
class AcdFact:
    """Something to be written to the journal. Types: call_queued, queue_left, routing_decided, offer_made,
    offer_ended, agent_signed_in, agent_signed_out, agent_status_changed, agent_state_changed,
    agent_phone_changed, wrap_up_started, wrap_up_ended, wrap_up_extended, call_prioritised, timeline_step,
    queue_configured, queue_removed, queue_closed, queue_opened, agent_configured, agent_removed,
    callback_kept, callback_changed, callback_edited, wait_estimated, wait_estimate_judged."""

    type: str
    data: dict[str, Any]


Output = (
    OfferCall | AgentSeated | WithdrawOffer | AnnouncePosition | AnnouncePrompt | OfferCallback
    | QueueTimedOut | AcdFact
)
