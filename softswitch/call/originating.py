"""Calls that the switch makes for a user, whose phones ring; who answers goes on to what was wanted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from softswitch.call.activity import Activity
from softswitch.call.auto_answer import asking
from softswitch.call.call import Call
from softswitch.call.hunt import Group, Hunt
from softswitch.call.leg import Leg
from softswitch.call.party import Party
from softswitch.call.routing import NoRoute
from softswitch.call.supervising import heard_in, whom
from softswitch.call.supervision import LISTEN, TAKE_OVER, SupervisionActivity
from softswitch.sip.uri import Address, Uri

if TYPE_CHECKING:
    from softswitch.call.exchange import Exchange
    from softswitch.call.registrar import Binding

MAX_FORWARDS = 70
RING_S = 30.0
Then = Callable[[Call, float, list[Any]], None]
"""What the user who has answered goes on to; may raise NoRoute."""


class OriginateActivity(Activity):
    """From the first ringing until the user answers."""

    kind = "originate"

    def __init__(
        self, call: Call, then: Then, shown: str, contacts: Sequence[Binding], answers: bool
    ) -> None:
        super().__init__(call)
        self._contacts = contacts
        self._answers = answers
        self.then = then
        self.shown = shown
        self._hunt: Hunt | None = None

    def start(self, now: float, out: list[Any]) -> None:
        call, exchange = self.call, self.call.exchange
        caller = Address("", Uri("sip", self.shown, exchange.sip_host, exchange.sip_port), ())
        self._hunt = Hunt(call, self, [Group(call.caller, self._contacts, caller)])
        self._hunt.headers = asking(exchange) if self._answers else ""
        call.wake_at(now + RING_S)
        self._hunt.start(now, out)

    def hunt_ringing(self, hunt: Hunt, now: float, out: list[Any]) -> None:
        self.call.keep(out)

    def hunt_early(self, hunt: Hunt, leg: Leg | None, now: float, out: list[Any]) -> None:
        """Nobody is there to hear it."""

    def hunt_answered(self, hunt: Hunt, leg: Leg, now: float, out: list[Any]) -> None:
        call, self._hunt = self.call, None
        call.inbound, call.answered_at = leg, now
        call.fact("call_answered", {}, out)
        try:
            self.then(call, now, out)
        except NoRoute as no_route:
            call.end(no_route.reason, "switch", now, out)

    def hunt_failed(self, hunt: Hunt, reason: str, now: float, out: list[Any]) -> None:
        self._hunt = None
        self.call.end(reason, "switch", now, out)

    def timeout(self, now: float, out: list[Any]) -> None:
        self.call.end("user_no_answer", "switch", now, out)

    def left(self, reason: str, now: float, out: list[Any]) -> None:
        hunt, self._hunt = self._hunt, None
        if hunt is not None:
            hunt.cancel(reason, now, out)

    def to_state(self) -> dict[str, Any]:
        """What rings is cancelled by a new process."""
        return {"kind": self.kind, "ringing": self._hunt.to_state() if self._hunt is not None else []}


def originate(
    exchange: Exchange,
    user: str,
    number: str,
    then: Then,
    now: float,
    out: list[Any],
    *,
    by: str,
    contacts: Sequence[Binding] | None = None,
    answers: bool = False,
    of: Call | None = None,
) -> Call:
    """Ring a user's phones, or those `contacts`, which show `number`; `by` says in the facts who wanted it.

    `answers`: the phones are asked to answer by themselves. `of`: the call for which it is made, whose data
    it has.
    """
    party = Party("user", user, user, exchange.centre.users[user].display)
    call = Call(exchange, f"c{exchange.entropy(8).hex()}", party, number, now, MAX_FORWARDS)
    exchange.calls[call.id] = call
    # Nobody is on the line yet: the leg stands for whoever answers first.
    call.inbound = Leg(call, call.next_id("l"), "inbound", party)
    told = {"direction": "internal", "from_number": user, "to_number": number, "source": party.source}
    call.fact("call_started", {**told, "originated_by": by}, out)
    if of is not None:
        call.data.begin(of.data.values, f"call {of.id}", now, out)
    if contacts is None:
        contacts = exchange.registrar.contacts(user, now)
    exchange.engage(party, call.id, True, now, out)
    call.begin(OriginateActivity(call, then, number, contacts, answers), now, out)
    return call


def to_number(number: str) -> Then:
    """Click to call: whoever answers is connected with the number, with the user's own permissions."""

    def follow(call: Call, now: float, out: list[Any]) -> None:
        found = call.exchange.route(call.caller, number, now)
        if found.kind == "feature":
            raise NoRoute("forbidden")
        call.follow(found, None, now, out)

    return follow


def to_supervision(watched: str, mode: str) -> Then:
    """Whoever answers supervises who has this call, or takes it over at once."""

    def supervise(call: Call, now: float, out: list[Any]) -> None:
        of = call.exchange.calls.get(watched)
        heard = heard_in(of) if of is not None else None
        if heard is None:
            raise NoRoute("conversation_ended")
        leg = whom(heard, watched)
        taking = mode == TAKE_OVER
        supervised = leg.party.name if leg is not None else ""
        activity = SupervisionActivity(call, watched, supervised, LISTEN if taking else mode)
        call.begin(activity, now, out)
        if taking:
            activity.take_over(now, out)

    return supervise
