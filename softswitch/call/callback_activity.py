"""One attempt of a callback: a call that the switch makes itself, to an agent and a customer.

Agent first: the agent's phone rings, who answers hears the ringing at the customer's, and has the customer as
soon as they answer. Customer first: an agent is held free while the customer's phone rings, and rung then.
The agent's offer of the queue lasts until both are there, so that no agent is lost and none is held twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from softswitch.acd import events as acd
from softswitch.acd.outputs import OfferCall, QueueTimedOut
from softswitch.call.activity import Activity
from softswitch.call.call import Call
from softswitch.call.callback_numbers import callback_route
from softswitch.call.hunt import Group, Hunt
from softswitch.call.identity import Introduction
from softswitch.call.leg import Leg
from softswitch.call.party import Party
from softswitch.call.routing import NoRoute
from softswitch.call.screen_pop import Stay, pop_lines, tell_offer
from softswitch.call.waiting import OFFER_OUTCOMES, Offered, Waiting, shown_to_agent
from softswitch.call.ways import outward_groups
from softswitch.ivr.events import EnterQueue

if TYPE_CHECKING:
    from softswitch.acd.callback import Callback
    from softswitch.call.exchange import Exchange

MAX_FORWARDS = 70
LATER_S = 30.0
"""When it is tried again after something of ours was short."""
OURS = frozenset(("no_ports", "media_unavailable", "trunk_limit", "shutting_down", "overload"))


class CallbackActivity(Activity):
    """From the first ringing until agent and customer talk, or the attempt is over."""

    kind = "callback"

    def __init__(self, call: Call, callback: Callback) -> None:
        super().__init__(call)
        self.callback = callback
        self.settings = call.exchange.acd.callbacks.settings(callback.queue)
        self._offer: Offered | None = None
        self._agents: Hunt | None = None
        self._agent: Leg | None = None
        self._customer: Hunt | None = None
        self._ring_until = 0.0
        self._reason = "agent_no_answer"
        self._event: acd.Event | None = None
        self._settled = False
        self._lost = False

    @property
    def queue(self) -> str:
        return self.callback.queue

    @property
    def abandoned(self) -> str:  # type: ignore[override]
        """The agent has hung up while the customer's phone rang, or the customer while the agent's did."""
        return "agent_rejected" if self.waiting is None else self.waiting.abandoned

    # What the queue wants

    def offer(self, offer: OfferCall, now: float, out: list[Any]) -> None:
        self._offer = Offered(offer, now)
        if self._customer is None:
            if self.settings.order == "customer_first":
                self._ring_customer(now, out)
            else:
                self._ring_agent(offer, now, out)
        self._wake(now)
        self.call.keep(out)

    def withdraw(self, offer: str, reason: str, now: float, out: list[Any]) -> None:
        if self._offer is None or self._offer.id != offer:
            return
        self._offer, self._reason = None, reason
        if self._agents is not None:
            self._agents.cancel(reason, now, out)
            self._agents = None
        self._lost = self._agent is not None
        self._wake(now)
        self.call.keep(out)

    def gave_up(self, timed_out: QueueTimedOut, now: float, out: list[Any]) -> None:
        """The callback was cancelled, or may not be."""
        self._settled = True
        self.call.end(timed_out.reason, "switch", now, out)

    def queue_ended(self, outcome: str, now: float, out: list[Any]) -> None:
        """The queue has given up a customer who waits on the line."""
        self.waiting = None
        self._settled = True
        self.call.end(outcome, "switch", now, out)

    # The two phones

    def _ring_agent(self, offer: OfferCall, now: float, out: list[Any]) -> None:
        party = Party("user", offer.user, offer.user, agent=offer.agent)
        contacts = self.call.exchange.registrar.contacts(offer.user, now)
        place, language = self.callback.place, self.callback.language
        tell_offer(self.call, Stay(self.queue, place.queued_at, place.priority, language), offer, now, out)
        self._agents = Hunt(self.call, self, [Group(party, contacts, shown_to_agent(self.call, self.queue))])
        self._agents.headers = pop_lines(self.call, self.queue, offer.user)
        self._agents.start(now, out)

    def _ring_customer(self, now: float, out: list[Any]) -> None:
        exchange, callback = self.call.exchange, self.callback
        try:
            found = callback_route(exchange, self.queue, callback.number, callback.inside, now)
        except NoRoute as no_route:
            self._over(acd.CallbackMissed(self.call.id, no_route.reason), no_route.reason, now, out)
            return
        if found.outward is not None:
            groups = outward_groups(self.call, found.outward, now)
        else:
            party = Party("user", found.name, found.name)
            shown = self.call.caller_address(self.call.introduction.number)
            groups = [Group(party, exchange.registrar.contacts(found.name, now), shown)]
        self._ring_until = now + self.settings.ring_s
        self._customer = Hunt(self.call, self, groups)
        self._customer.start(now, out)

    def hunt_ringing(self, hunt: Hunt, now: float, out: list[Any]) -> None:
        if hunt is self._agents and self._offer is not None:
            self.call.exchange.acd_event(acd.AgentRinging(self._offer.id), now, out)

    def hunt_early(self, hunt: Hunt, leg: Leg | None, now: float, out: list[Any]) -> None:
        """The agent hears our ringing."""

    def hunt_answered(self, hunt: Hunt, leg: Leg, now: float, out: list[Any]) -> None:
        if self._lost:
            self.timeout(now, out)
        elif hunt is self._agents:
            self._agent_answered(leg, now, out)
        else:
            self._customer_answered(leg, now, out)

    def hunt_failed(self, hunt: Hunt, reason: str, now: float, out: list[Any]) -> None:
        if hunt is self._agents:
            self._agents = None
            self._agent_failed(reason, now, out)
        elif reason in OURS:
            self._over(acd.CallbackReturned(self.call.id, reason, LATER_S), reason, now, out)
        else:
            self._over(acd.CallbackMissed(self.call.id, reason), reason, now, out)

    def _agent_answered(self, leg: Leg, now: float, out: list[Any]) -> None:
        assert self._offer is not None
        call, exchange = self.call, self.call.exchange
        self._agents, self._agent = None, leg
        call.inbound = leg
        exchange.acd_event(acd.AgentAwaits(self._offer.id, self.settings.ring_s), now, out)
        call.play(exchange.tone_paths("ringback"), out, loop=True)
        self._ring_customer(now, out)
        self._wake(now)
        call.keep(out)

    def _agent_failed(self, reason: str, now: float, out: list[Any]) -> None:
        offer, self._offer, self._reason = self._offer, None, reason
        if offer is None:
            return
        if reason in OURS:
            self._over(acd.CallbackReturned(self.call.id, reason, LATER_S), reason, now, out)
            return
        outcome = OFFER_OUTCOMES.get(reason, "unreachable")
        self.call.exchange.acd_event(acd.OfferFailed(offer.id, outcome, reason), now, out)
        self._wake(now)
        self.call.keep(out)

    def _customer_answered(self, leg: Leg, now: float, out: list[Any]) -> None:
        call, exchange = self.call, self.call.exchange
        self._customer = None
        call.stop_playing(out)
        call.wake_at(None)
        call.inbound, call.answered_at = leg, now
        party = leg.party
        call.caller = Party(party.kind, party.name, self.callback.number, self.callback.display)
        call.fact("call_answered", {}, out)
        exchange.engage(call.caller, call.id, True, now, out)
        if self._agent is not None:
            self._join(self._agent, now, out)
        else:
            self._wait(now, out)

    def _join(self, agent: Leg, now: float, out: list[Any]) -> None:
        assert self._offer is not None
        self._settled = True
        self.call.wait_s += now - self.callback.place.queued_at
        self.call.exchange.acd_event(acd.AgentAnswered(self._offer.id), now, out)
        self.call.converse(agent, self.queue, now, out)

    def _wait(self, now: float, out: list[Any]) -> None:
        """The customer is on the line: from here on they wait like anybody else, at their place."""
        offer, self._offer = self._offer, None
        self.call.exchange.acd_event(acd.CallbackAnswered(self.call.id), now, out)
        self.waiting = self._waiting()
        self.waiting.start(now, out, self.callback.place.queued_at)
        self.waiting.say(("connecting",), out)
        if offer is not None:
            self.waiting.offer(offer.offer, now, out)
        self.call.keep(out)

    def _waiting(self) -> Waiting:
        place, callback = self.callback.place, self.callback
        settings = self.call.exchange.centre.queues.get(place.queue)
        return Waiting(
            self.call,
            self,
            EnterQueue(place.queue, place.priority, None, place.require, place.agent),
            music=settings.music if settings is not None else "hold",
            language=callback.language,
            caller=place.caller,
        )

    # Ends

    def _wake(self, now: float) -> None:
        """Without an agent the attempt is over, unless the queue has found another by the end of the turn. An
        agent who was on the line already is not replaced."""
        if self._settled or self.waiting is not None:
            return
        if self._offer is None or self._lost:
            self.call.wake_at(now)
        else:
            self.call.wake_at(self._ring_until if self._customer is not None else None)

    def timeout(self, now: float, out: list[Any]) -> None:
        if self._offer is None or self._lost:
            self._over(acd.CallbackReturned(self.call.id, self._reason), self._reason, now, out)
        elif self._customer is not None and now >= self._ring_until:
            self._over(acd.CallbackMissed(self.call.id, "user_no_answer"), "user_no_answer", now, out)

    def _over(self, event: acd.Event, reason: str, now: float, out: list[Any]) -> None:
        """The attempt is over; the queue hears of it when the phones have stopped."""
        self._event = event
        self.call.end(reason, "switch", now, out)

    def left(self, reason: str, now: float, out: list[Any]) -> None:
        for hunt in (self._agents, self._customer):
            if hunt is not None:
                hunt.cancel(reason, now, out)
        waiting, self.waiting = self.waiting, None
        if waiting is not None:
            waiting.left(reason, now, out)
        if waiting is not None or self._settled:
            return
        self._settled = True
        # The agent, if one was on the line, did not wait for the customer.
        left_by = self._offer.id if self._agent is not None and self._offer is not None else ""
        event = self._event or acd.CallbackReturned(self.call.id, reason, left_by=left_by)
        self.call.exchange.acd_event(event, now, out)

    def player_finished(self, now: float, out: list[Any]) -> None:
        if self.waiting is not None:
            self.waiting.player_finished(now, out)

    # Over a restart

    def to_state(self) -> dict[str, Any]:
        """What rings is cancelled; a customer on the line goes on waiting."""
        hunts = [hunt for hunt in (self._agents, self._customer) if hunt is not None]
        return {
            "kind": self.kind,
            "queue": self.queue,
            "offers": [self._offer.to_state()] if self._offer is not None else [],
            "ringing": [each for hunt in hunts for each in hunt.to_state()],
            "waiting": self.waiting.to_state() if self.waiting is not None else None,
        }

    def resume(self, now: float, out: list[Any]) -> None:
        """The customer waits at the former place."""
        self.waiting = self._waiting()
        self.waiting.start(now, out, self.callback.place.queued_at)


def begin_attempt(
    exchange: Exchange, offer: OfferCall, now: float, out: list[Any]
) -> CallbackActivity | None:
    """The call of the attempt whose turn has come; None for an offer that is no callback's, or old."""
    callback = exchange.acd.callbacks.of_call(offer.call)
    if callback is None or offer.offer not in callback.place.offers:
        return None
    settings = exchange.centre.queues.get(callback.queue)
    shown = (settings.caller_id if settings is not None else None) or callback.shown
    customer = Party("queue", callback.queue, callback.number, callback.display)
    call = Call(exchange, offer.call, customer, callback.number, now, MAX_FORWARDS)
    call.introduction = Introduction(number=shown)
    call.queue = callback.queue
    exchange.calls[call.id] = call
    # Nobody is on the line yet: the leg stands for whoever answers first.
    call.inbound = Leg(call, call.next_id("l"), "inbound", customer)
    started = {
        "direction": "outbound",
        "from_number": shown,
        "to_number": callback.number,
        "source": f"queue:{callback.queue}",
        "callback": callback.id,
    }
    call.fact("call_started", started, out)
    call.data.begin(callback.data, f"callback {callback.id}", now, out)
    exchange.lookups.queued(call, callback.queue, callback.place.caller, now, out)
    activity = call.activity = CallbackActivity(call, callback)
    call.keep(out)
    return activity
