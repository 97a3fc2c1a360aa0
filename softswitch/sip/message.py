"""SIP messages as received (RFC 3261 §7); `respond` and `request` write them.

A message is parsed once into one ordered dict of strings. What every request needs (branch, tags, CSeq …) is
read at once with plain string searches; URIs and addresses are only taken apart by those who ask for them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from softswitch.sip.compose import request, respond
from softswitch.sip.headers import (
    LIST_HEADERS,
    SINGLE_HEADERS,
    BadMessage,
    canonical_name,
    decimal,
    header_safe,
    is_token,
    split_list,
    split_parameters,
    tokens,
)
from softswitch.sip.uri import Uri

__all__ = ["BadMessage", "Message", "header_safe", "parse", "request", "respond"]

MAX_LINES = 400
MAX_IDENTIFIER = 512
_MANDATORY = ("Via", "From", "To", "Call-ID", "CSeq")
_CSEQ_LIMIT = 2**31 - 1

# None of these patterns may start with a repeated blank or quote: a search would take quadratic time.
_FOLD = re.compile(r"(?:\r\n +)+")
_REQUEST_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!#-;=?-~]+")
_SENT_BY = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_VIA = re.compile(r"SIP */ *2\.0 */ *([A-Za-z0-9-]+) +([^ ;]+(?: *: *[0-9]+)?) *(;.*)?", re.IGNORECASE)
# As nearly all are written; whatever is written otherwise is taken apart step by step.
_WAYS = r"(?:;(?:rport|received|alias)(?:=[0-9A-Za-z.]+)?)*"
_USUAL_VIA = re.compile(
    r"SIP/2\.0/([A-Za-z0-9]+) ([A-Za-z0-9.-]+(?::[0-9]{1,5})?)"
    rf"{_WAYS};branch=([A-Za-z0-9.$_~+*!%'|:=-]{{1,256}}){_WAYS}"
)
_USUAL_ADDRESS = re.compile(r"[^\"<>;]*<[^\"<>]*>(?:;tag=([A-Za-z0-9.$_~+*!%'|:@=-]{1,256}))?")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*(")?')
_TAG = re.compile(r'[^ ,<>"]*')
_METHODS = frozenset(
    "INVITE ACK BYE CANCEL REGISTER OPTIONS INFO PRACK UPDATE REFER MESSAGE SUBSCRIBE NOTIFY PUBLISH".split()
)

# Spelling of a header name as received -> canonical name. Bounded, because the spelling is the sender's.
_names: dict[str, str] = {}
_NAMES_LIMIT = 2000


class Message:
    """One received request or response.

    `method` of a response is the method of its CSeq, its `uri` is ''; `status` is 0 for requests. `branch`,
    `sent_by` and `transport` are those of the top Via ('' if it has no branch, RFC 2543). Tags
    are '' if absent.
    """

    __slots__ = (
        "_echo",
        "_echo_received",
        "_first",
        "_rest",
        "body",
        "branch",
        "cseq",
        "from_tag",
        "max_forwards",
        "method",
        "reason",
        "sent_by",
        "sip_call_id",
        "status",
        "to_tag",
        "transport",
        "uri",
    )

    def __init__(self, first: dict[str, str], rest: dict[str, list[str]], body: bytes) -> None:
        self._first = first
        self._rest = rest
        self.body = body
        self.method = ""
        self.uri = ""
        self.status = 0
        self.reason = ""
        self.branch = ""
        self.sent_by = ""
        self.transport = ""
        self.sip_call_id = ""
        self.from_tag = ""
        self.to_tag = ""
        self.cseq = 0
        self.max_forwards = 70
        self._echo = ""
        self._echo_received: tuple[str, int] | None = None

    def get(self, name: str) -> str | None:
        """The first value of a header (canonical name), of a list its first element; None if absent."""
        value = self._first.get(name)
        if value is not None and name in LIST_HEADERS and "," in value:
            values = split_list(value)
            return values[0] if values else ""
        return value

    def need(self, name: str) -> str:
        """As `get`; raises BadMessage 400 if the header is absent or empty."""
        value = self.get(name)
        if not value:
            raise BadMessage(400, f"Missing {name}", self if self._answerable() else None)
        return value

    def all(self, name: str) -> list[str]:
        """All values in order; the elements of list headers (Via, Route, Contact, Supported …) one by one."""
        value = self._first.get(name)
        if value is None:
            return []
        lines = [value, *self._rest.get(name, ())]
        if name not in LIST_HEADERS:
            return lines
        return [element for line in lines for element in split_list(line)]

    def __contains__(self, name: str) -> bool:
        """Whether there is such a header (canonical name)."""
        return name in self._first

    def contains(self, name: str, token: str) -> bool:
        """Whether a token list (Supported, Require, Allow …) has this token, in any case."""
        value = self._first.get(name)
        if value is None:
            return False
        wanted = token.lower()
        if wanted in tokens(value):
            return True
        return name in self._rest and any(wanted in tokens(line) for line in self._rest[name])

    def items(self) -> Iterator[tuple[str, str]]:
        """Every header line as (canonical name, text), in order; repeated names stand together."""
        rest = self._rest
        for name, value in self._first.items():
            yield name, value
            if name in rest:
                for other in rest[name]:
                    yield name, other

    @property
    def request_uri(self) -> Uri:
        """The Request-URI taken apart; raises BadMessage 400, or 416 for an unknown scheme."""
        try:
            return Uri.parse(self.uri)
        except BadMessage as problem:
            answerable = self if self._answerable() else None
            raise BadMessage(problem.status, problem.reason, answerable) from problem

    def _answerable(self) -> bool:
        """Whether a response can and may be sent: never to a response or an ACK (RFC 3261 §17.1.1.3)."""
        first = self._first
        return (
            self.status == 0
            and self.sent_by != ""
            and self.method not in ("ACK", "")
            and all(first.get(name) for name in _MANDATORY)
        )


def parse(data: bytes) -> Message:
    """Read one message. Raises BadMessage, and nothing else, for anything that is not one.

    Without Content-Length the body is the rest of `data` (a datagram); what is longer is dropped
    (RFC 3261 §18.3).
    """
    head, end, body = data.lstrip(b"\r\n").partition(b"\r\n\r\n")
    if not end:
        raise BadMessage(400, "Incomplete Message")
    lines = _lines(head)
    start = lines[0]
    del lines[0]
    first: dict[str, str] = {}
    rest: dict[str, list[str]] = {}
    names = _names
    for line in lines:
        raw, colon, value = line.partition(":")
        name = names.get(raw)
        if name is None or not colon:
            name = _learn(raw) if colon else ""
        if name in first:
            rest.setdefault(name, []).append(value.strip(" "))
        else:
            first[name] = value.strip(" ")
    message = Message(first, rest, body)
    try:
        _read(message, start)
    except BadMessage as problem:
        problem.message = message if message._answerable() else None
        raise
    return message


def _lines(head: bytes) -> list[str]:
    """Start line and unfolded header lines. Only CR LF ends a line: a bare CR or LF would be read differently
    by the next element, so the message is refused."""
    try:
        text = head.decode()
    except UnicodeDecodeError:
        # Old phones send Latin-1 display names; surrogates would fail later, in a log or a database.
        text = head.decode("latin-1")
    if "\t" in text:
        text = text.replace("\t", " ")
    if "\r\n " in text:
        text = _FOLD.sub(" ", text)
    lines = text.split("\r\n")
    breaks = len(lines) - 1
    if text.count("\n") != breaks or text.count("\r") != breaks or "\0" in text:
        raise BadMessage(400, "Control Character In Header")
    if breaks > MAX_LINES:
        raise BadMessage(400, "Too Many Headers")
    return lines


def _learn(raw: str) -> str:
    name = canonical_name(raw)
    if name and len(raw) <= 64 and len(_names) < _NAMES_LIMIT:
        _names[raw] = name
    return name


def _read(message: Message, start: str) -> None:
    """Fill the message's fields; those a response needs first, so that a 400 can be sent for others."""
    first = message._first
    via, from_, to = first.get("Via"), first.get("From"), first.get("To")
    sip_call_id, cseq = first.get("Call-ID"), first.get("CSeq")
    if not (via and from_ and to and sip_call_id and cseq):
        missing = next(name for name in _MANDATORY if not first.get(name))
        raise BadMessage(400, f"Missing {missing}")
    _read_cseq(message, cseq)
    is_response = start[:8].upper() == "SIP/2.0 "
    if is_response:
        _read_status_line(message, start)
    _read_via(message, via)
    message.sip_call_id = _identifier(sip_call_id, "Call-ID")
    message.from_tag = _tag(from_, "From")
    message.to_tag = _tag(to, "To")
    if not is_response:
        _read_request_line(message, start)
    if message._rest or "" in first:
        _refuse_repeats(message)
    _read_length(message)


