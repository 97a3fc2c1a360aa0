"""Conversations: every kind of step with every way through it."""

from __future__ import annotations

import json

import pytest

from softswitch.ivr.events import (
    CallerHungUp,
    DialTarget,
    DigitPressed,
    EnterQueue,
    FlowStarted,
    HangUp,
    PlayPrompts,
    PromptsFinished,
    Returned,
    StopPrompts,
)
from softswitch.ivr.run import TABLE, FlowRun, Phase
from tests.ivr.conversation import Conversation, Library

MENU = {"menu": {"prompts": "main_menu", "choices": {"1": "sales", "2": [{"say": "queue_support"}]}}}
SALES = {"name": "sales", "say": "queue_sales"}
COLLECT = {"collect": {"into": "account", "prompts": "enter_pin", "digits": 4, "min_digits": 2}}
REPEAT = {"say": {"digits": "{account}"}}
FINISHED = [HangUp("flow_finished")]


def test_the_first_flow_of_every_call_centre() -> None:
    caller = Conversation({"say": "welcome"}, MENU, SALES, {"queue": "sales"})
    assert caller.heard() == ("welcome",)
    assert caller.listen().heard() == ("main_menu",)
    assert caller.press("1").did() == [StopPrompts(), PlayPrompts(("queue_sales",))]
    assert caller.listen().did() == [EnterQueue("sales")]
    assert caller.tell(Returned("queue_timeout")).did() == FINISHED


# say


def test_say_speaks_prompts_numbers_and_digits_in_the_language_of_the_call() -> None:
    step = {"say": ["you_are_number", {"number": "{place}"}, {"digits": "{place}"}, {"number": 2000}]}
    assert Conversation(step, place="21").heard() == (
        "you_are_number",
        "n_20",
        "n_1",
        "n_2",
        "n_1",
        "n_2",
        "n_thousand",
    )
    assert Conversation(step, place="21", language="zh").heard() == (
        "you_are_number",
        "n_20",
        "n_1",
        "n_2",
        "n_1",
        "n_liang",
        "n_thousand",
    )


@pytest.mark.parametrize("place", ["", "many", "1000000000000", "3,5", "²"])
def test_a_number_that_is_none_is_left_out(place: str) -> None:
    assert Conversation({"say": ["welcome", {"number": "{place}"}]}, place=place).heard() == ("welcome",)


def test_nothing_to_say_goes_on_at_once() -> None:
    assert Conversation({"say": {"digits": "{unset}"}}, {"say": "goodbye"}).heard() == ("goodbye",)


def test_a_digit_cuts_it_short_and_answers_the_menu_that_follows() -> None:
    caller = Conversation({"say": "welcome"}, MENU, SALES)
    caller.heard()
    assert caller.press("1").did() == [StopPrompts(), PlayPrompts(("queue_sales",))]


def test_without_barge_in_it_is_heard_to_its_end_and_the_digit_still_counts() -> None:
    caller = Conversation({"say": {"prompts": "call_recorded", "barge_in": False}}, MENU, SALES)
    caller.heard()
    assert caller.press("1").did() == []
    assert caller.listen().did() == [PlayPrompts(("queue_sales",))]


def test_digits_typed_ahead_answer_several_questions() -> None:
    caller = Conversation(
        {"say": "welcome"}, {"say": "call_recorded"}, MENU, {"name": "sales", **COLLECT}, REPEAT
    )
    caller.heard()
    assert caller.press("1").heard() == ("enter_pin",)
    assert caller.press("1234").heard() == ("n_1", "n_2", "n_3", "n_4")
    typist = Conversation(
        {"say": {"prompts": "welcome", "barge_in": False}}, MENU, {"name": "sales", **COLLECT}, REPEAT
    )
    typist.heard()
    assert typist.press("11234").listen().heard() == ("n_1", "n_2", "n_3", "n_4")


def test_wrong_digits_typed_ahead_throw_away_the_rest() -> None:
    caller = Conversation({"say": {"prompts": "welcome", "barge_in": False}}, MENU, SALES)
    caller.heard()
    assert caller.press("91").listen().heard() == ("invalid_choice", "main_menu")


