"""SIP, SIPS and TEL URIs, the URN of emergency services, and name-addr values (RFC 3261 §19.1, §20.10, §25.1;
RFC 3966; RFC 5031)."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache

from softswitch.sip.headers import BadMessage, decimal, quote, split_parameters, unquote


class BadUri(BadMessage):
    """Not a URI that can be used here: status 400, or 416 if only its scheme is unknown."""


# What may stand unescaped (RFC 3261 §25.1): in a user part, and in parameters and headers.
_NOT_USER = re.compile(r"[^A-Za-z0-9\-_.!~*'()&=+$,;?/]")
_NOT_PARAMETER = re.compile(r"[^A-Za-z0-9\-_.!~*'()\[\]/:&+$]")
_NOT_HEADER = re.compile(r"[^A-Za-z0-9\-_.!~*'()\[\]/?:+$]")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNUSABLE = re.compile(r"[\x00-\x20\x7f<>\"]")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9.])?")
_TELEPHONE = re.compile(r"\+?[0-9A-Fa-f*#().-]+")
_EMERGENCY = re.compile(r"service:sos(?:\.[a-z0-9-]{1,63}){0,4}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
_THREE_COLONS = re.compile(r":::(?=[0-9]+\.)")
_MAX_CACHED = 256

# Parameters that make two URIs differ even if only one of them has it (RFC 3261 §19.1.4).
_DISTINGUISHING = ("user", "ttl", "method", "maddr", "transport")


@dataclass(frozen=True, slots=True)
class Uri:
    """One URI. `user`, parameter values and header values are unescaped; `host` is in lower case, an IPv6
    address without its brackets, and '' for tel and urn. `str()` escapes again."""

    scheme: str
    user: str
    host: str
    port: int | None = None
    params: tuple[tuple[str, str | None], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    password: str = ""

    @staticmethod
    def parse(text: str) -> Uri:
        """Read a sip, sips or tel URI, or `urn:service:sos`; raises BadUri. Results are remembered."""
        return _parse_cached(text) if len(text) <= _MAX_CACHED else _parse(text)

    def param(self, name: str) -> str | None:
        """A parameter's value, '' if it is a bare flag (`lr`), None if it is absent."""
        for key, value in self.params:
            if key == name:
                return value or ""
        return None

    def header(self, name: str) -> str | None:
        """A header carried by the URI (`?Replaces=…`), names in any case; None if absent."""
        wanted = name.lower()
        for key, value in self.headers:
            if key.lower() == wanted:
                return value
        return None

    def equivalent(self, other: Uri) -> bool:
        """Whether both name the same resource by the rules of RFC 3261 §19.1.4."""
        if (self.scheme, self.user, self.password, self.host, self.port) != (
            other.scheme,
            other.user,
            other.password,
            other.host,
            other.port,
        ):
            return False
        mine, theirs = _comparable(self.params), _comparable(other.params)
        common = mine.keys() & theirs.keys()
        return (
            all(mine[name] == theirs[name] for name in common)
            and all(mine.get(name) == theirs.get(name) for name in _DISTINGUISHING)
            and {name.lower(): value for name, value in self.headers}
            == {name.lower(): value for name, value in other.headers}
        )

    def __str__(self) -> str:
        params = "".join([_parameter(name, value) for name, value in self.params]) if self.params else ""
        if self.scheme == "tel":
            return f"tel:{self.user}{params}"
        if self.scheme == "urn":
            return f"urn:{self.user}"
        user = _escape(self.user, _NOT_USER)
        if self.password:
            user = f"{user}:{_escape(self.password, _NOT_USER)}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port is None else f":{self.port}"
        headers = "&".join([f"{_escape(k, _NOT_HEADER)}={_escape(v, _NOT_HEADER)}" for k, v in self.headers])
        tail = f"{port}{params}{'?' if headers else ''}{headers}"
        return f"{self.scheme}:{user}{'@' if user else ''}{host}{tail}"


def _comparable(params: tuple[tuple[str, str | None], ...]) -> dict[str, str]:
    return {name: (value or "").lower() for name, value in params}


def _parameter(name: str, value: str | None) -> str:
    """The name is escaped, too: `x%3Bmaddr` is one parameter of a strange name and never becomes two."""
    name = _escape(name, _NOT_PARAMETER)
    return f";{name}" if value is None else f";{name}={_escape(value, _NOT_PARAMETER)}"


def _escape(text: str, unsafe: re.Pattern[str]) -> str:
    return unsafe.sub(_percent, text)


def _percent(match: re.Match[str]) -> str:
    return "".join([f"%{octet:02X}" for octet in match.group().encode("utf-8", "replace")])


def _unescape(text: str) -> str:
    """Resolve %XX. Escaped control characters are refused: a URI's parts end up in headers and logs."""
    if "%" not in text:
        return text
    if len(_ESCAPE.findall(text)) != text.count("%"):
        raise BadUri(400, "Bad Escape In URI")
    octets = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text.encode().decode("latin-1"))
    try:
        plain = octets.encode("latin-1").decode()
    except UnicodeDecodeError:
        plain = octets
    if any(ord(character) < 32 or 127 <= ord(character) < 160 for character in plain):
        raise BadUri(400, "Control Character In URI")
    return plain


