"""Header values taken apart: small frozen values with `parse` and `str`, made only when somebody asks.

`parse` raises BadMessage 400. Parameter names are in lower case, their values as received, quotes included.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NoReturn, Protocol, Self, TypeVar

from softswitch.sip.headers import (
    BadMessage,
    decimal,
    header_safe,
    is_token,
    quote,
    split_parameters,
    unquote,
)
from softswitch.sip.message import Message

Params = tuple[tuple[str, str | None], ...]
NUMBER_LIMIT = 2**31 - 1
MAX_REASONS = 4

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HOST_PORT = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?: *: *([0-9]{1,5}))?")
_VIA = re.compile(r"SIP */ *2\.0 */ *([A-Za-z0-9.!%*_+`'~-]+) +([^;]+)", re.IGNORECASE)
_VALUE = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s;,"<>]+')
_COMMENT = re.compile(r"([0-9]+)(?: *\(([^()\\]*)\))?")
_WARNING = re.compile(r'([0-9]{3}) +([^ "]+) +("(?:[^"\\]|\\.)*")')


class HeaderValue(Protocol):
    """What `first` and `every` can read; `NAME` is the header's canonical name."""

    NAME: ClassVar[str]

    @classmethod
    def parse(cls, text: str) -> Self: ...


V = TypeVar("V", bound=HeaderValue)


def first(message: Message, kind: type[V]) -> V | None:
    """The first value of a header, taken apart; None if it is absent."""
    text = message.get(kind.NAME)
    return None if text is None else kind.parse(text)


def every(message: Message, kind: type[V]) -> list[V]:
    """All values of a header in order."""
    return [kind.parse(text) for text in message.all(kind.NAME)]


class Parameterised:
    """Mixin of values with parameters."""

    __slots__ = ()
    params: Params

    def param(self, name: str) -> str | None:
        """A parameter's value without quotes, '' if it is a bare flag, None if it is absent."""
        for key, value in self.params:
            if key == name:
                return unquote(value) if value else ""
        return None


def params_text(params: Params) -> str:
    return "".join([f";{name}" if value is None else f";{name}={value}" for name, value in params])


def bad(name: str) -> NoReturn:
    raise BadMessage(400, f"Bad {name}")


def apart(text: str, name: str) -> tuple[str, Params]:
    """The part before the first `;` and the parameters behind it, each name there once."""
    if _CONTROL.search(text):
        bad(name)
    head, semicolon, tail = text.partition(";")
    params = split_parameters(semicolon + tail) if tail else ()
    names = {key for key, _ in params}
    if len(names) != len(params) or not all(map(is_token, names)):
        bad(name)
    if not all(value is None or _VALUE.fullmatch(value) for _, value in params):
        bad(name)
    return head.strip(), params


def number(text: str, name: str, limit: int = NUMBER_LIMIT) -> int:
    value = decimal(text.strip(), limit)
    return value if value >= 0 else bad(name)


def token(text: str, name: str) -> str:
    return text if is_token(text) else bad(name)


@dataclass(frozen=True, slots=True)
class Via(Parameterised):
    NAME: ClassVar[str] = "Via"
    transport: str
    host: str
    port: int | None = None
    params: Params = ()

    @classmethod
    def parse(cls, text: str) -> Via:
        head, params = apart(text, "Via")
        match = _VIA.fullmatch(head)
        place = _HOST_PORT.fullmatch(match[2].strip()) if match else None
        if match is None or place is None:
            bad("Via")
        port = number(place[2], "Via", 65535) if place[2] else None
        return cls(match[1].upper(), place[1].strip("[]").lower(), port, params)

    @property
    def branch(self) -> str:
        return self.param("branch") or ""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port is None else f":{self.port}"
        return f"SIP/2.0/{self.transport} {host}{port}{params_text(self.params)}"


@dataclass(frozen=True, slots=True)
class CSeq:
    NAME: ClassVar[str] = "CSeq"
    number: int
    method: str

    @classmethod
    def parse(cls, text: str) -> CSeq:
        parts = text.split()
        if len(parts) != 2:
            bad("CSeq")
        return cls(number(parts[0], "CSeq"), token(parts[1], "CSeq"))

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


