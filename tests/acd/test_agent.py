"""The agent's state table: every state with every input, against the table a supervisor would write down."""

from __future__ import annotations

import pytest

from softswitch.acd.agent import Agent, AgentInput, AgentState
from softswitch.config import Agent as AgentSettings

INPUTS = ["sign_in", "sign_out", "offer", "ring", "answer", "fail", "withdraw", "end", "end_without_wrap_up",
          "wrap_up_over", "other_call", "other_call_over"]

# One line a state, one column an input as above; '.' means that nothing changes. 'other_call_over' ends the
# only other call there is.
EXPECTED = """
signed_out  idle .          .        .       .       .    .    .       .    .    .    .
idle        .    signed_out reserved .       .       .    .    .       .    .    busy .
reserved    .    signed_out .        ringing talking idle idle .       .    .    .    .
ringing     .    signed_out .        .       talking idle idle .       .    .    .    .
talking     .    .          .        .       .       .    .    wrap_up idle .    .    .
wrap_up     .    signed_out .        .       .       .    .    .       .    idle .    .
busy        .    signed_out .        .       .       .    .    .       .    .    .    idle
"""
CASES = [
    (row.split()[0], given, expected)
    for row in EXPECTED.strip().splitlines()
    for given, expected in zip(INPUTS, row.split()[1:], strict=True)
]
WAY_THERE = {
    "signed_out": [], "idle": ["sign_in"], "reserved": ["sign_in", "offer"],
    "ringing": ["sign_in", "offer", "ring"], "talking": ["sign_in", "offer", "answer"],
    "wrap_up": ["sign_in", "offer", "answer", "end"], "busy": ["sign_in", "other_call"],
}


def agent_in(state: str) -> Agent:
    agent = Agent(AgentSettings(name="ann", user="ann"), 0.0)
    for given in WAY_THERE[state]:
        agent.feed(AgentInput(given), 1.0, "x")
    assert agent.state == state
    return agent


def test_the_table_of_this_test_is_complete() -> None:
    assert {state for state, _, _ in CASES} == {state.value for state in AgentState}
    assert set(INPUTS) == {given.value for given in AgentInput}
    assert len(CASES) == len(AgentState) * len(AgentInput)


@pytest.mark.parametrize(("state", "given", "expected"), CASES)
def test_every_state_with_every_input(state: str, given: str, expected: str) -> None:
    agent = agent_in(state)
    changed = agent.feed(AgentInput(given), 2.0, "x")
    assert agent.state == (state if expected == "." else expected)
    assert changed == (expected != ".")
    assert agent.since == (2.0 if changed else agent.since) and agent.since <= 2.0


@pytest.mark.parametrize("way", ["answer", "fail", "withdraw", "sign_out"])
def test_no_offer_is_left_behind(way: str) -> None:
    for state in ("reserved", "ringing"):
        agent = agent_in(state)
        assert agent.offer == "x"
        agent.feed(AgentInput(way), 2.0, "c")
        assert agent.offer is None


def test_who_still_has_another_call_becomes_busy_not_idle() -> None:
    for state, over in (("ringing", "fail"), ("reserved", "withdraw"), ("wrap_up", "wrap_up_over"),
                        ("talking", "end_without_wrap_up")):
        agent = agent_in(state)
        agent.feed(AgentInput.OTHER_CALL, 2.0, "other")
        agent.feed(AgentInput(over), 3.0, "x")
        assert agent.state == "busy", state
        agent.feed(AgentInput.OTHER_CALL_OVER, 4.0, "other")
        assert agent.state == "idle"


def test_two_other_calls_both_have_to_end() -> None:
    agent = agent_in("busy")
    agent.feed(AgentInput.OTHER_CALL, 2.0, "y")
    agent.feed(AgentInput.OTHER_CALL_OVER, 3.0, "x")
    assert agent.state == "busy"
    agent.feed(AgentInput.OTHER_CALL_OVER, 4.0, "y")
    assert agent.state == "idle"


def test_signing_out_does_not_cut_a_conversation() -> None:
    agent = agent_in("talking")
    agent.feed(AgentInput.SIGN_OUT, 2.0)
    assert (agent.state, agent.excluding_rule()) == ("talking", "signed_out")
    agent.feed(AgentInput.END_WITHOUT_WRAP_UP, 3.0)
    assert agent.state == "signed_out"


def test_signing_in_during_the_conversation_takes_the_sign_out_back() -> None:
    agent = agent_in("talking")
    agent.feed(AgentInput.SIGN_OUT, 2.0)
    agent.feed(AgentInput.SIGN_IN, 2.5)
    agent.feed(AgentInput.END_WITHOUT_WRAP_UP, 3.0)
    assert agent.state == "idle"


def test_idle_time_starts_with_a_call_end_and_survives_a_withdrawn_offer() -> None:
    agent = agent_in("wrap_up")
    agent.feed(AgentInput.WRAP_UP_OVER, 10.0)
    assert agent.idle_since == 10.0
    agent.feed(AgentInput.OFFER, 20.0, "o")
    agent.feed(AgentInput.WITHDRAW, 25.0)
    assert agent.idle_since == 10.0
    agent.feed(AgentInput.OFFER, 30.0, "o")
    agent.feed(AgentInput.FAIL, 35.0)
    assert agent.idle_since == 35.0


@pytest.mark.parametrize("rule", ["signed_out", "on_break", "not_available", "unreachable", "busy", ""])
def test_the_first_rule_that_applies_is_named(rule: str) -> None:
    agent = agent_in("busy")
    agent.declare("available", "", 2.0)
    agent.reachable = True
    order = ["signed_out", "on_break", "not_available", "unreachable", "busy", ""]
    apply = {
        "signed_out": lambda: agent.feed(AgentInput.SIGN_OUT, 3.0),
        "on_break": lambda: agent.declare("on_break", "lunch", 3.0),
        "not_available": lambda: agent.declare("not_available", "training", 3.0),
        "unreachable": lambda: setattr(agent, "reachable", False),
        "busy": lambda: None,
        "": lambda: agent.feed(AgentInput.OTHER_CALL_OVER, 3.0, "x"),
    }
    if rule == "":
        apply[rule]()
    else:
        # Everything of lower rank applies too, and is not named.
        for lower in reversed(order[order.index(rule):-1]):
            apply[lower]()
    assert agent.excluding_rule() == rule


def test_state_of_an_offered_agent_is_that_before_the_offer() -> None:
    agent = agent_in("ringing")
    later = Agent(agent.config, 50.0)
    later.from_state(agent.to_state(), 50.0)
    assert (later.state, later.offer, later.idle_since) == ("idle", None, 1.0)


def test_times_of_a_clock_that_was_ahead_count_as_now() -> None:
    agent = agent_in("idle")
    agent.since = agent.idle_since = 9000.0
    later = Agent(agent.config, 5.0)
    later.from_state(agent.to_state(), 5.0)
    assert (later.since, later.idle_since) == (5.0, 5.0)
