"""The form of one journal record: a JSON object on a line of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

VERSION = 1
_NOTHING: dict[str, Any] = {}
_ENTITY_KEYS = ("call", "agent", "user", "supervisor", "name")


def read_boot_id() -> str:
    """The kernel's id of this boot: `mono` values compare only within one."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def encode(record: Mapping[str, Any]) -> bytes:
    """One line with its newline. What JSON cannot hold becomes text: a strange header must not stop facts."""
    try:
        return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:
        return orjson.dumps(_storable(record), option=orjson.OPT_APPEND_NEWLINE)


def entity_of(fact: Mapping[str, Any], node: str) -> str:
    """Whom the fact is about: its call where it has one, else agent, user …, else the node itself."""
    told = fact.get("data") or _NOTHING
    for key in _ENTITY_KEYS:
        if named := told.get(key):
            return str(named)
    return node


def _storable(value: Any) -> Any:
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int) and -(1 << 63) <= value < 1 << 63:
        return value
    if isinstance(value, Mapping):
        return {_text(key): _storable(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_storable(item) for item in value]
    return _text(value)


def _text(value: Any) -> str:
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    return text.encode(errors="replace").decode()
