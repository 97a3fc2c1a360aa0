"""Formulas over the variables of a flow: `tries >= 3 and language == "en"`, `balance - 10.5`.

A name is a variable, whose value is a text; one that was never set is "". A text that is a number may be
compared and calculated with. There are `and`, `or`, `not`, parentheses, comparisons, `in` and `not in` with a
list or a text, + - * / // %, numbers, quoted texts, and the functions of FUNCTIONS. A formula is read once
and cannot do anything but give a value.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from softswitch.config.errors import did_you_mean

MAX_LENGTH = 500
MAX_TEXT = 1000
"""Characters of a value."""

Value = str | float | bool
Variables = Mapping[str, str]
_Node = Callable[[Variables], Any]


class FormulaError(ValueError):
    """A formula that cannot be read, or one that has no value; the text says what is wrong."""


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula that was read. `names` are the variables it asks for."""

    text: str
    names: frozenset[str]
    _node: _Node = field(compare=False)

    @classmethod
    def parse(cls, text: str) -> Formula:
        """Raises FormulaError."""
        return _parsed(text)

    def value(self, variables: Variables) -> Value:
        """Raises FormulaError: no number where one is needed, a division by zero, a text that is too long."""
        try:
            found = self._node(variables)
        except (ArithmeticError, RecursionError):
            raise FormulaError(f"{self.text!r} cannot be calculated") from None
        if isinstance(found, str) and len(found) > MAX_TEXT:
            raise FormulaError(f"{self.text!r} is longer than {MAX_TEXT} characters")
        if isinstance(found, float) and not math.isfinite(found):
            raise FormulaError(f"{self.text!r} is too large")
        return found  # type: ignore[no-any-return]

    def holds(self, variables: Variables) -> bool:
        """Whether it is true: not "", 0 or false. What cannot be calculated is not true."""
        try:
            return bool(self.value(variables))
        except FormulaError:
            return False

    def text_of(self, variables: Variables) -> str:
        """The value as variables hold it: 3, 0.3, yes, no, or the text. Raises FormulaError."""
        return as_text(self.value(variables))


def as_text(value: Value) -> str:
    """What a variable holds: numbers with at most twelve digits, so that 0.1 + 0.2 is 0.3."""
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, float | int):
        return str(int(value)) if value == int(value) and abs(value) < 1e15 else f"{value:.12g}"
    return value


def _number(value: Any) -> float:
    if isinstance(value, int | float):
        return float(value)
    try:
        number = float(value)
    except ValueError:
        raise FormulaError(f"{value!r} is no number") from None
    if not math.isfinite(number) or "_" in value:
        raise FormulaError(f"{value!r} is no number")
    return number


def _alike(left: Any, right: Any) -> tuple[Any, Any]:
    """Both as numbers if one is a number and the other can be; else both as texts."""
    if isinstance(left, str) and isinstance(right, str):
        return left, right
    try:
        return _number(left), _number(right)
    except FormulaError:
        return as_text(left), as_text(right)


def _compared(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda left, right: compare(*_alike(left, right))


def _contains(item: Any, container: Any) -> bool:
    if isinstance(container, tuple):
        return any(operator.eq(*_alike(item, each)) for each in container)
    return as_text(item) in as_text(container)


def _added(left: Any, right: Any) -> Any:
    """Numbers are added, other texts are put together."""
    try:
        return _number(left) + _number(right)
    except FormulaError:
        return as_text(left) + as_text(right)


def _calculated(function: Callable[[float, float], float]) -> Callable[[Any, Any], float]:
    return lambda left, right: function(_number(left), _number(right))


_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: _compared(operator.eq),
    ast.NotEq: _compared(operator.ne),
    ast.Lt: _compared(operator.lt),
    ast.LtE: _compared(operator.le),
    ast.Gt: _compared(operator.gt),
    ast.GtE: _compared(operator.ge),
    ast.In: _contains,
    ast.NotIn: lambda item, container: not _contains(item, container),
}
_CALCULATE: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: _added,
    ast.Sub: _calculated(operator.sub),
    ast.Mult: _calculated(operator.mul),
    ast.Div: _calculated(operator.truediv),
    ast.FloorDiv: _calculated(operator.floordiv),
    ast.Mod: _calculated(operator.mod),
}
FUNCTIONS: dict[str, tuple[int, Callable[..., Value]]] = {
    "length": (1, lambda value: len(as_text(value))),
    "first": (2, lambda value, count: as_text(value)[: max(0, int(_number(count)))]),
    "last": (2, lambda value, count: as_text(value)[-int(_number(count)) :] if _number(count) >= 1 else ""),
    "starts": (2, lambda value, beginning: as_text(value).startswith(as_text(beginning))),
    "is_number": (1, lambda value: _is_number(value)),
    "round": (2, lambda value, places: round(_number(value), max(0, min(9, int(_number(places)))))),
}
"""Name -> how many values it takes, and what it makes of them."""


