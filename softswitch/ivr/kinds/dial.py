"""`dial`: a user, a queue or another flow is called for the caller."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from softswitch.ivr.events import DialTarget, Output, Returned
from softswitch.ivr.reading import Given
from softswitch.ivr.steps import Step

if TYPE_CHECKING:
    from softswitch.ivr.run import FlowRun

TARGETS = ("flow", "queue", "user")
ROUTES = {
    "on_busy": ("user_busy",),
    "on_no_answer": ("user_no_answer",),
    "on_rejected": ("user_rejected", "do_not_disturb"),
    "on_unreachable": ("user_not_registered",),
}


@dataclass(frozen=True, slots=True)
class Dial(Step):
    """Call `target`. `routes`: outcome -> path; any other outcome goes to `next`."""

    kind: ClassVar[str] = "dial"
    about: ClassVar[str] = "Calls somebody for the caller; it goes on when nobody took the call."
    short: ClassVar[str] = "dial: user:alice"
    settings: ClassVar[dict[str, str]] = {
        "target": "flow:NAME, queue:NAME or user:NAME",
        "on_busy": "busy (next step)",
        "on_no_answer": "nobody answered (next step)",
        "on_rejected": "declined, or not to be disturbed (next step)",
        "on_unreachable": "no phone is registered (next step)",
    }

    target: str
    routes: dict[str, str]

    @classmethod
    def read(cls, given: Given) -> Step:
        fields = given.fields("target")
        target = fields.text("target")
        kind, _, name = target.partition(":")
        if target and (kind not in TARGETS or not name):
            given.problem(fields.at("target"), "is no target; allowed: flow:NAME, queue:NAME or user:NAME")
        else:
            fields.refer("target", kind, name)
        routes = {}
        for key, outcomes in ROUTES.items():
            routes.update(dict.fromkeys(outcomes, fields.route(key, given.follows)))
        return cls(given.here, given.follows, target, routes)

    def ways(self) -> Iterator[tuple[str, str]]:
        for key, outcomes in ROUTES.items():
            yield key.removeprefix("on_").replace("_", " "), self.routes[outcomes[0]]
        yield "else", self.next

    def start(self, run: FlowRun, now: float, out: list[Output]) -> str | None:
        if run.leave(now, out):
            out.append(DialTarget(self.target))
        return None

    def returned(self, run: FlowRun, event: Returned, now: float, out: list[Output]) -> None:
        run.go(self.routes.get(event.outcome, self.next), now, out)
