"""The engine's state as values: for the next process, and for a status display."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from softswitch.acd.agent import Agent
from softswitch.acd.callbacks import Callbacks
from softswitch.acd.queue import CallQueue
from softswitch.acd.queued_call import QueuedCall
from softswitch.acd.roster import Roster
from softswitch.acd.waiting import WaitingRoom

AGENT_KEY = "acd/agent/"
CALL_KEY = "acd/call/"
QUEUE_KEY = "acd/queue/"
CALLBACK_KEY = "acd/callback/"
ESTIMATE_KEY = "acd/estimate/"


def whole_state(roster: Roster, room: WaitingRoom, callbacks: Callbacks) -> dict[str, Any]:
    """Key -> JSON value of every agent, queued call and callback."""
    agents = {AGENT_KEY + name: agent.to_state() for name, agent in roster.agents.items()}
    closed = {QUEUE_KEY + name: _closed(queue) for name, queue in room.queues.items() if queue.closed}
    kept = {CALLBACK_KEY + id: each.to_state() for id, each in callbacks.open.items()}
    calls = {CALL_KEY + name: queued.to_state() for name, queued in room.calls.items()}
    learned = {ESTIMATE_KEY + name: each.kept for name, each in room.estimators.items() if each.kept}
    return agents | closed | kept | calls | learned


def take_changes(roster: Roster, room: WaitingRoom, callbacks: Callbacks) -> dict[str, Any]:
    """Key -> new value, None for what is gone, of what changed since the last time: writing the state costs
    what changed, not what there is."""
    changes: dict[str, Any] = {}
    for name in roster.changed:
        agent = roster.agents.get(name)
        changes[AGENT_KEY + name] = agent.to_state() if agent else None
    for name in room.changed:
        queued = room.calls.get(name)
        changes[CALL_KEY + name] = queued.to_state() if queued else None
    for name in room.closures:
        queue = room.queues.get(name)
        changes[QUEUE_KEY + name] = _closed(queue) if queue is not None and queue.closed else None
    for id in callbacks.changed:
        callback = callbacks.open.get(id)
        changes[CALLBACK_KEY + id] = callback.to_state() if callback else None
    callbacks.changed.clear()
    for name in room.learned:
        known = room.estimators.get(name)
        changes[ESTIMATE_KEY + name] = known.kept if known is not None else None
    room.learned.clear()
    room.closures.clear()
    roster.changed.clear()
    room.changed.clear()
    return changes


def _closed(queue: CallQueue) -> dict[str, Any]:
    return {"closed_by": dict(queue.closed_by)}


def restore(
    state: dict[str, Any], roster: Roster, room: WaitingRoom, callbacks: Callbacks, now: float
) -> Iterator[Agent]:
    """Fill agents, calls and callbacks; yields each agent taken over. Agents not configured are dropped."""
    for key, value in state.items():
        if key.startswith(CALL_KEY):
            room.restore(QueuedCall.from_state(key.removeprefix(CALL_KEY), value, now), now)
        elif key.startswith(QUEUE_KEY):
            queue = room.queues.get(key.removeprefix(QUEUE_KEY))
            if queue is not None:
                queue.closed_by = dict(value["closed_by"])
        elif key.startswith(ESTIMATE_KEY):
            room.estimator(key.removeprefix(ESTIMATE_KEY)).restore(value)
        elif key.startswith(AGENT_KEY):
            agent = roster.agents.get(key.removeprefix(AGENT_KEY))
            if agent is not None:
                agent.from_state(value, now)
                yield agent
    for key, value in state.items():
        if key.startswith(CALLBACK_KEY):
            callbacks.restore(key.removeprefix(CALLBACK_KEY), value, now)


def snapshot(roster: Roster, room: WaitingRoom, now: float) -> dict[str, Any]:
    """{'queues': {name: row}, 'agents': {name: row}}; durations in seconds."""
    return {
        "queues": {name: _queue_row(queue, room, now) for name, queue in room.queues.items()},
        "agents": {name: _agent_row(agent, now) for name, agent in roster.agents.items()},
    }


def _queue_row(queue: CallQueue, room: WaitingRoom, now: float) -> dict[str, Any]:
    oldest = queue.oldest()
    counted = queue.statistics
    estimate = room.estimator(queue.name).estimate(queue.length() + 1)
    return {
        "waiting": queue.length(), "closed": queue.closed,
        "closed_by": dict(queue.closed_by),
        "ringing": sum(1 for call in queue.calls() if room.calls[call].offers),
        "longest_wait_s": 0.0 if oldest is None else round(now - oldest, 3),
        "agents_ready": queue.ready_count(), "agents_excluded": queue.excluded(),
        "answered": counted.answered, "abandoned": counted.abandoned, "sent_away": counted.sent_away,
        "service_level": counted.service_level(),
        "estimated_wait_s": [estimate.low_s, estimate.high_s] if estimate is not None else None,
    }


def _agent_row(agent: Agent, now: float) -> dict[str, Any]:
    return {
        "user": agent.user, "number": agent.number, "queues": list(agent.config.queues),
        "signed_in": agent.signed_in,
        "status": agent.status, "state": agent.state.value, "reason": agent.reason,
        "reachable": agent.reachable, "do_not_disturb": agent.quiet, "since": agent.since,
        "for_s": round(now - agent.since, 3),
        "call": agent.call,
    }
