"""What a party of a conversation has the switch do by command instead of by its phone.

Hold: the switch plays music to the other party and silence to the one who holds, whose phone is told nothing.
Transfer: as a REFER of that party. Consultation: a second call of the same phone. Answering: the phone is
asked to (NOTIFY with Event: talk, which has no RFC and is known to most desk phones).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from softswitch.call.attended import connect_calls
from softswitch.call.originating import originate, to_number
from softswitch.call.referring import may_transfer
from softswitch.call.routing import NoRoute
from softswitch.call.transfer import Transfer, destination
from softswitch.reasons import REASONS

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.leg import Leg
    from softswitch.sip.message import Message

TALK = "Event: talk\r\nSubscription-State: active\r\n"


class NotPossible(ValueError):
    """What was asked for cannot be done now; `place` is the argument in the way, the text says why."""

    def __init__(self, place: str, message: str) -> None:
        super().__init__(message)
        self.place = place


def hold(leg: Leg, out: list[Any]) -> None:
    """The other parties hear music, or in a conference each other."""
    if not leg.held_here:
        leg.hold_here(True, out)
        leg.call.keep(out)


def resume(leg: Leg, out: list[Any]) -> None:
    """Back from hold. Raises NotPossible where the phone itself holds."""
    if leg.held_here:
        leg.hold_here(False, out)
        leg.call.keep(out)
    if leg.holds:
        raise NotPossible("call", f"the phone of {leg.party.name} holds, and must resume by itself")


def transfer(leg: Leg, to: str, now: float, out: list[Any]) -> None:
    """Send the other party to a number or target with the permissions of this one. Raises NotPossible."""
    call = leg.call
    if not may_transfer(call, leg.party):
        raise NotPossible("call", f"{leg.party.source} may not transfer; see allow_refer of the trunk")
    try:
        found = destination(call, leg.party, to, now)
    except NoRoute as no_route:
        raise _leads_nowhere("to", to, no_route) from None
    Transfer(call, leg.party, leg, to).start(found, None, now, out)


def consult(leg: Leg, number: str, by: str, now: float, out: list[Any]) -> Call:
    """Hold, and ring the same phone for a second call to a number, with the data of the first one. Raises
    NotPossible."""
    call, exchange, user = leg.call, leg.call.exchange, leg.party.name
    try:
        destination(call, leg.party, number, now)
    except NoRoute as no_route:
        raise _leads_nowhere("number", number, no_route) from None
    contacts = exchange.registrar.contacts(user, now)
    same = [each for each in contacts if leg.session and each.sip_flow == leg.session.dialog.sip_flow]
    if not contacts:
        raise NotPossible("call", f"{user} has no registered phone; see registration list")
    hold(leg, out)
    return originate(
        exchange,
        user,
        number,
        to_number(number),
        now,
        out,
        by=by,
        contacts=same or contacts,
        answers=True,
        of=call,
    )


def join(leg: Leg, second: Leg, now: float, out: list[Any]) -> None:
    """Two calls of a party become one of the others, as in an attended transfer. Raises NotPossible."""
    try:
        connect_calls(leg, second, now, out)
    except NoRoute as no_route:
        raise _leads_nowhere("with", second.call.dialled, no_route) from None


def ask_to_answer(leg: Leg, by: str, now: float, out: list[Any]) -> None:
    """Raises NotPossible where there is nothing that could answer."""
    session = leg.session
    if leg.state != "ringing" or leg.direction != "outbound" or session is None:
        raise NotPossible("call", f"the phone of {leg.party.name} does not ring")

    def heard(status: int, message: Message | None, now: float, out: list[Any]) -> None:
        if status >= 300 and leg.state == "ringing":
            leg.call.fact("answer_refused", {"leg": leg.id, "status": status}, out)

    if session.request("NOTIFY", now, out, headers=TALK, on_final=heard) is None:
        message = f"the phone of {leg.party.name} rings without a dialog (no tag in its 180)"
        raise NotPossible("call", message)
    leg.call.fact("answer_asked", {"leg": leg.id, "by": by}, out)


def _leads_nowhere(place: str, number: str, no_route: NoRoute) -> NotPossible:
    return NotPossible(place, f"{number!r} leads nowhere: {REASONS[no_route.reason].text}")
