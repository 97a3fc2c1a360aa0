"""Whether something with days and hours is open at a moment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from softswitch.config.dialplan import DAYS, hours


def is_open(days: Sequence[str], spans: Sequence[str], time_zone: str, at: datetime) -> bool:
    """`at` is a moment with a time zone; `days` (mon, ...) and `spans` (HH:MM-HH:MM) hold in `time_zone`.

    A span that ends before it begins reaches into the next day, and belongs to the day on which it begins.
    """
    local = at.astimezone(_zone(time_zone))
    minute = local.hour * 60 + local.minute
    today, yesterday = _day(local), _day(local - timedelta(days=1))
    if not spans:
        return _holds(days, today)
    for first, last in map(hours, spans):
        if first < last:
            if first <= minute < last and _holds(days, today):
                return True
        elif (minute >= first and _holds(days, today)) or (minute < last and _holds(days, yesterday)):
            return True
    return False


def _holds(days: Sequence[str], day: str) -> bool:
    return not days or day in days


def _day(moment: datetime) -> str:
    return DAYS[moment.weekday()]


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
