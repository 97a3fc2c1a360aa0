"""Attended transfer: two parties who talked to the transferor talk to each other (RFC 3891, 5589)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from softswitch.acd import events as acd
from softswitch.call.identity import NO_INTRODUCTION
from softswitch.call.leg import Leg
from softswitch.call.routing import NoRoute
from softswitch.call.screen_pop import comes_to
from softswitch.call.transfer import Transfer, destination
from softswitch.reasons import REASONS

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.recording import Recording
    from softswitch.call.routing import Route
    from softswitch.sip.refer import Referral
    from softswitch.sip.values import Replaces


def connect(leg: Leg, replaces: Replaces, referral: Referral, now: float, out: list[Any]) -> None:
    """Carry out or refuse a REFER of this leg's party that names another dialog of the same party."""
    second = _second(leg, replaces)
    if second is None:
        referral.refuse(481, now, out)
    elif second.party.source != leg.party.source:
        referral.refuse(403, now, out)
    elif second.call is leg.call:
        referral.refuse(603, now, out)
    elif second.call.conversation is None:
        _ring_for(leg, second, referral, now, out)
    elif replaces.early_only:
        referral.refuse(486, now, out)
    else:
        _join(leg, second, referral, now, out)


def _second(leg: Leg, replaces: Replaces) -> Leg | None:
    """The transferor's leg in the other call, if it is its caller's or in a conversation."""
    session = leg.call.exchange.ua.find_session(replaces)
    second = session.owner if session is not None else None
    if not isinstance(second, Leg) or second.call.ended:
        return None
    conversation = second.call.conversation
    talks = conversation is not None and second in conversation.legs
    return second if talks or (conversation is None and second is second.call.inbound) else None


def connect_calls(leg: Leg, second: Leg, now: float, out: list[Any]) -> None:
    """The same by command, for two legs of one party: `leg` is in a conversation, `second` in one or on its
    way to one. Raises NoRoute."""
    if second.call.conversation is None:
        _call_anew(leg, second, destination(leg.call, leg.party, second.call.dialled, now), None, now, out)
    else:
        _merge(*_by_age(leg, second), now, out)


def _ring_for(leg: Leg, second: Leg, referral: Referral, now: float, out: list[Any]) -> None:
    try:
        found = destination(leg.call, leg.party, second.call.dialled, now)
    except NoRoute as no_route:
        referral.refuse(REASONS[no_route.reason].status, now, out)
        return
    _call_anew(leg, second, found, referral, now, out)


def _call_anew(
    leg: Leg, second: Leg, found: Route, referral: Referral | None, now: float, out: list[Any]
) -> None:
    """The target has not answered, or is a flow: the number that the transferor dialled is called anew."""
    other = second.call
    transfer = Transfer(leg.call, leg.party, leg, other.dialled)
    if other.waiting is not None:
        transfer.consulted_s = now - other.waiting.queued_at
    leg.call.data.take_over(other.data, now, out)
    other.end("transferred", "switch", now, out)
    transfer.start(found, referral, now, out)


def _join(leg: Leg, second: Leg, referral: Referral, now: float, out: list[Any]) -> None:
    """The older call goes on with the other party of the newer one, which is over."""
    referral.accept(now, out)
    _merge(*_by_age(leg, second), now, out)
    referral.finish(200, now, out)


def _by_age(leg: Leg, second: Leg) -> tuple[Leg, Leg]:
    older, newer = sorted((leg, second), key=lambda each: each.call.started)
    return older, newer


def _merge(older: Leg, newer: Leg, now: float, out: list[Any]) -> None:
    call, gone = older.call, newer.call
    former, consultation = call.conversation, gone.conversation
    assert former is not None and consultation is not None
    stays, comes = former.other(older), consultation.other(newer)
    queue = consultation.queue if comes.party.agent is not None else None
    recording, second_recording = call.part(now, out), gone.part(now, out)
    if second_recording is not None:
        second_recording.stop(out)
    _tell(older, stays, comes, gone, out)
    _tell(newer, comes, stays, call, out)
    if older is call.inbound:
        call.inbound, call.caller = stays, stays.party
        call.introduction = NO_INTRODUCTION
    call.data.take_over(gone.data, now, out)
    gone.inbound, gone.caller = newer, newer.party
    call.exchange.supervising.merged(gone.id, call.id)
    adopt(call, comes, now, out)
    older.hang_up("transferred", now, out)
    call.released(older.party, now, out)
    gone.end("transferred", "switch", now, out)
    record = second_recording is not None
    talk_on(call, stays, comes, queue, "transfer", now, out, recording=recording, record=record)


def adopt(call: Call, leg: Leg, now: float, out: list[Any]) -> None:
    """Take a leg over from another call, and with it the agent who is at it, who is never free meanwhile."""
    exchange, former = call.exchange, leg.call
    exchange.engage(leg.party, call.id, True, now, out)
    if leg.party.agent is not None:
        exchange.acd_event(acd.AgentCallMoved(leg.party.agent, former.id, call.id), now, out)
    exchange.engage(leg.party, former.id, False, now, out)
    del former.legs[leg.id]
    leg.call = leg.owner = call
    call.legs[leg.id] = leg
    exchange.adopted[leg.id] = call.id
    call.fact("leg_moved", {"leg": leg.id, "from_call": former.id}, out)


def talk_on(
    call: Call,
    stays: Leg,
    comes: Leg,
    queue: str | None,
    why: str,
    now: float,
    out: list[Any],
    *,
    recording: Recording | None,
    record: bool = False,
) -> None:
    """The conversation of a leg of the call with one that was adopted; both are told who the other is."""
    if comes.worker != stays.worker and not comes.move(stays.worker, now, out):
        call.end("no_ports", "switch", now, out)
        return
    callee = stays if comes is call.inbound else comes
    call.converse(callee, queue, now, out, recording=recording, record=record)
    if comes is callee:
        comes_to(call, comes.party, why, now, out)
    stays.connected_to(comes.party, now, out)
    comes.connected_to(stays.party, now, out)


def _tell(by: Leg, sent: Leg, to: Leg, other: Call, out: list[Any]) -> None:
    fields = {"by": by.party.source, "from": sent.party.number, "to": to.party.number, **sent.party.privacy}
    if to.party.withheld:
        fields["to_withheld"] = True
    by.call.fact("call_transferred", {**fields, "kind": "attended", "other_call": other.id}, out)