@dataclass(frozen=True, slots=True)
class RSeq:
    """RFC 3262 §7.1."""

    NAME: ClassVar[str] = "RSeq"
    number: int

    @classmethod
    def parse(cls, text: str) -> RSeq:
        return cls(number(text, "RSeq"))

    def __str__(self) -> str:
        return str(self.number)


@dataclass(frozen=True, slots=True)
class RAck:
    """RFC 3262 §7.2."""

    NAME: ClassVar[str] = "RAck"
    rseq: int
    cseq: int
    method: str

    @classmethod
    def parse(cls, text: str) -> RAck:
        parts = text.split()
        if len(parts) != 3:
            bad("RAck")
        return cls(number(parts[0], "RAck"), number(parts[1], "RAck"), token(parts[2], "RAck"))

    def __str__(self) -> str:
        return f"{self.rseq} {self.cseq} {self.method}"


@dataclass(frozen=True, slots=True)
class SessionExpires(Parameterised):
    """RFC 4028 §4; `refresher` is uac, uas or ''."""

    NAME: ClassVar[str] = "Session-Expires"
    seconds: int
    params: Params = ()

    @classmethod
    def parse(cls, text: str) -> SessionExpires:
        head, params = apart(text, "Session-Expires")
        return cls(number(head, "Session-Expires"), params)

    @property
    def refresher(self) -> str:
        named = (self.param("refresher") or "").lower()
        return named if named in ("uac", "uas") else ""

    def __str__(self) -> str:
        return f"{self.seconds}{params_text(self.params)}"


@dataclass(frozen=True, slots=True)
class Reason(Parameterised):
    """Why a request was sent (RFC 3326): `protocol` is SIP, Q.850, …"""

    NAME: ClassVar[str] = "Reason"
    protocol: str
    params: Params = ()

    @classmethod
    def parse(cls, text: str) -> Reason:
        head, params = apart(text, "Reason")
        return cls(token(head, "Reason"), params)

    @classmethod
    def of(cls, protocol: str, cause: int, text: str = "") -> Reason:
        spoken: Params = (("text", quote(_CONTROL.sub(" ", text))),) if text else ()
        return cls(protocol, (("cause", str(cause)), *spoken))

    @property
    def cause(self) -> int:
        """The status or Q.850 cause, -1 if there is none."""
        return decimal(self.param("cause") or "", 999)

    @property
    def text(self) -> str:
        return self.param("text") or ""

    def __str__(self) -> str:
        return f"{self.protocol}{params_text(self.params)}"


@dataclass(frozen=True, slots=True)
class Replaces(Parameterised):
    """Which dialog an INVITE replaces, its tags as seen by its receiver (RFC 3891 §6.1)."""

    NAME: ClassVar[str] = "Replaces"
    sip_call_id: str
    to_tag: str
    from_tag: str
    early_only: bool = False
    params: Params = ()

    @classmethod
    def parse(cls, text: str) -> Replaces:
        head, params = apart(text, "Replaces")
        known = dict(params)
        tags = known.pop("to-tag", None), known.pop("from-tag", None)
        early = "early-only" in known
        known.pop("early-only", None)
        if not head or " " in head or not tags[0] or not tags[1]:
            bad("Replaces")
        return cls(head, tags[0], tags[1], early, tuple(known.items()))

    def __str__(self) -> str:
        early = ";early-only" if self.early_only else ""
        tags = f";to-tag={self.to_tag};from-tag={self.from_tag}"
        return f"{self.sip_call_id}{tags}{early}{params_text(self.params)}"


@dataclass(frozen=True, slots=True)
class Event(Parameterised):
    """RFC 6665 §8.2.1."""

    NAME: ClassVar[str] = "Event"
    package: str
    params: Params = ()

    @classmethod
    def parse(cls, text: str) -> Event:
        head, params = apart(text, "Event")
        return cls(token(head, "Event"), params)

    @property
    def id(self) -> str:
        return self.param("id") or ""

    def __str__(self) -> str:
        return f"{self.package}{params_text(self.params)}"


