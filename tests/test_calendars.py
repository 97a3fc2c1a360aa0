"""Whether a calendar is open at an instant, why, and until when."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.calendars import day_plan, next_change, opening
from softswitch.config import Calendar
from softswitch.config.errors import ConfigError, validate

OFFICE: dict[str, Any] = {
    "name": "office",
    "time_zone": "Europe/Berlin",
    "week": {"mon-thu": ["08:00-12:00", "13:00-18:00"], "fri": ["08:00-14:00"], "sat": ["22:00-02:00"]},
    "country": "DE",
    "region": "BY",
    "open_on": ["Epiphany"],
    "dates": {"12-24": {"hours": ["08:00-12:00"], "name": "Christmas Eve"}, "2026-07-01": None},
}


def calendar(**changed: Any) -> Calendar:
    return validate(Calendar, {**OFFICE, **changed})


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "state", "name", "changes"),
    [
        # Monday, in winter an hour, in summer two before UTC.
        ("2026-01-05T06:59", "closed", "", "2026-01-05T07:00"),
        ("2026-01-05T07:00", "open", "", "2026-01-05T11:00"),
        ("2026-01-05T11:00", "closed", "", "2026-01-05T12:00"),
        ("2026-07-06T06:00", "open", "", "2026-07-06T10:00"),
        # Friday's end, Saturday night into Sunday, the way to Monday.
        ("2026-01-09T13:00", "closed", "", "2026-01-10T21:00"),
        ("2026-01-11T00:59", "open", "", "2026-01-11T01:00"),
        ("2026-01-11T01:00", "closed", "", "2026-01-12T07:00"),
        # A holiday of the region on which it is open, one on which it is not.
        ("2026-01-06T09:00", "open", "", "2026-01-06T11:00"),
        ("2026-06-04T09:00", "holiday", "Corpus Christi", "2026-06-05T06:00"),
        # Dates: a short day of every year, a day closed once and not the year after.
        ("2026-12-24T10:00", "open", "Christmas Eve", "2026-12-24T11:00"),
        ("2026-12-24T11:00", "closed", "Christmas Eve", "2026-12-26T21:00"),
        ("2026-07-01T09:00", "holiday", "", "2026-07-02T06:00"),
        ("2027-07-01T09:00", "open", "", "2027-07-01T10:00"),
    ],
)
def test_state_and_next_change(moment: str, state: str, name: str, changes: str) -> None:
    found = opening(calendar(dates={**OFFICE["dates"], "12-26": ["22:00-02:00"]}), at(moment), "UTC")
    assert (found.state, found.name) == (state, name)
    assert next_change(
        calendar(dates={**OFFICE["dates"], "12-26": ["22:00-02:00"]}), at(moment), "UTC"
    ) == at(changes)


@pytest.mark.parametrize(
    ("spans", "moment", "open_then", "changes"),
    [
        # On 29 March the clock goes from 2:00 to 3:00, at 1:00 UTC.
        (["00:30-04:00"], "2026-03-29T01:30", True, "2026-03-29T02:00"),
        (["02:30-05:00"], "2026-03-29T01:29", False, "2026-03-29T01:30"),
        (["00:00-02:30"], "2026-03-29T01:00", True, "2026-03-29T01:30"),
        (["02:15-02:45"], "2026-03-29T01:20", True, "2026-03-29T01:45"),
        # On 25 October it goes back from 3:00 to 2:00, at 1:00 UTC: 2:30 is at 0:30 and at 1:30.
        (["02:30-05:00"], "2026-10-25T00:30", True, "2026-10-25T04:00"),
        (["00:00-02:30"], "2026-10-25T01:15", True, "2026-10-25T01:30"),
        (["00:00-24:00"], "2026-10-25T12:00", True, "2026-10-25T23:00"),
    ],
)
def test_when_clocks_are_changed(spans: list[str], moment: str, open_then: bool, changes: str) -> None:
    sundays = Calendar(name="x", time_zone="Europe/Berlin", week={"sun": tuple(spans)})
    assert opening(sundays, at(moment), "UTC").open is open_then
    assert next_change(sundays, at(moment), "UTC") == at(changes)


def test_spans_that_meet_are_one() -> None:
    always = Calendar(name="x", week={"mon-sun": ("00:00-24:00",)})
    assert opening(always, at("2026-01-05T12:00"), "Asia/Shanghai").open
    assert next_change(always, at("2026-01-05T12:00"), "Asia/Shanghai") is None
    never = Calendar(name="x")
    assert opening(never, at("2026-01-05T12:00"), "UTC").state == "closed"
    assert next_change(never, at("2026-01-05T12:00"), "UTC") is None
    nights = Calendar(name="x", week={"mon": ("20:00-06:00",), "tue": ("06:00-08:00", "07:00-09:00")})
    assert next_change(nights, at("2026-01-05T21:00"), "UTC") == at("2026-01-06T09:00")


def test_the_time_zone_of_the_centre_holds_where_there_is_none() -> None:
    site = Calendar(name="x", week={"mon": ("09:00-17:00",)})
    assert opening(site, at("2026-01-05T01:00"), "Asia/Shanghai").open
    assert not opening(site, at("2026-01-05T01:00"), "America/New_York").open
    assert opening(calendar(), at("2026-01-05T07:00"), "Asia/Shanghai").open


def test_moved_holidays_and_two_on_one_day() -> None:
    chinese = Calendar(name="x", country="CN", week={"mon-sun": ("09:00-17:00",)})
    plan = day_plan(chinese, date(2026, 2, 17))
    assert (plan.spans, plan.name) == ((), "Chinese New Year (Spring Festival)")
    # Ascension fell on the first of May.
    german = validate(Calendar, {"name": "x", "country": "DE", "open_on": ["Ascension Day"]})
    assert day_plan(german, date(2008, 5, 1)).name == "Labor Day"


ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Apia")
SPAN = st.tuples(st.integers(0, 95), st.integers(0, 96)).filter(lambda pair: pair[0] != pair[1])


@given(
    zone=st.sampled_from(ZONES),
    week=st.dictionaries(
        st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]),
        st.lists(SPAN, min_size=1, max_size=3),
    ),
    start=st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 1)),
)
def test_nothing_changes_before_the_next_change_and_something_then(
    zone: str, week: dict[str, list[tuple[int, int]]], start: datetime
) -> None:
    spans = {
        day: tuple("-".join(f"{q // 4:02}:{q % 4 * 15:02}" for q in pair) for pair in pairs)
        for day, pairs in week.items()
    }
    found = Calendar(name="x", week=spans)
    moment = start.replace(tzinfo=UTC)
    changes, now = next_change(found, moment, zone), opening(found, moment, zone).open
    end = changes or moment + timedelta(days=15)
    step = moment.replace(minute=moment.minute // 15 * 15, second=0, microsecond=0) + timedelta(minutes=15)
    while step < min(end, moment + timedelta(days=8)):
        assert opening(found, step, zone).open is now, step
        step += timedelta(minutes=15)
    if changes is not None:
        assert opening(found, changes, zone).open is not now


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"week": {"monday": ["08:00-12:00"]}}, "week.monday: 'monday' is no day of the week"),
        ({"week": {"mon-fri": ["08:00-12:00"], "wed": []}}, "week says wed twice, in mon-fri and in wed"),
        ({"week": {"mon": ["8-12"]}}, "week.mon[0]: '8-12' is not allowed here; allowed: HH:MM-HH:MM"),
        ({"dates": {"2026-02-29": []}}, "'2026-02-29' is no date; allowed: YYYY-MM-DD, or MM-DD"),
        ({"dates": {"24.12.": []}}, "'24.12.' is no date"),
        ({"dates": {"12-24": {"open": []}}}, "dates.12-24.open: unknown key"),
        ({"country": "ZZ"}, "holidays of country 'ZZ' are not known"),
        ({"region": "XX"}, "region 'XX' is not in DE; allowed: Augsburg, BB"),
        ({"open_on": ["Epiphanie"]}, "open_on: 'Epiphanie' is no holiday there; allowed: All Saints' Day"),
        ({"country": None, "region": "", "open_on": ["Epiphany"]}, "have no effect without country"),
        ({"time_zone": "Berlin"}, "time_zone: 'Berlin' is no IANA time zone"),
    ],
)
def test_mistakes_are_named(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        calendar(**changed)
    assert message in str(error.value)
