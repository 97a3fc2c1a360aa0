"""Branches, loops, flows within flows, transfers, and what is done when the caller hangs up."""

from __future__ import annotations

import json
from typing import Any

import pytest

from softswitch.ivr.events import (
    CallerHungUp,
    ChangeTexts,
    DialTarget,
    FlowFact,
    FlowStarted,
    HangUp,
    PlayPrompts,
    PromptsFinished,
    RecordCall,
    Returned,
    TransferCaller,
)
from softswitch.ivr.flow import Flow, FlowError
from softswitch.ivr.run import MOST_DEPTH, FlowRun
from tests.ivr.conversation import Conversation, Library


def problems(*steps: Any, **more: Any) -> list[str]:
    with pytest.raises(FlowError) as caught:
        Flow.from_config("main", steps, **more)
    return [str(problem) for problem in caught.value.problems]


# branch and set

BRANCH = {
    "branch": [
        {"if": 'language == "zh"', "then": [{"say": "welcome"}]},
        {"if": "tries >= 3", "then": "many"},
        {"else": [{"say": "no_input"}]},
    ]
}
ENDS = ({"say": "goodbye"}, "hang_up", {"name": "many", "say": "thank_you"})


@pytest.mark.parametrize(
    ("tries", "language", "heard"),
    [("3", "en", "thank_you"), ("2", "en", "no_input"), ("3", "zh", "welcome"), ("", "en", "no_input")],
)
def test_the_first_condition_that_holds_decides(tries: str, language: str, heard: str) -> None:
    assert Conversation(BRANCH, *ENDS, tries=tries, language=language).heard() == (heard,)


def test_without_else_it_goes_on_with_the_next_step() -> None:
    branch = {"branch": {"if": "vip", "then": [{"say": "welcome"}]}}
    assert Conversation(branch, {"say": "goodbye"}).heard() == ("goodbye",)
    assert Conversation(branch, {"say": "goodbye"}, vip="yes").heard() == ("welcome",)


def test_set_calculates_one_after_the_other() -> None:
    values = {"count": "= count + 1", "half": "= count / 4", "text": "{count} of 5", "none": "= name - 1"}
    run = Conversation({"set": values}, {"say": "goodbye"}, count="1", name="Ann").run
    assert [run.variables[name] for name in values] == ["2", "0.5", "2 of 5", ""]


def test_the_language_stays_one_there_is() -> None:
    steps = ({"set": {"language": "= wanted"}}, {"say": "goodbye"})
    assert Conversation(*steps, wanted="zh").run.language == "zh"
    assert Conversation(*steps, wanted="fr").run.language == "en"


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ({"branch": {"then": []}}, "steps[0].branch: if is missing"),
        ({"branch": {"if": "a"}}, "steps[0].branch: then is missing"),
        ({"branch": {"if": "a ** 2", "then": []}}, "steps[0].branch.if: cannot use 'a ** 2'"),
        ({"branch": {"if": "a", "than": []}}, "steps[0].branch.than: unknown key; allowed: if, then, else"),
        ({"branch": [{"else": []}, {"if": "a", "then": []}]}, "steps[0].branch[0].else: stands before other"),
        ({"branch": [7]}, "steps[0].branch[0]: expected if and then, or else"),
        ({"set": {"a": "= 1 +"}}, "steps[0].set.a: cannot be read"),
        ({"set": {"time": "1"}}, "steps[0].set.time: time is what the clock says"),
        (
            {"loop": {"steps": [{"say": "a"}]}},
            "steps[0].loop: times is missing; a loop needs a limit, 1 to 100",
        ),
        ({"loop": {"steps": [], "times": 3}}, "steps[0].loop.steps: steps is missing"),
        ({"loop": {"steps": [{"say": "a"}], "times": 1000}}, "steps[0].loop.times: expected a number from 1"),
        (
            {"loop": {"steps": [{"say": "a"}], "times": 2, "while": "("}},
            "steps[0].loop.while: cannot be read",
        ),
        (
            {"flow": {"name": "a", "into": ["b"]}},
            "steps[0].flow.into: expected variable here: variable there",
        ),
        ({"flow": {"name": "a", "into": {"b": "c d"}}}, "steps[0].flow.into.b: is no pair of variables"),
        ({"flow": {"name": "a", "on": []}}, "steps[0].flow.on: expected words"),
        ({"flow": {"name": "a", "with": [1]}}, "steps[0].flow.with: expected variables and their values"),
        ({"transfer": "number:12x"}, "steps[0].transfer: '12x' is no number; allowed: digits, + in front"),
        ({"transfer": "user:{who}"}, "steps[0].transfer: has a variable; allowed: in number:… only"),
        (
            {"dial": {"target": "number:1", "calling": ["mobile"]}},
            "steps[0].dial.calling: is for a number out",
        ),
        (
            {"dial": {"target": "user:a", "ring_s": 0}},
            "steps[0].dial.ring_s: expected a number from 1 to 300",
        ),
        ({"dial": {"target": "user:a", "caller_id": "Ann"}}, "steps[0].dial.caller_id: is no number"),
        ({"say": {"money": "12.50"}}, "steps[0].say[0]: expected an amount and a currency such as 12.50 USD"),
        ({"say": {"date": "22.11."}}, "steps[0].say[0]: '22.11.' cannot be spoken as date; allowed: such as"),
        ({"say": "a", "on_hang_up": [{"say": "b"}]}, "steps[0].on_hang_up[0]: say needs a caller"),
    ],
)
def test_a_mistake_is_named_with_its_path(step: Any, said: str) -> None:
    assert problems(step)[0].startswith(said)


