"""Erlang's formulas against published figures and their own limits."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.simulation import erlang


@pytest.mark.parametrize(
    ("lines", "traffic", "share"),
    [(1, 1.0, 0.5), (2, 2.0, 0.4), (10, 4.46, 0.01), (30, 20.34, 0.01), (100, 84.06, 0.01)],
)
def test_blocked_is_that_of_the_tables(lines: int, traffic: float, share: float) -> None:
    assert erlang.blocked(traffic, lines) == pytest.approx(share, rel=0.01)


@given(st.floats(0.1, 500), st.floats(0.0001, 0.5))
def test_lines_are_the_fewest(traffic: float, share: float) -> None:
    lines = erlang.lines_for(traffic, share)
    assert erlang.blocked(traffic, lines) <= share
    assert lines == 0 or erlang.blocked(traffic, lines - 1) > share


def test_waiting_is_that_of_one_server_and_of_the_textbook() -> None:
    """M/M/1 waits with its load; 20 erlangs and 25 agents: 20.9 %, a mean of 7.5 s of 180 s."""
    assert erlang.waiting(0.6, 1) == pytest.approx(0.6)
    assert erlang.waiting(20, 25) == pytest.approx(0.209, abs=0.001)
    assert erlang.mean_wait_s(20, 25, 180) == pytest.approx(7.5, abs=0.1)
    assert erlang.service_level(20, 25, 180, 20) == pytest.approx(0.88, abs=0.005)


def test_too_few_agents_never_come_to_an_end() -> None:
    assert erlang.waiting(10, 10) == 1
    assert math.isinf(erlang.mean_wait_s(10, 9, 60))
    assert erlang.service_level(10, 9, 60, 20) == 0


@given(st.floats(0.1, 200), st.floats(10, 1000), st.floats(0.5, 0.99), st.floats(0, 120))
def test_agents_are_the_fewest_who_meet_the_level(
    traffic: float, handle_s: float, level: float, within_s: float
) -> None:
    agents = erlang.agents_for(traffic, handle_s, level, within_s)
    assert erlang.service_level(traffic, agents, handle_s, within_s) >= level
    assert agents - 1 <= traffic or erlang.service_level(traffic, agents - 1, handle_s, within_s) < level


@pytest.mark.parametrize("share", [0, 1, -0.1])
def test_shares_out_of_range_are_refused(share: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        erlang.lines_for(1, share)
    with pytest.raises(ValueError, match="between 0 and 1"):
        erlang.agents_for(1, 60, share, 20)
