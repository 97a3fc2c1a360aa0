"""The telephone number in a URI (RFC 3966; RFC 3261 §19.1.6; RFC 5031)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from softswitch.sip.uri import Uri

EMERGENCY = "urn:service:sos"
"""How the number begins that stands for whichever the emergency number is."""
_SEPARATORS = re.compile(r"[-.()]")
_GLOBAL_CONTEXT = re.compile(r"\+[0-9.()-]+")


def telephone(uri: Uri) -> str:
    """The user, or the number without visual separators where the URI is of a telephone.

    A local number whose `phone-context` is the beginning of a global one is made global by it; of any other
    context (a domain) it stays local. The URN of an emergency service stays as it is.
    """
    if uri.scheme == "urn":
        return str(uri)
    if uri.scheme == "tel":
        return _subscriber(uri.user, uri.param("phone-context"))
    if uri.param("user") != "phone":
        return uri.user
    number, *params = uri.user.split(";")
    contexts = [text.partition("=")[2] for text in params if text.lower().startswith("phone-context=")]
    return _subscriber(number, contexts[0] if contexts else None)


def _subscriber(number: str, context: str | None) -> str:
    plain = _SEPARATORS.sub("", number)
    if context and not plain.startswith("+") and _GLOBAL_CONTEXT.fullmatch(context):
        return _SEPARATORS.sub("", context) + plain
    return plain
