"""`record`: whether what is talked from here on is recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from softswitch.ivr.events import Output, RecordCall
from softswitch.ivr.reading import Given
from softswitch.ivr.steps import Step

if TYPE_CHECKING:
    from softswitch.ivr.run import FlowRun


@dataclass(frozen=True, slots=True)
class Record(Step):
    """From here on the call's conversations are recorded, or they are not, whatever the rules say."""

    kind: ClassVar[str] = "record"
    about: ClassVar[str] = (
        "true: the call's conversations from here on are recorded; false: they are not, whatever the rules"
        " say."
    )
    short: ClassVar[str] = "record: false"
    quiet: ClassVar[bool] = True
    alone: ClassVar[bool] = True

    wanted: bool

    @classmethod
    def read(cls, given: Given) -> Step:
        if not isinstance(given.value, bool):
            given.problem(given.path, "expected true (record what follows) or false (do not)")
        return cls(given.here, given.follows, bool(given.value))

    def start(self, run: FlowRun, now: float, out: list[Output]) -> str | None:
        out.append(RecordCall(self.wanted))
        return self.next
