"""What a trace does not show: stars in place of secrets, of the same length, so that every length holds."""

from __future__ import annotations

import re

# What a digest header may show; whatever else it has proves the password, or would help to guess it.
_SHOWN = frozenset(b"username realm nonce uri algorithm qop nc opaque stale domain".split())
_PROOFS = frozenset(b"authorization proxy-authorization".split())
_TELLS = frozenset(b"authentication-info proxy-authentication-info".split())

_FOLDED_LINE = re.compile(rb"[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*")
_PARAMETER = re.compile(rb'([^\s=,"]+)(\s*=\s*)("(?:[^"\\]|\\.)*"?|[^,"]*)')
_URI_PASSWORD = re.compile(rb"(sips?:[^\s:@<>\"]{0,200}:)([^\s@<>\"]{1,200})(?=@)", re.IGNORECASE)
_SDP_KEYS = re.compile(rb"(?im)(inline:|^a=ice-pwd:|^a=key-mgmt:[^ \r\n]* |^k=[^:\r\n]*:)([^|;\s]*)")
_DIGIT = re.compile(rb"(?im)^([ \t]*signal[ \t]*=)([^\r\n]*)")
_INFO = re.compile(rb"INFO ", re.IGNORECASE)


def masked(message: bytes, *, digits: bool = True) -> bytes:
    """A SIP message without passwords and keys, and with `digits` without the digits of an INFO."""
    head, end, body = message.partition(b"\r\n\r\n")
    # Whole header lines with their continuations: a fold hides nothing.
    head = _FOLDED_LINE.sub(lambda line: _line(line[0]), head)
    body = _SDP_KEYS.sub(_second, body)
    if digits and _INFO.match(message.lstrip()):
        body = _DIGIT.sub(_second, body) if b"=" in body else _stars(body)
    return head + end + body


def _line(line: bytes) -> bytes:
    name, colon, value = line.partition(b":")
    kind = name.strip().lower()
    if not colon or (kind not in _PROOFS and kind not in _TELLS):
        return _URI_PASSWORD.sub(_second, line)
    scheme, blank, parameters = value.lstrip().partition(b" ")
    before = value[: len(value) - len(value.lstrip())]
    if kind in _TELLS:
        return name + colon + _PARAMETER.sub(_parameter, value)
    if scheme.lower() != b"digest":
        return name + colon + before + scheme + blank + _stars(parameters)
    return name + colon + before + scheme + blank + _PARAMETER.sub(_parameter, parameters)


def _parameter(match: re.Match[bytes]) -> bytes:
    if match[1].lower() in _SHOWN:
        return match[0]
    return match[1] + match[2] + _stars(match[3])


def _second(match: re.Match[bytes]) -> bytes:
    return match[1] + _stars(match[2])


def _stars(text: bytes) -> bytes:
    """Quotes, blanks and line ends stay: the form of the message is what a trace is for."""
    return re.sub(rb'[^"\s]', b"*", text)
