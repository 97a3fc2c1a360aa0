"""The estimate of waiting: its formula, what it learns, and how often it is right in simulated days."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.acd.engine import Acd
from softswitch.acd.estimate import (
    COVERAGE,
    FEWEST_DEPARTURES,
    KEEP_EVERY,
    NORMAL,
    WaitEstimator,
    _score,
    _seconds,
)
from softswitch.acd.events import CallLeft, CallQueued, QueueConfigured
from softswitch.acd.outputs import AnnouncePosition
from softswitch.config import Agent, Centre, Queue
from softswitch.simulation.day import Day
from softswitch.simulation.load import Load
from tests.acd.floor import Counter, Floor, facts, offers


def learned(departures: int = 30, distance_s: float = 20.0) -> WaitEstimator:
    """Calls have left the line every so many seconds."""
    estimator, now = WaitEstimator(), 0.0
    estimator.stands("always", now)
    for number in range(departures):
        estimator.stands(f"c{number}", now)
        now += distance_s
        estimator.left(f"c{number}", "answered", now)
    return estimator


@given(st.integers(1, 5000), st.floats(0.1, 1000), st.floats(0.01, 20))
def test_a_time_has_one_score(shape: int, mean_s: float, relative: float) -> None:
    seconds = relative * shape * mean_s
    assert math.isclose(_seconds(_score(seconds, shape, mean_s), shape, mean_s), seconds, rel_tol=1e-6)


GAMMA = [(1, 0.1054, 2.3026), (5, 2.4326, 7.9936), (20, 14.525, 25.903)]


@pytest.mark.parametrize(("shape", "low", "high"), GAMMA)
def test_the_range_is_that_of_a_gamma_distribution(shape: int, low: float, high: float) -> None:
    """Quantiles of 10 % and 90 % from tables; the approximation is worst for one departure."""
    error = 0.04 if shape == 1 else 0.01
    assert _seconds(-NORMAL, shape, 1.0) == pytest.approx(low, abs=error)
    assert _seconds(NORMAL, shape, 1.0) == pytest.approx(high, abs=error * 2)


def test_who_stands_further_back_waits_longer() -> None:
    estimator = learned()
    found = [estimator.estimate(place) for place in (1, 2, 5, 20)]
    ranges = [(each.low_s, each.high_s) for each in found if each is not None]
    assert len(ranges) == 4 and ranges == sorted(ranges)
    assert ranges[3][0] < 20 * 20.0 < ranges[3][1]


def test_nothing_is_said_before_something_is_known() -> None:
    assert learned(FEWEST_DEPARTURES - 1).estimate(1) is None
    assert learned(FEWEST_DEPARTURES).estimate(1) is not None


def test_the_pace_follows_the_day() -> None:
    estimator, now = learned(100, 60.0), 6000.0
    estimator.stands("more", now)
    for number in range(100):
        estimator.stands(f"d{number}", now)
        now += 6.0
        estimator.left(f"d{number}", "abandoned", now)
    assert estimator.mean_s < 20


def test_what_was_learned_outlives_a_restart() -> None:
    former = learned(KEEP_EVERY)
    assert former.kept is not None
    later = WaitEstimator()
    later.restore(former.kept)
    assert later.estimate(7) == former.estimate(7)


def floor_with(**settings: Any) -> Floor:
    floor = Floor(Queue(name="sales", wrap_up_s=0, announce_position_every_s=30, **settings))
    estimator = floor.acd._room.estimator("sales")
    estimator.mean_s, estimator.count = 60.0, 50
    return floor


def test_the_estimate_and_what_came_of_it_are_facts() -> None:
    floor = floor_with()
    said = floor.tell(CallQueued("c1", "sales"))
    (estimated,) = facts(said, "wait_estimated")
    assert estimated["place"] == 1 and estimated["coverage"] == COVERAGE
    floor.at += 70
    (judged,) = facts(floor.tell(CallLeft("c1")), "wait_estimate_judged")
    assert judged["outcome"] == "abandoned" and judged["waited_s"] == 70 and judged["hit"] is True


def test_a_call_that_is_taken_at_once_has_no_estimate() -> None:
    floor = floor_with()
    floor.staff("ann")
    assert facts(floor.tell(CallQueued("c1", "sales")), "wait_estimated") == []


@pytest.mark.parametrize("on", [False, True])
def test_it_is_spoken_only_when_switched_on(on: bool) -> None:
    floor = floor_with(announce_wait=on)
    floor.tell(CallQueued("c1", "sales"))
    (announced,) = [each for each in floor.wait(30) if isinstance(each, AnnouncePosition)]
    assert (announced.wait is not None) == on


def test_expressions_know_it() -> None:
    require = "french >= 5 or caller.estimated_wait_s > 600"
    floor = floor_with(require=require)
    floor.staff("ann")
    assert offers(floor.tell(CallQueued("c0", "sales"))) == []
    for number in range(1, 12):
        said = floor.tell(CallQueued(f"c{number}", "sales"))
        if offers(said):
            break
    assert 5 < number < 11, "those further back would wait for more than ten minutes"


def test_status_tells_the_next_callers_range_and_the_state_is_kept() -> None:
    floor = floor_with()
    low, high = floor.queue()["estimated_wait_s"]
    assert low < 60 < high
    estimator = floor.acd._room.estimator("sales")
    for number in range(-estimator.count % KEEP_EVERY):
        floor.tell(CallQueued(f"c{number}", "sales"))
        floor.at += 10
        floor.tell(CallLeft(f"c{number}"))
    changes = floor.acd.take_changes()
    assert changes["acd/estimate/sales"] == estimator.kept
    later = Acd(Counter())
    later.handle(QueueConfigured(Queue(name="sales")), floor.at)
    later.restore(floor.acd.state(), floor.at)
    assert later._room.estimator("sales").mean_s == pytest.approx(estimator.mean_s, abs=0.01)


class Judged(Day):
    """A simulated day that remembers how each estimate ended."""

    def __init__(self, *args: Any) -> None:
        self.hits: list[bool] = []
        super().__init__(*args)

    def _note(self, fact: Any) -> None:
        if fact.type == "wait_estimate_judged" and fact.data["outcome"] == "answered":
            self.hits.append(fact.data["hit"])
        super()._note(fact)


def hit_rate(load: dict[str, Any], seed: int, **queue: Any) -> float:
    """Of one day with ten agents, who talk three minutes on average."""
    agents = {
        f"a{n}": Agent(name=f"a{n}", user=f"u{n}", queues=("sales",), skills={"french": 5} if n < 4 else {})
        for n in range(10)
    }
    centre = Centre(queues={"sales": Queue(name="sales", wrap_up_s=0, **queue)}, agents=agents)
    day = Judged(centre, Load.model_validate({"hours": 24, "answer_s": 4, "queues": {"sales": load}}), seed)
    day.run()
    assert len(day.hits) > 300
    return sum(day.hits) / len(day.hits)


LOADS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "impatient": ({"calls_per_h": 240, "handle_s": 180, "patience_s": 120}, {}),
    "patient": ({"calls_per_h": 215, "handle_s": 180, "patience_s": 600}, {}),
    "up and down": ({"calls_per_h": [150, 250, 180, 260, 190], "handle_s": 180, "patience_s": 200}, {}),
    "skills": (
        {"calls_per_h": 170, "handle_s": 180, "patience_s": 300},
        {"strategy": "skills", "prefer": ("french",), "require": "french or waited > 45"},
    ),
}


@pytest.mark.parametrize("kind", sorted(LOADS))
def test_so_many_waits_lie_in_the_range_as_it_says(kind: str) -> None:
    load, queue = LOADS[kind]
    assert hit_rate(load, 1, **queue) == pytest.approx(COVERAGE, abs=0.04)


@pytest.mark.deep
@pytest.mark.parametrize("kind", sorted(LOADS))
def test_so_many_waits_lie_in_the_range_over_many_days(kind: str) -> None:
    load, queue = LOADS[kind]
    rates = [hit_rate(load, seed, **queue) for seed in range(20)]
    assert sum(rates) / len(rates) == pytest.approx(COVERAGE, abs=0.015), rates
