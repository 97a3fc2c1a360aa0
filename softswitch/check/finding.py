"""What a check says: one line, how bad it is, and what mends it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "error"]
LEVELS: tuple[Level, ...] = ("ok", "warning", "error")


@dataclass(frozen=True, slots=True)
class Finding:
    """`about` is what was looked at, `mend` what to do; '' where all is well."""

    about: str
    level: Level
    message: str
    mend: str = ""


def ok(about: str, message: str) -> Finding:
    return Finding(about, "ok", message)


def warning(about: str, message: str, mend: str) -> Finding:
    return Finding(about, "warning", message, mend)


def error(about: str, message: str, mend: str) -> Finding:
    return Finding(about, "error", message, mend)
