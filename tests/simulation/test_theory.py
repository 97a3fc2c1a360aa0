"""The engine on the simulated clock waits, answers and loses callers as Erlang says."""

from __future__ import annotations

from statistics import fmean, stdev

import pytest

from softswitch.config import Agent, Centre, Queue
from softswitch.simulation.day import Day
from softswitch.simulation.load import Load
from tests.simulation.erlang import erlang_a, erlang_c

# Two-sided 99.9 % quantile of Student's t with 9 degrees of freedom: 10 days.
DAYS, QUANTILE = 10, 4.781


def days(agents: int, calls_per_h: float, patience_s: float | None) -> list[dict[str, float]]:
    names = [f"a{number}" for number in range(agents)]
    centre = Centre(
        queues={"q": Queue.model_validate({"name": "q", "wrap_up_s": 0})},
        agents={name: Agent(name=name, user=name, queues=("q",)) for name in names},
    )
    queue = {"calls_per_h": calls_per_h, "handle_s": 120, "patience_s": patience_s}
    load = Load.model_validate({"hours": 21, "warm_up_h": 1, "queues": {"q": queue}})
    return [Day(centre, load, seed).run().rows()[0] for seed in range(DAYS)]


def agrees(rows: list[dict[str, float]], figure: str, expected: float) -> None:
    values = [row[figure] for row in rows]
    half = QUANTILE * stdev(values) / len(values) ** 0.5
    assert abs(fmean(values) - expected) <= half, (figure, fmean(values), half, expected)
    assert half <= 0.35 * expected or half < 0.05, "too wide an interval proves nothing"


def test_without_abandoning_it_is_erlang_c() -> None:
    rows = days(10, 216, None)
    theory = erlang_c(216 / 3600, 120, 10, 20)
    agrees(rows, "mean_wait_s", theory.mean_wait_s)
    agrees(rows, "service_level", theory.service_level)


@pytest.mark.deep
def test_with_impatient_callers_it_is_erlang_a() -> None:
    rows = days(10, 330, 60)
    theory = erlang_a(330 / 3600, 120, 10, 60, 20)
    assert 0.1 < theory.abandon_rate < 0.3
    agrees(rows, "abandon_rate", theory.abandon_rate)
    agrees(rows, "mean_wait_s", theory.mean_wait_s)
    agrees(rows, "service_level", theory.service_level)


def test_theory_knows_the_textbook() -> None:
    """Two erlangs and three agents wait with probability 4/9; without patience Erlang A is Erlang B."""
    assert erlang_c(2, 1, 3, 0).service_level == pytest.approx(1 - 4 / 9)
    assert erlang_a(2, 1, 3, 1e-4, 1).abandon_rate == pytest.approx(4 / 19, abs=1e-3)
