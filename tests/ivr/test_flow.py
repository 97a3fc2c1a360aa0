"""Reading flows: every mistake is named with its path and with what is allowed, all at once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.ivr.events import (
    CallerHungUp,
    DigitPressed,
    FlowFact,
    FlowStarted,
    HangUp,
    PromptsFinished,
    Returned,
)
from softswitch.ivr.flow import Flow, FlowError
from softswitch.ivr.run import FlowRun
from tests.ivr.conversation import Library

CHOICES = {"1": [{"say": "a"}]}


def problems(*steps: Any) -> list[str]:
    with pytest.raises(FlowError) as caught:
        Flow.from_config("main", steps)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (
            {"zap": 1},
            "steps[0]: 'zap' is no step; allowed: say, menu, collect, branch, loop, set, data, queue",
        ),
        ({"say": "a", "queue": "b"}, "steps[0]: expected a step with one kind; allowed: say, menu"),
        ({}, "steps[0]: expected a step with one kind"),
        (17, "steps[0]: expected a step with one kind"),
        ({"name": 4, "say": "a"}, "steps[0].name: expected a text"),
        ({"say": None}, "steps[0].say: prompts is missing; give a prompt or a list of prompts"),
        ({"say": []}, "steps[0].say: prompts is missing"),
        (
            {"say": ["a", {"numbr": 1}]},
            "steps[0].say[1]: expected the name of a prompt, or one of text, number, digits, date, time",
        ),
        ({"say": {"prompts": "a", "barge_in": "no"}}, "steps[0].say.barge_in: expected true or false"),
        ({"say": {"prompts": "a", "loud": 1}}, "steps[0].say.loud: unknown key; allowed: prompts, barge_in"),
        ({"menu": {"prompts": "a"}}, "steps[0].menu: choices is missing; give digits and where each leads"),
        (
            {"menu": {"prompts": "a", "choices": {"12": []}}},
            "steps[0].menu.choices.12: is no key of a phone; allowed: one of 0123456789*#",
        ),
        (
            {"menu": {"prompts": "a", "choices": {1: 5}}},
            "steps[0].menu.choices.1: expected a list of steps or the name of a step",
        ),
        (
            {"menu": {"prompts": "a", "choices": {1: "b"}}},
            "steps[0].menu.choices.1: there is no step named 'b'; known: none; give a step a name",
        ),
        (
            {"menu": {"prompts": "a", "choices": {1: [{"say": "a"}, {"sya": "b"}]}}},
            "steps[0].menu.choices.1[1]: 'sya' is no step",
        ),
        (
            {"menu": {"prompts": "a", "choices": CHOICES, "timeout_s": 0}},
            "steps[0].menu.timeout_s: expected a number from 0.5 to 120",
        ),
        (
            {"menu": {"prompts": "a", "choices": CHOICES, "retries": 1.5}},
            "steps[0].menu.retries: expected a whole number",
        ),
        (
            {"menu": {"prompts": "a", "choices": CHOICES, "retries": True}},
            "steps[0].menu.retries: expected a number from 0 to 20",
        ),
        ({"collect": {"prompts": "a", "digits": 4}}, "steps[0].collect: into is missing"),
        (
            {"collect": {"prompts": "a", "into": "pin code"}},
            "steps[0].collect.into: 'pin code' is no name of a variable",
        ),
        (
            {"collect": {"prompts": "a", "into": "language"}},
            "steps[0].collect.into: the language is chosen by a set step, not by digits",
        ),
        (
            {"collect": {"prompts": "a", "into": "x", "digits": 2, "min_digits": 3}},
            "steps[0].collect.min_digits: expected a number from 1 to 2",
        ),
        (
            {"collect": {"prompts": "a", "into": "x", "terminator": "5"}},
            'steps[0].collect.terminator: allowed: "#", "*" or "" for none',
        ),
        ({"set": []}, "steps[0].set: expected variables and their values"),
        ({"set": {"a b": 1}}, "steps[0].set.a b: 'a b' is no name of a variable"),
        ({"set": {"a": []}}, "steps[0].set.a: expected a text or a number"),
        ({"set": {"language": "fr"}}, "steps[0].set.language: allowed: en, zh"),
        ({"queue": None}, "steps[0].queue: name is missing"),
        (
            {"queue": {"name": "a", "priority": "high"}},
            "steps[0].queue.priority: expected a number from -1000",
        ),
        ({"queue": {"name": "a", "music": ["x"]}}, "steps[0].queue.music: expected a text"),
        (
            {"dial": "bob"},
            "steps[0].dial: is no target; allowed: flow:NAME, queue:NAME, user:NAME, voicemail:NAME or"
            " number:DIGITS",
        ),
        ({"dial": {"target": "user:"}}, "steps[0].dial.target: is no target"),
        ({"hang_up": "bored"}, "steps[0].hang_up: 'bored' is no end reason; usual: flow_finished"),
        *(
            ({"hang_up": {"cause": cause}}, f"steps[0].hang_up.cause: expected a {what}")
            for what, causes in (
                ("number from 1 to 127", (0, 128, -1, "busy", True)),
                ("whole number", (17.5,)),
            )
            for cause in causes
        ),
        ({"goto": "x"}, "steps[0].goto: there is no step named 'x'"),
        ({"goto": ["x"]}, "steps[0].goto: expected the name of a step"),
        ({"name": "a", "goto": "a"}, "steps[0]: runs in a circle in which the caller is never asked"),
    ],
)
def test_a_mistake_is_named_with_its_path(step: Any, expected: str) -> None:
    assert problems(step)[0].startswith(expected)


def test_all_mistakes_are_named_at_once() -> None:
    assert len(problems({"zap": 1}, {"goto": "x"}, {"say": None}, {"hang_up": "bored"})) == 4


def test_a_flow_without_steps_and_a_name_used_twice() -> None:
    assert problems() == ["steps: the flow has no steps; give at least one"]
    assert problems({"name": "a", "say": "x"}, {"name": "a", "say": "y"}) == [
        "steps[1].name: 'a' is the name of steps[0] already"
    ]


def test_a_circle_over_several_steps_is_found_and_one_with_a_pause_is_none() -> None:
    assert problems({"name": "a", "set": {"x": 1}}, {"set": {"y": 1}}, {"goto": "a"})
    assert problems(
        {"menu": {"prompts": "p", "choices": {"1": [{"set": {"x": 1}}]}, "on_no_input": "a"}},
        {"hang_up": None},
        {"name": "a", "goto": "b"},
        {"name": "b", "goto": "a"},
    )
    assert Flow.from_config("main", [{"name": "a", "say": "x"}, {"set": {"y": 1}}, {"goto": "a"}])
    assert Flow.from_config("main", [{"say": "x"}, {"set": {"y": 1}}])


def test_the_path_of_a_problem_leads_to_the_place_in_the_file() -> None:
    steps = [{"say": "a"}, {"menu": {"prompts": "a", "choices": {"2": [{"hang_up": "bored"}]}}}]
    with pytest.raises(FlowError) as caught:
        Flow.from_config("main", steps)
    (problem,) = caught.value.problems
    place: Any = {"steps": steps}
    for part in problem.path:
        place = place[part]
    assert place == "bored"
    assert "flow main: steps[1].menu.choices.2[0].hang_up" in str(caught.value)


def test_a_flow_tells_what_must_exist_elsewhere() -> None:
    flow = Flow.from_config(
        "main",
        [
            {"say": ["welcome", {"number": 5}, "{chosen}"]},
            {"queue": {"name": "sales", "music": "jazz"}},
            {"dial": "user:bob"},
            {"dial": "flow:night"},
        ],
    )
    assert {(each.kind, each.name) for each in flow.references} == {
        ("prompt", "welcome"),
        ("queue", "sales"),
        ("music", "jazz"),
        ("user", "bob"),
        ("flow", "night"),
    }
    (jazz,) = (each for each in flow.references if each.name == "jazz")
    assert jazz.path == ("steps", 1, "queue", "music")


def test_a_flow_is_read_again_from_its_source() -> None:
    flow = Flow.from_config("main", [{"menu": {"prompts": "a", "choices": {1: [{"say": "b"}]}}}])
    again = Flow.from_source("main", json.loads(json.dumps(flow.source)))
    assert again == flow


def test_the_flow_does_not_change_with_what_it_was_read_from() -> None:
    steps: list[Any] = [{"say": ["a"]}]
    flow = Flow.from_config("main", steps)
    steps[0]["say"].append("b")
    assert flow == Flow.from_config("main", [{"say": ["a"]}])


# Whatever is written, it is read or refused; whatever the caller does, the flow goes on or ends.

anything = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 99) | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "say",
                    "menu",
                    "collect",
                    "queue",
                    "dial",
                    "goto",
                    "set",
                    "hang_up",
                    "name",
                    "prompts",
                    "choices",
                    "1",
                    "into",
                    "x",
                ]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@given(st.lists(anything, max_size=4))
def test_any_input_is_a_flow_or_a_flow_error(steps: list[Any]) -> None:
    try:
        flow = Flow.from_config("main", steps)
    except FlowError as error:
        assert error.problems
    else:
        assert flow.first in flow.steps


names = st.sampled_from(["a", "b", "c"])
ROUNDS: list[Any] = [{"say": "p"}, {"set": {"x": "= x + 1"}}, {"queue": "q"}]
simple = st.one_of(
    st.builds(lambda name: {"say": name}, names),
    st.builds(lambda name: {"queue": {"name": "q", "on_timeout": name}}, names),
    st.builds(lambda name: {"dial": {"target": "user:u", "on_busy": name}}, names),
    st.builds(lambda name: {"goto": name}, names),
    st.builds(lambda: {"set": {"x": "= x + 1"}}),
    st.builds(lambda name: {"branch": {"if": "x % 2 == 0", "then": name}}, names),
    st.builds(lambda way: {"loop": {"times": 3, "while": "x < 9", "steps": [way]}}, st.sampled_from(ROUNDS)),
    st.builds(lambda: {"flow": {"name": "main", "into": {"x": "x"}}}),
    st.builds(
        lambda name: {"collect": {"prompts": "p", "into": "x", "digits": 2, "on_no_input": name}}, names
    ),
    st.builds(
        lambda one, two: {"menu": {"prompts": "p", "choices": {"1": one, "2": [{"say": two}]}}}, names, names
    ),
)
happening = st.one_of(
    st.sampled_from("1239#*").map(DigitPressed),
    st.just(PromptsFinished()),
    st.sampled_from(["queue_timeout", "queue_full", "queue_closed"]).map(Returned),
    st.just(Returned("user_busy")),
    st.sampled_from([0.1, 4.0, 30.0]),
    st.just(CallerHungUp()),
    st.just("restart"),
)


@given(st.lists(simple, min_size=3, max_size=6), st.lists(happening, max_size=30))
def test_a_caller_is_never_left_without_a_way_on(steps: list[Any], happenings: list[Any]) -> None:
    for step, name in zip(steps, "abc", strict=False):
        step["name"] = name
    try:
        flow = Flow.from_config("main", steps, on_hang_up=[{"set": {"x": "0"}}])
    except FlowError as error:
        assert all("circle" in str(problem) or "no way" in str(problem) for problem in error.problems)
        return
    library = Library(flow)
    run = FlowRun(flow, flows=library)
    now, over = 10.0, False
    out = run.handle(FlowStarted(), now)
    for each in happenings:
        over = over or any(isinstance(said, HangUp) for said in out) or isinstance(each, CallerHungUp)
        if each == "restart":
            run = FlowRun.from_state(json.loads(json.dumps(run.state())), library)
            out = run.handle(FlowStarted(), now)
        elif isinstance(each, float):
            now += each
            out = run.handle_timeout(now)
        else:
            out = run.handle(each, now)
        if over:
            assert all(isinstance(each, FlowFact) for each in out) and run.next_timeout() is None
        elif run.phase == "listening":
            assert run.next_timeout() is not None
        else:
            assert run.phase in ("speaking", "away", "ended")


def test_an_answered_survey_goes_on_even_where_no_answer_leads_elsewhere() -> None:
    survey = {"survey": {"question": "x", "on_no_input": "lost", "on_wrong_input": "lost"}}
    flow = Flow.from_config("main", [survey, {"say": "a"}, "hang_up", {"name": "lost", "say": "b"}])
    assert ("answered", "steps[1]") in list(flow.steps["steps[0]"].ways())
