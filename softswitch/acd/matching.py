"""Bringing waiting calls and free agents together, and what becomes of each offer."""
from __future__ import annotations

from collections.abc import Callable

from softswitch.acd.agent import Agent, AgentInput, AgentState
from softswitch.acd.deadlines import Deadlines
from softswitch.acd.offers import Offer, decision, make_offer
from softswitch.acd.outputs import Output, WithdrawOffer
from softswitch.acd.queue import CallQueue, QueueRank
from softswitch.acd.roster import Roster
from softswitch.acd.waiting import WaitingRoom

# A busy phone or a rejected call says "not now", not "I have left", and a dead phone may come back without a
# word: these agents are available again without a keypress. Who does not answer has left.
PAUSE_S = {"busy": 10.0, "rejected": 10.0, "unreachable": 60.0}


class Matching:
    """Offers by id. An agent is in at most one, a call too."""

    def __init__(self, entropy: Callable[[int], bytes], roster: Roster, room: WaitingRoom,
                 deadlines: Deadlines) -> None:
        self.offers: dict[str, Offer] = {}
        self._entropy = entropy
        self._roster = roster
        self._room = room
        self._deadlines = deadlines

    def match_queue(self, queue: CallQueue, now: float, out: list[Output]) -> None:
        """Offer the calls of one queue as long as there are ready agents."""
        while (first := queue.first()) is not None and (ready := queue.nearest(1)):
            self._offer(queue, first, self._roster.agents[ready[0]], now, out)

    def match_agent(self, agent: Agent, now: float, out: list[Output]) -> None:
        """A free agent takes, of the first calls of their queues, the one that is served first."""
        if agent.excluding_rule():
            return
        best: tuple[QueueRank, CallQueue] | None = None
        for queue in self._roster.queues_of(agent):
            first = queue.first()
            if first is not None and (best is None or first < best[0]):
                best = first, queue
        if best is not None:
            self._offer(best[1], best[0], agent, now, out)

    def ringing(self, offer_id: str, now: float, out: list[Output]) -> None:
        """The phone rings: from here it has the whole ring timeout."""
        offer = self.offers.get(offer_id)
        if offer is None:
            return
        agent = self._roster.agents[offer.agent]
        if agent.state is AgentState.RESERVED:
            self._roster.feed(agent, AgentInput.RING, now, out, offer_id)
            self._deadlines.set(("offer", offer_id), now + offer.ring_timeout_s)

    def answered(self, offer_id: str, now: float, out: list[Output]) -> None:
        """The agent took the call, which leaves its queue."""
        offer = self.offers.get(offer_id)
        if offer is None:
            return
        self._close(offer, "accepted", "", now, out)
        self._room.leave(self._room.calls[offer.call], "answered", "", now, out)
        agent = self._roster.agents[offer.agent]
        agent.queue = offer.queue
        self._roster.feed(agent, AgentInput.ANSWER, now, out, offer.call)

    def ring_timeout(self, offer_id: str, now: float, out: list[Output]) -> None:
        """The phone rang for too long, or did not even say that it rings."""
        offer = self.offers[offer_id]
        rang = self._roster.agents[offer.agent].state is AgentState.RINGING
        outcome = "no_answer" if rang else "unreachable"
        out.append(WithdrawOffer(offer_id, offer.agent, f"agent_{outcome}"))
        self.failed(offer_id, outcome, "", now, out)

    def failed(self, offer_id: str, outcome: str, reason: str, now: float, out: list[Output]) -> None:
        """The agent did not take the call: they are set to not available, the next one is tried."""
        offer = self.offers.get(offer_id)
        if offer is None:
            return
        usual = f"agent_{outcome}"
        self._close(offer, outcome, reason or usual, now, out)
        agent = self._roster.agents[offer.agent]
        if agent.status == "available":
            # An unreachable phone is waited for by that name, whatever was wrong with it.
            why = usual if outcome == "unreachable" else reason or usual
            pause_until = now + PAUSE_S[outcome] if outcome in PAUSE_S else None
            self._roster.declare(agent, "not_available", why, now, out, pause_until)
        self._roster.feed(agent, AgentInput.FAIL, now, out, offer_id, reason or usual)
        self.put_back(offer, now, out)

    def withdraw(self, offer: Offer, outcome: str, reason: str, now: float, out: list[Output]) -> None:
        """Stop the phone. The caller of this says what becomes of the agent and of the call."""
        out.append(WithdrawOffer(offer.offer, offer.agent, reason))
        self._close(offer, outcome, reason, now, out)

    def put_back(self, offer: Offer, now: float, out: list[Output]) -> None:
        """The call of a closed offer is tried with the next agent, or leaves if its time is over."""
        queued = self._room.calls[offer.call]
        if queued.expired:
            self._room.send_away(queued, "queue_timeout", now, out)
        else:
            self.match_queue(self._room.queues[queued.queue], now, out)

    def _offer(self, queue: CallQueue, first: QueueRank, agent: Agent, now: float,
               out: list[Output]) -> None:
        queued = self._room.calls[first[-1]]
        offer = make_offer("o" + self._entropy(8).hex(), queued, queue, agent, now)
        out.append(decision(offer, queued, queue, self._roster.agents, now))
        out.append(offer.made())
        self.offers[offer.offer] = offer
        queued.offer = offer.offer
        queue.hold_back(queued)
        self._roster.feed(agent, AgentInput.OFFER, now, out, offer.offer)
        self._deadlines.set(("offer", offer.offer), now + offer.ring_timeout_s)
        out.append(offer.command())

    def _close(self, offer: Offer, outcome: str, reason: str, now: float, out: list[Output]) -> None:
        del self.offers[offer.offer]
        self._deadlines.cancel(("offer", offer.offer))
        queued = self._room.calls[offer.call]
        queued.offer = None
        self._room.queues[queued.queue].put_back(queued)
        out.append(offer.ended(outcome, reason, now))
