"""`hours`: the way that a calendar says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from softswitch.ivr.events import AskCalendar, Output, Returned
from softswitch.ivr.reading import Given
from softswitch.ivr.steps import Step

if TYPE_CHECKING:
    from softswitch.ivr.run import FlowRun

STATES = ("open", "closed", "holiday")


@dataclass(frozen=True, slots=True)
class Hours(Step):
    """Go on by the state of a calendar. `routes`: state -> path; a calendar that is gone leads to `next`."""

    kind: ClassVar[str] = "hours"
    about: ClassVar[str] = "Goes on by opening hours and holidays: the state of a calendar at that moment."
    settings: ClassVar[dict[str, str]] = {
        "calendar": "the calendar",
        "open": "within the hours (next step)",
        "closed": "outside of them (next step)",
        "holiday": "closed all day, by a date or a public holiday (as closed)",
    }
    quiet: ClassVar[bool] = True

    calendar: str
    routes: dict[str, str]

    @classmethod
    def read(cls, given: Given) -> Step:
        fields = given.fields("calendar")
        calendar = fields.text("calendar")
        fields.refer("calendar", "calendar", calendar)
        if not any(state in fields for state in STATES):
            given.problem(given.path, "leads to the next step in any case; give open, closed or holiday")
        routes = {state: fields.route(state, given.follows) for state in STATES[:2]}
        routes["holiday"] = fields.route("holiday", given.follows, routes["closed"])
        return cls(given.here, given.follows, calendar, routes)

    def ways(self) -> Iterator[tuple[str, str]]:
        yield from self.routes.items()
        yield "else", self.next

    def start(self, run: FlowRun, now: float, out: list[Output]) -> str | None:
        typed = run.typed
        if run.leave(now, out):
            run.typed = typed  # the caller has gone nowhere: what was typed ahead is for the next question
            out.append(AskCalendar(self.calendar))
        return None

    def returned(self, run: FlowRun, event: Returned, now: float, out: list[Output]) -> None:
        run.go(self.routes.get(event.outcome, self.next), now, out)
