"""`transfer`: the caller goes to somebody else, and the flow is over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from softswitch.ivr.events import Output, Returned, TransferCaller
from softswitch.ivr.kinds.dial import WHO, read_calling, read_target
from softswitch.ivr.reading import Given
from softswitch.ivr.spoken import substitute
from softswitch.ivr.steps import Step

if TYPE_CHECKING:
    from softswitch.ivr.run import FlowRun


@dataclass(frozen=True, slots=True)
class Transfer(Step):
    """The caller is sent to `target` for good; `on_failure` where there is no such target."""

    kind: ClassVar[str] = "transfer"
    about: ClassVar[str] = (
        "Sends the caller to a number, user, queue or another flow for good: this flow is over, whoever"
        " answers or does not."
    )
    short: ClassVar[str] = "transfer: queue:sales"
    settings: ClassVar[dict[str, str]] = {
        "to": WHO,
        "calling": "classes of numbers outside that a number out of a variable may be of (none)",
        "on_failure": "the number leads nowhere or may not be called (next step)",
    }

    target: str
    calling: tuple[str, ...] | None
    on_failure: str

    @classmethod
    def read(cls, given: Given) -> Step:
        fields = given.fields("to")
        target = read_target(fields, "to")
        calling = read_calling(fields, target)
        return cls(given.here, given.follows, target, calling, fields.route("on_failure", given.follows))

    def ways(self) -> Iterator[tuple[str, str]]:
        yield "failure", self.on_failure

    def start(self, run: FlowRun, now: float, out: list[Output]) -> str | None:
        if run.leave(now, out):
            out.append(TransferCaller(substitute(self.target, run.variables), self.calling))
        return None

    def returned(self, run: FlowRun, event: Returned, now: float, out: list[Output]) -> None:
        run.go(self.on_failure, now, out)