def _parse(text: str) -> Uri:
    if _UNUSABLE.search(text) is not None:
        raise BadUri(400, "Bad URI")
    scheme, colon, rest = text.partition(":")
    scheme = scheme.lower()
    if scheme in ("sip", "sips") and colon:
        return _parse_sip(scheme, rest)
    if scheme == "tel" and colon:
        return _parse_tel(rest)
    if scheme == "urn" and _EMERGENCY.fullmatch(rest.lower()):
        return Uri("urn", rest.lower(), "")
    if colon and _SCHEME.fullmatch(scheme):
        raise BadUri(416, "Unsupported URI Scheme")
    raise BadUri(400, "Bad URI")


_parse_cached = lru_cache(4096)(_parse)


def _parse_sip(scheme: str, rest: str) -> Uri:
    # Neither parameters nor headers may hold a bare @, so the first one ends the user part.
    userinfo, at, tail = rest.partition("@")
    if not at:
        userinfo, tail = "", rest
    elif not userinfo:
        raise BadUri(400, "Bad URI")
    user, _, password = userinfo.partition(":")
    tail, _, headers = tail.partition("?")
    address, _, params = tail.partition(";")
    host, port = _host_and_port(address)
    return Uri(
        scheme,
        _unescape(user),
        host,
        port,
        _parameters(params),
        _headers(headers) if headers else (),
        _unescape(password),
    )


def _parse_tel(rest: str) -> Uri:
    number, _, params = rest.partition(";")
    if _TELEPHONE.fullmatch(number) is None:
        raise BadUri(400, "Bad Telephone Number")
    return Uri("tel", number, "", None, _parameters(params))


def _host_and_port(text: str) -> tuple[str, int | None]:
    if text[:1] == "[":
        host, bracket, tail = text[1:].partition("]")
        if not bracket or tail[:1] not in ("", ":"):
            raise BadUri(400, "Bad Host")
        host, colon, port = _ipv6(host), tail[:1], tail[1:]
    else:
        host, colon, port = text.partition(":")
        if _HOST.fullmatch(host) is None:
            raise BadUri(400, "Bad Host")
        host = host.lower()
    if not colon:
        return host, None
    number = decimal(port, 65535)
    if number < 1:
        raise BadUri(400, "Bad Port")
    return host, number


def _ipv6(text: str) -> str:
    """As everybody writes it. The grammar of RFC 3261 has one colon too many before IPv4 (RFC 5118 §4.10)."""
    try:
        if "%" not in text:
            return str(ipaddress.IPv6Address(_THREE_COLONS.sub("::", text)))
    except ValueError:
        pass
    raise BadUri(400, "Bad Host")


def _parameters(text: str) -> tuple[tuple[str, str | None], ...]:
    if not text:
        return ()
    pairs: list[tuple[str, str | None]] = []
    for part in text.split(";"):
        name, equals, value = part.partition("=")
        name = _unescape(name).lower()
        if name:
            pairs.append((name, _unescape(value) if equals else None))
    if len({name for name, _ in pairs}) != len(pairs):
        raise BadUri(400, "Repeated URI Parameter")
    return tuple(pairs)


def _headers(text: str) -> tuple[tuple[str, str], ...]:
    pairs = []
    for part in text.split("&"):
        name, _, value = part.partition("=")
        if name:
            pairs.append((_unescape(name), _unescape(value)))
    return tuple(pairs)


@dataclass(frozen=True, slots=True)
class Address:
    """A name-addr or addr-spec with its header parameters: From, To, Contact, Route, Refer-To …

    `display` is without quotes. Parameter values are kept as received (a quoted string keeps its quotes).
    """

    display: str
    uri: Uri
    params: tuple[tuple[str, str | None], ...] = ()

    @staticmethod
    def parse(text: str) -> Address:
        """Read one value; raises BadUri."""
        display, rest = _display(text.strip())
        if rest[:1] == "<":
            uri, bracket, tail = rest[1:].partition(">")
            tail = tail.strip()
            if not bracket or tail[:1] not in ("", ";"):
                raise BadUri(400, "Bad Address")
            return Address(display, Uri.parse(uri.strip()), split_parameters(tail))
        # Without brackets what follows belongs to the header, and the URI may have no ? or , (RFC 3261 §20).
        uri, semicolon, tail = rest.partition(";")
        if display or "?" in uri or "," in uri:
            raise BadUri(400, "Bad Address")
        return Address("", Uri.parse(uri.strip()), split_parameters(semicolon + tail))

    @property
    def tag(self) -> str:
        """The tag, '' if there is none."""
        return self.param("tag") or ""

    def param(self, name: str) -> str | None:
        """A header parameter's value, '' if it is a bare flag, None if it is absent."""
        for key, value in self.params:
            if key == name:
                return value or ""
        return None

    def __str__(self) -> str:
        params = "".join([f";{name}" if value is None else f";{name}={value}" for name, value in self.params])
        display = f"{quote(self.display)} " if self.display else ""
        return f"{display}<{self.uri}>{params}"


_QUOTED_DISPLAY = re.compile(r'("(?:[^"\\]|\\.)*")\s*')


def _display(text: str) -> tuple[str, str]:
    """Display name and the rest, which starts with < if there are brackets."""
    if text[:1] == '"':
        match = _QUOTED_DISPLAY.match(text)
        if match is None or text[match.end() : match.end() + 1] != "<":
            raise BadUri(400, "Bad Display Name")
        return unquote(match[1]), text[match.end() :]
    left = text.find("<")
    if left < 0:
        return "", text
    return text[:left].strip(), text[left:]
