"""Flows written in Python: read from a directory, checked, and begun with nothing but their values.

A flow is a generator function `flow(call)` in a file of its own. It must be a deterministic function of what
it is told, because a restarted switch begins it again and tells it the same. What is checked when it is read:
no imports, no names but its own, VOCABULARY and ALLOWED, nothing that differs from process to process (sets,
whose order does; identities; hashes), nothing that reaches out of it (names with _, text formatting by a
method), no state that outlives a call. Every loop and function counts, so that a flow that does not come to
its next `yield` is ended. This keeps honest mistakes from callers; it does not hold off somebody who wants
harm, so the directory is to be written by those who may run code on the machine.
"""

from __future__ import annotations

import ast
import builtins
import hashlib
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType
from typing import Any

from softswitch.config.centre_files import OWN_FILES
from softswitch.config.errors import ConfigError, Problem, did_you_mean
from softswitch.ivr.actions import VOCABULARY

MAX_BYTES = 100_000
MOST_TURNS = 100_000
"""Turns of loops and calls of functions between two yields."""
ENTRY = "flow"
VOCABULARY_MODULE = "softswitch.ivr.actions"

ALLOWED = (
    "abs all any bool dict divmod enumerate float int isinstance len list max min range reversed round sorted"
    " str sum tuple zip ArithmeticError Exception IndexError KeyError TypeError ValueError ZeroDivisionError"
    " LookupError"
).split()
_FORBIDDEN: dict[type[ast.AST], str] = {
    ast.Import: f"imports; allowed: from {VOCABULARY_MODULE} import …",
    ast.ImportFrom: f"imports; allowed: from {VOCABULARY_MODULE} import …",
    ast.Global: "global: a flow keeps nothing from call to call",
    ast.Nonlocal: "nonlocal: use a local variable",
    ast.AsyncFunctionDef: "async: a flow waits by yield",
    ast.Await: "await: a flow waits by yield",
    ast.AsyncFor: "async: a flow waits by yield",
    ast.AsyncWith: "async: a flow waits by yield",
    ast.With: "with: a flow opens nothing",
    ast.ClassDef: "class: use dicts and functions",
    ast.Set: "a set, whose order differs from process to process; use a list",
    ast.SetComp: "a set, whose order differs from process to process; use a list",
    ast.Pow: "**, which may take for ever; use *",
    ast.LShift: "<<, which may take for ever; use *",
}
_METHODS = {"format", "format_map"}


class TooLong(Exception):
    """A flow did not come to its next yield."""

    def __init__(self) -> None:
        super().__init__(f"more than {MOST_TURNS} turns of loops without a yield")


@dataclass(frozen=True, slots=True)
class Program:
    """A flow that was read and checked; `version` stands for exactly this source."""

    name: str
    source: str
    version: str
    _code: CodeType = field(repr=False, compare=False)

    def start(self, values: Mapping[str, Any]) -> Generator[Any, Any, Any]:
        """Begin it for one call; every call has a world of its own."""
        turns = 0

        def count() -> bool:
            nonlocal turns
            turns += 1
            if turns > MOST_TURNS:
                raise TooLong
            return True

        names: dict[str, Any] = {
            "__builtins__": {name: getattr(builtins, name) for name in ALLOWED},
            **VOCABULARY,
            "_turn": count,
        }
        exec(self._code, names)
        generator = names[ENTRY](dict(values))
        result = None
        while True:
            turns = 0
            try:
                action = generator.send(result)
            except StopIteration as stop:
                return stop.value
            result = yield action


def load_programs(directory: Path | None) -> dict[str, Program]:
    """Every flow of a directory by its name; ConfigError with file and line of every mistake."""
    if directory is None:
        return {}
    found: dict[str, Program] = {}
    problems: list[Problem] = []
    if not directory.is_dir():
        raise ConfigError(
            [_problem("", f"{directory}: is no directory; see python_flows")]
        )
    for path in sorted(directory.glob("*.py")):
        try:
            found[path.stem] = load_program(path)
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return found


def load_program(path: Path) -> Program:
    """The flow of a file; ConfigError with file and line of every mistake."""
    try:
        source = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([_problem(path.stem, f"{path}: cannot be read: {error}")]) from None
    return compile_program(path.stem, source, str(path))


