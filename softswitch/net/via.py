"""What Via says about connections: where a response goes when that of its request is gone (RFC 3261
§18.2.2), and whether its sender takes requests over it (RFC 5923)."""

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
_ALIAS = re.compile(rb"^(?:via|v)[ \t]*:[^,\r\n]*?;[ \t]*alias[ \t]*(?=[;,\r])", re.IGNORECASE | re.MULTILINE)


def offers_reuse(request: bytes) -> bool:
    """Whether the connection of a request may carry requests to its sender (RFC 5923 §5)."""
    first = _SENT_BY.search(request)
    alias = _ALIAS.search(request) if first is not None else None
    return first is not None and alias is not None and first.start() == alias.start()


def return_port(response: bytes, otherwise: int) -> int:
    """The port of the top Via, the transport's own where it names none; `otherwise` where there is no Via."""
    via = _SENT_BY.search(response)
    if via is None:
        return otherwise
    port = int(via[2] or DEFAULT_PORTS.get(via[1].decode().upper(), 5060))
    return port if 0 < port < 65536 else otherwise
