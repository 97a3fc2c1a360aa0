"""The dial plan of centre.yaml: how numbers are read, which classes they form, over which trunks they go."""

from __future__ import annotations

from typing import Annotated, Literal, get_args
from zoneinfo import ZoneInfo

from phonenumbers import SUPPORTED_REGIONS
from pydantic import AfterValidator, Field, model_validator

from softswitch.config.base import (
    CLOCK_HOURS,
    COUNTRY,
    DIGITS,
    PREFIX,
    DialledNumber,
    Model,
    Name,
)

NumberForm = Literal["e164", "digits", "national", "international", "dialled"]
NUMBER_FORM = (
    "How numbers are written to the peer: e164 +49301234, digits 49301234, national 0301234, international"
    " 0049301234 (both by the country's rules), dialled as the caller dialled it."
)
NumberKind = Literal[
    "local", "national", "mobile", "international", "toll_free", "shared_cost", "premium", "other"
]
NUMBER_KINDS: tuple[NumberKind, ...] = get_args(NumberKind)
DIAL_OUT_KINDS: frozenset[str] = frozenset(NUMBER_KINDS) - {"premium", "other"}
"""What the permission dial_out allows; premium numbers, and those of no known kind, have to be named."""
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = get_args(Day)


def _country(text: str) -> str:
    if text not in SUPPORTED_REGIONS:
        raise ValueError("is no country; allowed: the two letters of ISO 3166, such as DE, GB or CN")
    return text


def _time_zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ValueError, OSError, LookupError):
        raise ValueError("is no IANA time zone; allowed: names such as Europe/Berlin or UTC") from None
    return text


def minutes(clock: str) -> int:
    """Minutes since midnight of HH:MM."""
    hour, _, minute = clock.partition(":")
    return int(hour) * 60 + int(minute)


def hours(text: str) -> tuple[int, int]:
    """First minute, and the one after the last, of HH:MM-HH:MM."""
    first, _, last = text.partition("-")
    return minutes(first), minutes(last)


def _hours(text: str) -> str:
    first, last = hours(text)
    if first == last or max(first, last) > 24 * 60:
        raise ValueError("is no span of time; allowed: HH:MM-HH:MM within 00:00 and 24:00")
    return text


Country = Annotated[str, Field(pattern=COUNTRY), AfterValidator(_country)]
TimeZone = Annotated[str, Field(max_length=64), AfterValidator(_time_zone)]
Hours = Annotated[str, Field(pattern=CLOCK_HOURS), AfterValidator(_hours)]
Prefix = Annotated[str, Field(min_length=1, max_length=20, pattern=PREFIX)]
Digits = Annotated[str, Field(max_length=16, pattern=DIGITS)]


class Numbering(Model):
    """How the numbers of this place are read."""

    country: Country | None = Field(
        default=None,
        description="Country by whose rules numbers are read (two letters of ISO 3166); calling code,"
        " prefixes and kinds of number come with it. Unset: only numbers with + are understood,"
        " others go as dialled.",
    )
    area_code: Digits = Field(
        default="",
        description="Area code, without the national prefix, of numbers dialled without one; unset: none.",
    )
    extension_digits: int | None = Field(
        default=None,
        ge=1,
        le=12,
        description="Numbers of at most so many digits are never sent outside, emergency numbers apart;"
        " unset: no limit.",
    )
    outside_prefix: Digits = Field(
        default="",
        description="What users dial before numbers outside, such as 0 or 9; numbers with + and emergency"
        " numbers need none. Unset: nothing.",
    )
    emergency_numbers: tuple[Digits, ...] | None = Field(
        default=None,
        description="Numbers that every user may always call; unset: those of the country,"
        " without one 112 and 911. []: none.",
    )
    emergency_trunks: tuple[Name, ...] = Field(
        default=(), description="Trunks tried first for emergency numbers; the others follow."
    )
    emergency_caller_id: DialledNumber | None = Field(
        default=None,
        description="Number shown with emergency calls of users who have no caller_id; unset: by the other"
        " rules. It is shown also when the caller asked not to be.",
    )
    time_zone: TimeZone = Field(
        default="UTC", description="IANA time zone of the days and hours of routes, such as Europe/Berlin."
    )


class CallingClass(Model):
    """A class of numbers, named by users in `calling`."""

    name: Name = Field(description="Name of the class.")
    prefixes: tuple[Prefix, ...] = Field(
        min_length=1,
        description="How its numbers begin, with + and calling code. The longest prefix of all classes"
        " decides; a number in a class is none of its kind (local, national, ...) any more.",
    )


class OutboundRoute(Model):
    """Over which trunks some numbers are called, and when."""

    name: Name = Field(description="Name of the route.")
    prefixes: tuple[Prefix, ...] = Field(
        default=(),
        description="How the numbers begin, with + and calling code; numbers that the country's rules do not"
        " know, as dialled. Of all routes open now the longest prefix decides. Unset: every number.",
    )
    trunks: tuple[Name, ...] = Field(
        min_length=1, description="Trunks, tried in this order; the next has its turn when one fails."
    )
    weights: tuple[Annotated[int, Field(ge=1, le=1000)], ...] = Field(
        default=(),
        description="One whole number for each trunk: which is tried first is drawn by these shares. Unset:"
        " the order counts.",
    )
    days: tuple[Day, ...] = Field(default=(), description="Days on which the route is open; unset: all.")
    hours: tuple[Hours, ...] = Field(
        default=(),
        description="Spans of time, HH:MM-HH:MM, in which it is open; one that ends before it begins reaches"
        " into the next day. Unset: all day.",
    )
    time_zone: TimeZone | None = Field(
        default=None, description="IANA time zone of days and hours; unset: numbering.time_zone."
    )
    strip: int = Field(
        default=0,
        ge=0,
        le=20,
        description="Characters taken off the front of the number, after it has the form of the trunk.",
    )
    add: Annotated[str, Field(max_length=20, pattern=DIGITS)] = Field(
        default="", description="Digits put in front of it then."
    )
    caller_id: DialledNumber | None = Field(
        default=None, description="Number shown over this route for users without caller_id of their own."
    )

    @model_validator(mode="after")
    def _a_weight_for_each(self) -> OutboundRoute:
        if self.weights and len(self.weights) != len(self.trunks):
            raise ValueError("weights and trunks differ in number; give one weight for each trunk")
        return self
