"""`branch`: conditions decide where the flow goes on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from softswitch.config.formula import Formula
from softswitch.ivr.events import Output
from softswitch.ivr.reading import Given, read_formula
from softswitch.ivr.steps import Step

if TYPE_CHECKING:
    from softswitch.ivr.run import FlowRun


@dataclass(frozen=True, slots=True)
class Branch(Step):
    """The first condition that holds decides: (condition, path); none: `next`, the way of `else`."""

    kind: ClassVar[str] = "branch"
    about: ClassVar[str] = (
        "Goes where the first condition that holds leads; several are a list of `{if: …, then: …}`, the last"
        " of which may be `{else: …}`."
    )
    short: ClassVar[str] = "branch: {if: tries > 3, then: give_up}"
    settings: ClassVar[dict[str, str]] = {
        "if": "a formula",
        "then": "where it goes when that holds",
        "else": "where it goes when nothing holds (next step)",
    }
    quiet: ClassVar[bool] = True
    alone: ClassVar[bool] = True

    cases: tuple[tuple[Formula, str], ...]

    @classmethod
    def read(cls, given: Given) -> Step:
        listed = isinstance(given.value, list)
        written: list[Any] = given.value if isinstance(given.value, list) else [given.value]
        cases: list[tuple[Formula, str]] = []
        otherwise = given.follows
        for number, each in enumerate(written):
            path = (*given.path, number) if listed else given.path
            if not isinstance(each, dict) or not each:
                given.problem(path, "expected if and then, or else")
                continue
            unknown = [key for key in each if key not in cls.settings]
            if unknown:
                given.problem((*path, unknown[0]), f"unknown key; allowed: {', '.join(cls.settings)}")
            if "if" in each:
                formula = read_formula(given.reader, each["if"], (*path, "if"))
                if "then" not in each:
                    given.problem(path, "then is missing; say where it goes when the condition holds")
                way = (
                    given.reader.route(each["then"], (*path, "then"), given.follows) if "then" in each else ""
                )
                cases.append((formula, way))
            elif "then" in each:
                given.problem(path, "if is missing")
            if "else" in each:
                if number + 1 < len(written):
                    given.problem((*path, "else"), "stands before other conditions; it must be the last")
                otherwise = given.reader.route(each["else"], (*path, "else"), given.follows)
        return cls(given.here, otherwise, tuple(cases))

    def ways(self) -> Iterator[tuple[str, str]]:
        for formula, path in self.cases:
            yield formula.text, path
        yield "else", self.next

    def start(self, run: FlowRun, now: float, out: list[Output]) -> str | None:
        known = run.variables
        return next((path for formula, path in self.cases if formula.holds(known)), self.next)
