"""`set`: variables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from softswitch.ivr.events import Output
from softswitch.ivr.reading import LANGUAGES, Given, read_assignments
from softswitch.ivr.steps import Step
from softswitch.ivr.values import Assignment

if TYPE_CHECKING:
    from softswitch.ivr.run import FlowRun


@dataclass(frozen=True, slots=True)
class Set(Step):
    """Set variables, one after the other; the variable `language` is that of the prompts from here on."""

    kind: ClassVar[str] = "set"
    about: ClassVar[str] = (
        "Sets variables: a text, or `= formula`; `language` (en, zh) is that of the prompts from here on."
    )
    short: ClassVar[str] = "set: {language: zh}"
    quiet: ClassVar[bool] = True
    alone: ClassVar[bool] = True

    values: tuple[Assignment, ...]

    @classmethod
    def read(cls, given: Given) -> Step:
        if not given.value:
            given.problem(given.path, "expected variables and their values")
        return cls(given.here, given.follows, read_assignments(given.reader, given.value, given.path))

    def start(self, run: FlowRun, now: float, out: list[Output]) -> str | None:
        for each in self.values:
            value = each.value(run.variables)
            if each.name != "language" or value in LANGUAGES:
                run.variables[each.name] = value
        return self.next
