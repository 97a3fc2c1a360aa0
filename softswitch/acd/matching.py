"""Bringing waiting calls and free agents together, and what becomes of each offer."""
from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from softswitch.acd.agent import Agent, AgentInput, AgentState
from softswitch.acd.deadlines import Deadlines
from softswitch.acd.line import Line, QueueRank
from softswitch.acd.offers import Offer, decision, make_offer
from softswitch.acd.outputs import Output, WithdrawOffer
from softswitch.acd.queue import CallQueue, most_offers
from softswitch.acd.queued_call import QueuedCall
from softswitch.acd.roster import Roster
from softswitch.acd.waiting import WaitingRoom

# A busy phone or a rejected call says "not now", not "I have left", and a dead phone may come back without a
# word: these agents are available again without a keypress. Who does not answer has left.
PAUSE_S = {"busy": 10.0, "rejected": 10.0, "unreachable": 60.0}
# An agent who may miss more than one call has a little time before the next.
MISS_PAUSE_S = 10.0


class CallbackDesk(Protocol):
    """What is to be known of the places that are callbacks."""

    def offered(self, queued: QueuedCall, now: float, out: list[Output]) -> None: ...
    def connected(self, queued: QueuedCall, now: float, out: list[Output]) -> None: ...
    def reserve_s(self, queued: QueuedCall) -> float: ...


