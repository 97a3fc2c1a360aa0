"""All queues and the calls that wait in them: entering, leaving, announcements and the longest wait."""
from __future__ import annotations

import math
from collections.abc import Sequence

from softswitch import config
from softswitch.acd.deadlines import Deadlines, Key
from softswitch.acd.estimate import COVERAGE, WaitEstimator
from softswitch.acd.events import CallQueued
from softswitch.acd.outputs import (
    AcdFact,
    AnnouncePosition,
    AnnouncePrompt,
    OfferCallback,
    Output,
    QueueTimedOut,
)
from softswitch.acd.queue import CallQueue
from softswitch.acd.queued_call import QueuedCall
from softswitch.acd.timeline import due_steps, next_moment
from softswitch.config import TimelineStep

ESTIMATED_WAIT = "estimated_wait_s"
"""What expressions know as `caller.estimated_wait_s`: the end of the range when the call came."""


class WaitingRoom:
    """Queues by name, queued calls by id. Writes the facts call_queued and queue_left.

    `changed` collects the ids of calls whose stored state is no longer right, `closures` the queues that were
    closed or opened, `learned` those of whose waits something was learned that is to be kept.
    """

    def __init__(self, deadlines: Deadlines) -> None:
        self.queues: dict[str, CallQueue] = {}
        self.calls: dict[str, QueuedCall] = {}
        self.changed: dict[str, None] = {}
        self.closures: dict[str, None] = {}
        self.estimators: dict[str, WaitEstimator] = {}
        self.learned: dict[str, None] = {}
        self._deadlines = deadlines
        self._arrivals = 0

    def configure(self, queue: config.Queue, now: float, out: list[Output]) -> CallQueue:
        """Add a queue or give a present one its new configuration."""
        settings = queue.model_dump(mode="json", exclude_defaults=True)
        out.append(AcdFact("queue_configured", {"queue": queue.name, "settings": settings}))
        known = self.queues.get(queue.name)
        if known is None:
            known = self.queues[queue.name] = CallQueue(queue)
        calls = [self.calls[call] for call in known.calls()]
        known.configure(queue, calls, now)
        for queued in calls:
            self._set_deadlines(queued, known, now)
        return known

    def enter(self, entered: CallQueued, now: float, out: list[Output]) -> CallQueue | None:
        """Put a call into a queue; None if the queue cannot take it, the call is then sent away."""
        call, name = entered.call, entered.queue
        out.append(AcdFact("call_queued", {
            "call": call, "queue": name, "priority": entered.priority, "require": entered.require,
            "wanted_agent": entered.agent,
        }))
        queue = self.queues.get(name)
        if queue is None:
            self._refuse(call, name, "queue_removed", None, out)
            return None
        if queue.closed:
            queue.statistics.sent_away += 1
            self._refuse(call, name, "queue_closed", queue.config.on_closed, out)
            return None
        if queue.empty and queue.config.when_empty == "leave":
            queue.statistics.sent_away += 1
            self._refuse(call, name, "no_agents", queue.config.on_empty, out)
            return None
        if queue.config.max_length is not None and queue.length() >= queue.config.max_length:
            queue.statistics.sent_away += 1
            self._refuse(call, name, "queue_full", _text(queue.config.on_timeout), out)
            return None
        queued_at = now if entered.queued_at is None else entered.queued_at
        self._arrivals += 1
        queued = QueuedCall(
            call, name, entered.priority, queued_at, self._arrivals,
            require=entered.require, agent=entered.agent, caller=entered.caller,
            credit_s=entered.credit_s,
        )
        estimate = self.estimator(name).estimate(queue.place(queued))
        if estimate is not None:
            queued.caller[ESTIMATED_WAIT] = estimate.high_s
        self._admit(queued, now)
        return queue

    def estimator(self, queue: str) -> WaitEstimator:
        """What is known of the waits in a queue."""
        known = self.estimators.get(queue)
        if known is None:
            known = self.estimators[queue] = WaitEstimator()
        return known

    def forget(self, queue: str) -> None:
        """The queue is gone, and what was learned of it."""
        if self.estimators.pop(queue, None) is not None:
            self.learned[queue] = None

    def has_to_wait(self, call: str, now: float, out: list[Output]) -> None:
        """A call has come, and nobody took it at once."""
        queued = self.calls.get(call)
        queue = self.queues.get(queued.queue) if queued is not None else None
        if queued is None or queue is None or queued.offers:
            return
        estimate = self.estimator(queue.name).waits(call, queue.place(queued), now)
        if estimate is not None:
            out.append(AcdFact("wait_estimated", {
                "call": call, "queue": queue.name, "place": estimate.place,
                "low_s": estimate.low_s, "high_s": estimate.high_s, "coverage": COVERAGE,
            }))

    def _judge(self, queued: QueuedCall, outcome: str, now: float, out: list[Output]) -> None:
        """The wait is over: what was said of it, and what it came to since."""
        estimator = self.estimator(queued.queue)
        kept = estimator.kept
        said = estimator.left(queued.call, outcome, now)
        if estimator.kept is not kept:
            self.learned[queued.queue] = None
        if said is not None:
            waited_s = now - said.at
            out.append(AcdFact("wait_estimate_judged", {
                "call": queued.call, "queue": queued.queue, "outcome": outcome,
                "low_s": said.low_s, "high_s": said.high_s, "waited_s": round(waited_s, 3),
                "hit": said.hit(waited_s),
            }))

    def place(self, call: str, queue: str, priority: int, queued_at: float) -> QueuedCall:
        """A place behind those who have come so far at the same time; it is not in the queue yet."""
        self._arrivals += 1
        return QueuedCall(call, queue, priority, queued_at, self._arrivals)

    def enter_again(self, place: QueuedCall, now: float, out: list[Output]) -> None:
        """Put a callback's place into its queue, whose limits it has passed long ago."""
        out.append(AcdFact("call_queued", {
            "call": place.call, "queue": place.queue, "priority": place.priority, "require": place.require,
            "wanted_agent": place.agent, "callback": place.callback,
            "waited_s": round(now - place.queued_at, 3),
        }))
        self._admit(place, now)
        self.estimator(place.queue).stands(place.call, now)

    def restored(self, place: QueuedCall) -> None:
        """A place of a former process that is kept outside of the queue."""
        self._arrivals = max(self._arrivals, place.arrival)

    def prioritise(self, queued: QueuedCall, priority: int, now: float) -> None:
        """Give the call another place among those of its queue."""
        queue = self.queues[queued.queue]
        queue.remove(queued)
        queued.priority = priority
        queue.add(queued, now)
        self.changed[queued.call] = None

    def restore(self, queued: QueuedCall, now: float) -> None:
        """Put back a call of a former process at its place."""
        self._arrivals = max(self._arrivals, queued.arrival)
        self._admit(queued, now)

    def leave(self, queued: QueuedCall, outcome: str, reason: str, now: float, out: list[Output]) -> None:
        """Take a call that is in no offer out of its queue. Outcome: answered, abandoned, timeout, overflow
        or withdrawn."""
        del self.calls[queued.call]
        self.changed[queued.call] = None
        self._deadlines.cancel(("announce", queued.call))
        self._deadlines.cancel(("max_wait", queued.call))
        self._deadlines.cancel(("timeline", queued.call))
        queue = self.queues.get(queued.queue)
        waited_s = now - queued.queued_at
        if queue is not None:
            queue.remove(queued)
            queue.statistics.count(outcome, waited_s, queue.config.service_level_s)
        skills = queued.demand.requirement.skills()
        out.append(_left(queued.call, queued.queue, outcome, reason, waited_s, queue, skills))
        self._judge(queued, outcome, now, out)

    def must_leave(self, queued: QueuedCall) -> str:
        """Why the call leaves as soon as no phone rings for it, '' if it may stay."""
        if queued.expired:
            return "queue_timeout"
        queue = self.queues[queued.queue]
        if queued.callback:
            return ""
        if queue.closed and queue.config.at_closing == "leave":
            return "queue_closed"
        return "no_agents" if queue.empty and queue.config.when_empty == "leave" else ""

    def send_away(self, queued: QueuedCall, reason: str, now: float, out: list[Output]) -> None:
        """The queue gives the call up: to the queue's `on_timeout` if its time is over."""
        timeout = reason == "queue_timeout"
        queue = self.queues.get(queued.queue)
        settings = queue.config if queue is not None else config.Queue(name=queued.queue)
        targets = {"queue_timeout": settings.on_timeout, "queue_closed": settings.on_closed,
                   "no_agents": settings.on_empty}
        target = targets.get(reason)
        self._send_to(queued, target, "timeout" if timeout else "overflow", reason, now, out)

    def _send_to(self, queued: QueuedCall, target: str | None, outcome: str, reason: str, now: float,
                 out: list[Output]) -> None:
        self.leave(queued, outcome, reason, now, out)
        out.append(QueueTimedOut(queued.call, queued.queue, target, reason))

    def moment(self, queued: QueuedCall, now: float, out: list[Output]) -> bool:
        """What the call asks for may have changed, or a step of the timeline has come. Returns whether the
        call is still there and asks for something else, or stands elsewhere."""
        queue = self.queues[queued.queue]
        moved = False
        for step in due_steps(queued, queue.config, now):
            goes = step.to is not None and not queued.callback
            if goes and queued.offers:
                break  # a phone is ringing for this caller: better than any other target
            queued.steps += 1
            self.changed[queued.call] = None
            moved |= self._take_step(queued, step, now, out)
            if goes:
                return False
        moved |= queue.ask_anew(queued, now)
        self._set_deadlines(queued, queue, now)
        return moved

    def _take_step(self, queued: QueuedCall, step: TimelineStep, now: float, out: list[Output]) -> bool:
        """Returns whether the call has another place now. A callback's place hears nothing and stays."""
        out.append(AcdFact("timeline_step", {
            "call": queued.call, "queue": queued.queue, **step.model_dump(exclude_none=True),
        }))
        if not queued.callback:
            if step.to is not None:
                self._send_to(queued, step.to, "overflow", "queue_overflow", now, out)
                return False
            if step.announce is not None:
                out.append(AnnouncePrompt(queued.call, step.announce, queued.queue))
            if step.callback:
                out.append(OfferCallback(queued.call, queued.queue))
        if step.priority:
            self.prioritise(queued, queued.priority + step.priority, now)
        return bool(step.priority)

    def announce(self, call: str, now: float, out: list[Output]) -> None:
        """The time of a position announcement has come; none while a phone rings for the call."""
        queued = self.calls[call]
        queue = self.queues[queued.queue]
        if not queued.offers:
            place = queue.place(queued)
            estimate = self.estimator(queue.name).estimate(place) if queue.config.announce_wait else None
            wait = (estimate.low_s, estimate.high_s) if estimate is not None else None
            out.append(AnnouncePosition(call, place, queued.queue, wait))
        self._set_or_cancel(("announce", call), _next_announcement(queued, queue, now))

    def max_wait_over(self, call: str, now: float, out: list[Output]) -> None:
        """The longest wait has passed."""
        queued = self.calls[call]
        if not queued.offers:
            self.send_away(queued, "queue_timeout", now, out)
        else:
            # A phone is ringing for this caller: better than any other target. Decided when the offer ends.
            queued.expired = True
            self.changed[call] = None

    def _admit(self, queued: QueuedCall, now: float) -> None:
        self.calls[queued.call] = queued
        self.changed[queued.call] = None
        queue = self.queues.get(queued.queue)
        if queue is not None:
            queue.add(queued, now)
            self._set_deadlines(queued, queue, now)

    def _refuse(self, call: str, queue: str, reason: str, target: str | None, out: list[Output]) -> None:
        out.append(_left(call, queue, "overflow", reason, 0.0, self.queues.get(queue)))
        out.append(QueueTimedOut(call, queue, target, reason))

    def rebuild(self, name: str, now: float) -> None:
        """Put the calls of a queue in order again, by what each knows of itself."""
        calls = [queued for queued in self.calls.values() if queued.queue == name]
        self.queues[name].rebuild(calls, now)

    def set_deadlines(self, queued: QueuedCall, now: float) -> None:
        self._set_deadlines(queued, self.queues[queued.queue], now)

    def missing_deadlines(self, queued: QueuedCall, now: float) -> list[str]:
        """Kinds of deadline that the call should have and has not."""
        queue = self.queues.get(queued.queue)
        wanted = _deadlines_of(queued, queue, now) if queue is not None else {}
        return [
            kind
            for kind, when in wanted.items()
            if when is not None and (kind, queued.call) not in self._deadlines
        ]

    def _set_deadlines(self, queued: QueuedCall, queue: CallQueue, now: float) -> None:
        for kind, when in _deadlines_of(queued, queue, now).items():
            # A shorter wait that was configured since may be over already.
            self._set_or_cancel((kind, queued.call), None if when is None else max(when, now))

    def _set_or_cancel(self, key: Key, when: float | None) -> None:
        if when is None:
            self._deadlines.cancel(key)
        else:
            self._deadlines.set(key, when)