def _read_cseq(message: Message, text: str) -> None:
    number, _, method = text.partition(" ")
    message.method = method = method.strip(" ")
    message.cseq = decimal(number, _CSEQ_LIMIT)
    if method not in _METHODS and not is_token(method):
        message.method = ""
        raise BadMessage(400, "Bad CSeq")


def _read_status_line(message: Message, start: str) -> None:
    message.status = status = decimal(start[8:11], 699)
    message.reason = start[12:]
    if status < 100 or start[11:12] not in ("", " "):
        message.status = -1
        raise BadMessage(400, "Bad Status Line")
    if message.cseq < 0:
        raise BadMessage(400, "Bad CSeq")


def _read_request_line(message: Message, start: str) -> None:
    parts = start.split(" ")
    if len(parts) != 3:
        raise BadMessage(400, "Bad Request Line")
    method, uri, version = parts
    if version != "SIP/2.0" and version.upper() != "SIP/2.0":
        raise BadMessage(505 if version[:4].upper() == "SIP/" else 400, "Version Not Supported")
    if method != message.method:
        raise BadMessage(400, "CSeq Method Mismatch")
    if message.cseq < 0:
        raise BadMessage(400, "Bad CSeq")
    if _REQUEST_URI.fullmatch(uri) is None:
        raise BadMessage(400, "Bad Request-URI")
    message.uri = uri
    forwards = message._first.get("Max-Forwards")
    if forwards is not None:
        message.max_forwards = decimal(forwards, 255)
        if message.max_forwards < 0:
            raise BadMessage(400, "Bad Max-Forwards")


