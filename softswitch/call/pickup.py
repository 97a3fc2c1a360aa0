"""Taking a call that rings at somebody else's phone: the INVITE becomes the call's other leg."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from softswitch.call.dial_activity import DialActivity
from softswitch.call.identity import connected
from softswitch.call.routing import feature_of, user_named
from softswitch.call.screen_pop import comes_to
from softswitch.sip.values import Replaces, first

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.exchange import Exchange
    from softswitch.call.leg import Leg
    from softswitch.call.party import Party
    from softswitch.config import Centre
    from softswitch.sip.message import Message


def ringing_activity(
    exchange: Exchange, picker: Party, dialled: str, message: Message
) -> DialActivity | None:
    """What rings at the phone that a pick-up code or a Replaces names, if the picker may take its calls.
    Calls that a queue offers are not found: those are the agent's."""
    if picker.kind == "user" and "Replaces" in message and not exchange.draining:
        return _replaced(exchange, picker, message)
    found = feature_of(exchange.centre, dialled) if picker.kind == "user" else None
    if found is None or found.name != "pickup" or exchange.draining:
        return None
    user = user_named(exchange.centre, found.number)
    if not may_pick_up(exchange.centre, picker.name, user):
        return None
    for call in exchange.calls.values():
        activity = call.activity
        if isinstance(activity, DialActivity) and any(
            leg.party.source == f"user:{user}" for leg in activity.hunt.legs
        ):
            return activity
    return None


def _replaced(exchange: Exchange, picker: Party, message: Message) -> DialActivity | None:
    """What rings in the dialog that a lamp told of (RFC 3891 §7.1): its tags are those of the phone that
    rings, for which we stand."""
    replaces = first(message, Replaces)
    if replaces is None:
        return None
    session = exchange.ua.endpoint.sessions.get((replaces.sip_call_id, replaces.from_tag))
    if session is None or session.dialog.remote_tag != replaces.to_tag:
        return None
    for call in exchange.calls.values():
        activity = call.activity
        if isinstance(activity, DialActivity) and any(
            leg.session is session and may_pick_up(exchange.centre, picker.name, leg.party.name)
            for leg in activity.hunt.legs
        ):
            return activity
    return None


def may_pick_up(centre: Centre, picker: str, user: str) -> bool:
    """Whether one user may take the calls that ring at another's phone: both are in a group, or the picker
    may take everybody's. Of somebody unknown nothing rings."""
    settings, other = centre.users.get(picker), centre.users.get(user)
    if settings is None or other is None or "pickup" in settings.permissions:
        return True
    return not set(settings.pickup_groups).isdisjoint(other.pickup_groups)


class Taken(Protocol):
    """What is taken: something that rings, is parked, or goes on at another phone."""

    call: Call

    def picked_up(self, leg: Leg, now: float, out: list[Any]) -> None: ...


class Picking:
    """Owner of the leg until it belongs to the call, which does not end with it before that."""

    def leg_ended(self, leg: Leg, reason: str, ended_by: str, now: float, out: list[Any]) -> None:
        """The phone has cancelled before it was answered."""


def pick_up(
    activity: Taken,
    picker: Party,
    transaction: Any,
    message: Message,
    now: float,
    out: list[Any],
) -> None:
    """Answer the INVITE of who picks up and join it with the caller; else the phones go on ringing."""
    call = activity.call
    leg = call.new_leg("inbound", picker, out)
    leg.owner = Picking()
    leg.remote_sdp = message.body
    leg.session = call.exchange.ua.accept_invite(transaction, message, leg, now, out)
    if leg.state == "ended":
        return
    shown = "" if picker is call.caller else connected(call, picker, call.caller)
    if not leg.allocate(call.inbound.worker):
        leg.refuse("no_ports", now, out)
    elif not leg.answer(now, out, call.inbound.offered_codec(), headers=shown):
        leg.refuse("not_acceptable_media", now, out)
    else:
        leg.owner = call
        if picker is not call.caller:
            comes_to(call, picker, "pick_up", now, out)
        activity.picked_up(leg, now, out)
