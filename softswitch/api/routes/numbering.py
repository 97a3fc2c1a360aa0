"""Where numbers lead, and when it is open: asked, without calling anybody."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response

from softswitch.api.models.numbering import CalendarState, Explanation
from softswitch.api.parameters import CalendarName
from softswitch.api.problem import ApiError
from softswitch.api.requests import Here, Reader, answer
from softswitch.api.routes.configuration import CONFIGURATION_AGE_S
from softswitch.api.routes.health import LIVE_AGE_S
from softswitch.calendars import described
from softswitch.config import Calendar
from softswitch.config.base import NAME, NUMBER
from softswitch.config.errors import did_you_mean, validate

router = APIRouter(tags=["numbering"])

Dialled = Annotated[str, Query(max_length=64, pattern=NUMBER, description="As it is dialled.")]
AsUser = Annotated[str | None, Query(max_length=64, pattern=NAME, description="As this user would dial it.")]
FromTrunk = Annotated[
    str | None, Query(max_length=64, pattern=NAME, description="As a caller of this trunk.")
]
At = Annotated[
    str | None,
    Query(max_length=40, description="ISO 8601, by numbering.time_zone if it has no offset; unset: now."),
]
FirstDay = Annotated[date | None, Query(description="First day that is told; unset: today there.")]
Days = Annotated[int, Query(ge=1, le=400, description="How many days.")]


@router.get("/routing", response_model=Explanation)
async def explain(
    services: Here,
    caller: Reader,
    number: Dialled,
    user: AsUser = None,
    trunk: FromTrunk = None,
    at: At = None,
) -> Response:
    """Where a number leads, by which rule, in which form and over which trunks. Nobody is called."""
    if (user is None) == (trunk is None):
        raise ApiError(422, "give user or trunk, as whose caller the number is dialled")
    args = {"number": number, "user": user, "trunk": trunk, "at": at}
    return answer(await services.answers.read("route.explain", args, max_age_s=LIVE_AGE_S))


@router.get("/calendars/{name}/state", response_model=CalendarState)
async def show_calendar_state(
    name: CalendarName, services: Here, caller: Reader, on: FirstDay = None, days: Days = 7
) -> Response:
    """Whether a calendar is open now and until when, and when it is on some days."""
    rows = await services.answers.read("calendar.list", max_age_s=CONFIGURATION_AGE_S)
    row = next((row for row in rows if row["name"] == name), None)
    if row is None:
        raise ApiError(
            404, f"there is no calendar {name!r}", did_you_mean(name, [row["name"] for row in rows])
        )
    settings = await services.answers.read("settings.list", max_age_s=CONFIGURATION_AGE_S)
    calendar = validate(Calendar, {key: value for key, value in row.items() if key != "created_by"})
    try:
        told = described(calendar, settings["numbering"]["time_zone"], datetime.now(UTC), on, days)
    except OverflowError:
        raise ApiError(
            422, f"on: {on} is too late; the days after it must be before the year 10000"
        ) from None
    return answer(told)
