"""python -m bench costs: the parts of a sum are found again, and the prediction is judged."""

from __future__ import annotations

import pytest

from bench.call import Profile
from bench.centre import off, predicted
from bench.costs import Point, costs_of, figures_of, fitted
from bench.figures import Summary

ROWS = [(1.0, 4.0, 6.0), (1.0, 20.0, 12.0), (1.0, 20.0, 50.0), (1.0, 8.0, 48.0)]


def point(rate: float, conversations: float, waiting: float) -> Point:
    media = 0.1 + 0.001 * conversations + 0.0005 * waiting
    return Point(
        calls_per_s=rate,
        conversations=conversations,
        waiting=waiting,
        calls=round(10 * rate),
        cores={"switch": 0.01 + 0.004 * rate, "media": media},
        memory_mib=500 + 0.125 * (conversations + waiting),
        journal_bytes=round(1000 + 20_000 * 10 * rate),
        database_bytes=round(100_000 + 4_000 * 10 * rate),
        python_ms=5.0,
    )


POINTS = [point(4, 6, 3), point(20, 12, 18), point(20, 50, 18), point(8, 48, 7), point(8, 8, 34)]


def test_factors_of_a_sum_are_found() -> None:
    values = [0.1 + 0.01 * rate + 0.002 * held for _, rate, held in ROWS]
    assert fitted(ROWS, values) == pytest.approx([0.1, 0.01, 0.002])


def test_no_factor_is_below_zero() -> None:
    values = [1.0 - 0.01 * rate for _, rate, _ in ROWS]
    factors = fitted(ROWS, values)
    assert min(factors) >= 0
    assert factors[1] == 0
    assert fitted(ROWS, [0.0] * 4) == pytest.approx([0, 0, 0])


def test_costs_are_those_that_the_points_were_made_of() -> None:
    costs = costs_of(POINTS)
    assert costs.roles["switch"].per_call_a_second == pytest.approx(0.004)
    assert costs.roles["media"].per_waiting == pytest.approx(0.0005, rel=1e-3)
    assert (costs.memory_base_mib, costs.memory_call_kib) == (500, 128)
    assert (costs.journal_call_bytes, costs.database_call_bytes) == (20_000, 4_000)
    figures = figures_of(POINTS)
    assert figures["fit_error_percent"] == pytest.approx(0, abs=0.1)
    assert figures["media_per_conversation_ms"] == pytest.approx(1.0, rel=1e-3)


def test_the_prediction_is_that_of_the_same_centre() -> None:
    profile = Profile(100, 10.0, 1.0, 0.5, 4.0, record=True)
    figures = predicted(profile, costs_of(POINTS), 2.0, measured_cores=0.4)
    cores = 2 * (0.01 + 0.04 + 0.1 + 0.041 + 0.0075)
    assert figures["predicted_cores"] == pytest.approx(cores, rel=1e-3)
    assert figures["predicted_error_percent"] == pytest.approx(100 * (cores / 0.4 - 1), rel=1e-2)


@pytest.mark.parametrize(("error", "lines"), [(25.0, 0), (-25.0, 0), (26.0, 1), (-30.0, 1)])
def test_a_quarter_off_is_told(error: float, lines: int) -> None:
    told = off({"predicted_error_percent": Summary.of([error])})
    assert len(told) == lines
    assert all(f"off by {error:+.0f} %" in line for line in told)