def _is_number(value: Any) -> bool:
    try:
        _number(value)
    except FormulaError:
        return False
    return True


@lru_cache(maxsize=4096)
def _parsed(text: str) -> Formula:
    if len(text) > MAX_LENGTH:
        raise FormulaError(f"is longer than {MAX_LENGTH} characters")
    names: set[str] = set()
    try:
        node = _read(ast.parse(text.strip(), mode="eval").body, names)
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        if isinstance(error, FormulaError):
            raise
        where = f" at character {error.offset}" if isinstance(error, SyntaxError) and error.offset else ""
        raise FormulaError(
            f'cannot be read{where}; allowed: such as tries >= 3 and language == "en"'
        ) from None
    return Formula(text, frozenset(names), node)


def _read(tree: ast.expr, names: set[str]) -> _Node:
    reader = _READERS.get(type(tree))
    if reader is None:
        raise FormulaError(
            f"cannot use {ast.unparse(tree)!r}; allowed: variables, numbers, texts in quotes, and, or, not,"
            f" == != < <= > >=, in, + - * / // %, {', '.join(FUNCTIONS)}"
        )
    return reader(tree, names)


def _name(tree: ast.Name, names: set[str]) -> _Node:
    name = tree.id
    if name in ("true", "false", "True", "False"):
        value = name.lower() == "true"
        return lambda variables: value
    names.add(name)
    return lambda variables: variables.get(name, "")


def _constant(tree: ast.Constant, names: set[str]) -> _Node:
    value = tree.value
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise FormulaError(f"cannot use {ast.unparse(tree)!r}; allowed: a number or a text in quotes")
    known = value if isinstance(value, str) else _number(value)
    return lambda variables: known


def _combined(tree: ast.BoolOp, names: set[str]) -> _Node:
    parts = [_read(each, names) for each in tree.values]
    decide = all if isinstance(tree.op, ast.And) else any
    return lambda variables: decide(part(variables) for part in parts)


def _signed(tree: ast.UnaryOp, names: set[str]) -> _Node:
    operand = _read(tree.operand, names)
    if isinstance(tree.op, ast.Not):
        return lambda variables: not operand(variables)
    if isinstance(tree.op, ast.USub):
        return lambda variables: -_number(operand(variables))
    raise FormulaError(f"cannot use {ast.unparse(tree)!r}; allowed: - and not")


def _comparison(tree: ast.Compare, names: set[str]) -> _Node:
    if len(tree.ops) != 1 or type(tree.ops[0]) not in _COMPARE:
        raise FormulaError(f"cannot use {ast.unparse(tree)!r}; allowed: one of == != < <= > >= in, not in")
    compare = _COMPARE[type(tree.ops[0])]
    left, listed = _read(tree.left, names), tree.comparators[0]
    if isinstance(listed, ast.List | ast.Tuple) and isinstance(tree.ops[0], ast.In | ast.NotIn):
        right = _sequence(listed, names)
    else:
        right = _read(listed, names)
    return lambda variables: compare(left(variables), right(variables))


def _calculation(tree: ast.BinOp, names: set[str]) -> _Node:
    if type(tree.op) not in _CALCULATE:
        raise FormulaError(f"cannot use {ast.unparse(tree)!r}; allowed: + - * / // %")
    calculate = _CALCULATE[type(tree.op)]
    left, right = _read(tree.left, names), _read(tree.right, names)
    return lambda variables: calculate(left(variables), right(variables))


def _sequence(tree: ast.List | ast.Tuple, names: set[str]) -> _Node:
    parts = [_read(each, names) for each in tree.elts]
    return lambda variables: tuple(part(variables) for part in parts)


def _call(tree: ast.Call, names: set[str]) -> _Node:
    called = tree.func.id if isinstance(tree.func, ast.Name) else ast.unparse(tree.func)
    if called not in FUNCTIONS:
        raise FormulaError(f"{called!r} is no function; {did_you_mean(called, FUNCTIONS)}")
    count, function = FUNCTIONS[called]
    if len(tree.args) != count or tree.keywords:
        raise FormulaError(f"{called} takes {count} value{'s' if count > 1 else ''}")
    parts = [_read(each, names) for each in tree.args]
    return lambda variables: function(*(part(variables) for part in parts))


_READERS: dict[type[ast.expr], Callable[[Any, set[str]], _Node]] = {
    ast.Name: _name,
    ast.Constant: _constant,
    ast.BoolOp: _combined,
    ast.UnaryOp: _signed,
    ast.Compare: _comparison,
    ast.BinOp: _calculation,
    ast.Call: _call,
}
