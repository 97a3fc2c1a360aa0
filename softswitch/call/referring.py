"""REFER from a party of a conversation: whether it may transfer, and what it asks for (RFC 3515, 5589)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from softswitch.call.attended import connect
from softswitch.call.excursion import send_to_flow
from softswitch.call.identity import trunk_of
from softswitch.call.parking import free_slot
from softswitch.call.routing import NoRoute, feature_of
from softswitch.call.transfer import Transfer, destination
from softswitch.reasons import REASONS
from softswitch.sip.telephone import telephone

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.leg import Leg
    from softswitch.call.party import Party
    from softswitch.sip.refer import Referral

SCHEMES = ("sip", "sips", "tel")


def referred(call: Call, leg: Leg, referral: Referral, now: float, out: list[Any]) -> bool:
    """Carry out or refuse a REFER; always True, because it is answered here."""
    status = _refusal(call, leg, referral)
    if status:
        referral.refuse(status, now, out)
        return True
    replaces = referral.refer_to.replaces
    if replaces is not None:
        connect(leg, replaces, referral, now, out)
        return True
    number, trunk = telephone(referral.refer_to.uri), trunk_of(call.exchange.centre, leg.party)
    if trunk is not None:
        number = call.exchange.plan.called_by_trunk(trunk, number)
    try:
        feature = feature_of(call.exchange.centre, number) if leg.party.kind == "user" else None
        if feature is not None and feature.name == "park":
            slot = free_slot(call.exchange, feature.number)
            Transfer(call, leg.party, leg, number).park(slot, referral, now, out)
            return True
        if feature is not None and feature.name == "send_to_flow":
            send_to_flow(call, leg, feature.number, referral, now, out)
            return True
        found = destination(call, leg.party, number, now)
    except NoRoute as no_route:
        referral.refuse(REASONS[no_route.reason].status, now, out)
        return True
    Transfer(call, leg.party, leg, number).start(found, referral, now, out)
    return True


def _refusal(call: Call, leg: Leg, referral: Referral) -> int:
    """The status with which it is refused, whatever the number is; 0: it may be tried."""
    if not may_transfer(call, leg.party):
        return 403
    if call.conversation is None or leg not in call.conversation.legs:
        return 603
    if referral.refer_to.method != "INVITE" or referral.refer_to.uri.scheme not in SCHEMES:
        return 400
    return 0


def may_transfer(call: Call, party: Party) -> bool:
    """Users may; of those who come from a trunk only where its settings say so."""
    if party.kind == "trunk":
        trunk = call.exchange.centre.trunks.get(party.name)
        return trunk is not None and trunk.allow_refer
    return party.kind == "user"
