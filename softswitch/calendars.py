"""Whether something that has a calendar is open at an instant, why, and when that changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal
from zoneinfo import ZoneInfo

from softswitch.config.calendar import Calendar, public_holidays
from softswitch.config.dialplan import DAYS, hours

LOOK_AHEAD_DAYS = 400
"""A calendar in which nothing changes for so long is told to stay as it is."""

State = Literal["open", "closed", "holiday"]
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class DayPlan:
    """One local day: its spans HH:MM-HH:MM, none if it is closed, and its name if it is no ordinary one."""

    day: date
    spans: tuple[str, ...]
    name: str = ""
    special: bool = False
    """Whether a date or a holiday decides, not the day of the week."""


@dataclass(frozen=True, slots=True)
class Opening:
    """The state at an instant: open, closed (outside the hours), or holiday (closed all day by a date or a
    public holiday); `name` is that of the day, '' for an ordinary one."""

    state: State
    name: str = ""

    @property
    def open(self) -> bool:
        return self.state == "open"


def day_plan(calendar: Calendar, day: date) -> DayPlan:
    """What holds on a local day: a date of the calendar, else a public holiday, else the day of the week."""
    for key in (day.isoformat(), day.strftime("%m-%d")):
        own = calendar.dates.get(key)
        if own is not None:
            return DayPlan(day, own.hours, own.name, special=True)
    holiday = _holiday(calendar, day)
    if holiday:
        return DayPlan(day, (), holiday, special=True)
    return DayPlan(day, calendar.hours_of_week().get(DAYS[day.weekday()], ()))


def opening(calendar: Calendar, at: datetime, time_zone: str) -> Opening:
    """The state at `at`, an instant with an offset; `time_zone` holds where the calendar has none.

    A local time that a change of the clocks leaves out is as long after midnight as on other days; of one
    that comes twice the first begins a span, the second ends it.
    """
    zone = _zone(calendar.time_zone or time_zone)
    today = at.astimezone(zone).date()
    plan = day_plan(calendar, today)
    # A span of yesterday may reach into today.
    for day in (today - _ONE_DAY, today):
        if any(begin <= at < end for begin, end in _spans(day_plan(calendar, day), zone)):
            return Opening("open", plan.name)
    return Opening("holiday" if plan.special and not plan.spans else "closed", plan.name)


def next_change(calendar: Calendar, at: datetime, time_zone: str) -> datetime | None:
    """The next instant (UTC) after `at` at which it opens or closes; None: not within LOOK_AHEAD_DAYS."""
    zone = _zone(calendar.time_zone or time_zone)
    until: datetime | None = None
    for begin, end in _all_spans(calendar, at.astimezone(zone).date(), zone):
        if end <= at:
            continue
        if until is None and begin > at:
            return begin
        if until is not None and begin > until:
            return until
        until = end if until is None else max(until, end)
    # Open to the end of what was looked at, or closed all the time.
    last = at + (LOOK_AHEAD_DAYS - 2) * _ONE_DAY
    return until if until is not None and until < last else None


def described(
    calendar: Calendar, time_zone: str, now: datetime, first: date | None, days: int
) -> dict[str, Any]:
    """Whether it is open `now` and until when, and `days` days from `first` (None: today there), as values.
    Raises OverflowError for days after the year 9999."""
    zone = _zone(calendar.time_zone or time_zone)
    begin = now.astimezone(zone).date() if first is None else first
    state, change = opening(calendar, now, time_zone), next_change(calendar, now, time_zone)
    plans = [day_plan(calendar, begin + place * _ONE_DAY) for place in range(days)]
    return {
        "calendar": calendar.name,
        "time_zone": str(zone),
        "now": state.state,
        "day": state.name,
        "until": change and change.astimezone(zone).isoformat(timespec="minutes"),
        "days": [
            {
                "date": plan.day.isoformat(),
                "day": f"{plan.day:%a}",
                "hours": ", ".join(plan.spans) or "closed",
                "name": plan.name,
            }
            for plan in plans
        ],
    }


def _all_spans(calendar: Calendar, today: date, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    """Spans in order of their beginning, from yesterday's on."""
    for count in range(-1, LOOK_AHEAD_DAYS):
        yield from sorted(_spans(day_plan(calendar, today + count * _ONE_DAY), zone))


def _spans(plan: DayPlan, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    for text in plan.spans:
        first, last = hours(text)
        begin = _on_the_wall(plan.day, first, zone)
        end = _on_the_wall(plan.day, last if last > first else last + 24 * 60, zone)
        span = begin.astimezone(UTC), max(end.astimezone(UTC), end.replace(fold=1).astimezone(UTC))
        if span[0] < span[1]:
            yield span


def _on_the_wall(day: date, minute: int, zone: ZoneInfo) -> datetime:
    """What the clock shows so many minutes after midnight on a day on which it is not changed."""
    days, rest = divmod(minute, 24 * 60)
    shown = day + days * _ONE_DAY
    return datetime(shown.year, shown.month, shown.day, rest // 60, rest % 60, tzinfo=zone)


def _holiday(calendar: Calendar, day: date) -> str:
    """The public holidays on which the calendar is closed that day, '' if there is none."""
    if calendar.country is None:
        return ""
    names = public_holidays(calendar.country, calendar.region, day.year).get(day, ())
    return "; ".join(name for name in names if name not in calendar.open_on)


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
