"""Who calls, and whom it may be told: asserted identities and privacy (RFC 3323, RFC 3325).

Users are who they have authenticated as. A trunk's word is taken where its settings say so. Towards a peer,
From is the number of the call unless the caller wants to stay unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from softswitch.call.headers import Headers, brought, lines_for
from softswitch.sip.headers import BadMessage, header_safe
from softswitch.sip.identities import AddressValue, AssertedIdentity, RemotePartyId
from softswitch.sip.telephone import telephone
from softswitch.sip.uri import Address, Uri

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.party import Party
    from softswitch.config import Centre, Trunk
    from softswitch.sip.message import Message

ANONYMOUS = Address("Anonymous", Uri("sip", "anonymous", "anonymous.invalid", None))
"""From of a caller who stays unknown (RFC 3323 §4.1.1.3)."""
_WITHHELD = frozenset(("id", "user", "full", "name", "uri"))


@dataclass(frozen=True, slots=True)
class Introduction:
    """What a caller's INVITE says beside who calls: `private` callers are not told to whom they call,
    `number` is to be shown outside ('': whichever the rules give)."""

    private: bool = False
    headers: Headers = ()
    number: str = ""

    def to_state(self) -> dict[str, Any]:
        headers = [list(each) for each in self.headers]
        return {"private": self.private, "headers": headers, "number": self.number}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Introduction:
        headers = tuple((name, value) for name, value in state["headers"])
        return cls(state["private"], headers, state.get("number", ""))


NO_INTRODUCTION = Introduction()


def trunk_of(centre: Centre, party: Party) -> Trunk | None:
    """The trunk that a party is, None for a user."""
    return centre.trunks.get(party.name) if party.kind == "trunk" else None


def introduction(message: Message, trunk: Trunk | None) -> Introduction:
    """Of an INVITE that comes from this trunk, or from a user (None)."""
    private, headers = _is_private(message), brought(message, trunk)
    return Introduction(private, headers) if private or headers else NO_INTRODUCTION


def claimed(message: Message, trunk: Trunk) -> tuple[str, str]:
    """Number and display name of who calls through a trunk; raises BadMessage for a From that is none."""
    value = _asserted(message) if trunk.trust_identity else None
    address = value.address if value is not None else Address.parse(message.need("From"))
    return telephone(address.uri) or "anonymous", address.display


def caller_name(call: Call) -> str:
    """The display name of who calls, in one line; '' where there is none."""
    user = call.exchange.centre.users.get(call.caller.name) if call.caller.kind == "user" else None
    return header_safe(call.caller.display or (user.display if user is not None else ""))


def introduce(call: Call, party: Party, caller: Address) -> tuple[Address, str]:
    """From, and the header lines about the caller, of an INVITE to `party` to whom `caller` may be shown."""
    trunk = trunk_of(call.exchange.centre, party)
    private = call.introduction.private
    passing = lines_for(trunk, call.introduction.headers)
    way = "pai" if trunk is None and not private else "from" if trunk is None else trunk.send_identity
    hidden = private or (way == "none" and trunk is not None and not trunk.caller_id)
    lines = _LINES.get(way, _says_nothing)(caller, private)
    privacy = "Privacy: id\r\n" if private else ""
    return (ANONYMOUS if hidden else caller), f"{lines}{privacy}{passing}"


def reached(call: Call, other: Party) -> str:
    """The header lines of a response to the caller about the user who is called, or has answered; '' for a
    caller from outside, who knows the number, and for everybody outside who is called."""
    return connected(call, call.caller, other) if call.caller.kind == other.kind == "user" else ""


def connected(call: Call, party: Party, other: Party) -> str:
    """The header lines that tell a party of a conversation who the other one is now; '': it is not told."""
    trunk = trunk_of(call.exchange.centre, party)
    private = other is call.caller and call.introduction.private
    if private or (trunk is None and party.kind == "trunk"):
        return ""
    uri = Uri("sip", other.number, call.exchange.sip_host, call.exchange.sip_port)
    way = "pai" if trunk is None else trunk.send_identity
    user = call.exchange.centre.users.get(other.name) if other.kind == "user" else None
    display = other.display or (user.display if user is not None else "")
    return _LINES.get(way, _says_nothing)(Address(display, uri, ()), False, "called")


def _asserts(who: Address, private: bool, role: str = "calling") -> str:
    return f"P-Asserted-Identity: {header_safe(str(who))}\r\n"


def _screens(who: Address, private: bool, role: str = "calling") -> str:
    privacy = "full" if private else "off"
    return f"Remote-Party-ID: {header_safe(str(who))};party={role};screen=yes;privacy={privacy}\r\n"


def _says_nothing(who: Address, private: bool, role: str = "calling") -> str:
    return ""


_LINES = {"pai": _asserts, "rpid": _screens}


def _asserted(message: Message) -> AddressValue | None:
    """The first identity that names somebody, of those that a trusted peer asserts."""
    for kind in (AssertedIdentity, RemotePartyId):
        for text in message.all(kind.NAME):
            try:
                value = kind.parse(text)
            except BadMessage:
                continue
            called = isinstance(value, RemotePartyId) and value.party not in ("", "calling")
            if value.uri.user and not called:
                return value
    return None


def _is_private(message: Message) -> bool:
    wanted = (message.get("Privacy") or "").lower().replace(",", ";").split(";")
    if any(each.strip() in _WITHHELD for each in wanted):
        return True
    if any("privacy=full" in text.lower().replace(" ", "") for text in message.all("Remote-Party-ID")):
        return True
    from_ = message.need("From").lower()
    return "anonymous.invalid" in from_ or "<sip:anonymous@" in from_ or "<sips:anonymous@" in from_
