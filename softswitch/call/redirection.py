"""Where a called party sends the caller by a 3xx (RFC 3261 §8.1.3.4, §21.3), as far as that is allowed.

Only numbers are followed, by the routes and with the permissions that hold here; never an address that a
Contact names, which could be anybody's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from softswitch.call.forwarding import destination
from softswitch.call.identity import trunk_of
from softswitch.call.routing import NoRoute, Route
from softswitch.sip.headers import BadMessage
from softswitch.sip.identities import Contact
from softswitch.sip.telephone import telephone
from softswitch.sip.uri import Uri

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.flow_activity import FlowActivity
    from softswitch.call.party import Party
    from softswitch.config import Centre
    from softswitch.sip.message import Message

MOST_CONTACTS = 10
MOST_TARGETS = 5
"""How many numbers are tried for one call, whoever names them."""
SCHEMES = ("sip", "sips", "tel")


class Redirected(NamedTuple):
    """A 3xx of a party: its contacts, the preferred one first."""

    party: Party
    contacts: tuple[Contact, ...]


class Redirections:
    """Of one call: the numbers that have been tried, and those that still may be, with who named them."""

    __slots__ = ("pending", "tried")

    def __init__(self) -> None:
        self.pending: list[tuple[Party, str]] = []
        self.tried: list[str] = []


def contacts_of(message: Message | None) -> tuple[Contact, ...]:
    """The contacts of a 3xx that can be read."""
    found = []
    for text in message.all("Contact")[:MOST_CONTACTS] if message is not None else ():
        try:
            contact = Contact.parse(text)
        except BadMessage:
            continue
        if contact.uri.scheme in SCHEMES and contact.uri.user:
            found.append(contact)
    return tuple(sorted(found, key=lambda each: -(each.q if each.q >= 0 else 1.0)))


def redirect(
    call: Call, redirected: Sequence[Redirected], flow: FlowActivity | None, now: float, out: list[Any]
) -> bool:
    """Send the caller where a called party wants, or tell it where to. False: it is to be neither."""
    if not redirected and call.redirections is None:
        return False
    call.redirections = state = call.redirections or Redirections()
    centre = call.exchange.centre
    state.pending[:0] = [
        (each.party, _number(call, each.party, contact.uri))
        for each in redirected
        if _policy(centre, each.party) in ("follow", "inside", "outside")
        for contact in each.contacts
    ]
    while state.pending and len(state.tried) < MOST_TARGETS:
        party, number = state.pending.pop(0)
        if number in state.tried:
            continue
        state.tried.append(number)
        try:
            found = _destination(call, party, number, now)
        except NoRoute:
            continue
        _follow(call, party, found, number, flow, now, out)
        return True
    state.pending.clear()
    return flow is None and _pass_on(call, redirected, now, out)


def _follow(
    call: Call,
    party: Party,
    found: Route,
    number: str,
    flow: FlowActivity | None,
    now: float,
    out: list[Any],
) -> None:
    sender = Uri("sip", party.number, call.exchange.sip_host, None)
    call.diversions.insert(0, f"Diversion: <{sender}>;reason=deflection;counter=1\r\n")
    call.fact("call_redirected", {"by": party.source, "target": number}, out)
    call.follow(found, flow, now, out)


def _pass_on(call: Call, redirected: Sequence[Redirected], now: float, out: list[Any]) -> bool:
    """Tell a caller who was not answered yet where to call instead."""
    centre, inbound = call.exchange.centre, call.inbound
    contacts = [
        contact for each in redirected if _policy(centre, each.party) == "pass" for contact in each.contacts
    ]
    if not contacts or inbound.state == "answered" or call.transfer is not None:
        return False
    value = ", ".join(f"<{contact.uri}>" for contact in contacts)
    inbound.refuse("redirected", now, out, f"Contact: {value}\r\n", status=302)
    call.end("redirected", "agent", now, out)
    return True


def _number(call: Call, party: Party, uri: Uri) -> str:
    """The number of a contact, as whoever names it writes numbers."""
    number, trunk = telephone(uri), trunk_of(call.exchange.centre, party)
    return number if trunk is None else call.exchange.plan.read_from(trunk, number)


def _policy(centre: Centre, party: Party) -> str:
    trunk, user = trunk_of(centre, party), centre.users.get(party.name)
    if trunk is not None:
        return trunk.redirects
    return user.redirects if user is not None and party.kind == "user" else "refuse"


def _destination(call: Call, party: Party, number: str, now: float) -> Route:
    """Where the number leads for who named it; outside from a trunk only with the caller's permission too."""
    exchange = call.exchange
    if party.kind == "user":
        return destination(exchange, party.name, number, now)
    if exchange.plan.own(number) is not None:
        found = exchange.route(party, number, now)
        if found.kind != "trunk":
            return found
    if _policy(exchange.centre, party) != "outside" or call.caller.kind != "user":
        raise NoRoute("forbidden")
    return destination(exchange, call.caller.name, number, now)
