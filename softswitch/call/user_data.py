"""What the caller's side tells beside the call (RFC 7433, User-to-User): a customer's number, a ticket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from softswitch.sip.headers import BadMessage, unquote
from softswitch.sip.values import UserToUser

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.headers import Headers

LONGEST = 256


def user_to_user(headers: Headers) -> str:
    """The first User-to-User that can be read, as text where that is what its hexadecimal says, with the
    octet of a protocol discriminator (RFC 7434 §5) or without; '' where there is none."""
    for name, value in headers:
        if name.lower() == "user-to-user":
            try:
                found = UserToUser.parse(value)
            except BadMessage:
                continue
            content, params = unquote(found.content), dict(found.params)
            coded = (params.get("encoding") or "").lower() == "hex"
            return (_text(content) if coded else content)[:LONGEST]
    return ""


def variables(call: Call) -> dict[str, str]:
    """What a flow knows of a call from the beginning."""
    return {
        "caller": call.caller.number,
        "called": call.dialled,
        "user_to_user": user_to_user(call.introduction.headers),
    }


def _text(content: str) -> str:
    try:
        octets = bytes.fromhex(content)
        text = (octets[1:] if octets[:1] < b" " else octets).decode()
    except ValueError:
        return content
    return text if text and text.isprintable() else content
