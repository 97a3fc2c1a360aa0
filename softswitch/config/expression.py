"""Expressions that say which agents may take a call: `english >= 7 or (waited > 40 and english >= 4)`.

A name is a skill, and its value an agent's level in it (0 without it); alone it means "at least 1". `waited`
is how long the call has waited, in seconds. `caller.NAME` is what a flow or the API noted about the caller,
text or a number. There are `and`, `or`, `not`, parentheses, the six comparisons, numbers and quoted texts.

An expression is read once. For one call at one moment it becomes a `Requirement`, which asks for skills only,
so that calls that ask for the same can stand in one line.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

MAX_LENGTH = 500
WAITED = "waited"
CALLER = "caller"
NOBODY = "nobody"

Value = str | float
_COMPARISONS: dict[type[ast.cmpop], tuple[str, Callable[[Any, Any], bool]]] = {
    ast.Eq: ("==", operator.eq),
    ast.NotEq: ("!=", operator.ne),
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
}
_BY_SIGN = dict(_COMPARISONS.values())
# Time passes through a moment without standing on it: "more than 40 s" begins at 40 s.
_OF_TIME = {">": operator.ge, ">=": operator.ge, "<": operator.lt, "<=": operator.lt}


class ExpressionError(ValueError):
    """An expression that cannot be read; the text says what is wrong and what is allowed."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """`kind` is skill, waited or caller; `name` is the skill or the noted field."""

    kind: str
    name: str
    sign: str
    value: Value

    def __str__(self) -> str:
        name = f"{CALLER}.{self.name}" if self.kind == CALLER else self.name
        return f"{name} {self.sign} {self.value!r}"


@dataclass(frozen=True, slots=True)
class Combination:
    """`word` is and, or, not (of one part)."""

    word: str
    parts: tuple[Node, ...]

    def __str__(self) -> str:
        if self.word == "not":
            return f"not ({self.parts[0]})"
        return f" {self.word} ".join(
            f"({part})" if isinstance(part, Combination) else str(part) for part in self.parts
        )


Node = Comparison | Combination | bool


@dataclass(frozen=True, slots=True)
class Requirement:
    """What is asked of an agent: skills and nothing else. Two that are equal ask for the same."""

    node: Node = True

    @classmethod
    def parse(cls, text: str) -> Requirement:
        """What `str` of a requirement said. Raises ExpressionError."""
        if text in ("", NOBODY):
            return cls(not text)
        return cls(_read(ast.parse(text, mode="eval").body))

    def met_by(self, skills: Mapping[str, int]) -> bool:
        """Whether an agent with these levels may take the call."""
        return _holds(self.node, skills)

    def skills(self) -> list[str]:
        """Every skill that is asked for, in order of the alphabet."""
        return sorted({each.name for each in _comparisons(self.node) if each.kind == "skill"})

    def __str__(self) -> str:
        return "" if self.node is True else NOBODY if self.node is False else str(self.node)


@dataclass(frozen=True, slots=True)
class Expression:
    """A requirement that may depend on the caller and on the time already waited."""

    text: str
    node: Node

    @classmethod
    def parse(cls, text: str) -> Expression:
        """Raises ExpressionError."""
        return _parsed(text)

    def skills(self) -> frozenset[str]:
        """Every skill that it asks for."""
        return frozenset(each.name for each in _comparisons(self.node) if each.kind == "skill")

    def moments(self) -> list[float]:
        """The waiting times, in seconds, at which it may come to mean something else."""
        times = {float(each.value) for each in _comparisons(self.node) if each.kind == WAITED}
        return sorted(time for time in times if time > 0)

    def at(self, waited: float, caller: Mapping[str, Any]) -> Requirement:
        """What it asks for after this time, for this caller."""
        return Requirement(_resolved(self.node, waited, caller))


@lru_cache(maxsize=1024)
def _parsed(text: str) -> Expression:
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"is longer than {MAX_LENGTH} characters")
    try:
        tree = ast.parse(text.strip(), mode="eval")
        return Expression(text, _read(tree.body))
    except (SyntaxError, RecursionError, MemoryError) as error:
        where = f" at character {error.offset}" if isinstance(error, SyntaxError) and error.offset else ""
        raise ExpressionError(f"cannot be read{where}; allowed: such as english >= 5 and billing") from None


def _read(tree: ast.expr) -> Node:
    if isinstance(tree, ast.BoolOp):
        return Combination("and" if isinstance(tree.op, ast.And) else "or", tuple(map(_read, tree.values)))
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not):
        return Combination("not", (_read(tree.operand),))
    if isinstance(tree, ast.Compare) and len(tree.ops) == 1:
        sign = _COMPARISONS.get(type(tree.ops[0]), ("", None))[0]
        if sign:
            return _comparison(*_named(tree.left), sign, _constant(tree.comparators[0]))
    if isinstance(tree, ast.Name | ast.Attribute):
        kind, name = _named(tree)
        return Comparison(kind, name, "!=", "") if kind == CALLER else _comparison(kind, name, ">=", 1)
    raise ExpressionError(
        f"cannot use {ast.unparse(tree)!r}; allowed: skills, waited, caller.NAME, numbers, texts in quotes, "
        "== != < <= > >=, and, or, not"
    )


def _named(tree: ast.expr) -> tuple[str, str]:
    if isinstance(tree, ast.Name):
        return (WAITED if tree.id == WAITED else "skill"), tree.id
    if isinstance(tree, ast.Attribute) and isinstance(tree.value, ast.Name) and tree.value.id == CALLER:
        return CALLER, tree.attr
    raise ExpressionError(
        f"has {ast.unparse(tree)!r} on the left of a comparison; allowed: a skill, waited, caller.NAME"
    )


def _constant(tree: ast.expr) -> Value:
    value = tree.value if isinstance(tree, ast.Constant) else None
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        return value
    raise ExpressionError(
        f"compares with {ast.unparse(tree)!r}; allowed: a number of at least 0 or a text in quotes"
    )


def _comparison(kind: str, name: str, sign: str, value: Value) -> Comparison:
    if kind != CALLER and isinstance(value, str):
        raise ExpressionError(f"compares {name} with a text; allowed: a number")
    if kind == WAITED and sign not in _OF_TIME:
        raise ExpressionError(f"compares waited by {sign}; allowed: < <= > >=")
    if kind == CALLER and isinstance(value, str) and sign not in ("==", "!="):
        raise ExpressionError(f"compares a text by {sign}; allowed: == and !=")
    return Comparison(kind, name, sign, value)


def _comparisons(node: Node) -> Iterator[Comparison]:
    if isinstance(node, Comparison):
        yield node
    elif isinstance(node, Combination):
        for part in node.parts:
            yield from _comparisons(part)


def _resolved(node: Node, waited: float, caller: Mapping[str, Any]) -> Node:
    """The node without what is known: time and caller."""
    if isinstance(node, Comparison):
        if node.kind == WAITED:
            return bool(_OF_TIME[node.sign](waited, node.value))
        return node if node.kind == "skill" else _of_caller(node, caller.get(node.name))
    if isinstance(node, Combination):
        parts = [_resolved(part, waited, caller) for part in node.parts]
        return _negated(parts[0]) if node.word == "not" else _joined(node.word, parts)
    return node


def _of_caller(asked: Comparison, noted: Any) -> bool:
    """What was not noted is equal to nothing; a number may have been noted as text."""
    if noted is None:
        return asked.sign == "!=" and asked.value != ""
    if isinstance(asked.value, str):
        return bool(_BY_SIGN[asked.sign](str(noted), asked.value))
    try:
        return bool(_BY_SIGN[asked.sign](float(noted), asked.value))
    except (TypeError, ValueError):
        return asked.sign == "!="


def _negated(part: Node) -> Node:
    return not part if isinstance(part, bool) else Combination("not", (part,))


def _joined(word: str, parts: list[Node]) -> Node:
    """True and False decide or fall away."""
    decides = word == "or"
    if any(part is decides for part in parts):
        return decides
    open_parts = tuple(part for part in parts if not isinstance(part, bool))
    if not open_parts:
        return not decides
    return open_parts[0] if len(open_parts) == 1 else Combination(word, open_parts)


def _holds(node: Node, skills: Mapping[str, int]) -> bool:
    if isinstance(node, Comparison):
        return _BY_SIGN[node.sign](skills.get(node.name, 0), node.value)
    if isinstance(node, Combination):
        if node.word == "not":
            return not _holds(node.parts[0], skills)
        return (all if node.word == "and" else any)(_holds(part, skills) for part in node.parts)
    return node
