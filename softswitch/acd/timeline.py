"""The timeline of a queue: what a call asks for after which time, and when that changes next."""

from __future__ import annotations

from softswitch import config
from softswitch.acd.demand import Demand
from softswitch.acd.queued_call import QueuedCall
from softswitch.config.expression import Expression, Requirement


def waited_s(queued: QueuedCall, now: float) -> float:
    """Rounded, so that a deadline set for 40 s after the beginning comes up at 40 s and not a hair before."""
    return round(now - queued.queued_at, 6)


def demand_of(queued: QueuedCall, queue: config.Queue, now: float) -> Demand:
    """What the call asks for now."""
    waited = waited_s(queued, now)
    if queued.agent and waited < queue.sticky_s:
        return Demand(agent=queued.agent)
    text, tier = _asked(queued, queue)
    requirement = Expression.parse(text).at(waited, queued.caller) if text else Requirement()
    return Demand(requirement, queue.prefer, tier)


def next_moment(queued: QueuedCall, queue: config.Queue, now: float) -> float | None:
    """When the call asks for something else, or the next step of the timeline comes; None: never again."""
    waited = waited_s(queued, now)
    times = [queue.sticky_s] if queued.agent else []
    text = _asked(queued, queue)[0]
    if text:
        times += Expression.parse(text).moments()
    later = [time for time in times if time > waited]
    if queued.steps < len(queue.timeline):
        later.append(queue.timeline[queued.steps].after_s)
    return queued.queued_at + min(later) if later else None


def due_steps(queued: QueuedCall, queue: config.Queue, now: float) -> list[config.TimelineStep]:
    """The steps whose time has come and that have not been taken."""
    waited = waited_s(queued, now)
    return [step for step in queue.timeline[queued.steps :] if step.after_s <= waited]


def _asked(queued: QueuedCall, queue: config.Queue) -> tuple[str, int]:
    """The text of the requirement and the tier after the steps that have been taken."""
    text = queue.require if queued.require is None else queued.require
    tier = queue.tier
    for step in queue.timeline[: queued.steps]:
        text = text if step.require is None else step.require
        tier = tier if step.tier is None else step.tier
    return text, tier
