"""`loop`: steps again and again, as often as a limit allows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from softswitch.config.formula import Formula
from softswitch.ivr.events import Output
from softswitch.ivr.reading import Given, read_formula
from softswitch.ivr.steps import Step

if TYPE_CHECKING:
    from softswitch.ivr.run import FlowRun

MOST_TIMES = 100


@dataclass(frozen=True, slots=True)
class LoopRound(Step):
    """Stands behind the steps of a loop: another round, or on."""

    kind: ClassVar[str] = "loop"
    alone: ClassVar[bool] = True

    first: str
    times: int
    condition: Formula | None
    on_limit: str
    counter: str

    def ways(self) -> Iterator[tuple[str, str]]:
        yield "again", self.first
        yield f"{self.times} times", self.on_limit
        if self.condition is not None:
            yield f"not {self.condition.text}", self.next

    def start(self, run: FlowRun, now: float, out: list[Output]) -> str | None:
        if self.condition is not None and not self.condition.holds(run.variables):
            return self.next
        done = run.counts.get(self.counter, 0) + 1
        run.counts[self.counter] = done
        return self.on_limit if done >= self.times else self.first


@dataclass(frozen=True, slots=True)
class Loop(Step):
    """`first` is the path of the first step of the loop; how often is counted under the step's own path."""

    kind: ClassVar[str] = "loop"
    about: ClassVar[str] = (
        "Carries its steps out again and again; a `goto` to a step outside of them leaves the loop."
    )
    settings: ClassVar[dict[str, str]] = {
        "times": f"how often at most, 1 to {MOST_TIMES}",
        "steps": "the steps",
        "while": "a formula; where it does not hold before a round, the loop is over (no condition)",
        "on_limit": "where it goes after so many times (next step)",
    }
    quiet: ClassVar[bool] = True
    alone: ClassVar[bool] = True

    first: str
    condition: Formula | None

    @classmethod
    def read(cls, given: Given) -> Step:
        fields = given.fields("steps")
        again = f"{given.here}.again"
        steps = fields.given.get("steps")
        if not isinstance(steps, list) or not steps:
            given.problem(fields.at("steps"), "steps is missing; give the list of steps of the loop")
            steps = []
        if "times" not in fields:
            given.problem(given.path, f"times is missing; a loop needs a limit, 1 to {MOST_TIMES}")
        times = fields.whole("times", 1, 1, MOST_TIMES)
        condition = None
        if "while" in fields:
            condition = read_formula(given.reader, fields.given["while"], fields.at("while"))
        first = given.reader.steps(steps, fields.at("steps"), again)
        on_limit = fields.route("on_limit", given.follows)
        given.reader.compiled[again] = LoopRound(
            again, given.follows, first, times, condition, on_limit, given.here
        )
        return cls(given.here, given.follows, first, condition)

    def ways(self) -> Iterator[tuple[str, str]]:
        yield "", self.first
        if self.condition is not None:
            yield f"not {self.condition.text}", self.next

    def start(self, run: FlowRun, now: float, out: list[Output]) -> str | None:
        run.counts[self.path] = 0
        if self.condition is not None and not self.condition.holds(run.variables):
            return self.next
        return self.first
