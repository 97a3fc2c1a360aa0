"""Session descriptions, read within limits and written (RFC 4566)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

MAX_BYTES = 32_768
MAX_LINES = 1000
MAX_LINE = 4096
MAX_MEDIA = 16

DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")

Attributes = tuple[tuple[str, str | None], ...]

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_HOST = re.compile(r"[A-Za-z0-9.:_-]{1,255}")
_TOKEN = re.compile(r"[!#$%&'*+./0-9A-Za-z^_`{|}~-]+")
_NUMBER = re.compile(r"[0-9]{1,5}")
_CACHED = 512
_MAX_CACHED = 1024
"""Characters of a section that is remembered once read: a phone says the same in every call but for o=, its
port and keys, and there are not many kinds of phones."""


class BadSdp(ValueError):
    """Not a session description, or one beyond the limits; the text says why."""


class Media(NamedTuple):
    """One m= line with what belongs to it. `host` is its own c= address, '' if the session's holds."""

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    attributes: Attributes = ()
    host: str = ""
    bandwidth: tuple[str, ...] = ()

    def attribute(self, name: str) -> str | None:
        """The first value of an attribute, '' for a flag, None if absent."""
        return _attribute(self.attributes, name)

    def values(self, name: str) -> list[str]:
        """All values of an attribute, in order."""
        return [value or "" for key, value in self.attributes if key == name]

    def lines(self) -> list[str]:
        """The section's lines, without line ends."""
        formats = " ".join(self.formats)
        return [
            f"m={self.kind} {self.port} {self.protocol} {formats}",
            *([_connection_line(self.host)] if self.host else []),
            *[f"b={value}" for value in self.bandwidth],
            *_attribute_lines(self.attributes),
        ]


class SessionDescription(NamedTuple):
    """A whole description. `session_id` and `version` are the o= numbers, `origin_host` its address;
    `host` is the session's c= address, '' if there is none. Lines without a field here are dropped."""

    session_id: int
    version: int
    origin_host: str
    host: str = ""
    media: tuple[Media, ...] = ()
    attributes: Attributes = ()
    username: str = "-"
    name: str = "-"
    bandwidth: tuple[str, ...] = ()

    @staticmethod
    def parse(text: bytes | str) -> SessionDescription:
        """Read a description; raises BadSdp."""
        session, *media = _checked(text).split("\nm=")
        if len(media) > MAX_MEDIA:
            raise BadSdp(f"more than {MAX_MEDIA} media lines")
        return _session(session, tuple([_media(section) for section in media]))

    def host_of(self, media: Media) -> str:
        """The connection address that holds for one of the media; raises BadSdp if there is none."""
        host = media.host or self.host
        if not host:
            raise BadSdp("no connection address")
        return host

    def direction_of(self, media: Media) -> str:
        """The direction that holds for one of the media, sendrecv unless something else is said."""
        for attributes in (media.attributes, self.attributes):
            for name, _ in attributes:
                if name in DIRECTIONS:
                    return name
        return "sendrecv"

    def __str__(self) -> str:
        origin = f"{self.username} {self.session_id} {self.version} {_address(self.origin_host)}"
        lines = [
            "v=0",
            f"o={origin}",
            f"s={self.name}",
            *([_connection_line(self.host)] if self.host else []),
            *[f"b={value}" for value in self.bandwidth],
            "t=0 0",
            *_attribute_lines(self.attributes),
        ]
        for media in self.media:
            lines.extend(media.lines())
        return "\r\n".join(lines) + "\r\n"


def _attribute(attributes: Attributes, name: str) -> str | None:
    for key, value in attributes:
        if key == name:
            return value or ""
    return None


def _address(host: str) -> str:
    return f"IN {'IP6' if ':' in host else 'IP4'} {host}"


def _connection_line(host: str) -> str:
    return f"c={_address(host)}"


@lru_cache(_CACHED)
def _attribute_lines(attributes: Attributes) -> tuple[str, ...]:
    return tuple([f"a={name}" if value is None else f"a={name}:{value}" for name, value in attributes])


def _decoded(octets: bytes) -> str:
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("latin-1")


