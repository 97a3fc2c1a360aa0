"""A call that waits in a queue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from softswitch.acd.demand import Demand
from softswitch.acd.line import QueueRank


class QueuedCall:
    """`arrival` keeps those apart that were queued at the same time; `offers` are the ids of the offers under
    way; `held_back` while it is offered to nobody else; `expired` when the longest wait passed in an offer.

    `require` replaces what the queue requires, `agent` is whom the caller wants, `caller` what was noted
    about them, `steps` how many steps of the queue's timeline have been taken. `callback` is the id of the
    callback whose place this is, '' for a caller on the line, `credit_s` how long they waited before.
    """

    __slots__ = (
        "agent",
        "arrival",
        "call",
        "callback",
        "caller",
        "credit_s",
        "demand",
        "expired",
        "held_back",
        "offers",
        "priority",
        "queue",
        "queued_at",
        "require",
        "steps",
    )

    def __init__(
        self,
        call: str,
        queue: str,
        priority: int,
        queued_at: float,
        arrival: int,
        *,
        require: str | None = None,
        agent: str = "",
        caller: Mapping[str, Any] | None = None,
        credit_s: float = 0.0,
    ) -> None:
        self.call = call
        self.queue = queue
        self.priority = priority
        self.queued_at = queued_at
        self.arrival = arrival
        self.require = require
        self.agent = agent
        self.caller = dict(caller or {})
        self.credit_s = credit_s
        self.steps = 0
        self.callback = ""
        self.demand = Demand()
        self.offers: dict[str, None] = {}
        self.held_back = False
        self.expired = False

    @property
    def rank(self) -> QueueRank:
        """Order of service: priority, then time of queueing less what counts besides, then arrival."""
        return -self.priority, self.queued_at - self.credit_s, self.arrival, self.call

    def again(self, call: str, callback: str) -> QueuedCall:
        """The same place as that of another call, which stands for a callback."""
        place = QueuedCall(
            call,
            self.queue,
            self.priority,
            self.queued_at,
            self.arrival,
            require=self.require,
            agent=self.agent,
            caller=self.caller,
            credit_s=self.credit_s,
        )
        place.steps, place.callback = self.steps, callback
        return place

    @classmethod
    def from_state(cls, call: str, state: dict[str, Any], now: float) -> QueuedCall:
        """The call as `to_state` described it, in no offer."""
        queued = cls(
            call,
            state["queue"],
            state["priority"],
            min(state["queued_at"], now),
            state["arrival"],
            require=state["require"],
            agent=state["agent"],
            caller=state["caller"],
            credit_s=state.get("credit_s", 0.0),
        )
        queued.expired, queued.steps = state["expired"], state["steps"]
        queued.callback = state.get("callback", "")
        return queued

    def to_state(self) -> dict[str, Any]:
        return {
            "queue": self.queue,
            "priority": self.priority,
            "queued_at": self.queued_at,
            "arrival": self.arrival,
            "expired": self.expired,
            "require": self.require,
            "agent": self.agent,
            "caller": self.caller,
            "steps": self.steps,
            **({"credit_s": self.credit_s} if self.credit_s else {}),
            **({"callback": self.callback} if self.callback else {}),
        }
