"""INVITE with Replaces (RFC 3891): a phone takes over a call that rings or goes on at another phone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from softswitch.call.dial_activity import DialActivity
from softswitch.call.leg import Leg
from softswitch.call.pickup import may_pick_up, pick_up
from softswitch.call.referring import may_transfer

if TYPE_CHECKING:
    from softswitch.call.exchange import Exchange
    from softswitch.call.party import Party
    from softswitch.sip.message import Message


def take_over(
    exchange: Exchange, caller: Party, transaction: Any, message: Message, now: float, out: list[Any]
) -> bool:
    """Answer an INVITE that has a Replaces header. False: it has none.

    A call that goes on may be taken over by the same user only, one that rings by whoever may pick it up.
    """
    session, status = exchange.ua.session_to_replace(message)
    if session is None and not status:
        return False
    leg = session.owner if session is not None else None
    if not isinstance(leg, Leg):
        exchange.ua.respond(transaction, message, status or 481, now, out)
        return True
    activity, conversation = leg.call.activity, leg.call.conversation
    rings = isinstance(activity, DialActivity) and leg in activity.hunt.legs
    if isinstance(activity, DialActivity) and rings and _may_pick_up(exchange, caller, leg):
        pick_up(activity, caller, transaction, message, now, out)
    elif conversation is not None and leg in conversation.legs and _may_replace(caller, leg):
        pick_up(Replacement(leg), leg.party, transaction, message, now, out)
    else:
        exchange.ua.respond(transaction, message, 403, now, out)
    return True


def _may_pick_up(exchange: Exchange, caller: Party, leg: Leg) -> bool:
    same = caller.source == leg.party.source
    users = caller.kind == leg.party.kind == "user"
    return users and (same or may_pick_up(exchange.centre, caller.name, leg.party.name))


def _may_replace(caller: Party, leg: Leg) -> bool:
    return caller.source == leg.party.source and may_transfer(leg.call, caller)


class Replacement:
    """One phone of a party in a conversation gives way to another one of the same party."""

    def __init__(self, leg: Leg) -> None:
        self.call = leg.call
        self.leg = leg

    def picked_up(self, leg: Leg, now: float, out: list[Any]) -> None:
        call, conversation, former = self.call, self.call.conversation, self.leg
        if conversation is None or former not in conversation.legs:
            leg.hang_up("transferred", now, out)
            return
        other, queue = conversation.other(former), conversation.queue
        recording = call.part(now, out)
        call.fact("leg_replaced", {"leg": former.id, "by": leg.id}, out)
        if former is call.inbound:
            call.inbound = leg
        former.hang_up("answered_elsewhere", now, out)
        call.converse(other if call.inbound is leg else leg, queue, now, out, recording=recording)