def _checked(text: bytes | str) -> str:
    """Non-empty lines ended by LF; a bare LF ends a line too (RFC 4566 §5)."""
    if len(text) > MAX_BYTES:
        raise BadSdp("too large")
    if isinstance(text, bytes):
        text = _decoded(text)
    if _CONTROL.search(text) is not None:
        raise BadSdp("control character")
    text = text.replace("\r\n", "\n").strip("\n")
    if "\n\n" in text:
        text = "\n".join([line for line in text.split("\n") if line])
    if text.count("\n") >= MAX_LINES:
        raise BadSdp("too many lines")
    if "\r" in text:
        raise BadSdp("not a line of a description")
    return text


class _Section(NamedTuple):
    """What a section says beside its m= line, or its v= and first o= line."""

    host: str
    attributes: Attributes
    bandwidth: tuple[str, ...]
    name: str
    origins: tuple[str, ...]


def _section(text: str) -> _Section:
    return _section_cached(text) if len(text) <= _MAX_CACHED else _read_section(text)


def _read_section(text: str) -> _Section:
    fields: dict[str, list[str]] = {}
    for line in text.split("\n") if text else ():
        _check_line(line)
        fields.setdefault(line[0], []).append(line[2:].strip())
    return _Section(
        host=_connection(fields.get("c", [])),
        attributes=_attributes(fields.get("a", [])),
        bandwidth=tuple(fields.get("b", ())),
        name=fields.get("s", ("",))[0] or "-",
        origins=tuple(fields.get("o", ())),
    )


_section_cached = lru_cache(_CACHED)(_read_section)


def _check_line(line: str) -> None:
    if len(line) > MAX_LINE or line[1:2] != "=":
        raise BadSdp("not a line of a description")


def _session(text: str, media: tuple[Media, ...]) -> SessionDescription:
    version, _, rest = text.partition("\n")
    if version.strip() != "v=0":
        raise BadSdp("does not start with v=0")
    origins: tuple[str, ...] = ()
    if rest.startswith("o="):
        origin, _, rest = rest.partition("\n")
        _check_line(origin)
        origins = (origin[2:],)
    section = _section(rest)
    origins += section.origins
    parts = origins[0].split() if len(origins) == 1 else []
    if len(parts) != 6:
        raise BadSdp("bad origin")
    return SessionDescription(
        session_id=_number(parts[1]),
        version=_number(parts[2]),
        origin_host=_host(parts[5]),
        host=section.host,
        media=media,
        attributes=section.attributes,
        username=parts[0],
        name=section.name,
        bandwidth=section.bandwidth,
    )


def _media(text: str) -> Media:
    """A section from behind its `m=`."""
    line, _, rest = text.partition("\n")
    parts = line.split(None, 2)
    if len(parts) < 3 or len(line) > MAX_LINE or _TOKEN.fullmatch(parts[1]) is None:
        raise BadSdp("bad media line")
    kind, protocol, formats = _line_of_media(parts[0], parts[2])
    port, section = _port(parts[1].partition("/")[0]), _section(rest)
    return Media(kind, port, protocol, formats, section.attributes, section.host, section.bandwidth)


@lru_cache(_CACHED)
def _line_of_media(kind: str, rest: str) -> tuple[str, str, tuple[str, ...]]:
    parts = (kind, *rest.split())
    if len(parts) < 3 or not all(map(_TOKEN.fullmatch, parts)):
        raise BadSdp("bad media line")
    return kind.lower(), parts[1], parts[2:]


def _number(text: str) -> int:
    """An o= number. RFC 4566 says digits; some phones write more than 64 bits, some a sign or letters."""
    return int(text[:30]) if text.isascii() and text.isdecimal() else 0


def _port(text: str) -> int:
    number = int(text) if _NUMBER.fullmatch(text) else -1
    if not 0 <= number <= 65535:
        raise BadSdp("port out of range")
    return number


def _host(text: str) -> str:
    if _HOST.fullmatch(text) is None:
        raise BadSdp("bad address")
    return text


def _connection(lines: list[str]) -> str:
    """The address of the first c= line (several are for layered multicast), without a multicast TTL."""
    if not lines:
        return ""
    parts = lines[0].split()
    if len(parts) != 3 or parts[0].upper() != "IN":
        raise BadSdp("bad connection line")
    return _host(parts[2].partition("/")[0])


def _attributes(lines: list[str]) -> Attributes:
    pairs: list[tuple[str, str | None]] = []
    for text in lines:
        name, colon, value = text.partition(":")
        pairs.append((name.strip(), value.strip() if colon else None))
    return tuple(pairs)
