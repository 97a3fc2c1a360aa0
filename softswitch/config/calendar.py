"""Calendars: on which days and at which hours something is open."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from functools import lru_cache
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from softswitch.config.base import COUNTRY, Line, Model, Name
from softswitch.config.dialplan import DAYS, Day, Hours, TimeZone

DATE = re.compile(r"(?:(?P<year>[0-9]{4})-)?(?P<month>[0-9]{2})-(?P<day>[0-9]{2})")
LEAP_YEAR = 2024
YEARS_CHECKED = range(2024, 2034)
"""Years in which a holiday of `open_on` must occur: a name that never comes is a mistake."""


def days_of(text: str) -> tuple[Day, ...]:
    """The days of `mon` or `mon-fri`; `fri-mon` goes over the end of the week. ValueError otherwise."""
    first, dash, last = text.partition("-")
    if first not in DAYS or (dash and last not in DAYS):
        raise ValueError(f"is no day of the week; allowed: {', '.join(DAYS)}, or a span such as mon-fri")
    place = DAYS.index(first)
    count = (DAYS.index(last or first) - place) % len(DAYS) + 1
    return tuple(DAYS[(place + step) % len(DAYS)] for step in range(count))


def _week_days(text: str) -> str:
    days_of(text)
    return text


def _date(text: str) -> str:
    match = DATE.fullmatch(text)
    try:
        if match is None:
            raise ValueError
        date(int(match["year"] or LEAP_YEAR), int(match["month"]), int(match["day"]))
    except ValueError:
        raise ValueError("is no date; allowed: YYYY-MM-DD, or MM-DD for every year") from None
    return text


WeekDays = Annotated[str, Field(max_length=7), AfterValidator(_week_days)]
DateText = Annotated[str, Field(max_length=10), AfterValidator(_date)]


class CalendarDay(Model):
    """A day with hours of its own."""

    hours: tuple[Hours, ...] = Field(
        default=(), description="Spans of time in which it is open; none: closed."
    )
    name: Line = Field(default="", description="What the day is called.")


class Calendar(Model):
    """When something is open. A date goes before a public holiday, and that before the day of the week."""

    name: Name = Field(description="Name of the calendar.")
    time_zone: TimeZone | None = Field(
        default=None, description="IANA time zone of the site; unset: numbering.time_zone."
    )
    week: dict[WeekDays, tuple[Hours, ...]] = Field(
        default={},
        description="Spans of time, HH:MM-HH:MM, by day (mon) or days (mon-fri); one that ends before it"
        " begins reaches into the next day. Closed on days that are not named.",
    )
    country: Annotated[str, Field(pattern=COUNTRY)] | None = Field(
        default=None,
        description="Country (two letters of ISO 3166) on whose public holidays it is closed; unset: none.",
    )
    region: Line = Field(
        default="",
        description="State or province (ISO 3166-2 behind the dash, such as BY) whose holidays count too.",
    )
    open_on: tuple[Line, ...] = Field(
        default=(), description="Public holidays, by name, on which the hours of the week hold all the same."
    )
    dates: dict[DateText, CalendarDay] = Field(
        default={},
        description="Days with hours of their own, by YYYY-MM-DD, or MM-DD for every year: a list of spans,"
        " or hours and name; nothing: closed.",
    )

    @model_validator(mode="before")
    @classmethod
    def _short_dates(cls, given: Any) -> Any:
        """A list of spans stands for a day with these hours."""
        if not isinstance(given, dict) or not isinstance(given.get("dates"), Mapping):
            return given
        dates = {
            key: {"hours": value} if isinstance(value, list | tuple) else value
            for key, value in given["dates"].items()
        }
        return {**given, "dates": dates}

    @model_validator(mode="after")
    def _each_day_once(self) -> Calendar:
        seen: dict[str, str] = {}
        for key in self.week:
            for day in days_of(key):
                if day in seen:
                    raise ValueError(f"week says {day} twice, in {seen[day]} and in {key}; name a day once")
                seen[day] = key
        return self

    @model_validator(mode="after")
    def _holidays_are_known(self) -> Calendar:
        if self.country is None:
            if self.region or self.open_on:
                raise ValueError("region and open_on have no effect without country; give it, or remove them")
            return self
        for problem in _unknown(self.country, self.region, self.open_on):
            raise ValueError(problem)
        return self

    def hours_of_week(self) -> dict[Day, tuple[str, ...]]:
        """The spans by day of the week."""
        return {day: spans for key, spans in self.week.items() for day in days_of(key)}


def _unknown(country: str, region: str, names: tuple[str, ...]) -> Iterator[str]:
    try:
        regions = _regions(country)
    except NotImplementedError:
        yield f"holidays of country {country!r} are not known; remove country, and name the dates in dates"
        return
    if region and region not in regions:
        yield f"region {region!r} is not in {country}; allowed: {', '.join(sorted(regions)) or 'none'}"
        return
    if not names:
        return
    known = {
        name
        for year in YEARS_CHECKED
        for found in public_holidays(country, region, year).values()
        for name in found
    }
    for name in names:
        if name not in known:
            yield f"open_on: {name!r} is no holiday there; allowed: {', '.join(sorted(known))}"


def _regions(country: str) -> tuple[str, ...]:
    from holidays import country_holidays

    return tuple(country_holidays(country, years=()).subdivisions)


@lru_cache(maxsize=256)
def public_holidays(country: str, region: str, year: int) -> dict[date, tuple[str, ...]]:
    """English names of the public holidays of a year, those that are moved to another day included.

    `country` and `region` are known ones (ISO 3166).
    """
    # Only where a calendar wants them: loading it takes 50 ms.
    from holidays import country_holidays

    found = country_holidays(country, subdiv=region or None, years=year, language="en_US")
    return {day: tuple(names.split("; ")) for day, names in found.items() if day.year == year}
