"""Bodies: the session description in a multipart (RFC 5621), and what of a body cannot be understood."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from softswitch.sip.headers import split_parameters, unquote

if TYPE_CHECKING:
    from softswitch.sip.message import Message

SDP = "application/sdp"
MAX_PARTS = 16
_FOLD = re.compile(rb"\r\n[ \t]+")


def take_description(message: Message) -> None:
    """Of a multipart body leave the session description alone, such as beside ISUP or a location.

    Other bodies stay as they are, and so does a multipart without a description.
    """
    kind = message.get("Content-Type")
    if kind is None or kind == SDP or kind[:10].lower() != "multipart/":
        return
    boundary = dict(split_parameters(kind.partition(";")[2])).get("boundary")
    if not boundary:
        return
    # Between the lines of the boundary; what is before the first one is no part (RFC 2046 §5.1.1).
    mark = b"\r\n--" + unquote(boundary).encode()
    for part in (b"\r\n" + message.body).split(mark, MAX_PARTS + 1)[1:]:
        head, end, body = part.partition(b"\r\n\r\n")
        if end and _type_of(head) == SDP:
            message.body = body
            return


def understood(message: Message) -> bool:
    """Whether the body of an INVITE is a description, or one that need not be understood (RFC 3261 §20.11).

    The latter is dropped: an INVITE without an offer.
    """
    encoding = message.get("Content-Encoding")
    if encoding is not None and encoding.lower() != "identity":
        return False
    kind = message.get("Content-Type") or SDP
    name = kind.partition(";")[0].strip().lower()
    if name == SDP:
        return True
    disposition = split_parameters((message.get("Content-Disposition") or "").partition(";")[2].lower())
    if name.startswith("multipart/") or ("handling", "optional") in disposition:
        message.body = b""
        return True
    return False


def _type_of(head: bytes) -> str:
    for line in _FOLD.sub(b" ", head).split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() in (b"content-type", b"c"):
            return value.partition(b";")[0].strip().lower().decode("latin-1")
    return ""
