"""Messages as a proxy passes them on: everything stays but what RFC 3261 §16.6 and §16.7 name."""

from __future__ import annotations

from collections.abc import Sequence

from softswitch.sip.compose import stamped
from softswitch.sip.message import Message
from softswitch.sip.phrases import reason_phrase

_OURS = frozenset(("Via", "Max-Forwards", "Max-Breadth", "Record-Route", "Route", "Content-Length"))
CHALLENGES = ("WWW-Authenticate", "Proxy-Authenticate")
# The network's word for who somebody is: phones of users may not give it.
UNTRUSTED = frozenset(("P-Asserted-Identity", "P-Preferred-Identity", "Remote-Party-ID"))


def relayed_request(
    message: Message,
    uri: str,
    *,
    via: str,
    received: tuple[str, int],
    breadth: int,
    routes: Sequence[str] = (),
    record_route: str = "",
    without: frozenset[str] = frozenset(),
) -> bytes:
    """The request as it goes on to `uri` with `routes`.

    `received` is where it came from, for its top Via; `record_route` a name-addr of ours.
    """
    vias = [via, stamped(message, received), *message.all("Via")[1:]]
    recorded = [record_route] if record_route else []
    lines = [f"{message.method} {uri} SIP/2.0\r\n", *[f"Via: {each}\r\n" for each in vias]]
    lines.append(f"Max-Forwards: {message.max_forwards - 1}\r\nMax-Breadth: {breadth}\r\n")
    lines += [f"Record-Route: {each}\r\n" for each in (*recorded, *message.all("Record-Route"))]
    lines += [f"Route: {each}\r\n" for each in routes]
    return _composed(lines, message, without | UNTRUSTED)


def relayed_response(message: Message, challenges: Sequence[str] = ()) -> bytes:
    """The response without our Via (§16.7 step 3); `challenges` are lines that stand for its own."""
    phrase = message.reason or reason_phrase(message.status)
    lines = [f"SIP/2.0 {message.status} {phrase}\r\n"]
    lines += [f"Via: {each}\r\n" for each in message.all("Via")[1:]]
    lines += [f"Record-Route: {each}\r\n" for each in message.all("Record-Route")]
    lines += [f"Route: {each}\r\n" for each in message.all("Route")]
    lines += challenges
    return _composed(lines, message, UNTRUSTED | frozenset(CHALLENGES if challenges else ()))


def _composed(lines: list[str], message: Message, without: frozenset[str]) -> bytes:
    dropped = _OURS | without
    lines += [f"{name}: {value}\r\n" for name, value in message.items() if name not in dropped]
    lines.append(f"Content-Length: {len(message.body)}\r\n\r\n")
    return "".join(lines).encode("utf-8", "replace") + message.body
