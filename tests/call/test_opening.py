"""Queues that open and close by their calendar, and by the code of a supervisor."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import pytest

from softswitch.config.errors import ConfigError
from tests.call.world import CENTRE, START, World

# Monday, 11:58 in UTC.
MORNING = datetime(2026, 1, 5, 11, 58, tzinfo=UTC).timestamp()


def world_at(moment: float = MORNING, **queue: Any) -> World:
    centre = copy.deepcopy(CENTRE)
    centre["calendars"] = {
        "office": {"week": {"mon-fri": ["09:00-12:00", "13:00-17:00"]}, "dates": {"01-06": None}}
    }
    centre["users"]["dave"]["permissions"] = ["supervise"]
    centre["queues"]["sales"] |= {"hours": "office", "on_closed": "user:bob", **queue}
    world = World()
    world.exchange.clock_set(moment - START)
    world.configure(centre)
    return world


def closed_by(world: World) -> list[str]:
    return world.exchange.acd.closed_by("sales")


def test_a_queue_closes_and_opens_when_its_calendar_says_so() -> None:
    world = world_at()
    assert closed_by(world) == []
    world.wait(119)
    assert closed_by(world) == []
    world.wait(1.1)
    assert world.one("queue_closed") == {
        "queue": "sales",
        "reason": "outside_hours",
        "by": "calendar:office",
    }
    bob = world.phone("bob")
    world.phone("carol").call("200")
    assert world.one("queue_left")["reason"] == "queue_closed"
    assert [each[0] for each in bob.events if each[0] == "ringing"] == ["ringing"]
    world.wait(3600)
    assert world.one("queue_opened") == {"queue": "sales", "by": "calendar:office"}
    world.wait(20 * 3600)
    assert [fact["reason"] for fact in world.of("queue_closed")] == ["outside_hours", "outside_hours"]
    # From midnight on it is a day on which it is closed, which does not close it once more.
    assert len(world.of("queue_closed")) == 2


def test_those_who_wait_at_closing_time_leave_if_the_queue_says_so() -> None:
    for policy, waiting in (("leave", 0), ("stay", 1)):
        world = world_at(at_closing=policy)
        bob = world.phone("bob")
        world.phone("carol").call("200")
        world.wait(125)
        assert len(world.exchange.acd.queued()) == waiting
        assert len([each for each in bob.events if each[0] == "ringing"]) == 1 - waiting


def test_a_switch_that_was_down_at_closing_time_closes_when_it_is_back() -> None:
    world = world_at(at_closing="leave")
    bob = world.phone("bob")
    world.phone("carol").call("200")
    _restart_at(world, MORNING + 300)
    assert closed_by(world) == ["hours"] and world.exchange.acd.queued() == []
    assert len([each for each in bob.events if each[0] == "ringing"]) == 1
    _restart_at(world, MORNING + 300)
    assert len(world.of("queue_closed")) == 1, "it was closed already"
    _restart_at(world, MORNING + 3800)
    assert closed_by(world) == []


def _restart_at(world: World, moment: float) -> None:
    world.clock = moment - START
    world.restart_switch()
    world.wait(1)


def test_changed_hours_hold_at_once() -> None:
    world = world_at()
    world.configure({"calendars": {"office": {"week": {"sat": ["09:00-12:00"]}}}})
    assert closed_by(world) == ["hours"]
    world.configure(
        {"calendars": {"office": {"time_zone": "America/New_York", "week": {"mon": ["06:58-07:00"]}}}}
    )
    assert closed_by(world) == []
    world.configure({"queues": {"sales": {"hours": None}}})
    world.wait(3600)
    assert closed_by(world) == []


def test_a_day_on_which_it_is_closed_is_the_reason() -> None:
    world = world_at(MORNING + 86400)
    assert world.one("queue_closed")["reason"] == "outside_hours"
    centre: dict[str, Any] = {
        "calendars": {"office": {"country": "DE", "week": {"mon-sun": ["09:00-12:00"]}}}
    }
    labour_day = World()
    labour_day.exchange.clock_set(datetime(2026, 5, 1, 10, tzinfo=UTC).timestamp() - START)
    labour_day.configure({**centre, "queues": {"sales": {"hours": "office"}}})
    assert labour_day.one("queue_closed")["reason"] == "Labor Day"


def test_a_calendar_that_is_not_there_is_a_mistake_and_one_in_use_stays() -> None:
    world = world_at()
    with pytest.raises(
        ConfigError, match=r"queues.sales.hours: there is no calendar 'offise'; did you mean office"
    ):
        world.configure({"queues": {"sales": {"hours": "offise"}}})
    with pytest.raises(ConfigError, match=r"calendar 'office' is still used by queues.sales.hours"):
        world.directory.plan_remove("calendar", "office")


@pytest.mark.parametrize("named", ["200", "sales"])
def test_a_supervisor_closes_a_queue_by_phone(named: str) -> None:
    world = world_at()
    phone = world.phone("dave")
    phone.call(f"*28{named}")
    assert world.one("queue_closed") == {"queue": "sales", "reason": "feature_code", "by": "dave"}
    world.finish_prompt()
    assert phone.events[-1][:2] == ("ended", "remote_bye")
    world.wait(200)
    phone.call(f"*29{named}")
    assert world.of("queue_opened")[-1] == {"queue": "sales", "by": "dave", "closed_by": ["hours"]}
    assert closed_by(world) == ["hours"]


def test_who_may_not_supervise_closes_nothing() -> None:
    world = world_at()
    carol = world.phone("carol")
    carol.call("*28200")
    assert carol.events[-1][2] == 403
    dave = world.phone("dave")
    dave.call("*28100")
    assert dave.events[-1][2] == 404
    assert closed_by(world) == []


HOURS_STEP = [
    {
        "hours": {
            "calendar": "office",
            "open": [{"queue": "sales"}],
            "closed": [{"say": "goodbye"}],
            "holiday": [{"say": "welcome"}],
        }
    },
    {"say": "thank_you"},
]


@pytest.mark.parametrize(
    ("moment", "heard"), [(MORNING, []), (MORNING + 300, ["goodbye"]), (MORNING + 86400, ["welcome"])]
)
def test_a_flow_goes_on_by_the_hours(moment: float, heard: list[str]) -> None:
    world = world_at(moment)
    world.configure({"flows": {"main": {"steps": HOURS_STEP}}})
    world.phone("carol").call("100")
    played = [each["items"] for each in world.media if each["do"] == "put_player" and each["legs"]]
    assert played == [[f"/prompts/en/{name}.flac"] for name in heard]
    assert len(world.exchange.acd.queued()) == (not heard)


def test_on_holidays_it_goes_on_as_when_closed_if_nothing_else_is_said() -> None:
    world = world_at(MORNING + 86400)
    step = {"hours": {"calendar": "office", "closed": [{"say": "goodbye"}]}}
    world.configure({"flows": {"main": {"steps": [step, {"say": "thank_you"}]}}})
    world.phone("carol").call("100")
    (player,) = [each["items"] for each in world.media if each["do"] == "put_player" and each["legs"]]
    assert player == ["/prompts/en/goodbye.flac"]


def test_mistakes_of_the_step_are_named() -> None:
    world = world_at()
    asked = {"name": "x", "say": "goodbye"}
    for step, message in (
        ({"calendar": "offise", "open": "x"}, "there is no calendar 'offise'; did you mean office"),
        ({"calendar": "office"}, "leads to the next step in any case; give open, closed or holiday"),
        ("office", "leads to the next step in any case"),
    ):
        with pytest.raises(ConfigError) as error:
            world.configure({"flows": {"main": {"steps": [asked, {"hours": step}]}}})
        assert message in str(error.value)
    circle = [{"name": "x", "hours": {"calendar": "office", "closed": "x"}}]
    with pytest.raises(ConfigError, match="runs in a circle in which the caller is never asked"):
        world.configure({"flows": {"main": {"steps": circle}}})
