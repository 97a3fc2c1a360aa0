"""Screen pops: what programs beside the phone are told when a call comes to somebody.

One fact, `screen_pop`, in the same write as the offer, and so before the INVITE leaves; and, where the centre
has an address for it, a link in that INVITE (Call-Info, RFC 3261 §20.9).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from softswitch.call.identity import caller_name
from softswitch.call.lookups import call_variables, is_told
from softswitch.call.party import Party
from softswitch.ivr.inquiry import filled

if TYPE_CHECKING:
    from softswitch.acd.outputs import OfferCall
    from softswitch.call.call import Call

LONGEST_VALUE = 256
"""Characters of a value in an address."""
LONGEST_URL = 512
"""Bytes of an address that a phone is told: the INVITE has to fit into a datagram."""
_DIRECTIONS = {"user": "internal", "trunk": "inbound"}


@dataclass(frozen=True, slots=True)
class Stay:
    """What a queue knows of a call that it offers."""

    queue: str
    queued_at: float
    priority: int
    language: str


def tell_offer(call: Call, stay: Stay, offer: OfferCall, now: float, out: list[Any]) -> None:
    """A queue offers the call to an agent."""
    known = call.exchange.acd.priority_of(call.id)
    fields = {
        "offer": offer.offer,
        "queue": stay.queue,
        "agent": offer.agent,
        "user": offer.user or None,
        "number": offer.number or None,
        "waited_s": round(now - stay.queued_at, 3),
        "priority": stay.priority if known is None else known,
        "language": stay.language,
    }
    _tell(call, "offer", fields, pop_url(call, stay.queue, offer.user), now, out)


def comes_to(call: Call, party: Party, cause: str, now: float, out: list[Any]) -> None:
    """The call rings at a user (`call`), or goes on with one (`transfer`, `pick_up`, `take_over`)."""
    if party.kind != "user":
        return
    exchange = call.exchange
    sitting = exchange.seats.agents_of(party.name)
    run = call.activity.flow_run if call.activity is not None else None
    fields = {
        "offer": None,
        "queue": call.queue,
        "agent": party.agent or (sitting[0] if sitting else None),
        "user": party.name,
        "number": None,
        "waited_s": round(call.wait_s, 3),
        "priority": None,
        "language": run.language if run is not None else None,
    }
    _tell(call, cause, fields, pop_url(call, "", party.name), now, out)


def _tell(
    call: Call, cause: str, fields: dict[str, Any], url: str | None, now: float, out: list[Any]
) -> None:
    withheld = call.introduction.private
    caller = {
        "direction": _DIRECTIONS.get(call.caller.kind, "outbound"),
        "withheld": withheld,
        "caller": None if withheld else call.caller.number,
        "caller_name": None if withheld else caller_name(call),
        "called": call.dialled,
    }
    about = {
        "data": call.data.values,
        "history": None if withheld else call.exchange.last_agents.history(call.caller.number, now),
        "url": url,
    }
    call.fact("screen_pop", {"cause": cause, **fields, **caller, **about}, out)


def pop_url(call: Call, queue: str, user: str) -> str | None:
    """The address with the call's values in it, if there is one for this queue, or for a user's calls."""
    centre = call.exchange.centre
    settings = centre.queues.get(queue)
    template = settings.pop_url if settings is not None else None
    if template is None and is_told(call):
        template = centre.screen_pop.url
    if template is None:
        return None
    known = {**call_variables(call, queue), "user": user}
    return filled(template, {name: value[:LONGEST_VALUE] for name, value in known.items()})


def pop_lines(call: Call, queue: str, user: str) -> str:
    """The header line of an INVITE to this user's phones; '' where there is no address, or a long one."""
    url = pop_url(call, queue, user) if user else None
    return f"Call-Info: <{url}>;purpose=info\r\n" if url is not None and len(url) <= LONGEST_URL else ""
