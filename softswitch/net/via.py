"""Where a response goes when the connection of its request is gone (RFC 3261 §18.2.2)."""

from __future__ import annotations

import re

from softswitch.sip.flow import DEFAULT_PORTS

_SENT_BY = re.compile(
    rb"^(?:via|v)[ \t]*:[ \t]*SIP[ \t]*/[ \t]*2\.0[ \t]*/[ \t]*([A-Za-z]+)[ \t]+"
    rb"(?:\[[^\]\r\n]*\]|[^\s;,:\[]+)[ \t]*(?::[ \t]*([0-9]{1,5}))?",
    re.IGNORECASE | re.MULTILINE,
)


def is_response(message: bytes) -> bool:
    return message.startswith(b"SIP/2.0 ")


def return_port(response: bytes, otherwise: int) -> int:
    """The port of the top Via, the transport's own where it names none; `otherwise` where there is no Via."""
    via = _SENT_BY.search(response)
    if via is None:
        return otherwise
    port = int(via[2] or DEFAULT_PORTS.get(via[1].decode().upper(), 5060))
    return port if 0 < port < 65536 else otherwise
