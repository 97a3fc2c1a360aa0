"""A flow: steps by their path, read from the lists and mappings of a configuration file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from softswitch.ivr.kinds.set import Set
from softswitch.ivr.reading import FlowError, Path, Problem, Reader, Reference, path_text
from softswitch.ivr.stepkinds import read_step
from softswitch.ivr.steps import END, Step

__all__ = ["Flow", "FlowError", "Problem", "Reference"]


@dataclass(frozen=True, slots=True)
class Flow:
    """An immutable flow. `source` is what it was read from (JSON values), so that a call can finish on the
    version on which it began. `references` are the queues, users, flows, prompts and music it names."""

    name: str
    steps: dict[str, Step]
    first: str
    references: tuple[Reference, ...]
    source: list[Any]

    @classmethod
    def from_config(cls, name: str, steps: Sequence[Any]) -> Flow:
        """Read a list of steps. Raises FlowError with every problem and the path of each."""
        source = _plain(list(steps))
        reader = Reader(read_step, _names(source, ("steps",)))
        first = reader.steps(source, ("steps",), END)
        if not source:
            reader.problem(("steps",), "the flow has no steps; give at least one")
        if not reader.problems:
            reader.problems.extend(_endless(reader.compiled))
        if reader.problems:
            raise FlowError(name, tuple(reader.problems), tuple(reader.references))
        return cls(name, reader.compiled, first, tuple(reader.references), source)


    @property
    def languages(self) -> tuple[str, ...]:
        """Languages to which it may change on the way."""
        sets = [step for step in self.steps.values() if isinstance(step, Set)]
        return tuple(value for step in sets for name, value in step.values if name == "language")


def _plain(given: Any) -> Any:
    """The same value in builtin types with text keys; a YAML reader has types of its own."""
    if isinstance(given, dict):
        return {str(key): _plain(value) for key, value in given.items()}
    if isinstance(given, (list, tuple)):
        return [_plain(value) for value in given]
    if given is None or isinstance(given, bool):
        return given
    for kind in (int, float, str):
        if isinstance(given, kind):
            return kind(given)
    return str(given)


def _names(given: Any, path: Path) -> list[tuple[str, Path]]:
    """Every `name` of a step with the step's path: a step is a mapping that stands in a list."""
    found: list[tuple[str, Path]] = []
    if isinstance(given, list):
        for number, each in enumerate(given):
            if isinstance(each, dict) and isinstance(each.get("name"), str):
                found.append((each["name"], (*path, number)))
            found += _names(each, (*path, number))
    elif isinstance(given, dict):
        for key, each in given.items():
            found += _names(each, (*path, key))
    return found


def _endless(steps: dict[str, Step]) -> list[Problem]:
    """Circles of steps that neither speak nor wait: the switch would never come out of them."""
    problems = []
    done: set[str] = set()
    for path in steps:
        circle = _circle(steps, path, (), done)
        if circle:
            problems.append(Problem(_path(circle), "runs in a circle in which the caller is never asked"))
    return problems


def _circle(steps: dict[str, Step], path: str, passed: tuple[str, ...], done: set[str]) -> str:
    """Path of the last step of a circle that is found from here on; '': there is none. `done` are the steps
    that were looked at."""
    if path in passed:
        return passed[-1]
    if path == END or path in done or not steps[path].quiet:
        return ""
    done.add(path)
    found = (_circle(steps, way, (*passed, path), done) for _, way in steps[path].ways())
    return next(filter(None, found), "")


def _path(text: str) -> Path:
    """The path of `path_text`."""
    parts: list[str | int] = []
    for piece in text.replace("[", ".[").split("."):
        parts.append(int(piece[1:-1]) if piece.startswith("[") else piece)
    assert path_text(tuple(parts)) == text
    return tuple(parts)
