"""Expressions over skills, waiting time and caller: what they mean, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.config.expression import Expression, ExpressionError, Requirement

MEANS = [
    ("english", {}, 0, {"english": 1}, True),
    ("english", {}, 0, {}, False),
    ("english >= 7", {}, 0, {"english": 7}, True),
    ("english >= 7", {}, 0, {"english": 6}, False),
    ("not english", {}, 0, {"english": 3}, False),
    ("not english", {}, 0, {}, True),
    ("english >= 7 or (waited > 40 and english >= 4)", {}, 39.9, {"english": 4}, False),
    ("english >= 7 or (waited > 40 and english >= 4)", {}, 40.0, {"english": 4}, True),
    ("waited < 40", {}, 39.9, {}, True),
    ("waited < 40", {}, 41, {}, False),
    ("caller.level == 'gold' and english", {"level": "gold"}, 0, {"english": 1}, True),
    ("caller.level == 'gold' and english", {"level": "tin"}, 0, {"english": 1}, False),
    ("caller.level == 'gold' and english", {}, 0, {"english": 1}, False),
    ("caller.debt >= 100", {"debt": "250.5"}, 0, {}, True),
    ("caller.debt >= 100", {"debt": "a lot"}, 0, {}, False),
    ("caller.debt != 100", {"debt": "a lot"}, 0, {}, True),
    ("caller.vip", {"vip": "yes"}, 0, {}, True),
    ("caller.vip", {}, 0, {}, False),
    ("caller.vip != 'no'", {}, 0, {}, True),
]


@pytest.mark.parametrize(("text", "caller", "waited", "skills", "holds"), MEANS)
def test_meaning(
    text: str, caller: dict[str, str], waited: float, skills: dict[str, int], holds: bool
) -> None:
    assert Expression.parse(text).at(waited, caller).met_by(skills) is holds


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("english >=", "cannot be read"),
        ("", "cannot be read"),
        ("english + 1 > 2", "on the left of a comparison"),
        ("1 < english", "on the left of a comparison"),
        ("english > french", "compares with 'french'"),
        ("1 < english < 4", "cannot use"),
        ("open('x')", "cannot use"),
        ("caller.a.b == 1", "on the left"),
        ("__import__('os').system == 1", "on the left"),
        ("english == 'much'", "with a text"),
        ("english == True", "compares with 'True'"),
        ("waited == 40", "compares waited by =="),
        ("caller.name > 'm'", "compares a text by >"),
        ("[x for x in y]", "cannot use"),
        ("english and " * 60 + "english", "longer than 500"),
        ("(" * 400 + "a" + ")" * 400, "longer than 500"),
        ("(" * 240 + "a" + ")" * 240, "cannot be read"),
    ],
)
def test_what_is_refused(text: str, says: str) -> None:
    with pytest.raises(ExpressionError, match=says.replace("(", r"\(")):
        Expression.parse(text)


def test_what_it_depends_on() -> None:
    expression = Expression.parse("a >= 2 or (waited > 40 and (b or waited >= 60.5)) or caller.x == 'y'")
    assert expression.skills() == {"a", "b"}
    assert expression.moments() == [40.0, 60.5]


def test_calls_that_ask_for_the_same_ask_equally() -> None:
    """The parts that depend on time and caller are decided, so that they do not keep calls apart."""
    expression = Expression.parse("billing >= 3 and (caller.level == 'gold' or waited > 10) and english")
    asks = expression.at(0, {"level": "gold"})
    assert (
        asks == expression.at(11, {"level": "tin"}) == Expression.parse("billing >= 3 and english").at(0, {})
    )
    assert str(asks) == "billing >= 3 and english >= 1"
    assert str(expression.at(0, {})) == "nobody"
    assert str(Requirement()) == ""


skills = st.sampled_from(["a", "b", "c"])
comparisons = st.builds(
    "{} {} {}".format, skills, st.sampled_from([">=", "<", "==", "!="]), st.integers(0, 3)
)
times = st.builds("waited {} {}".format, st.sampled_from(["<", ">="]), st.integers(0, 50))
noted = st.builds("caller.{} {} '{}'".format, skills, st.sampled_from(["==", "!="]), st.sampled_from("xy"))
expressions = st.recursive(
    comparisons | times | noted,
    lambda inner: (
        st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or"]), inner)
        | st.builds("not ({})".format, inner)
    ),
    max_leaves=6,
)


class Caller:
    """What Python itself reads from `caller.a`."""

    def __init__(self, fields: dict[str, str]) -> None:
        self.fields = fields

    def __getattr__(self, name: str) -> str | None:
        return self.fields.get(name)


@given(
    text=expressions,
    waited=st.integers(0, 60).map(lambda tenths: tenths + 0.5),
    caller=st.dictionaries(skills, st.sampled_from("xy")),
    levels=st.dictionaries(skills, st.integers(1, 3)),
)
def test_it_means_what_python_means(
    text: str, waited: float, caller: dict[str, str], levels: dict[str, int]
) -> None:
    python = eval(text, {}, {"a": 0, "b": 0, "c": 0, **levels, "waited": waited, "caller": Caller(caller)})
    assert Expression.parse(text).at(waited, caller).met_by(levels) is bool(python)
