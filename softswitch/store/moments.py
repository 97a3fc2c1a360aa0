"""Points of time as users write them."""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta

FORMS = "2026-01-31, 2026-01-31T08:00, 2026-01-31T08:00Z, UTC seconds, or an age as 30m, 8h, 7d"
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SECONDS = re.compile(r"[0-9]{9,11}(\.[0-9]*)?")
_LATEST = 253_402_300_799.0


def moment(text: str) -> float:
    """UTC seconds of a date, a date with time, themselves, or an age; without a zone it is local time.

    ValueError with what is allowed.
    """
    number, unit = text[:-1], text[-1:]
    try:
        if unit in _UNITS and number.isascii() and number.isdigit():
            found = (datetime.now() - timedelta(**{_UNITS[unit]: int(number)})).timestamp()
        elif _SECONDS.fullmatch(text):
            found = float(text)
        else:
            found = datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        found = math.nan
    if not 0 <= found <= _LATEST:
        raise ValueError(f"{text!r} is no time; allowed: {FORMS}")
    return found
