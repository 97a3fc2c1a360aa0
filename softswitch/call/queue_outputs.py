"""What the queues want of the calls that wait in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from softswitch.acd import events as acd
from softswitch.acd import outputs as acd_outputs
from softswitch.call.callback_activity import CallbackActivity, begin_attempt
from softswitch.call.outputs import Fact

if TYPE_CHECKING:
    from softswitch.call.exchange import Exchange
    from softswitch.call.waiting import Waiting


def carry_out(exchange: Exchange, output: acd_outputs.Output, now: float, out: list[Any]) -> None:
    _ACD_OUTPUTS[type(output)](exchange, output, now, out)


class QueuePlace(Protocol):
    """Who stands in a queue: a caller on the line, or a callback that is being made."""

    def offer(self, offer: acd_outputs.OfferCall, now: float, out: list[Any]) -> None: ...
    def withdraw(self, offer: str, reason: str, now: float, out: list[Any]) -> None: ...
    def gave_up(self, timed_out: acd_outputs.QueueTimedOut, now: float, out: list[Any]) -> None: ...


def place_of(exchange: Exchange, id: str) -> QueuePlace | None:
    """Who stands in a queue with this call, if anybody does."""
    call = exchange.calls.get(id)
    if call is None:
        return None
    return call.waiting or (call.activity if isinstance(call.activity, CallbackActivity) else None)


def waiting_call(exchange: Exchange, id: str) -> Waiting | None:
    """The stay in a queue of this call, if it is still there."""
    call = exchange.calls.get(id)
    return call.waiting if call is not None else None


def _offer(exchange: Exchange, offer: acd_outputs.OfferCall, now: float, out: list[Any]) -> None:
    place = place_of(exchange, offer.call) or begin_attempt(exchange, offer, now, out)
    if place is not None:
        exchange.offered_calls[offer.offer] = offer.call
        place.offer(offer, now, out)
    else:
        exchange.acd_event(acd.CallLeft(offer.call, "internal_error"), now, out)


def _withdraw(exchange: Exchange, withdrawn: acd_outputs.WithdrawOffer, now: float, out: list[Any]) -> None:
    place = place_of(exchange, exchange.offered_calls.pop(withdrawn.offer, ""))
    if place is not None:
        place.withdraw(withdrawn.offer, withdrawn.reason, now, out)


def _seated(exchange: Exchange, seated: acd_outputs.AgentSeated, now: float, out: list[Any]) -> None:
    exchange.seats.moved(seated.agent, now, out)


def _announce(
    exchange: Exchange, announcement: acd_outputs.AnnouncePosition, now: float, out: list[Any]
) -> None:
    waiting = waiting_call(exchange, announcement.call)
    if waiting is not None:
        waiting.announce(announcement, now, out)


def _prompt(exchange: Exchange, prompt: acd_outputs.AnnouncePrompt, now: float, out: list[Any]) -> None:
    waiting = waiting_call(exchange, prompt.call)
    if waiting is not None:
        waiting.say((prompt.prompt,), out)


def _offer_callback(
    exchange: Exchange, offered: acd_outputs.OfferCallback, now: float, out: list[Any]
) -> None:
    waiting = waiting_call(exchange, offered.call)
    if waiting is not None:
        waiting.offer_callback(now, out)


def _gave_up(exchange: Exchange, timed_out: acd_outputs.QueueTimedOut, now: float, out: list[Any]) -> None:
    place = place_of(exchange, timed_out.call)
    if place is not None:
        place.gave_up(timed_out, now, out)


def _acd_fact(exchange: Exchange, fact: acd_outputs.AcdFact, now: float, out: list[Any]) -> None:
    if fact.type == "offer_ended":
        exchange.offered_calls.pop(fact.data["offer"], None)
    out.append(Fact(fact.type, fact.data))


_ACD_OUTPUTS: dict[type, Callable[..., None]] = {
    acd_outputs.OfferCall: _offer,
    acd_outputs.WithdrawOffer: _withdraw,
    acd_outputs.AgentSeated: _seated,
    acd_outputs.AnnouncePosition: _announce,
    acd_outputs.AnnouncePrompt: _prompt,
    acd_outputs.OfferCallback: _offer_callback,
    acd_outputs.QueueTimedOut: _gave_up,
    acd_outputs.AcdFact: _acd_fact,
}
