"""Messages as sent: one f-string each; a response repeats its request's lines word for word (RFC 3261
§8.2.6)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from softswitch.sip.headers import header_safe, split_list
from softswitch.sip.phrases import reason_phrase

if TYPE_CHECKING:
    from softswitch.sip.message import Message


def respond(
    request: Message,
    status: int,
    reason: str = "",
    *,
    to_tag: str = "",
    headers: str = "",
    body: bytes = b"",
    content_type: str = "application/sdp",
    received: tuple[str, int] | None = None,
) -> bytes:
    """A response's bytes (RFC 3261 §8.2.6). `headers` is complete lines, each ending in CR LF.

    `received` is the request's source address, added to the top Via (RFC 3581 §4). The To tag is added only
    if the request has none. Record-Route is copied into 101–299 unless `headers` has its own.
    """
    same = request._echo
    if not same or received != request._echo_received:
        same = request._echo = _echo(request, received)
        request._echo_received = received
    to = request._first["To"]
    if to_tag and not request.to_tag:
        to = f"{to};tag={to_tag}"
    if 100 < status < 300 and "Record-Route" in request._first and "Record-Route:" not in headers:
        headers = f"{_record_route(request)}{headers}"
    if body:
        headers = f"{headers}Content-Type: {content_type}\r\n"
    phrase = header_safe(reason) if reason else reason_phrase(status)
    head = f"SIP/2.0 {status} {phrase}\r\n{same}To: {to}\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
    return head.encode("utf-8", "replace") + body


def stamped(request: Message, received: tuple[str, int]) -> str:
    """The top Via of a request with where it really came from (RFC 3261 §18.2.1, RFC 3581 §4)."""
    return _stamp(split_list(request._first["Via"])[0], request.sent_by, received)


def _echo(request: Message, received: tuple[str, int] | None) -> str:
    """The lines that every response to the request repeats word for word."""
    first = request._first
    vias = [first["Via"], *request._rest.get("Via", ())]
    if received is not None:
        top, *others = split_list(vias[0])
        vias[0] = ", ".join([_stamp(top, request.sent_by, received), *others])
    via = "\r\nVia: ".join(vias)
    return f"Via: {via}\r\nFrom: {first['From']}\r\nCall-ID: {first['Call-ID']}\r\nCSeq: {first['CSeq']}\r\n"


_RECEIVED = re.compile(r"; *(?:received|rport)(?: *= *[^;, ]*)?(?= *(?:;|$))", re.IGNORECASE)
_RPORT = re.compile(r"; *rport *(?:=|;|$)", re.IGNORECASE)


def asks_for_port(via: str) -> bool:
    """Whether the top Via of a request wants its responses at the port that it came from (RFC 3581 §3)."""
    return "rport" in via and _RPORT.search(via.partition(",")[0]) is not None


def _stamp(via: str, sent_by: str, received: tuple[str, int]) -> str:
    """Write where the request really came from into a Via, in place of what the sender claims."""
    host, port = received
    wants_port = asks_for_port(via)
    if "received" in via or wants_port:
        via = _RECEIVED.sub("", via)
    if wants_port:
        return f"{via};received={host};rport={port}"
    named = sent_by.partition("]")[0][1:] if sent_by[:1] == "[" else sent_by.partition(":")[0]
    return via if named == host else f"{via};received={host}"


def _record_route(request: Message) -> str:
    routes = [request._first["Record-Route"], *request._rest.get("Record-Route", ())]
    return _lines("Record-Route", routes)


def _lines(name: str, values: Sequence[str]) -> str:
    return "".join([f"{name}: {value}\r\n" for value in values])


def request(
    method: str,
    uri: str,
    *,
    via: str,
    from_: str,
    to: str,
    sip_call_id: str,
    cseq: int,
    max_forwards: int = 70,
    routes: Sequence[str] = (),
    headers: str = "",
    body: bytes = b"",
    content_type: str = "application/sdp",
) -> bytes:
    """A request's bytes. Every value must be `header_safe`; `headers` is complete lines."""
    if routes:
        headers = f"{_lines('Route', routes)}{headers}"
    if body:
        headers = f"{headers}Content-Type: {content_type}\r\n"
    head = (
        f"{method} {uri} SIP/2.0\r\nVia: {via}\r\nMax-Forwards: {max_forwards}\r\n"
        f"From: {from_}\r\nTo: {to}\r\nCall-ID: {sip_call_id}\r\nCSeq: {cseq} {method}\r\n"
        f"{headers}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("utf-8", "replace") + body
