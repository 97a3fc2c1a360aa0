"""Written conversations: what can be said in them, and what is said when a flow does something else."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.ivr.flow import Flow
from softswitch.ivr.script import Failure, ScriptError, SomeFlows, Talk, read
from softswitch.python_flows import compile_program

MAIN: list[Any] = [
    {"say": ["welcome", {"number": "{count}"}, {"text": "Hello {caller}."}]},
    {"hours": {"calendar": "office", "closed": [{"say": "closed"}, "hang_up"]}},
    {
        "request": {
            "backend": "crm",
            "path": "/customers/{caller}",
            "into": {"name": "customer.name"},
            "on_failure": [{"say": "technical_problem"}],
            "on_timeout": [{"say": "please_wait"}],
        }
    },
    {"branch": {"if": 'name == "Ann" and weekday == "sunday"', "then": [{"transfer": "user:ann"}]}},
    {
        "dial": {
            "target": "user:bob",
            "on_busy": [{"queue": {"name": "sales", "on_full": [{"say": "queue_full"}]}}],
        }
    },
    {"record": True},
]
FLOWS = SomeFlows({"main": Flow.from_config("main", MAIN, on_hang_up=[{"record": False}])})
HEAD = "flow main\ncaller 42\ngiven count 3\nat 2026-11-22 14:05\nconversation x\n"
GREETED = HEAD + 'hear welcome\nhear number 3\nhear "Hello 42."\nexpect calendar office\n'


def talk(text: str) -> Failure | None:
    (conversation,) = read(text)
    return Talk(conversation, FLOWS).carry_out()


SPOKEN_OF = 'hear welcome n_3 "Hello 42."'

ANN = """calendar open
expect back-end crm GET /customers/42
back-end answers '{"customer": {"name": "Ann"}}'
expect variable name Ann
expect transfer user:ann
transfer fails
expect dial user:bob"""


@pytest.mark.parametrize(
    "lines",
    [
        ANN,
        "calendar closed\nhear closed\nexpect hang up flow_finished",
        "calendar open\nback-end fails\nhear technical_problem\nexpect dial user:bob\ndial no_answer\n"
        "expect record true\nexpect hang up",
        "calendar open\nback-end times out\nhear please_wait\ndial busy\nexpect queue sales\n"
        "queue full\nhear queue_full\nexpect record",
        "calendar open\nback-end answers\ndial busy\nwait 30\nhang up\nexpect queue sales\n"
        "expect record false",
    ],
)
def test_what_can_be_written(lines: str) -> None:
    failure = talk(GREETED + lines)
    assert failure is None, failure


@pytest.mark.parametrize(
    ("lines", "expected", "happened"),
    [
        ("hear goodbye", "to hear goodbye", 'the caller hears welcome n_3 "Hello 42."'),
        ("hear welcome\nsay nothing", "silence", 'the caller hears n_3 "Hello 42."'),
        ('hear welcome n_3 "Hello 42."\nexpect queue sales', "queue sales", "calendar office"),
        ('hear welcome n_3 "Hello 42."\nexpect calendar home', "calendar home", "it was calendar office"),
        ('hear welcome n_3 "Hello 42."\nsay nothing', "the flow to wait for the caller", "calendar office"),
        ("expect variable count 4", "variable count to be '4'", "it is '3'"),
        ("expect nonsense", "one of variable, queue, dial", "'nonsense' is none of them"),
        ("queue full", "the flow to wait for what comes back", "the caller hears welcome"),
        ("back-end fails", "the flow to wait for a back-end", "the caller hears welcome"),
        ("press x", "a key of a phone", "'x' is none"),
        (f"{SPOKEN_OF}\nwait 1e9", "a time from 0 to 86400 s", "'1e9' is none"),
        (f"{SPOKEN_OF}\nwait 86401", "a time from 0 to 86400 s", "'86401' is none"),
        ("expect variable count 3 or more", "variable count to be '3 or more'", "it is '3'"),
    ],
)
def test_what_happened_in_its_place_is_told(lines: str, expected: str, happened: str) -> None:
    failure = talk(HEAD + lines)
    assert failure is not None
    assert failure.expected.startswith(expected) and happened in failure.happened
    assert failure.line == 5 + len(lines.splitlines())
    assert any("hears welcome" in line for line in failure.talk)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "1: there is no conversation; begin one with: conversation NAME"),
        ("hear x", "1: 'hear' stands before the first conversation"),
        ("conversation a\nhear x", "1: a names no flow; write before it: flow NAME"),
        (
            "flow main\nconversation a\nshout hello",
            "3: 'shout hello' is nothing that a caller does; allowed: hear",
        ),
        ("flow main\nconversation a\nhear", "3: hear takes 1 to 50 words; 0 are given"),
        ("flow main extra", "1: flow takes one value"),
        ("given 1a x", "1: given takes NAME VALUE"),
        ("at yesterday noon", "1: is no time; allowed: at 2026-11-22 14:05"),
        ('flow "main', "1: a quotation is not closed"),
    ],
)
def test_a_text_that_is_none_names_the_line(text: str, said: str) -> None:
    with pytest.raises(ScriptError) as caught:
        read(text)
    assert str(caught.value).startswith(said)


def test_settings_hold_for_all_or_for_one_conversation() -> None:
    first, second = read("flow main\nlanguage zh\nconversation a\nflow other\nhear x\nconversation b\nhear y")
    assert first.settings == {"flow": "other", "language": "zh"}
    assert second.settings == {"flow": "main", "language": "zh"}
    with pytest.raises(ScriptError, match="there is no flow 'none'"):
        Talk(read("flow none\nconversation a\nhear x")[0], FLOWS)


def test_flows_in_python_talk_as_well() -> None:
    program = compile_program(
        "ask", "def flow(call):\n    yield Say('welcome')\n    yield EnterQueue('sales')"
    )
    flows = SomeFlows({"main": Flow.from_config("main", [{"python": "ask"}])}, {"ask": program})
    (conversation,) = read(
        "flow main\nconversation a\nhear welcome\nexpect queue sales\nqueue full\nexpect hang up"
    )
    assert Talk(conversation, flows).carry_out() is None


MESSAGES = """flow messages
conversation a message and a score
  hear welcome
  press 4
  expect score satisfaction 4
  expect message alice
  message full
  hear mailbox_full
  expect message file
  message taken
  hear goodbye
"""


def test_messages_and_surveys_can_be_written() -> None:
    steps = [
        {"survey": {"prompts": "welcome"}},
        {"voicemail": {"mailbox": "alice", "on_full": [{"say": "mailbox_full"}]}},
        {"record_message": {"max_s": 5}},
        {"say": "goodbye"},
    ]
    flows = SomeFlows({"messages": Flow.from_config("messages", steps)})
    assert Talk(read(MESSAGES)[0], flows).carry_out() is None


def test_what_comes_back_of_any_step_can_be_said() -> None:
    flows = SomeFlows({"main": Flow.from_config("main", [{"voicemail": "sales"}])})
    talk = "conversation a\nexpect message sales\nreturns taken message=m1\nexpect hang up"
    (conversation,) = read(f"flow main\n{talk}")
    failure = Talk(conversation, flows).carry_out()
    assert failure is None, failure
