"""Queues that open and close by a calendar, or by a code that a supervisor dials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from softswitch.acd import events as acd
from softswitch.calendars import Opening, opening
from softswitch.call.feature_activity import FeatureActivity
from softswitch.call.routing import NoRoute
from softswitch.config import Target

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.exchange import Exchange

BY_HOURS = "hours"
"""What closes a queue here, beside what a person has closed."""
OUTSIDE_HOURS = "outside_hours"
# All spans and all offsets of time zones are whole minutes. The hair keeps rounding from waking us before it.
MINUTE_S, HAIR_S = 60.0, 0.01
START_S = 0.5
KINDS = frozenset({"queue", "calendar", "numbering"})
SERVICES = {"close_queue": False, "open_queue": True}


class OpeningHours:
    """Looks at the calendars once a minute, and when one of them has changed."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._started = False

    def start(self, now: float) -> None:
        """The queues are as they were before a restart. Callers of one that has closed since are sent on as
        soon as there are media workers to do it with."""
        self._started = True
        self._exchange.deadlines.set(("hours", ""), now + START_S)

    def configured(self, kinds: set[str], now: float, out: list[Any]) -> None:
        if self._started and kinds & KINDS:
            self.look(now, out)

    def look(self, now: float, out: list[Any]) -> None:
        """Close and open what is closed and open now."""
        centre = self._exchange.centre
        if any(queue.hours for queue in centre.queues.values()):
            past = self._exchange.utc(now).timestamp() % MINUTE_S
            self._exchange.deadlines.set(("hours", ""), now + MINUTE_S - past + HAIR_S)
        states = {name: self.state(name, now) for name in centre.calendars}
        for queue in centre.queues.values():
            state = states[queue.hours] if queue.hours is not None else Opening("open")
            closed = BY_HOURS in self._exchange.acd.closed_by(queue.name)
            if closed == state.open:
                self._turn(queue.name, f"calendar:{queue.hours or ''}", state, now, out)

    def state(self, calendar: str, now: float) -> Opening:
        """Of a calendar that there is."""
        centre = self._exchange.centre
        return opening(centre.calendars[calendar], self._exchange.utc(now), centre.numbering.time_zone)

    def _turn(self, queue: str, by: str, state: Opening, now: float, out: list[Any]) -> None:
        if state.open:
            event: acd.Event = acd.QueueOpened(queue, by, BY_HOURS)
        else:
            event = acd.QueueClosed(queue, state.name or OUTSIDE_HOURS, by, BY_HOURS)
        self._exchange.acd_event(event, now, out)


def queue_meant(exchange: Exchange, user: str, number: str) -> str:
    """The queue that a number leads to, or that has this name; NoRoute if there is none or the user may not
    close queues."""
    if "supervise" not in exchange.centre.users[user].permissions:
        raise NoRoute("forbidden")
    found = exchange.plan.own(number)
    target = Target.parse(found.target) if found is not None else None
    queue = target.name if target is not None and target.kind == "queue" else number
    if queue not in exchange.centre.queues:
        raise NoRoute("number_not_found")
    return queue


class QueueServiceActivity(FeatureActivity):
    """The code that closes or opens a queue."""

    def __init__(self, call: Call, service: str, queue: str) -> None:
        super().__init__(call)
        self.service = service
        self.queue = queue

    def act(self, now: float, out: list[Any]) -> str:
        call, by = self.call, self.call.caller.name
        event = (
            acd.QueueOpened(self.queue, by)
            if SERVICES[self.service]
            else acd.QueueClosed(self.queue, "feature_code", by)
        )
        call.exchange.acd_event(event, now, out)
        return "thank_you"