def compile_program(name: str, source: str, file: str = "") -> Program:
    """Check a flow and make it ready; ConfigError with every mistake and its line."""
    where = file or f"{name}.py"
    if len(source) > MAX_BYTES:
        raise ConfigError([_problem(name, f"{where}:1: is longer than {MAX_BYTES} characters")])
    try:
        tree = ast.parse(source, where)
    except (SyntaxError, ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None) or 1
        raise ConfigError([_problem(name, f"{where}:{line}: is no Python: {error.args[0]}")]) from None
    tree.body = [each for each in tree.body if not _is_vocabulary(each)]
    _without_annotations(tree)
    mistakes = sorted({*_mistakes(tree)})
    if mistakes:
        raise ConfigError([_problem(name, f"{where}:{line}: {message}") for line, message in mistakes])
    counted = ast.fix_missing_locations(_Counting().visit(tree))
    version = hashlib.sha256(source.encode()).hexdigest()[:12]
    return Program(name, source, version, compile(counted, where, "exec"))


def _problem(name: str, message: str) -> Problem:
    """A mistake in a file of its own, which the message names; the path keeps others from naming theirs."""
    return Problem((OWN_FILES, name), message)


def _is_vocabulary(node: ast.stmt) -> bool:
    """The import that makes the file one that pytest can import, too."""
    return isinstance(node, ast.ImportFrom) and node.module in (VOCABULARY_MODULE, "__future__")


def _without_annotations(tree: ast.Module) -> None:
    """They say nothing to the switch, and name what a flow has not."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        elif isinstance(node, ast.arg):
            node.annotation = None


def _mistakes(tree: ast.Module) -> Iterator[tuple[int, str]]:
    yield from _of_module(tree)
    known = _known(tree)
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 1)
        if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in _FORBIDDEN:
            yield line, f"uses {_FORBIDDEN[type(node.op)]}"
        elif type(node) in _FORBIDDEN and isinstance(node, ast.stmt | ast.expr):
            yield line, f"uses {_FORBIDDEN[type(node)]}"
        elif isinstance(node, ast.ExceptHandler) and node.type is None:
            yield line, "uses except without a class; allowed: except Exception"
        elif isinstance(node, ast.Attribute) and (node.attr.startswith("_") or node.attr in _METHODS):
            yield line, f"uses .{node.attr}; allowed: names without _, f-strings for texts"
        elif isinstance(node, ast.Name) and node.id.startswith("_"):
            yield line, f"uses {node.id}; allowed: names without _ in front"
        elif isinstance(node, ast.Name) and node.id not in known:
            yield line, f"there is no {node.id} in a flow; {did_you_mean(node.id, known)}"


def _of_module(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Functions and constants only, and among them the flow."""
    for node in tree.body:
        constant = isinstance(node, ast.Assign) and _is_literal(node.value)
        text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not (isinstance(node, ast.FunctionDef) or constant or text):
            yield node.lineno, "stands outside of a function; allowed: functions, constants"
    entry = [each for each in tree.body if isinstance(each, ast.FunctionDef) and each.name == ENTRY]
    if not entry:
        yield 1, f"there is no function {ENTRY}(call)"
        return
    if len(entry[0].args.args) != 1:
        yield entry[0].lineno, f"{ENTRY} takes one value: {ENTRY}(call)"
    if not any(isinstance(node, ast.Yield | ast.YieldFrom) for node in ast.walk(entry[0])):
        yield entry[0].lineno, f"{ENTRY} has no yield: it would do nothing with the caller"


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        return False
    return True


def _known(tree: ast.Module) -> set[str]:
    """Every name that a flow may use: its own, and those it is given."""
    own: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ExceptHandler):
            own.add(node.name or "")
        elif isinstance(node, ast.arg):
            own.add(node.arg)
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            own.add(node.id)
    return own | set(ALLOWED) | set(VOCABULARY)


class _Counting(ast.NodeTransformer):
    """Makes every turn of a loop and every call of a function count."""

    def visit_For(self, node: ast.For) -> ast.AST:
        return self._counted(node)

    def visit_While(self, node: ast.While) -> ast.AST:
        return self._counted(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._counted(node)

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        self.generic_visit(node)
        node.ifs.insert(0, _turn())
        return node

    def _counted(self, node: Any) -> ast.AST:
        self.generic_visit(node)
        node.body.insert(0, ast.Expr(_turn()))
        return node  # type: ignore[no-any-return]


def _turn() -> ast.Call:
    return ast.Call(ast.Name("_turn", ast.Load()), [], [])
