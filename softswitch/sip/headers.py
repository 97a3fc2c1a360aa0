"""What messages, URIs and digests share: header names, lists, quoted text (RFC 3261 §7.3, §20, §25)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from softswitch.sip.message import Message


class BadMessage(ValueError):
    """A received message, or a value in it, that cannot be used; `status` and `reason` are what to answer.

    `message` is the request as far as it could be read, and only when a response to it is possible and
    allowed; None means that nothing may be sent (a response, an ACK, no usable Via, no Call-ID …).
    """

    def __init__(self, status: int, reason: str, message: Message | None = None) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status
        self.reason = reason
        self.message = message


_COMPACT = {
    "a": "Accept-Contact",
    "b": "Referred-By",
    "c": "Content-Type",
    "d": "Request-Disposition",
    "e": "Content-Encoding",
    "f": "From",
    "i": "Call-ID",
    "j": "Reject-Contact",
    "k": "Supported",
    "l": "Content-Length",
    "m": "Contact",
    "n": "Identity-Info",
    "o": "Event",
    "r": "Refer-To",
    "s": "Subject",
    "t": "To",
    "u": "Allow-Events",
    "v": "Via",
    "x": "Session-Expires",
    "y": "Identity",
}
# Names whose usual spelling is not just each word with a capital letter.
_SPELLING = {
    "call-id": "Call-ID",
    "cseq": "CSeq",
    "mime-version": "MIME-Version",
    "min-se": "Min-SE",
    "rack": "RAck",
    "remote-party-id": "Remote-Party-ID",
    "rseq": "RSeq",
    "sip-etag": "SIP-ETag",
    "sip-if-match": "SIP-If-Match",
    "user-to-user": "User-to-User",
    "www-authenticate": "WWW-Authenticate",
}
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")

# Header fields whose value is a comma-separated list (RFC 3261 §7.3.1); the others may contain bare commas.
LIST_HEADERS = frozenset(
    (
        "Accept",
        "Accept-Encoding",
        "Accept-Language",
        "Alert-Info",
        "Allow",
        "Allow-Events",
        "Call-Info",
        "Contact",
        "Content-Encoding",
        "Diversion",
        "Error-Info",
        "History-Info",
        "In-Reply-To",
        "P-Asserted-Identity",
        "P-Preferred-Identity",
        "Path",
        "Proxy-Require",
        "Reason",
        "Record-Route",
        "Remote-Party-ID",
        "Require",
        "Route",
        "Service-Route",
        "Supported",
        "Unsupported",
        "User-to-User",
        "Via",
        "Warning",
    )
)
# Fields that may be there once; a second one is how two readers of a message are made to disagree.
SINGLE_HEADERS = frozenset(
    (
        "CSeq",
        "Call-ID",
        "Content-Length",
        "Content-Type",
        "Event",
        "Expires",
        "From",
        "Max-Forwards",
        "Min-SE",
        "RAck",
        "RSeq",
        "Refer-Sub",
        "Refer-To",
        "Referred-By",
        "Replaces",
        "Session-Expires",
        "Subscription-State",
        "To",
    )
)


def is_token(text: str) -> bool:
    """Whether `text` is a token (RFC 3261 §25.1): a method, a header name, a tag."""
    return _TOKEN.fullmatch(text) is not None


def canonical_name(raw: str) -> str:
    """The one spelling of a header name, whatever its case, compact form or blanks before the colon.

    Returns '' if it is not a header name at all.
    """
    key = raw.rstrip(" \t").lower()
    if not is_token(key):
        return ""
    return _COMPACT.get(key) or _SPELLING.get(key) or "-".join([word.capitalize() for word in key.split("-")])


_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


def header_safe(text: str) -> str:
    """`text` with control characters (CR, LF, NUL, …) turned into blanks, fit to stand in a header value."""
    return _CONTROL.sub(" ", text) if not text.isprintable() else text


# A quoted string or a <URI> hides separators; both may be unterminated, then they run to the end.
_COMMA = re.compile(r'"(?:[^"\\]|\\.)*"?|<[^>]*>?|,')
_SEMICOLON = re.compile(r'"(?:[^"\\]|\\.)*"?|<[^>]*>?|;')


def _split(text: str, pattern: re.Pattern[str], separator: str) -> list[str]:
    parts = []
    start = 0
    for match in pattern.finditer(text):
        if match.group() == separator:
            parts.append(text[start : match.start()].strip())
            start = match.end()
    parts.append(text[start:].strip())
    return [part for part in parts if part]


def split_list(text: str) -> list[str]:
    """The values of a comma-separated list; commas in quotes or <> do not count, empty values are dropped."""
    if "," not in text:
        return [text] if text else []
    if '"' not in text and "<" not in text:
        return [part for part in map(str.strip, text.split(",")) if part]
    return _split(text, _COMMA, ",")


def tokens(line: str) -> frozenset[str]:
    """The members of a token list (Supported, Allow …) in lower case."""
    return _tokens_cached(line) if len(line) <= _MAX_CACHED else _tokens(line)


def _tokens(line: str) -> frozenset[str]:
    return frozenset(part.strip() for part in line.lower().split(","))


# A phone says the same in every message, and there are not many kinds of phones.
_MAX_CACHED = 512
_tokens_cached = lru_cache(1024)(_tokens)


def split_parameters(text: str) -> tuple[tuple[str, str | None], ...]:
    """`;a=1;b` as (('a', '1'), ('b', None)): names in lower case, values as they stand, quotes included."""
    pairs: list[tuple[str, str | None]] = []
    for part in _split(text, _SEMICOLON, ";"):
        name, equals, value = part.partition("=")
        pairs.append((name.strip().lower(), value.strip() if equals else None))
    return tuple(pairs)


_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def quote(text: str) -> str:
    """`text` as a quoted string (RFC 3261 §25.1), safe for a header."""
    escaped = header_safe(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def unquote(text: str) -> str:
    """The content of a quoted string; text without quotes comes back unchanged."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    inner = text[1:-1]
    return _ESCAPED.sub(r"\1", inner) if "\\" in inner else inner


def decimal(text: str, limit: int) -> int:
    """A number of ASCII digits only, at most `limit`; -1 for anything else (signs, other scripts)."""
    if len(text) > 20 or not (text.isascii() and text.isdecimal()):
        return -1
    number = int(text)
    return number if number <= limit else -1