def test_what_is_left_of_them_does_not_answer_a_later_question() -> None:
    caller = Conversation(
        {"say": {"prompts": "welcome", "barge_in": False}}, MENU, {"name": "sales", **COLLECT}, REPEAT
    )
    caller.press("91").listen().heard()
    assert caller.press("1").heard() == ("enter_pin",)
    assert caller.press("23#").heard() == ("n_2", "n_3")


def test_digits_typed_ahead_of_a_queue_do_not_answer_what_comes_after_it() -> None:
    caller = Conversation({"say": {"prompts": "welcome", "barge_in": False}}, {"queue": "sales"}, MENU, SALES)
    caller.press("1").listen().heard()
    assert caller.tell(Returned("queue_timeout")).heard() == ("main_menu",)


# menu


@pytest.mark.parametrize("between", [[], [{"set": {"x": 1}}]])
def test_every_question_has_its_own_tries(between: list[object]) -> None:
    menu = {"prompts": "main_menu", "choices": {"1": "second"}, "retries": 1}
    second = {"name": "second", "menu": {**menu, "prompts": "confirm"}}
    if between:
        between, second = [{"name": "second", **between[0]}], {"menu": second["menu"]}  # type: ignore[dict-item]
    caller = Conversation({"menu": menu}, *between, second)
    caller.press("91").heard()
    assert caller.press("9").heard() == ("invalid_choice", "confirm")


def test_menu_no_input_is_asked_again_and_then_goes_its_way() -> None:
    menu = {"menu": {**MENU["menu"], "timeout_s": 4, "retries": 1, "on_no_input": "end"}}
    caller = Conversation(menu, SALES, {"name": "end", "say": "goodbye"})
    caller.listen().heard()
    assert caller.wait(3.9).heard() == ()
    assert caller.wait(0.2).heard() == ("no_input", "main_menu")
    assert caller.wait(60).heard() == (), "time counts from the end of the prompts"
    assert caller.listen().wait(5).heard() == ("goodbye",)


def test_menu_wrong_input_is_asked_again_and_then_goes_its_way() -> None:
    menu = {"menu": {**MENU["menu"], "retries": 2, "on_wrong_input": [{"hang_up": "flow_failed"}]}}
    caller = Conversation(menu, SALES)
    caller.heard()
    assert caller.press("7").did() == [StopPrompts(), PlayPrompts(("invalid_choice", "main_menu"))]
    assert caller.press("#").heard() == ("invalid_choice", "main_menu")
    assert caller.listen().press("0").did() == [HangUp("flow_failed")]


def test_menu_without_its_own_ways_goes_on_with_the_next_step() -> None:
    caller = Conversation({"menu": {**MENU["menu"], "retries": 0}}, SALES)
    assert caller.listen().wait(6).heard()[-1] == "queue_sales"


def test_steps_of_a_choice_go_on_after_the_menu() -> None:
    caller = Conversation(MENU, SALES)
    caller.heard()
    assert caller.press("2").heard() == ("queue_support",)
    assert caller.listen().heard() == ("queue_sales",)


def test_own_prompts_for_no_and_wrong_input() -> None:
    caller = Conversation(
        {"menu": {**MENU["menu"], "no_input": ["please_wait"], "wrong_input": "no_input"}}, SALES
    )
    caller.heard()
    assert caller.press("8").heard() == ("no_input", "main_menu")
    assert caller.listen().wait(5).heard() == ("please_wait", "main_menu")


# collect


@pytest.mark.parametrize(("keys", "spoken"), [("1234", "1 2 3 4"), ("12#", "1 2"), ("123#", "1 2 3")])
def test_collect_ends_with_the_last_digit_or_the_terminator(keys: str, spoken: str) -> None:
    caller = Conversation(COLLECT, REPEAT)
    caller.heard()
    assert caller.press(keys).heard() == tuple(f"n_{digit}" for digit in spoken.split())
    assert caller.run.variables["account"] == spoken.replace(" ", "")


def test_collect_ends_when_no_further_digit_comes() -> None:
    caller = Conversation(COLLECT, REPEAT)
    caller.heard()
    assert caller.press("123").wait(2.9).heard() == ()
    assert caller.wait(0.2).heard() == ("n_1", "n_2", "n_3")


