"""`callback`: the caller keeps a place in a queue and is called back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from softswitch.ivr.events import KeepPlace, Output, Returned
from softswitch.ivr.reading import Given
from softswitch.ivr.steps import Step

if TYPE_CHECKING:
    from softswitch.ivr.run import FlowRun

ROUTES = {"on_declined": "callback_declined", "on_unavailable": "callback_unavailable"}


@dataclass(frozen=True, slots=True)
class Callback(Step):
    """Keep a place in `queue`. `routes`: outcome -> path; any other outcome goes to `next`."""

    kind: ClassVar[str] = "callback"
    about: ClassVar[str] = (
        "The caller hears the number, may enter another one, and is called back when their turn in the queue"
        " comes; the call ends. Who has just left this queue keeps the place they had. The flow goes on when"
        " nothing came of it."
    )
    short: ClassVar[str] = "callback: sales"
    settings: ClassVar[dict[str, str]] = {
        "queue": "the queue, which has callback settings",
        "priority": "of a new place; higher is served first (0)",
        "on_declined": "the caller did not answer, or had no number that may be called (next step)",
        "on_unavailable": "the queue has no room for another callback, or offers none (next step)",
    }

    queue: str
    priority: int
    routes: dict[str, str]

    @classmethod
    def read(cls, given: Given) -> Step:
        fields = given.fields("queue")
        queue = fields.text("queue")
        fields.refer("queue", "queue", queue)
        fields.refer("queue", "callback", queue)
        priority = fields.whole("priority", 0, -1000, 1000)
        routes = {outcome: fields.route(key, given.follows) for key, outcome in ROUTES.items()}
        return cls(given.here, given.follows, queue, priority, routes)

    def ways(self) -> Iterator[tuple[str, str]]:
        for key, outcome in ROUTES.items():
            yield key.removeprefix("on_"), self.routes[outcome]
        yield "else", self.next

    def start(self, run: FlowRun, now: float, out: list[Output]) -> str | None:
        if run.leave(now, out):
            out.append(KeepPlace(self.queue, self.priority))
        return None

    def returned(self, run: FlowRun, event: Returned, now: float, out: list[Output]) -> None:
        run.go(self.routes.get(event.outcome, self.next), now, out)