def _read_via(message: Message, via: str) -> None:
    """Transport, sent-by and branch of the top Via."""
    usual = _USUAL_VIA.fullmatch(via)
    if usual is not None:
        transport, message.sent_by, message.branch = usual.groups()
        message.transport = transport.upper()
        return
    left = via.find(" ")
    right = via.find(";", left)
    at = via.find(";branch=", right)
    if at < 0 or via[:8] != "SIP/2.0/" or "," in via or '"' in via or via.find(" ", left + 1) >= 0:
        _read_unusual_via(message, via)
        return
    if via.find(";branch", at + 8) >= 0:
        raise BadMessage(400, "Bad Via")
    end = via.find(";", at + 8)
    message.branch = _identifier(via[at + 8 : end if end >= 0 else len(via)], "Via")
    message.transport = via[8:left].upper()
    sent_by = via[left + 1 : right]
    if _SENT_BY.fullmatch(sent_by) is None:
        raise BadMessage(400, "Bad Via")
    message.sent_by = sent_by


def _read_unusual_via(message: Message, via: str) -> None:
    values = split_list(via)
    # An open quote would hide what we write behind it.
    if values and '"' in values[0]:
        _unquoted(values[0], "Via")
    match = _VIA.fullmatch(values[0]) if values else None
    if match is None:
        raise BadMessage(400, "Bad Via")
    sent_by = match[2].replace(" ", "")
    if _SENT_BY.fullmatch(sent_by) is None:
        raise BadMessage(400, "Bad Via")
    parameters = split_parameters(match[3] or "")
    branches = [value for name, value in parameters if name == "branch"]
    if len(branches) > 1:
        raise BadMessage(400, "Bad Via")
    message.branch = _identifier(branches[0] or "", "Via") if branches else ""
    message.transport = match[1].upper()
    message.sent_by = sent_by


def _identifier(text: str, name: str) -> str:
    if len(text) > MAX_IDENTIFIER or " " in text or not text.isprintable():
        raise BadMessage(400, f"Bad {name}")
    return text


def _unquoted(text: str, name: str) -> str:
    """Without its quoted strings; BadMessage where one has no end."""
    text = _QUOTED.sub(lambda match: "" if match[1] else '"', text)
    if '"' in text:
        raise BadMessage(400, f"Bad {name}")
    return text


def _tag(text: str, name: str) -> str:
    """The tag of a From or To value, not one that stands in a display name, a URI or another parameter."""
    usual = _USUAL_ADDRESS.fullmatch(text)
    if usual is not None:
        return usual[1] or ""
    if '"' in text:
        text = _unquoted(text, name)
    left = text.find("<")
    right = text.find(">")
    if right < left or (left < 0 <= right):
        raise BadMessage(400, f"Bad {name}")
    at = text.find(";", right + 1)
    if at < 0:
        return ""
    if text.startswith(";tag=", at) and text.find(";", at + 5) < 0:
        tags: list[str | None] = [text[at + 5 :]]
    else:
        tags = [value for key, value in split_parameters(text[at:]) if key == "tag"]
    tag = tags[0] or "" if tags else ""
    if len(tags) > 1 or _TAG.fullmatch(tag) is None:
        raise BadMessage(400, f"Bad {name}")
    return _identifier(tag, name)


def _refuse_repeats(message: Message) -> None:
    if "" in message._first:
        raise BadMessage(400, "Bad Header Name")
    for name in message._rest:
        if name in SINGLE_HEADERS:
            raise BadMessage(400, f"Repeated {name}")


def _read_length(message: Message) -> None:
    text = message._first.get("Content-Length")
    if text is None:
        return
    length = decimal(text, 2**31)
    if length < 0 or length > len(message.body):
        raise BadMessage(400, "Bad Content-Length")
    if length < len(message.body):
        message.body = message.body[:length]
