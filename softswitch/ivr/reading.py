"""Reading a flow: where each thing stands, what is allowed there, and every mistake with its path."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from softswitch.config.formula import Formula, FormulaError
from softswitch.ivr import numbers
from softswitch.ivr.spoken import Spoken
from softswitch.ivr.steps import END, Step
from softswitch.ivr.values import Assignment

Path = tuple[str | int, ...]
SPOKEN_KINDS = ("prompt", "text", *numbers.SPOKEN)
CLOCK = ("date", "time", "weekday")
"""Variables that the clock sets: 2026-11-22, 14:05, sunday."""
OF_EVERY_FLOW = (*CLOCK, "language", "caller", "called", "user_to_user")
"""Variables that are there by themselves: no names for call data."""
LANGUAGES = tuple(numbers.GRAMMARS)
_SUCH_AS = {
    "number": "-1250.75",
    "digits": "0815",
    "date": "2026-11-22",
    "time": "14:05",
    "money": "12.50 USD",
}
_WHAT_IS_SAID = f"expected the name of a prompt, or one of text, {', '.join(numbers.SPOKEN)} with its value"


def path_text(path: Path) -> str:
    """`steps[0].menu.choices.1[0]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


@dataclass(frozen=True, slots=True)
class Problem:
    """A mistake at a place of a flow; `path` leads from the flow to it through mappings and lists."""

    path: Path
    message: str

    def __str__(self) -> str:
        return f"{path_text(self.path)}: {self.message}"


@dataclass(frozen=True, slots=True)
class Reference:
    """Something a flow names that must exist elsewhere: kind queue, user, flow, prompt, music,
    or a text that has to be spoken."""

    path: Path
    kind: str
    name: str


class FlowError(ValueError):
    """A flow that cannot be run, with all its problems, and with what it names all the same."""

    def __init__(self, name: str, problems: tuple[Problem, ...], references: tuple[Reference, ...]) -> None:
        super().__init__("; ".join(f"flow {name}: {problem}" for problem in problems))
        self.name = name
        self.problems = problems
        self.references = references


class Reader:
    """Collects steps, problems and references; `read_step(reader, given, path, next)` knows the kinds."""

    def __init__(
        self, read_step: Callable[[Reader, Any, Path, str], Step | None], names: list[tuple[str, Path]]
    ) -> None:
        self.compiled: dict[str, Step] = {}
        self.problems: list[Problem] = []
        self.references: list[Reference] = []
        self.hang_ups: dict[str, str] = {}
        self._read_step = read_step
        self._names: dict[str, str] = {}
        for name, path in names:
            if name in self._names:
                self.problem((*path, "name"), f"{name!r} is the name of {self._names[name]} already")
            self._names.setdefault(name, path_text(path))

    def problem(self, path: Path, message: str) -> None:
        self.problems.append(Problem(path, message))

    def steps(self, given: list[Any], path: Path, after: str) -> str:
        """Read a list of steps that goes on at `after`; returns the path of its first step."""
        for number, each in enumerate(given):
            here = (*path, number)
            follows = path_text((*path, number + 1)) if number + 1 < len(given) else after
            step = self._read_step(self, each, here, follows)
            if step is not None:
                self.compiled[step.path] = step
        return path_text((*path, 0)) if given else after

    def route(self, given: Any, path: Path, after: str) -> str:
        """Where a branch goes: a list of steps (then on at `after`), or the name of a step."""
        if isinstance(given, list):
            return self.steps(given, path, after)
        if isinstance(given, str):
            return self.named(given, path)
        self.problem(path, "expected a list of steps or the name of a step")
        return END

    def named(self, name: str, path: Path) -> str:
        """Path of the step that has this name."""
        if name not in self._names:
            known = ", ".join(sorted(self._names)) or "none; give a step a name"
            self.problem(path, f"there is no step named {name!r}; known: {known}")
        return self._names.get(name, END)


class Fields:
    """The mapping of one step. `shorthand` is the key that a plain value stands for. Each reading method
    records a problem and returns a harmless value when what it finds is wrong."""

    def __init__(
        self, reader: Reader, given: Any, path: Path, shorthand: str, allowed: tuple[str, ...]
    ) -> None:
        self.reader = reader
        self.path = path
        self.given: dict[str, Any] = {}
        if isinstance(given, dict):
            self.given = given
        elif given is not None:
            self.given = {shorthand: given}
        self._shorthand = None if isinstance(given, dict) else shorthand
        for key in self.given:
            if key not in allowed:
                reader.problem((*path, key), f"unknown key; allowed: {', '.join(allowed)}")

    def at(self, key: str) -> Path:
        """Path of a key's value, or of the step if the key is not written."""
        written = key in self.given and key != self._shorthand
        return (*self.path, key) if written else self.path

    def __contains__(self, key: str) -> bool:
        return key in self.given

    def text(self, key: str, default: str | None = None) -> str:
        """A text; without `default` it must be given."""
        value = self.given.get(key, default)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str) and (value or default == ""):
            return value
        self.reader.problem(self.at(key), f"{key} is missing" if value is None else "expected a text")
        return ""

    def variable(self, key: str) -> str:
        """The name of a variable that the step fills."""
        name = self.text(key)
        if name:
            check_variable(self.reader, name, self.at(key))
        if name == "language":
            self.reader.problem(self.at(key), "the language is chosen by a set step, not by digits")
        return name

    def assignments(self, key: str) -> tuple[Assignment, ...]:
        """Variables and their values, if any are given."""
        return read_assignments(self.reader, self.given[key], self.at(key)) if key in self.given else ()

    def number(self, key: str, default: float, least: float, most: float) -> float:
        """A number in a range."""
        value = self.given.get(key, default)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and least <= value <= most:
            return value
        self.reader.problem(self.at(key), f"expected a number from {least:g} to {most:g}")
        return default

    def whole(self, key: str, default: int, least: int, most: int) -> int:
        """A whole number in a range."""
        value = self.number(key, default, least, most)
        if value != int(value):
            self.reader.problem(self.at(key), "expected a whole number")
        return int(value)

    def flag(self, key: str, default: bool) -> bool:
        value = self.given.get(key, default)
        if not isinstance(value, bool):
            self.reader.problem(self.at(key), "expected true or false")
        return bool(value)

    def prompts(self, key: str, default: str | None = None) -> tuple[Spoken, ...]:
        """One thing to be said or a list of them."""
        value = self.given.get(key, default)
        items = value if isinstance(value, list) else [value]
        if value is None or not items:
            self.reader.problem(self.at(key), f"{key} is missing; give a prompt or a list of prompts")
            return ()
        if not isinstance(value, list):
            return self._spoken(value, self.at(key))
        return tuple(
            spoken
            for number, each in enumerate(items)
            for spoken in self._spoken(each, (*self.at(key), number))
        )

    def _spoken(self, given: Any, path: Path) -> tuple[Spoken, ...]:
        if isinstance(given, str) and given:
            given = {"prompt": given}
        if isinstance(given, dict) and len(given) == 1:
            ((kind, value),) = given.items()
            if kind in SPOKEN_KINDS and isinstance(value, (str, int)) and not isinstance(value, bool):
                if kind == "text" or (kind == "prompt" and "{" not in str(value)):
                    self.reader.references.append(Reference(path, kind, str(value)))
                self._check_value(kind, str(value), path)
                return (Spoken(kind, str(value)),)
        self.reader.problem(path, _WHAT_IS_SAID)
        return ()

    def _check_value(self, kind: str, text: str, path: Path) -> None:
        """What is written without variables can be spoken, and the currency of money always is."""
        if kind == "money" and text.rpartition(" ")[2] not in numbers.CURRENCIES and not text.endswith("}"):
            allowed = ", ".join(numbers.CURRENCIES)
            self.reader.problem(
                path, f"expected an amount and a currency such as 12.50 USD; allowed: {allowed}"
            )
        elif kind in numbers.SPOKEN and "{" not in text and not numbers.SPOKEN[kind](text, "en"):
            self.reader.problem(
                path, f"{text!r} cannot be spoken as {kind}; allowed: such as {_SUCH_AS[kind]}"
            )

    def route(self, key: str, after: str, otherwise: str | None = None) -> str:
        """Where an optional branch goes, a list of steps then on at `after`; if there is none to `otherwise`,
        else to `after`."""
        if key in self.given:
            return self.reader.route(self.given[key], self.at(key), after)
        return after if otherwise is None else otherwise

    def refer(self, key: str, kind: str, name: str) -> None:
        """Note that the value of `key` names something that must exist."""
        if name:
            self.reader.references.append(Reference(self.at(key), kind, name))


def check_variable(reader: Reader, name: str, path: Path) -> None:
    """A problem if no variable can have this name."""
    if not name.isidentifier():
        reader.problem(path, f"{name!r} is no name of a variable; letters, digits and _")
    elif name in CLOCK:
        reader.problem(path, f"{name} is what the clock says; choose another name")


def read_formula(reader: Reader, given: Any, path: Path) -> Formula:
    """A condition; a harmless one and a problem if it is none."""
    try:
        return Formula.parse(str(given) if isinstance(given, int | float | str) else "")
    except FormulaError as error:
        reader.problem(path, str(error))
        return Formula.parse("false")


def read_assignments(reader: Reader, given: Any, path: Path) -> tuple[Assignment, ...]:
    """Variables and their values: texts with `{variable}`, numbers, or `= formula`."""
    values: list[Assignment] = []
    for name, value in given.items() if isinstance(given, dict) else ():
        at = (*path, name)
        check_variable(reader, name, at)
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            reader.problem(at, "expected a text or a number")
        text = str(value)
        formula = read_formula(reader, text[1:], at) if text.startswith("=") else None
        if name == "language" and formula is None and text not in LANGUAGES:
            reader.problem(at, f"allowed: {', '.join(LANGUAGES)}")
        values.append(Assignment(name, text, formula))
    if given and not isinstance(given, dict):
        reader.problem(path, "expected variables and their values")
    return tuple(values)


@dataclass(frozen=True, slots=True)
class Given:
    """One step as it is written: the value of its kind, the path of that, the step's own path as text, the
    path of the step after it, and the class that reads it."""

    reader: Reader
    value: Any
    path: Path
    here: str
    follows: str
    step: type[Step]

    def problem(self, path: Path, message: str) -> None:
        self.reader.problem(path, message)

    def fields(self, shorthand: str, value: Any = None) -> Fields:
        """The value (or another one in its place) as a mapping; `shorthand` is the key that a plain value
        stands for."""
        written = self.value if value is None else value
        return Fields(self.reader, written, self.path, shorthand, tuple(self.step.settings))