@pytest.mark.parametrize("keys", ["#", "1#"])
def test_collect_too_few_digits_are_wrong_input(keys: str) -> None:
    caller = Conversation(COLLECT, REPEAT)
    caller.heard()
    assert caller.press(keys).heard() == ("invalid_choice", "enter_pin")
    assert caller.press("77#").heard() == ("n_7", "n_7"), "the digits of the first try are forgotten"


def test_collect_too_few_digits_and_silence_are_wrong_input() -> None:
    caller = Conversation(COLLECT, REPEAT)
    caller.heard()
    assert caller.press("1").wait(3.1).heard() == ("invalid_choice", "enter_pin")


def test_collect_no_input_goes_its_way_after_the_last_try() -> None:
    step = {"collect": {**COLLECT["collect"], "retries": 1, "on_no_input": [{"say": "goodbye"}]}}
    caller = Conversation(step)
    assert caller.listen().wait(5).heard() == ("enter_pin", "no_input", "enter_pin")
    assert caller.listen().wait(5).heard() == ("goodbye",)
    assert "account" not in caller.run.variables


def test_collect_without_terminator_takes_every_key() -> None:
    caller = Conversation({"collect": {**COLLECT["collect"], "terminator": ""}}, REPEAT)
    caller.press("1#*2")
    assert caller.run.variables["account"] == "1#*2"


# set, goto, hang_up


def test_set_changes_variables_and_the_language() -> None:
    caller = Conversation(
        {"set": {"place": 12, "again": "{place}{place}", "language": "zh"}}, {"say": {"number": "{place}"}}
    )
    assert caller.heard() == ("n_12",)
    assert caller.run.language == "zh"
    assert caller.run.variables["again"] == "1212"


def test_goto_goes_back_and_a_flow_that_never_ends_is_ended() -> None:
    caller = Conversation({"name": "again", "say": "please_wait"}, {"goto": "again"})
    for _ in range(700):
        caller.listen()
    assert caller.did()[-1] == HangUp("flow_failed")


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        ("hang_up", "flow_finished"),
        ({"hang_up": None}, "flow_finished"),
        ({"hang_up": "forbidden"}, "forbidden"),
    ],
)
def test_hang_up_says_why(step: object, reason: str) -> None:
    assert Conversation(step).did() == [HangUp(reason)]


def test_the_end_of_the_steps_is_the_end_of_the_call() -> None:
    assert Conversation({"say": "goodbye"}).listen().did()[-1] == HangUp("flow_finished")


# queue and dial


@pytest.mark.parametrize(
    ("outcome", "then"),
    [
        ("queue_timeout", ("please_wait",)),
        ("queue_full", ("all_agents_busy",)),
        ("queue_removed", ("goodbye",)),
    ],
)
def test_queue_goes_its_way_by_outcome(outcome: str, then: tuple[str, ...]) -> None:
    caller = Conversation(
        {"queue": {"name": "sales", "priority": 3, "music": "jazz", "on_timeout": "wait", "on_full": "full"}},
        {"name": "end", "say": "goodbye"},
        "hang_up",
        {"name": "wait", "say": "please_wait"},
        {"name": "full", "say": "all_agents_busy"},
    )
    assert caller.did() == [EnterQueue("sales", 3, "jazz")]
    assert caller.tell(Returned(outcome)).heard() == then


@pytest.mark.parametrize(
    ("outcome", "then"),
    [
        ("user_busy", ("please_wait",)),
        ("user_no_answer", ("no_input",)),
        ("user_rejected", ("thank_you",)),
        ("do_not_disturb", ("thank_you",)),
        ("user_not_registered", ("technical_problem",)),
        ("normal_hang_up_agent", ("goodbye",)),
    ],
)
def test_dial_goes_its_way_by_outcome(outcome: str, then: tuple[str, ...]) -> None:
    caller = Conversation(
        {
            "dial": {
                "target": "user:bob",
                "on_busy": [{"say": "please_wait"}],
                "on_no_answer": [{"say": "no_input"}],
                "on_rejected": [{"say": "thank_you"}],
                "on_unreachable": [{"say": "technical_problem"}],
            }
        },
        {"say": "goodbye"},
    )
    assert caller.did() == [DialTarget("user:bob")]
    assert caller.tell(Returned(outcome)).heard() == then