def test_steps_to_which_no_way_leads_are_named_once_each() -> None:
    said = "no way leads here; give it a name that a step leads to, or take it away"
    assert problems("hang_up", {"say": "a"}, {"say": "b"}) == [f"steps[1]: {said}"]
    assert problems({"goto": "b"}, {"say": "a"}, {"name": "b", "say": "b"}) == [f"steps[1]: {said}"]
    assert problems("hang_up", {"name": "a", "say": "a"}, {"goto": "a"}) == [
        f"steps[1]: {said}",
        f"steps[2]: {said}",
    ]


# loop


def test_a_loop_goes_round_as_often_as_it_may() -> None:
    loop = {"loop": {"times": 3, "steps": [{"say": "please_wait"}], "on_limit": [{"say": "thank_you"}]}}
    caller = Conversation(loop, {"say": "goodbye"})
    heard = [caller.heard(), *(caller.listen().heard() for _ in range(4))]
    assert [names[0] for names in heard] == ["please_wait"] * 3 + ["thank_you", "goodbye"]


def test_a_loop_is_over_when_its_condition_is() -> None:
    steps = [{"set": {"left": "= left - 1"}}, {"say": "a"}]
    loop = {"loop": {"times": 9, "while": "left > 0", "steps": steps}}
    caller = Conversation(loop, {"say": "goodbye"}, left="2")
    heard = [caller.heard(), *(caller.listen().heard() for _ in range(2))]
    assert [names[0] for names in heard] == ["a", "a", "goodbye"]
    assert Conversation(loop, {"say": "goodbye"}, left="0").heard() == ("goodbye",)


def test_loops_within_loops_count_anew_and_a_goto_leaves_both() -> None:
    inner = {"loop": {"times": 2, "steps": [{"set": {"n": "= n + 1"}}]}}
    out = {"branch": {"if": "n >= 6", "then": "out"}}
    caller = Conversation(
        {"loop": {"times": 10, "steps": [inner, out]}}, "hang_up", {"name": "out", "say": {"number": "{n}"}}
    )
    assert caller.heard() == ("n_6",)


def test_a_loop_goes_on_counting_after_a_restart() -> None:
    loop = {"loop": {"times": 2, "steps": [{"say": "please_wait"}]}}
    caller = Conversation(loop, {"say": "goodbye"})
    caller.listen()
    state = json.loads(json.dumps(caller.run.state()))
    run = FlowRun.from_state(state, Library(caller.run.flow))
    assert PlayPrompts(("please_wait",)) in run.handle(FlowStarted(), 1.0)
    assert PlayPrompts(("goodbye",)) in run.handle(PromptsFinished(), 2.0)


# flows within flows

ASK = Flow.from_config(
    "ask",
    [
        {"collect": {"into": "pin", "prompts": "enter_pin", "digits": 4}},
        {"set": {"language": "zh", "result": "{account}-{pin}"}},
        {"branch": {"if": 'pin == "1234"', "then": [{"return": "right"}]}},
        {"return": "wrong"},
    ],
)
WITH = {
    "name": "ask",
    "with": {"account": "= number * 2"},
    "into": {"told": "result"},
    "on": {"right": [{"say": "thank_you"}]},
    "on_failure": [{"say": "technical_problem"}],
}


def test_a_flow_is_called_with_values_and_brings_results_back() -> None:
    caller = Conversation({"flow": WITH}, {"say": "goodbye"}, flows=Library(ASK), number="21")
    assert caller.heard() == ("enter_pin",)
    assert caller.run.flow.name == "ask" and caller.run.step == "steps[0]"
    assert caller.press("1234").heard() == ("thank_you",)
    assert caller.run.variables["told"] == "42-1234" and "pin" not in caller.run.variables
    assert caller.run.language == "zh", "the language is that of the call"


def test_a_word_that_nobody_waits_for_goes_on_with_the_next_step() -> None:
    caller = Conversation({"flow": WITH}, {"say": "goodbye"}, flows=Library(ASK), number="21")
    caller.heard()
    assert caller.press("9999").heard() == ("goodbye",)