class Matching:
    """Offers by id. An agent is in at most one, a call too."""

    def __init__(self, entropy: Callable[[int], bytes], roster: Roster, room: WaitingRoom,
                 deadlines: Deadlines) -> None:
        self.offers: dict[str, Offer] = {}
        self.callbacks: CallbackDesk
        self._entropy = entropy
        self._roster = roster
        self._room = room
        self._deadlines = deadlines
        self._turns = 0

    def match_queue(self, queue: CallQueue, now: float, out: list[Output]) -> None:
        """Offer the calls of one queue as long as there are ready agents who may take them."""
        while (match := queue.next_match()) is not None:
            first, line = match
            agent = self._roster.agents[self._choice(queue, line)]
            self._offer(queue, self._room.calls[first[-1]], agent, now, out)

    def _choice(self, queue: CallQueue, line: Line) -> str:
        if queue.config.strategy != "random":
            return line.nearest(1)[0]
        equals = line.first_tier()
        return equals[int.from_bytes(self._entropy(4), "big") % len(equals)]

    def match_agent(self, agent: Agent, now: float, out: list[Output]) -> None:
        """A free agent takes, of the calls that they may take, the one that is served first."""
        if agent.excluding_rule():
            return
        best: tuple[QueueRank, CallQueue] | None = None
        for queue in self._roster.queues_of(agent):
            first = queue.first_for(agent.name)
            if first is not None and (best is None or first < best[0]):
                best = first, queue
        if best is not None:
            self._offer(best[1], self._room.calls[best[0][-1]], agent, now, out)

    def ringing(self, offer_id: str, now: float, out: list[Output]) -> None:
        """The phone rings: from here it has the whole ring timeout."""
        offer = self.offers.get(offer_id)
        if offer is None:
            return
        agent = self._roster.agents[offer.agent]
        if agent.state is AgentState.RESERVED:
            self._roster.feed(agent, AgentInput.RING, now, out, offer_id)
            self._deadlines.set(("offer", offer_id), now + offer.ring_timeout_s)

    def awaits(self, offer_id: str, until: float) -> None:
        """The agent has picked up; the offer lasts until the customer has, too, or until then."""
        if offer_id in self.offers:
            self._deadlines.set(("offer", offer_id), until)

    def picked_up(self, offer_id: str, seconds: float, now: float, out: list[Output]) -> None:
        """The phone rings no longer; the agent has so long to take the call."""
        self.ringing(offer_id, now, out)
        if offer_id in self.offers:
            self._deadlines.set(("offer", offer_id), now + seconds)

    def answered(self, offer_id: str, now: float, out: list[Output]) -> None:
        """The agent took the call, which leaves its queue; other phones that ring for it stop."""
        offer = self.offers.get(offer_id)
        if offer is None:
            return
        queued = self._room.calls[offer.call]
        self._close(offer, "accepted", "", now, out)
        others = self.withdraw_all(queued, "answered_elsewhere", now, out)
        self._room.leave(queued, "answered", "", now, out)
        if queued.callback:
            self.callbacks.connected(queued, now, out)
        agent = self._roster.agents[offer.agent]
        agent.queue = offer.queue
        self._roster.feed(agent, AgentInput.ANSWER, now, out, offer.call)
        for other in others:
            self.match_agent(other, now, out)

    def ring_timeout(self, offer_id: str, now: float, out: list[Output]) -> None:
        """The phone rang for too long, or did not even say that it rings."""
        offer = self.offers[offer_id]
        outcome = self._really(offer, "no_answer")
        out.append(WithdrawOffer(offer_id, offer.agent, f"agent_{outcome}"))
        self.failed(offer_id, outcome, "", now, out)

    def failed(self, offer_id: str, outcome: str, reason: str, now: float, out: list[Output]) -> None:
        """The agent did not take the call: they are set to not available, the next one is tried."""
        offer = self.offers.get(offer_id)
        if offer is not None:
            self.not_taken(offer, outcome, reason, now, out)
            self.put_back(offer, now, out)

    def not_taken(self, offer: Offer, outcome: str, reason: str, now: float, out: list[Output]) -> None:
        """As `failed`, but nobody else is tried: the caller of this says what becomes of the call."""
        outcome = self._really(offer, outcome)
        usual = f"agent_{outcome}"
        self._close(offer, outcome, reason or usual, now, out)
        agent = self._roster.agents[offer.agent]
        if agent.status == "available":
            # An unreachable phone is waited for by that name, whatever was wrong with it.
            why = usual if outcome == "unreachable" else reason or usual
            pause_s = self._missed(agent) if outcome == "no_answer" else PAUSE_S[outcome]
            pause_until = None if pause_s is None else now + pause_s
            self._roster.declare(agent, "not_available", why, now, out, pause_until)
        self._roster.feed(agent, AgentInput.FAIL, now, out, offer.offer, reason or usual)

    def withdraw(self, offer: Offer, outcome: str, reason: str, now: float, out: list[Output]) -> None:
        """Stop the phone. The caller of this says what becomes of the agent and of the call."""
        out.append(WithdrawOffer(offer.offer, offer.agent, reason))
        self._close(offer, outcome, reason, now, out)

    def withdraw_all(self, queued: QueuedCall, reason: str, now: float, out: list[Output]) -> list[Agent]:
        """Stop every phone that rings for a call. The agents, who were not at fault, are free."""
        agents = []
        for offer in [self.offers[id] for id in queued.offers]:
            agent = self._roster.agents[offer.agent]
            self.withdraw(offer, "withdrawn", reason, now, out)
            self._roster.feed(agent, AgentInput.WITHDRAW, now, out, offer.offer, reason)
            agents.append(agent)
        return agents

    def put_back(self, offer: Offer, now: float, out: list[Output]) -> None:
        """The call of a closed offer is tried with the next agent, or leaves if its time is over."""
        queued = self._room.calls[offer.call]
        queue = self._room.queues[queued.queue]
        reason = self._room.must_leave(queued)
        if reason and not queued.offers:
            self._room.send_away(queued, reason, now, out)
        else:
            self._room.moment(queued, now, out)
            self.match_queue(queue, now, out)

    def restored(self, agents: Iterable[Agent]) -> None:
        """Go on counting turns where a former process stopped."""
        self._turns = max((turn for agent in agents for turn in agent.turns.values()), default=0)

    def _really(self, offer: Offer, outcome: str) -> str:
        """A call that never rang was not missed by the agent, who cannot have heard it; some phones answer
        480 for do-not-disturb."""
        rang = self._roster.agents[offer.agent].state is AgentState.RINGING
        return outcome if rang or outcome != "no_answer" else "unreachable"

    def _missed(self, agent: Agent) -> float | None:
        """Seconds until an agent who did not answer is offered another call; None: they have left."""
        agent.misses += 1
        return MISS_PAUSE_S if agent.misses < agent.config.max_misses else None

    def _offer(self, queue: CallQueue, queued: QueuedCall, agent: Agent, now: float,
               out: list[Output]) -> None:
        offer = make_offer("o" + self._entropy(8).hex(), queued, queue, agent, now)
        out.append(decision(offer, queued, queue, self._roster.agents, now))
        out.append(offer.made())
        self.offers[offer.offer] = offer
        queued.offers[offer.offer] = None
        if len(queued.offers) >= most_offers(queued, queue.config):
            queue.hold_back(queued)
        self._take_turn(agent, queue)
        self._roster.feed(agent, AgentInput.OFFER, now, out, offer.offer)
        reserve_s = 0.0
        if queued.callback:
            reserve_s = self.callbacks.reserve_s(queued)
            self.callbacks.offered(queued, now, out)
        self._deadlines.set(("offer", offer.offer), now + reserve_s + offer.ring_timeout_s)
        out.append(offer.command())

    def _take_turn(self, agent: Agent, queue: CallQueue) -> None:
        if queue.config.strategy == "round_robin":
            self._turns += 1
            agent.turns[queue.name] = self._turns

    def _close(self, offer: Offer, outcome: str, reason: str, now: float, out: list[Output]) -> None:
        del self.offers[offer.offer]
        self._deadlines.cancel(("offer", offer.offer))
        queued = self._room.calls[offer.call]
        del queued.offers[offer.offer]
        self._room.queues[queued.queue].put_back(queued)
        out.append(offer.ended(outcome, reason, now))
