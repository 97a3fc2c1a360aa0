"""`goto`: on at a named step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from softswitch.ivr.events import Output
from softswitch.ivr.reading import Given
from softswitch.ivr.steps import Step

if TYPE_CHECKING:
    from softswitch.ivr.run import FlowRun


@dataclass(frozen=True, slots=True)
class Goto(Step):
    """Go on at the step whose path is `next`."""

    kind: ClassVar[str] = "goto"
    about: ClassVar[str] = "Goes on at the step that has this name."
    short: ClassVar[str] = "goto: choose"
    quiet: ClassVar[bool] = True
    alone: ClassVar[bool] = True

    @classmethod
    def read(cls, given: Given) -> Step:
        if not isinstance(given.value, str):
            given.problem(given.path, "expected the name of a step")
            return cls(given.here, given.follows)
        return cls(given.here, given.reader.named(given.value, given.path))

    def start(self, run: FlowRun, now: float, out: list[Output]) -> str | None:
        return self.next
