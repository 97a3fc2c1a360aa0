"""A fact as the view functions get it."""

from __future__ import annotations

from typing import Any, NamedTuple

from softswitch.store.reader import Fact


class Told(NamedTuple):
    """One fact: when and where it was told, and what it says (`of`). `position` is the one after it."""

    position: int
    at: float
    mono: float
    boot: str
    node: str
    tenant: str
    of: dict[str, Any]


def told(position: int, fact: Fact) -> Told:
    """KeyError for a record that misses a part every fact has."""
    return Told(position, fact["at"], fact["mono"], fact["boot"], fact["node"], fact["tenant"], fact["data"])
