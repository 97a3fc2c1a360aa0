"""Questions to back-ends: values that stay in their places, and parts of an answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from softswitch.ivr.spoken import substitute

UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
LONGEST = 1000
"""Characters of a value that is taken from an answer."""


def quote(text: str) -> str:
    """Everything but unreserved characters percent-encoded (RFC 3986 §2.1)."""
    octets = text.encode(errors="replace")
    return "".join(chr(each) if each in UNRESERVED else f"%{each:02X}" for each in octets)


def filled(template: str, variables: Mapping[str, str]) -> str:
    """A part of a URL with its `{variable}` in place, each percent-encoded."""
    return substitute(template, {name: quote(value) for name, value in variables.items()})


def asked_path(target: str, query: Iterable[tuple[str, str]], variables: Mapping[str, str]) -> str:
    """The path of a request with its query, percent-encoded."""
    # A value must not lead out of the path, and dots are not escaped.
    parts = filled(target, variables).split("/")
    path = "/".join("%2E" * len(part) if part in (".", "..") else part for part in parts)
    pairs = ((name, quote(substitute(value, variables))) for name, value in query)
    asked = "&".join(f"{quote(name)}={value}" for name, value in pairs)
    return f"{path}?{asked}" if asked else path


def taken(value: Any, into: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Texts from an answer, by name and place in it; what is not there, or is no single value, is ''."""
    return {name: _text(_at(value, place)) for name, place in into}


def _at(value: Any, place: str) -> Any:
    for part in place.split("."):
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and part.isascii() and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, (str, int, float)):
        return ""
    return "".join(each if each.isprintable() else " " for each in str(value)[:LONGEST])