def test_a_flow_that_is_gone_or_calls_itself_too_deep_fails() -> None:
    assert Conversation({"flow": WITH}, {"say": "goodbye"}).heard() == ("technical_problem",)
    again = Flow.from_config("again", [{"set": {"n": "1"}}, {"flow": {"name": "again"}}])
    caller = Conversation({"flow": "again"}, {"say": "goodbye"}, flows=Library(again))
    entered = [each for each in caller.out if isinstance(each, FlowFact) and each.data["kind"] == "set"]
    assert len(entered) == MOST_DEPTH - 1 and caller.heard() == ("goodbye",)


def test_a_flow_within_a_flow_goes_on_after_a_restart() -> None:
    caller = Conversation({"flow": WITH}, {"say": "goodbye"}, flows=Library(ASK), number="21")
    main = caller.run._frames[0].flow
    state = json.loads(json.dumps(caller.run.state()))
    caller.run = FlowRun.from_state(state, Library(ASK, main))
    assert caller.tell(FlowStarted()).press("1234").heard()[-1] == "thank_you"
    lost = FlowRun.from_state(state, Library(main))
    assert lost.handle(FlowStarted(), 1.0)[-1] == HangUp("flow_failed")


def test_return_in_a_flow_that_nobody_began_ends_the_call() -> None:
    assert Conversation({"say": "goodbye"}, {"return": "done"}).listen().did()[-1] == HangUp("flow_finished")


# transfer and dial


def test_transfer_sends_the_caller_away_and_goes_on_only_if_that_leads_nowhere() -> None:
    step = {"transfer": {"to": "number:{wanted}", "calling": ["national"], "on_failure": "sorry"}}
    caller = Conversation(step, {"name": "sorry", "say": "number_not_in_service"}, wanted="0301234")
    assert caller.did() == [TransferCaller("number:0301234", ("national",))]
    assert caller.tell(Returned("forbidden")).heard() == ("number_not_in_service",)


def test_dial_says_how_long_it_rings_and_what_is_shown() -> None:
    step = {"dial": {"target": "number:+4930123", "ring_s": 12, "caller_id": "+49301", "on_forbidden": []}}
    assert Conversation(step, {"say": "goodbye"}).did() == [DialTarget("number:+4930123", 12, "+49301", None)]
    assert Conversation({"dial": "number:{x}"}, x="1").did() == [DialTarget("number:1", None, "", ())]


# on_hang_up


def test_what_is_done_when_the_caller_hangs_up() -> None:
    done = [{"set": {"x": "1"}}, {"record": False}, {"hang_up": "flow_finished"}]
    caller = Conversation({"say": "welcome", "on_hang_up": done}, {"say": "goodbye"})
    caller.did()
    assert caller.tell(CallerHungUp()).did() == [RecordCall(False), HangUp("flow_finished")]
    assert caller.run.phase == "ended"
    later = Conversation({"say": "welcome", "on_hang_up": done}, {"say": "goodbye"}).listen()
    later.did()
    assert later.tell(CallerHungUp()).did() == []


def test_a_flow_says_it_for_all_its_steps_and_for_flows_that_say_nothing() -> None:
    steps = [{"say": "welcome", "on_hang_up": [{"hang_up": "transferred"}]}, {"flow": "ask"}]
    main = Flow.from_config("main", steps, on_hang_up=[{"branch": {"if": "1", "then": [{"record": True}]}}])
    run = FlowRun(main, flows=Library(ASK))
    run.handle(FlowStarted(), 1.0)
    run.handle(PromptsFinished(), 2.0)
    assert run.flow.name == "ask"
    out = [each for each in run.handle(CallerHungUp(), 3.0) if not isinstance(each, FlowFact)]
    assert out == [RecordCall(True)]


def test_two_texts_are_one_version_only_if_they_are_the_same() -> None:
    one = Flow.from_config("a", [{"say": "x"}])
    assert one.version == Flow.from_config("b", [{"say": "x"}]).version != ASK.version
    assert one.version != Flow.from_config("a", [{"say": "x"}], language="zh").version


# data


def test_data_goes_to_the_call_and_into_variables() -> None:
    step = {"data": {"set": {"customer": "{number}", "next": "= number + 1"}, "remove": ["card"]}}
    caller = Conversation(step, {"say": [{"digits": "{next}"}]}, number="4")
    change, said = caller.did()
    assert change == ChangeTexts({"customer": "4", "next": "5"}, ("card",))
    assert said == PlayPrompts(("n_5",))


def test_data_that_is_none() -> None:
    assert problems({"data": {}}) == ["steps[0].data: nothing to do; give set or remove"]
    assert "every flow has this by itself" in problems({"data": {"set": {"caller": "1"}}})[0]
    assert "expected a list of names" in problems({"data": {"set": {"x": "1"}, "remove": "y"}})[0]
