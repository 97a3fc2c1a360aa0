"""Offers: one attempt to bring one call to one agent, and the decision that led to it."""
from __future__ import annotations

from dataclasses import dataclass

from softswitch.acd.agent import Agent
from softswitch.acd.outputs import AcdFact, OfferCall
from softswitch.acd.queue import CallQueue
from softswitch.acd.queued_call import QueuedCall

NEAREST = 10


@dataclass(frozen=True, slots=True)
class Offer:
    """`ring_timeout_s` counts from the offer until the phone rings, and again from then on."""

    offer: str
    call: str
    queue: str
    agent: str
    user: str
    number: str
    offered_at: float
    ring_timeout_s: float

    def command(self) -> OfferCall:
        return OfferCall(self.offer, self.call, self.queue, self.agent, self.user, self.ring_timeout_s,
                         self.number)

    def made(self) -> AcdFact:
        return AcdFact("offer_made", {
            "call": self.call, "queue": self.queue, "agent": self.agent, "offer": self.offer,
        })

    def ended(self, outcome: str, reason: str, now: float) -> AcdFact:
        """Outcome: accepted, rejected, no_answer, busy, unreachable or withdrawn."""
        return AcdFact("offer_ended", {
            "call": self.call, "queue": self.queue, "agent": self.agent, "offer": self.offer,
            "outcome": outcome, "reason": reason, "ring_s": round(now - self.offered_at, 3),
        })


def make_offer(offer: str, queued: QueuedCall, queue: CallQueue, agent: Agent, now: float) -> Offer:
    ring_timeout_s = agent.config.ring_timeout_s or queue.config.ring_timeout_s
    return Offer(offer, queued.call, queue.name, agent.name, agent.user or "", agent.number, now,
                 ring_timeout_s)


def decision(offer: Offer, queued: QueuedCall, queue: CallQueue, agents: dict[str, Agent],
             now: float) -> AcdFact:
    """The record of one routing decision, taken before the choice changes the picture: who was chosen, what
    was asked for, the ten nearest candidates with their idle time, and how many agents each rule left out."""
    line, demand = queue.line_of(queued), queued.demand
    nearest = [[name, round(now - agents[name].idle_since, 3)] for name in line.nearest(NEAREST)]
    return AcdFact("routing_decided", {
        "call": offer.call, "queue": offer.queue, "strategy": queue.config.strategy,
        "agent": offer.agent, "offer": offer.offer, "priority": queued.priority,
        "queue_place": queue.place(queued), "waited_s": round(now - queued.queued_at, 3),
        "tier": demand.tier, "require": str(demand.requirement), "wanted_agent": demand.agent,
        "candidates": line.ready_count(), "nearest": nearest, "excluded": queue.excluded(demand),
        **({"callback": queued.callback} if queued.callback else {}),
    })