@dataclass(frozen=True, slots=True)
class SubscriptionState(Parameterised):
    """RFC 6665 §8.2.3: `state` is active, pending, terminated; the numbers are -1 where there is none."""

    NAME: ClassVar[str] = "Subscription-State"
    state: str
    params: Params = ()

    @classmethod
    def parse(cls, text: str) -> SubscriptionState:
        head, params = apart(text, "Subscription-State")
        return cls(token(head, "Subscription-State").lower(), params)

    @property
    def expires(self) -> int:
        return decimal(self.param("expires") or "", NUMBER_LIMIT)

    @property
    def retry_after(self) -> int:
        return decimal(self.param("retry-after") or "", NUMBER_LIMIT)

    @property
    def reason(self) -> str:
        return (self.param("reason") or "").lower()

    def __str__(self) -> str:
        return f"{self.state}{params_text(self.params)}"


@dataclass(frozen=True, slots=True)
class RetryAfter(Parameterised):
    NAME: ClassVar[str] = "Retry-After"
    seconds: int
    comment: str = ""
    params: Params = ()

    @classmethod
    def parse(cls, text: str) -> RetryAfter:
        head, params = apart(text, "Retry-After")
        match = _COMMENT.fullmatch(head)
        if match is None:
            bad("Retry-After")
        return cls(number(match[1], "Retry-After"), (match[2] or "").strip(), params)

    def __str__(self) -> str:
        comment = f" ({self.comment})" if self.comment else ""
        return f"{self.seconds}{comment}{params_text(self.params)}"


@dataclass(frozen=True, slots=True)
class Warning:
    """RFC 3261 §20.43; `text` without its quotes."""

    NAME: ClassVar[str] = "Warning"
    code: int
    agent: str
    text: str

    @classmethod
    def parse(cls, text: str) -> Warning:
        match = None if _CONTROL.search(text) else _WARNING.fullmatch(text.strip())
        if match is None:
            bad("Warning")
        return cls(int(match[1]), match[2], unquote(match[3]))

    def __str__(self) -> str:
        return f"{self.code:03} {self.agent} {quote(self.text)}"


@dataclass(frozen=True, slots=True)
class UserToUser(Parameterised):
    """RFC 7433; `content` as received, a quoted string with its quotes."""

    NAME: ClassVar[str] = "User-to-User"
    content: str
    params: Params = ()

    @classmethod
    def parse(cls, text: str) -> UserToUser:
        quoted = _VALUE.match(text.strip()) if text.lstrip().startswith('"') else None
        head = quoted[0] if quoted else ""
        rest, params = apart(text.strip()[len(head) :], "User-to-User")
        content = head or rest
        if _CONTROL.search(head) or (head and rest) or _VALUE.fullmatch(content) is None:
            bad("User-to-User")
        return cls(content, params)

    def __str__(self) -> str:
        return f"{self.content}{params_text(self.params)}"


@dataclass(frozen=True, slots=True)
class Privacy:
    """RFC 3323 §4.2, in lower case: id, header, session, user, none, critical, history …"""

    NAME: ClassVar[str] = "Privacy"
    values: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Privacy:
        values = tuple(value.strip().lower() for value in text.split(";"))
        if not all(map(is_token, values)):
            bad("Privacy")
        return cls(values)

    def __contains__(self, value: str) -> bool:
        return value in self.values

    def __str__(self) -> str:
        return ";".join(self.values)


@dataclass(frozen=True, slots=True)
class AllowEvents:
    """One package of Allow-Events (RFC 6665 §8.2.2); `every` reads them all."""

    NAME: ClassVar[str] = "Allow-Events"
    package: str

    @classmethod
    def parse(cls, text: str) -> AllowEvents:
        return cls(token(text.strip(), "Allow-Events"))

    def __str__(self) -> str:
        return self.package


def reason_line(given: str | Reason | Sequence[Reason]) -> str:
    """The header line for one or more reasons, or for the text of one; '' if there is none."""
    if not isinstance(given, str):
        given = str(given) if isinstance(given, Reason) else ", ".join(map(str, given))
    return f"Reason: {header_safe(given)}\r\n" if given else ""


def reasons_of(message: Message | None) -> tuple[Reason, ...]:
    """The Reason headers of a message; those that cannot be read are left out."""
    found = []
    for text in message.all("Reason")[:MAX_REASONS] if message is not None else ():
        try:
            found.append(Reason.parse(text))
        except BadMessage:
            continue
    return tuple(found)
