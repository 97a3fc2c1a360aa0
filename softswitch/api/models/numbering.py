"""Where numbers lead, and when it is open."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class Way(BaseModel):
    """A trunk over which a number outside is tried."""

    trunk: str
    number: str = Field(description="As it is sent.")
    shown: str = Field(description="The caller's number that is shown; anonymous: none.")
    weight: int | None = Field(default=None, description="Among the trunks of its route.")


class Explanation(BaseModel):
    """Where a number leads. What does not apply is left out."""

    number: str
    caller: str = Field(description="As whom, such as user:alice or trunk:carrier.")
    at: str = Field(description="At which time, ISO 8601.")
    read: str | None = Field(default=None, description="How the number is read, in E.164.")
    class_: str | None = Field(default=None, alias="class", description="Kind of number, such as mobile.")
    kind: str | None = Field(default=None, description="What it leads to, such as queue.")
    name: str | None = Field(default=None, description="Which one.")
    rule: str | None = Field(default=None, description="By which rule.")
    ways: list[Way] | None = Field(default=None, description="In the order in which they are tried.")
    reason: str | None = Field(default=None, description="Why it is refused.")
    help: str | None = Field(default=None, description="What to do about that.")
    allowed: list[str] | None = Field(default=None, description="Kinds of number that the caller may call.")
    closed: list[str] | None = Field(default=None, description="Routes that are not open then.")


class CalendarDay(BaseModel):
    """One day."""

    date: str = Field(description="YYYY-MM-DD.")
    day: str = Field(description="Day of the week, such as Mon.")
    hours: str = Field(description="Spans HH:MM-HH:MM, or closed.")
    name: str = Field(description="Of a holiday or a date of its own; empty: an ordinary day.")


class CalendarState(BaseModel):
    """Whether it is open now, and when it is."""

    calendar: str
    time_zone: str
    now: Literal["open", "closed", "holiday"]
    day: str = Field(description="Name of today; empty: an ordinary day.")
    until: str | None = Field(description="When that changes, ISO 8601; null: not within 400 days.")
    days: list[CalendarDay]
