"""A flow: steps by their path, read from the lists and mappings of a configuration file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from softswitch.ivr.kinds.set import Set
from softswitch.ivr.reading import LANGUAGES, FlowError, Path, Problem, Reader, Reference, path_text
from softswitch.ivr.stepkinds import read_step
from softswitch.ivr.steps import END, Step

if TYPE_CHECKING:
    from softswitch.config import Flow as Settings

__all__ = ["Flow", "FlowError", "Flows", "Problem", "Reference"]


@dataclass(frozen=True, slots=True)
class Flow:
    """An immutable flow. `source` is what it was read from (JSON values), `version` a name for exactly that.
    `hang_ups`: path of a step -> path of what is done when the caller hangs up there; `on_hang_up` elsewhere.
    `references` are the queues, users, flows, prompts and music it names."""

    name: str
    steps: dict[str, Step]
    first: str
    references: tuple[Reference, ...]
    source: dict[str, Any]
    version: str
    language: str = "en"
    hang_ups: dict[str, str] | None = None
    on_hang_up: str = END

    @classmethod
    def from_config(
        cls, name: str, steps: Sequence[Any], *, on_hang_up: Sequence[Any] = (), language: str = "en"
    ) -> Flow:
        """Read lists of steps. Raises FlowError with every problem and the path of each."""
        source = _plain({"language": language, "steps": [*steps], "on_hang_up": [*on_hang_up]})
        names = [each for part in _PARTS for each in _names(source[part], (part,))]
        reader = Reader(read_step, names)
        first = reader.steps(source["steps"], ("steps",), END)
        alone = reader.steps(source["on_hang_up"], ("on_hang_up",), END)
        if not source["steps"]:
            reader.problem(("steps",), "the flow has no steps; give at least one")
        if not reader.problems:
            entries = [way for way in (alone, *reader.hang_ups.values()) if way != END]
            reader.problems += [
                *_endless(reader.compiled),
                *_with_caller(reader.compiled, entries),
                *_unreached(reader.compiled, [first, *entries]),
            ]
        if reader.problems:
            raise FlowError(name, tuple(reader.problems), tuple(reader.references))
        references, version = tuple(reader.references), version_of(source)
        return cls(
            name, reader.compiled, first, references, source, version, language, reader.hang_ups, alone
        )

    @classmethod
    def from_settings(cls, settings: Settings) -> Flow:
        """The flow of its group in centre.yaml. Raises FlowError."""
        on_hang_up, language = settings.on_hang_up, settings.language
        return cls.from_config(settings.name, settings.steps, on_hang_up=on_hang_up, language=language)

    @classmethod
    def from_source(cls, name: str, source: dict[str, Any]) -> Flow:
        """The flow that had this source. Raises FlowError."""
        steps, on_hang_up = source["steps"], source["on_hang_up"]
        return cls.from_config(name, steps, on_hang_up=on_hang_up, language=source["language"])

    def hung_up(self, path: str) -> str:
        """Path of what is done when the caller hangs up at a step; END: nothing."""
        return (self.hang_ups or {}).get(path, self.on_hang_up)

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages to which it may change on the way."""
        sets = [step for step in self.steps.values() if isinstance(step, Set)]
        values = [each for step in sets for each in step.values if each.name == "language"]
        known = tuple(each.text for each in values if each.formula is None)
        return known if len(known) == len(values) else LANGUAGES


_PARTS = ("steps", "on_hang_up")


class Program(Protocol):
    """A flow in Python."""

    @property
    def version(self) -> str:
        """A name for exactly its source."""

    @property
    def source(self) -> str:
        """The text of its file."""

    def start(self, values: dict[str, Any]) -> Generator[Any, Any, Any]:
        """A generator that yields actions, is sent their results, and knows these values."""


class Flows(Protocol):
    """The flows of a call centre as they were when a call began."""

    def find(self, name: str) -> Flow | None:
        """The flow of this name."""

    def version(self, name: str, version: str) -> Flow | None:
        """A former or the present version of a flow."""

    def program(self, name: str, version: str | None = None) -> Program | None:
        """The flow in Python of this name; None: the present version."""


class NoFlows:
    """There are no others."""

    def find(self, name: str) -> Flow | None:
        return None

    def version(self, name: str, version: str) -> Flow | None:
        return None

    def program(self, name: str, version: str | None = None) -> Program | None:
        return None


def version_of(source: Any) -> str:
    """Twelve hexadecimal digits that stand for exactly this source."""
    text = json.dumps(source, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


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


def _reached(steps: dict[str, Step], entries: Sequence[str]) -> set[str]:
    """Paths of the steps to which there is a way from `entries`."""
    reached: set[str] = set()
    left = [*entries]
    while left:
        path = left.pop()
        if path != END and path not in reached:
            reached.add(path)
            left += [way for _, way in steps[path].ways()]
    return reached


def _with_caller(steps: dict[str, Step], entries: Sequence[str]) -> Iterator[Problem]:
    """Steps that need a caller where there is none any more."""
    for path in sorted(_reached(steps, entries)):
        if not steps[path].alone:
            message = f"{steps[path].kind} needs a caller, but on_hang_up leads here"
            yield Problem(_path(path), message)


def _unreached(steps: dict[str, Step], entries: Sequence[str]) -> Iterator[Problem]:
    """Steps to which no way leads; of several in a row the first is named."""
    reached = _reached(steps, entries)
    lost = {path for path in steps if path not in reached}
    led_to = {way for path in lost for _, way in steps[path].ways() if way != path}
    for path in steps:
        if path in lost and (path not in led_to or lost <= led_to) and not path.endswith(".again"):
            message = "no way leads here; give it a name that a step leads to, or take it away"
            yield Problem(_path(path), message)


def _path(text: str) -> Path:
    """The path of `path_text`."""
    parts: list[str | int] = []
    for piece in text.replace("[", ".[").split("."):
        parts.append(int(piece[1:-1]) if piece.startswith("[") else piece)
    assert path_text(tuple(parts)) == text
    return tuple(parts)