def test_digits_pressed_in_the_queue_are_not_kept_for_the_flow() -> None:
    caller = Conversation({"queue": "sales"}, MENU, SALES)
    assert caller.press("1").tell(Returned("queue_timeout")).heard() == ("main_menu",)


def test_a_queue_that_refuses_at_once_for_ever_ends_the_call() -> None:
    caller = Conversation({"name": "again", "queue": {"name": "sales", "on_full": "again"}})
    for _ in range(30):
        caller.tell(Returned("queue_full"))
    did = caller.did()
    assert did == [EnterQueue("sales")] * 10 + [HangUp("flow_failed")]


def test_a_queue_that_takes_time_may_be_entered_again_and_again() -> None:
    caller = Conversation({"name": "again", "queue": {"name": "sales", "on_timeout": "again"}})
    for _ in range(30):
        caller.wait(60).tell(Returned("queue_timeout"))
    assert caller.did() == [EnterQueue("sales")] * 31


# Hanging up, late news, restarts

IN_PHASE = {
    Phase.NEW: lambda: Conversation(MENU, SALES, start=False),
    Phase.SPEAKING: lambda: Conversation(MENU, SALES),
    Phase.LISTENING: lambda: Conversation(MENU, SALES).listen(),
    Phase.AWAY: lambda: Conversation({"queue": "sales"}, MENU, SALES),
    Phase.ENDED: lambda: Conversation("hang_up"),
}
EVENTS = [FlowStarted(), DigitPressed("1"), PromptsFinished(), CallerHungUp(), Returned("queue_timeout")]


@pytest.mark.parametrize("phase", list(Phase))
def test_whoever_hangs_up_is_asked_nothing_more(phase: Phase) -> None:
    caller = IN_PHASE[phase]()
    assert caller.run.phase is phase
    caller.did()
    caller.tell(CallerHungUp()).wait(60)
    for event in EVENTS:
        caller.tell(event)
    assert caller.out == [] and caller.run.next_timeout() is None


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
@pytest.mark.parametrize("phase", list(Phase))
def test_every_phase_with_every_event(phase: Phase, event: object) -> None:
    caller = IN_PHASE[phase]()
    caller.did()
    before = caller.run.state()
    caller.tell(event)  # type: ignore[arg-type]
    if (phase, type(event)) not in TABLE:
        assert caller.out == [] and caller.run.state() == before and caller.run.phase is phase
    waits = {Phase.SPEAKING, Phase.AWAY, Phase.ENDED, Phase.NEW}
    assert caller.run.phase in waits or caller.run.next_timeout() is not None


def test_a_restarted_run_begins_its_step_again() -> None:
    caller = Conversation({"say": "welcome"}, {"set": {"language": "zh"}}, MENU, SALES)
    caller.listen().press("9")
    state = json.loads(json.dumps(caller.run.state()))
    later = FlowRun.from_state(state, Library(caller.run.flow))
    assert later.language == "zh" and later.step == "steps[2]"
    assert PlayPrompts(("main_menu",)) in later.handle(FlowStarted(), 500.0)
    later.handle(DigitPressed("9"), 501.0)
    out = later.handle(DigitPressed("9"), 502.0)
    assert PlayPrompts(("queue_sales",)) in out, "the tries before the restart count"


def test_a_caller_who_waited_in_a_queue_comes_back_to_the_step_after_it() -> None:
    run = Conversation({"queue": "sales"}, {"say": "goodbye"}).run
    later = FlowRun.from_state(json.loads(json.dumps(run.state())), Library(run.flow))
    assert PlayPrompts(("goodbye",)) in later.handle(Returned("queue_timeout"), 500.0)


def test_an_ended_run_stays_ended() -> None:
    run = Conversation("hang_up").run
    later = FlowRun.from_state(run.state(), Library(run.flow))
    assert later.handle(FlowStarted(), 1.0) == []


def test_every_step_is_recorded_with_its_path() -> None:
    caller = Conversation({"say": "welcome"}, MENU, SALES)
    caller.listen().press("2")
    assert caller.steps() == ["steps[0]", "steps[1]", "steps[1].menu.choices.2[0]"]