def _left(call: str, name: str, outcome: str, reason: str, waited_s: float,
          queue: CallQueue | None, skills: Sequence[str] = ()) -> AcdFact:
    """With the time within which an answer would have counted, as it was then."""
    return AcdFact("queue_left", {
        "call": call, "queue": name, "outcome": outcome, "reason": reason, "waited_s": round(waited_s, 3),
        "service_level_s": queue.config.service_level_s if queue is not None else None,
        **({"skills": [*skills]} if skills else {}),
    })


def _deadlines_of(queued: QueuedCall, queue: CallQueue, now: float) -> dict[str, float | None]:
    if queued.callback:
        # Nobody hears anything, and how long it lasts is up to the callback.
        return {"announce": None, "max_wait": None, "timeline": _moment(queued, queue, now)}
    max_wait_s = queue.config.max_wait_s
    return {
        "announce": _next_announcement(queued, queue, now),
        "max_wait": None if max_wait_s is None or queued.expired else queued.queued_at + max_wait_s,
        "timeline": _moment(queued, queue, now),
    }


def _next_announcement(queued: QueuedCall, queue: CallQueue, now: float) -> float | None:
    """The times are fixed by `queued_at`, so that they are the same after a restart."""
    every_s = queue.config.announce_position_every_s
    if not every_s:
        return None
    count = math.floor((now - queued.queued_at) / every_s) + 1
    when = queued.queued_at + count * every_s
    return when if when > now else when + every_s


def _moment(queued: QueuedCall, queue: CallQueue, now: float) -> float | None:
    """A step that has come but must wait for the end of an offer is looked at again then."""
    when = next_moment(queued, queue.config, now)
    return None if when is None or (when <= now and queued.offers) else when


def _text(target: object) -> str | None:
    return None if target is None else str(target)
