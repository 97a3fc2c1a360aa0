"""`set`: variables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from softswitch.ivr.events import Output
from softswitch.ivr.reading import LANGUAGES, Given
from softswitch.ivr.spoken import substitute
from softswitch.ivr.steps import Step

if TYPE_CHECKING:
    from softswitch.ivr.run import FlowRun


@dataclass(frozen=True, slots=True)
class Set(Step):
    """Set variables; the variable `language` is the language of the prompts from here on."""

    kind: ClassVar[str] = "set"
    about: ClassVar[str] = "Sets variables; `language` (en, zh) is that of the prompts from here on."
    short: ClassVar[str] = "set: {language: zh}"
    quiet: ClassVar[bool] = True

    values: tuple[tuple[str, str], ...]

    @classmethod
    def read(cls, given: Given) -> Step:
        values: list[tuple[str, str]] = []
        written = given.value
        if not isinstance(written, dict) or not written:
            given.problem(given.path, "expected variables and their values")
            written = {}
        for name, value in written.items():
            at = (*given.path, name)
            if not name.isidentifier():
                given.problem(at, f"{name!r} is no name of a variable; letters, digits and _")
            if isinstance(value, bool) or not isinstance(value, (str, int, float)):
                given.problem(at, "expected a text or a number")
            if name == "language" and value not in LANGUAGES:
                given.problem(at, f"allowed: {', '.join(LANGUAGES)}")
            values.append((name, str(value)))
        return cls(given.here, given.follows, tuple(values))

    def start(self, run: FlowRun, now: float, out: list[Output]) -> str | None:
        for name, value in self.values:
            run.variables[name] = substitute(value, run.variables)
        return self.next
