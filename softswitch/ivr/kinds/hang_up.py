"""`hang_up`: the end of the call."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from softswitch.ivr.events import Output
from softswitch.ivr.reading import Given
from softswitch.ivr.steps import Step
from softswitch.reasons import REASONS

if TYPE_CHECKING:
    from softswitch.ivr.run import FlowRun


@dataclass(frozen=True, slots=True)
class HangUpStep(Step):
    """End the call with an end reason."""

    kind: ClassVar[str] = "hang_up"
    about: ClassVar[str] = "Ends the call."
    short: ClassVar[str] = "hang_up"
    alone: ClassVar[bool] = True
    settings: ClassVar[dict[str, str]] = {
        "reason": "the end reason, which brings the cause (Q.850) that the phone is told (flow_finished)",
        "cause": "another cause (Q.850) that the phone is told, from 1 to 127",
    }

    reason: str
    cause: int

    @classmethod
    def read(cls, given: Given) -> Step:
        fields = given.fields("reason")
        reason = fields.text("reason", "flow_finished")
        if reason not in REASONS:
            given.problem(fields.at("reason"), f"{reason!r} is no end reason; usual: flow_finished")
        cause = fields.whole("cause", 0, 1, 127) if "cause" in fields else 0
        return cls(given.here, given.follows, reason, cause)

    def ways(self) -> Iterator[tuple[str, str]]:
        yield from ()

    def start(self, run: FlowRun, now: float, out: list[Output]) -> str | None:
        run.end(self.reason, out, self.cause)
        return None
