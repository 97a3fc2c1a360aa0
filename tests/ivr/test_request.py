"""The step `request`: what is asked, what is heard meanwhile, what comes into variables."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softswitch.ivr.events import AskBackend, HangUp, PlayMusic, PlayPrompts, Returned, StopPrompts
from softswitch.ivr.flow import Flow, FlowError
from softswitch.ivr.inquiry import taken
from softswitch.ivr.kinds.request import PATIENCE_S
from tests.ivr.conversation import Conversation

ASK = {"backend": "crm", "path": "/customers/{caller}"}


def asked(talk: Conversation) -> AskBackend:
    (ask,) = [each for each in talk.did() if isinstance(each, AskBackend)]
    return ask


def test_what_is_asked_is_escaped() -> None:
    """A caller's number, or keys, never lead out of the path, the query or the JSON."""
    step = {
        "backend": "crm-{site}",
        "method": "POST",
        "path": "/c/{caller}/{dots}/x",
        "query": {"q": "{odd}", "n": 5},
        "body": {"text": "{odd}", "list": ["{caller}", 1, None]},
        "timeout_s": 2,
    }
    variables = {"caller": "+49/../1?x#", "dots": "..", "odd": 'a&b=c"\n', "site": "west"}
    ask = asked(Conversation({"request": step}, **variables))
    assert (ask.backend, ask.method, ask.timeout_s) == ("crm-west", "POST", 2)
    assert ask.path == "/c/%2B49%2F..%2F1%3Fx%23/%2E%2E/x?q=a%26b%3Dc%22%0A&n=5"
    assert ask.body == '{"text": "a&b=c\\"\\n", "list": ["+49/../1?x#", 1, null]}'


@pytest.mark.parametrize(
    ("outcome", "heard"),
    [("ok", ("welcome",)), ("failed", ("technical_problem",)), ("timeout", ("please_wait",))],
)
def test_where_it_goes_on(outcome: str, heard: tuple[str, ...]) -> None:
    step = {**ASK, "on_failure": [{"say": "technical_problem"}], "on_timeout": [{"say": "please_wait"}]}
    talk = Conversation({"request": step}, {"say": "welcome"})
    talk.heard()
    assert talk.tell(Returned(outcome)).heard()[:1] == heard


def test_without_on_timeout_it_is_a_failure() -> None:
    talk = Conversation({"request": {**ASK, "on_failure": ["hang_up"]}}, {"say": "welcome"})
    talk.did()
    assert [type(each) for each in talk.tell(Returned("timeout")).did()] == [StopPrompts, HangUp]


@pytest.mark.parametrize(
    ("meanwhile", "wanted"),
    [("please_wait", PlayPrompts(("please_wait",))), ({"music": "hold"}, PlayMusic("hold"))],
)
def test_what_the_caller_hears_meanwhile(meanwhile: Any, wanted: Any) -> None:
    talk = Conversation({"request": {**ASK, "meanwhile": meanwhile}}, {"say": "welcome"})
    talk.did()
    talk.wait(PATIENCE_S - 0.01)
    assert talk.did() == []
    talk.wait(0.02)
    assert talk.did() == [wanted]
    assert talk.tell(Returned("ok")).did() == [StopPrompts(), PlayPrompts(("welcome",))]


def test_keys_meanwhile_are_lost() -> None:
    talk = Conversation(
        {"request": ASK}, {"menu": {"prompts": "welcome", "choices": {"1": [{"say": "goodbye"}]}}}
    )
    talk.press("1").did()
    assert talk.tell(Returned("ok")).heard() == ("welcome",)


def test_answers_become_variables() -> None:
    value = {"a": {"b": [{"c": "x\ny"}, True]}, "n": 4.5, "none": None}
    into = (("c", "a.b.0.c"), ("t", "a.b.1"), ("n", "n"), ("none", "none"), ("gone", "a.z"), ("far", "a.b.9"))
    into += (("object", "a"), ("deep", "n.x"))
    assert taken(value, into) == {
        "c": "x y", "t": "true", "n": "4.5", "none": "", "gone": "", "far": "", "object": "", "deep": "",
    }  # fmt: skip
    assert taken("text", (("x", "a"),)) == {"x": ""}
    assert taken({"long": "y" * 5000}, (("x", "long"),)) == {"x": "y" * 1000}


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"path": "/"}, "backend is missing"),
        ({**ASK, "method": "TRACE"}, "allowed: GET"),
        ({**ASK, "path": "http://elsewhere/"}, "begins with /"),
        ({**ASK, "path": "/a?b"}, "query"),
        ({**ASK, "into": {"language": "a"}}, "no name of a variable"),
        ({**ASK, "into": {"a": "b..c"}}, "no path"),
        ({**ASK, "into": "name"}, "expected names and values"),
        ({**ASK, "timeout_s": 900}, "0.1 to 60"),
    ],
)
def test_mistakes_are_told(step: dict[str, Any], message: str) -> None:
    with pytest.raises(FlowError, match=message):
        Flow.from_config("f", [{"request": step}])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc0"), inner, max_size=4),
    max_leaves=20,
)


@given(
    VALUES, st.lists(st.sampled_from(["a", "b", "c", "0", "1", "-1", "999999999999"]), min_size=1, max_size=5)
)
def test_whatever_a_back_end_says_becomes_a_line_of_text(value: Any, parts: list[str]) -> None:
    (found,) = taken(value, (("x", ".".join(parts)),)).values()
    assert isinstance(found, str)
    assert all(each.isprintable() for each in found)
    assert len(found) <= 1000


@settings(max_examples=50)
@given(st.text(max_size=30), st.text(max_size=30))
def test_whatever_a_caller_gives_stays_in_its_place(one: str, other: str) -> None:
    step = {"backend": "crm", "path": "/a/{one}/b", "query": {"q": "{other}"}, "body": {"x": "{one}"}}
    ask = asked(Conversation({"request": step}, one=one, other=other))
    path, _, query = ask.path.partition("?")
    assert [unquote(each) for each in path.split("/")] == ["", "a", one, "b"]
    assert parse_qsl(query, keep_blank_values=True) == [("q", other)]
    assert json.loads(ask.body or "") == {"x": one}
    assert asked(Conversation({"request": step}, one="\udc80")).path.startswith("/a/%3F/b")
    assert ask.path.isascii() and ask.path.isprintable()
