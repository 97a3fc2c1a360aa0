"""Statistics of the benches, and the one result that is made of them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.figures import Round, Summary, median, quantile, ratios, slope, summarise
from bench.harness import measure
from bench.output import as_json, print_table

values = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50)


def no_progress(text: str) -> None:
    assert text


@pytest.mark.parametrize(
    ("given_values", "middle"), [([3.0], 3.0), ([5.0, 1.0, 3.0], 3.0), ([4.0, 1.0, 2.0, 9.0], 3.0)]
)
def test_median(given_values: list[float], middle: float) -> None:
    assert median(given_values) == middle


@pytest.mark.parametrize(("share", "value"), [(0.0, 1), (0.5, 50), (0.99, 99), (0.991, 100), (1.0, 100)])
def test_quantile_is_the_nearest_rank(share: float, value: int) -> None:
    assert quantile(reversed(range(1, 101)), share) == value


@given(values, st.floats(0, 1))
def test_quantile_is_a_value_that_enough_do_not_exceed(given_values: list[float], share: float) -> None:
    found = quantile(given_values, share)
    assert found in given_values
    assert sum(each <= found for each in given_values) >= share * len(given_values)
    assert sum(each < found for each in given_values) < max(1.0, share * len(given_values))


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_share_out_of_range(share: float) -> None:
    with pytest.raises(ValueError, match="0 to 1"):
        quantile([1.0], share)


def test_nothing_has_neither_median_nor_quantile() -> None:
    with pytest.raises(ValueError, match="no values"):
        median([])
    with pytest.raises(ValueError, match="needs values"):
        quantile([], 0.5)


def test_spread_is_a_share_of_the_median() -> None:
    assert Summary.of([9.0, 10.0, 12.0]).spread == pytest.approx(0.3)
    assert Summary.of([-1.0, 0.0, 1.0]).spread == 0.0


def test_summary_needs_every_figure_in_every_round() -> None:
    assert summarise([{"a": 1.0}, {"a": 3.0}]) == {"a": Summary(2.0, 1.0, 3.0)}
    with pytest.raises(ValueError, match="b was not measured"):
        summarise([{"a": 1.0, "b": 1.0}, {"a": 3.0}])


def test_ratios_are_of_neighbouring_rounds() -> None:
    """The second pair ran on a machine twice as slow; the ratio does not see it."""
    first = [{"a": 1.0, "lost": 0.0}, {"a": 2.0, "lost": 0.0}]
    second = [{"a": 2.0, "lost": 0.0}, {"a": 4.0, "lost": 1.0}]
    assert ratios(first, second) == {"a": Summary(0.5, 0.5, 0.5)}


def test_systems_take_turns() -> None:
    order: list[str] = []

    def system(name: str) -> Round:
        order.append(name)
        return Round({"a": float(len(order))})

    result = measure("turns", {name: lambda name=name: system(name) for name in "AB"}, 3, no_progress)
    assert "".join(order) == "ABABAB"
    assert result.summaries["A"]["a"] == Summary(3.0, 1.0, 5.0)
    assert result.summaries["B"]["a"] == Summary(4.0, 2.0, 6.0)
    assert result.ratios["B"]["a"] == Summary(0.75, 0.5, 5 / 6)


@pytest.mark.parametrize("bad", [Round({"a": 1.0}, failed=2), Round({"a": 1.0}, problems=("1 of 2",))])
def test_no_figure_after_a_failed_call(bad: Round, capsys: pytest.CaptureFixture[str]) -> None:
    rounds = iter([Round({"a": 1.0}), bad])
    result = measure("bad", {"softswitch": lambda: next(rounds)}, 3, no_progress)
    document = json.loads(as_json(result))
    assert (document["figures"], document["failed"]) == ({}, bad.failed)
    assert not result.valid
    print_table(result)
    assert "no figures" in capsys.readouterr().out


def test_json_is_one_line_with_names_by_system() -> None:
    result = measure(
        "two",
        {"softswitch": lambda: Round({"a": 1.23456}), "other": lambda: Round({"a": 2.0})},
        1,
        no_progress,
    )
    line = as_json(result)
    document = json.loads(line)
    assert "\n" not in line
    assert document["figures"] == {"a": 1.235, "other.a": 2, "ratio.other.a": 0.6173}
    assert document["spread"]["a"] == [1.235, 1.235]
    assert document["machine"]["cores"] >= 1
    assert (document["bench"], document["failed"], document["rounds"]) == ("two", 0, 1)


def test_table_shows_every_figure(capsys: pytest.CaptureFixture[str]) -> None:
    rounds = iter([Round({"cost_ms": 1.0}), Round({"cost_ms": 3.0})])
    print_table(measure("shown", {"softswitch": lambda: next(rounds)}, 2, no_progress))
    shown = capsys.readouterr().out
    assert "cost_ms" in shown
    assert "2 (1 to 3)" in shown


def test_slope() -> None:
    assert slope([1, 2, 3], [5, 7, 9]) == pytest.approx(2)
    assert slope([1, 2, 3], [4, 4, 4]) == 0
