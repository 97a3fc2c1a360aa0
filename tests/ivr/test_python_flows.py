"""Flows in Python: tested without a switch, carried out as steps, replayed, checked when they are read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from softswitch.config.errors import ConfigError
from softswitch.ivr.actions import Call, Choose, Collect, EnterQueue, HangUp, Language, Number, Say, Step
from softswitch.ivr.events import FlowFact, FlowStarted, PlayPrompts, Returned
from softswitch.ivr.events import HangUp as HangUpNow
from softswitch.ivr.flow import Flow
from softswitch.ivr.run import FlowRun
from softswitch.python_flows import Program, compile_program, load_programs
from tests.ivr.conversation import Conversation, Library

ACCOUNT = '''
"""Asks for an account and its check digit."""
from softswitch.ivr.actions import Collect, Say

TRIES = 3


def check(number: str) -> bool:
    return sum(int(digit) for digit in number) % 10 == 0


def flow(call):
    for attempt in range(TRIES):
        account = yield Collect("enter_account", 6, min_digits=6, retries=0)
        if account is not None and check(account):
            yield Say("thank_you", Number(attempt + 1))
            return {"account": account, "outcome": "found"}
        yield Say("invalid_choice")
    return "lost"
'''
USE = {
    "flow": "account",
    "into": {"number": "account"},
    "on": {"found": [{"say": "connecting"}], "lost": [{"hang_up": "forbidden"}]},
    "on_failure": [{"say": "technical_problem"}],
}


def talk(source: str, **variables: str) -> Conversation:
    library = Library(programs={"account": compile_program("account", source)})
    return Conversation({"python": USE}, {"say": "goodbye"}, flows=library, **variables)


def body(*lines: str) -> str:
    return "def flow(call):\n" + "".join(f"    {line}\n" for line in lines)


def test_it_is_tested_by_send() -> None:
    flow = compile_program("account", ACCOUNT).start({})
    question = Collect("enter_account", 6, min_digits=6, retries=0)
    assert next(flow) == question
    assert flow.send(None) == Say("invalid_choice")
    assert flow.send(None) == question
    assert flow.send("123004") == Say("thank_you", Number(2))
    with pytest.raises(StopIteration) as over:
        flow.send(None)
    assert over.value.value == {"account": "123004", "outcome": "found"}


def test_its_actions_are_steps_and_its_results_variables() -> None:
    caller = talk(ACCOUNT)
    assert caller.heard() == ("enter_account",)
    assert caller.press("123456").heard() == ("invalid_choice",)
    assert caller.listen().heard() == ("enter_account",)
    assert caller.press("123004").heard() == ("thank_you", "n_2")
    assert caller.listen().heard() == ("connecting",)
    assert caller.run.variables["number"] == "123004"


def test_its_word_decides_where_it_goes_on() -> None:
    caller = talk(ACCOUNT)
    for _ in range(3):
        caller.listen().wait(6).listen()
    assert caller.did()[-1] == HangUpNow("forbidden")


def test_what_an_action_gives_back() -> None:
    source = body(
        'yield Language("zh")',
        'key = yield Choose("main_menu", "12", retries=0)',
        'queue = yield EnterQueue("sales")',
        'busy = yield Dial("user:bob")',
        'other = yield Call("other", "word", value=call["caller"])',
        'yield Step("set", {"x": "1"})',
        "return {'account': [key, queue, busy, other, len(call['language'])]}",
    )
    other = Flow.from_config("other", [{"set": {"word": "{value}!"}}, {"return": "said"}])
    library = Library(other, programs={"account": compile_program("account", source)})
    caller = Conversation({"python": USE}, {"say": "goodbye"}, flows=library, caller="42")
    caller.press("2").tell(Returned("queue_full")).tell(Returned("user_busy"))
    said = caller.run.variables["number"]
    assert said == "['2', 'full', 'busy', {'word': '42!', 'outcome': 'said'}, 2]"
    assert caller.run.language == "zh"


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (["yield 1"], "TypeError: yielded 1; allowed: Say"),
        (["yield Say('x', loud=1)"], "TypeError"),
        (["yield Collect('x', 700)"], "steps[0].collect.digits: expected a number from 1 to 64"),
        (["yield Say('x')", "yield Say(1 / 0)"], "ZeroDivisionError"),
        (["while True:", "    x = 1", "yield Say('x')"], "TooLong: more than 100000 turns"),
        (["x = [each for each in range(10**6)]".replace("10**6", "1000000"), "yield Say('x')"], "TooLong"),
    ],
)
def test_a_mistake_in_it_is_an_alarm_and_the_way_of_failure(lines: list[str], why: str) -> None:
    caller = talk(body(*lines))
    if caller.run.flow.name != "test":
        caller.listen()
    alarms = [each.data for each in caller.out if isinstance(each, FlowFact) and each.type == "alarm_raised"]
    assert why in alarms[0]["message"] and alarms[0]["code"] == "flow_failed"
    assert caller.heard()[-1] == "technical_problem"


def test_a_flow_that_is_not_there() -> None:
    assert Conversation({"python": USE}, {"say": "goodbye"}).heard() == ("technical_problem",)


# Restarts


def restarted(caller: Conversation, source: str = ACCOUNT) -> list[Any]:
    """What the run does after a restart in which the flow is this one."""
    main = caller.run._frames[0].flow
    library = Library(main, programs={"account": compile_program("account", source)})
    caller.run = FlowRun.from_state(json.loads(json.dumps(caller.run.state())), library)
    caller.did()
    return caller.tell(FlowStarted()).did()


def test_it_goes_on_at_the_same_action_with_what_it_knew() -> None:
    caller = talk(ACCOUNT)
    caller.press("123456").listen()
    assert PlayPrompts(("enter_account",)) in restarted(caller)
    assert caller.press("123004").heard() == ("thank_you", "n_2"), "the first try is remembered"
    assert PlayPrompts(("thank_you", "n_2")) in restarted(caller)
    assert caller.listen().heard() == ("connecting",)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (ACCOUNT.replace('"invalid_choice"', '"no_input"'), "its action is another one than before"),
        (ACCOUNT.replace("TRIES = 3", "TRIES = 0"), "it ended earlier than before"),
        (body("yield Say(call['nothing'])"), "KeyError"),
    ],
)
def test_one_that_does_something_else_then_ends_the_call_and_says_why(changed: str, why: str) -> None:
    caller = talk(ACCOUNT)
    caller.press("123456")
    main = caller.run._frames[0].flow
    library = Library(main, programs={"account": compile_program("account", changed)})
    run = FlowRun.from_state(json.loads(json.dumps(caller.run.state())), library)
    alarm, ended = run.handle(FlowStarted(), 1.0)
    assert ended == HangUpNow("flow_diverged")
    assert isinstance(alarm, FlowFact) and why in alarm.data["message"]


def test_one_whose_version_is_gone_ends_the_call() -> None:
    caller = talk(ACCOUNT)
    main = caller.run._frames[0].flow
    run = FlowRun.from_state(json.loads(json.dumps(caller.run.state())), Library(main))
    assert run.handle(FlowStarted(), 1.0)[-1] == HangUpNow("flow_diverged")


# Reading

TALKS = "    yield Say('x')\n"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import os\ndef flow(call):\n" + TALKS, "a.py:1: stands outside of a function"),
        (body("import time", "yield Say('x')"), "a.py:2: uses imports; allowed: from softswitch.ivr.actions"),
        (body("yield Say(open('x'))"), "a.py:2: there is no open in a flow"),
        (body("x = sett = 1", "yield Say(set)"), "a.py:3: there is no set in a flow; did you mean sett"),
        (body("yield Say({1, 2})"), "a.py:2: uses a set, whose order differs"),
        (body("yield Say(''.__class__)"), "a.py:2: uses .__class__; allowed: names without _"),
        (body("yield Say('{0.x}'.format(1))"), "a.py:2: uses .format; allowed"),
        (body("yield Say(__builtins__)"), "a.py:2: uses __builtins__; allowed: names without _"),
        (body("yield Say(2 ** 9)"), "a.py:2: uses **, which may take for ever"),
        (body("x = 2", "x <<= 9", "yield Say(x)"), "a.py:3: uses <<, which may take for ever"),
        (body("global x", "yield Say('x')"), "a.py:2: uses global: a flow keeps nothing"),
        (body("try:", "    yield Say('x')", "except:", "    return"), "a.py:4: uses except without a class"),
        (body("with call:", "    yield Say('x')"), "a.py:2: uses with: a flow opens nothing"),
        ("async def flow(call):\n" + TALKS, "a.py:1: stands outside of a function"),
        ("TRIES = [Say]\ndef flow(call):\n" + TALKS, "a.py:1: stands outside of a function"),
        ("class A:\n    pass\ndef flow(call):\n" + TALKS, "a.py:1: stands outside of a function"),
        ("x = 1", "a.py:1: there is no function flow(call)"),
        ("def flow(call, more):\n" + TALKS, "a.py:1: flow takes one value"),
        ("def flow(call):\n    return 1", "a.py:1: flow has no yield"),
        ("def flow(call:\n", "a.py:1: is no Python"),
        ("#" * 100_001, "a.py:1: is longer than 100000 characters"),
    ],
)
def test_what_is_refused_names_its_line(source: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        compile_program("a", source, "a.py")
    assert caught.value.problems[0].message.startswith(said)


def test_every_mistake_is_named_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        compile_program("a", body("yield open(eval('x'))"), "a.py")
    assert len(caught.value.problems) == 2


def test_no_call_sees_what_another_has_left() -> None:
    program = compile_program("a", "SEEN = []\n" + body("SEEN.append(1)", "yield Say(*SEEN)"))
    assert next(program.start({})) == next(program.start({})) == Say(1)


def test_it_can_be_imported_by_a_test_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "account.py").write_text(ACCOUNT.replace("Collect, Say", "Collect, Number, Say"))
    (tmp_path / "two.py").write_text("from softswitch.ivr.actions import Say\n" + body("yield Say('x')"))
    programs = load_programs(tmp_path)
    assert isinstance(programs["account"], Program) and set(programs) == {"account", "two"}
    names: dict[str, Any] = {}
    exec((tmp_path / "two.py").read_text(), names)
    assert next(names["flow"]({})) == Say("x")


def test_all_files_of_a_directory_are_judged(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.py").write_text("x = ")
    with pytest.raises(ConfigError) as caught:
        load_programs(tmp_path)
    assert [problem.message.split(":")[0][-4:] for problem in caught.value.problems] == ["a.py", "b.py"]
    with pytest.raises(ConfigError, match="is no directory"):
        load_programs(tmp_path / "none")
    assert load_programs(None) == {}


def test_the_constructors_are_steps() -> None:
    for action in (
        Call("x", "y", z=1),
        Choose("x", "1"),
        EnterQueue("x"),
        HangUp(),
        Language("en"),
        Step("goto", "x"),
    ):
        (step,) = action.steps()
        assert set(step) == {action.kind}
