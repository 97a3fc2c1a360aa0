"""All callbacks of all queues: their way from the kept place to the conversation, or to the end of trying."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from softswitch.acd import events
from softswitch.acd.callback import IN_QUEUE, OUT, OVER, TABLE, Callback, CallbackInput, CallbackState
from softswitch.acd.deadlines import Deadlines
from softswitch.acd.matching import Matching
from softswitch.acd.outputs import AcdFact, Output, QueueTimedOut
from softswitch.acd.queued_call import QueuedCall
from softswitch.acd.roster import by_whom
from softswitch.acd.waiting import WaitingRoom
from softswitch.config.callback import CallbackSettings

_S, _I = CallbackState, CallbackInput

UNCALLABLE = frozenset(("forbidden", "number_not_found", "gone", "address_incomplete"))
"""Reasons for which a number is not tried again."""
OUTCOMES = {_S.PAUSED: "callback", _S.HELD: "callback", _S.WAITING: "callback", _S.CANCELLED: "withdrawn"}
"""How a place leaves the queue towards a state; to any other as `callback_failed`."""


class Callbacks:
    """Callbacks by id. Writes the facts callback_kept, callback_changed, callback_edited.

    `changed` collects the ids of those whose stored state is no longer right.
    """

    def __init__(
        self, entropy: Callable[[int], bytes], room: WaitingRoom, matching: Matching, deadlines: Deadlines
    ) -> None:
        self.open: dict[str, Callback] = {}
        self.changed: dict[str, None] = {}
        self._entropy = entropy
        self._room = room
        self._matching = matching
        self._deadlines = deadlines
        matching.callbacks = self

    def handlers(self) -> dict[type, Callable[[Any, float, list[Output]], None]]:
        """What to do with the events that are about callbacks."""
        return {
            events.CallbackKept: self._kept,
            events.CallbackAnswered: self._answered,
            events.CallbackReturned: self._returned,
            events.CallbackMissed: self._missed,
            events.CallbackCancelled: self._cancelled,
            events.CallbackEdited: self._edited,
            events.AgentAwaits: self._awaits,
        }

    def of_call(self, call: str) -> Callback | None:
        """The callback whose present or next attempt is this call."""
        queued = self._room.calls.get(call)
        return self.open.get(queued.callback) if queued is not None and queued.callback else None

    def of_queue(self, queue: str) -> list[Callback]:
        """In the order in which they were kept."""
        return [each for each in self.open.values() if each.queue == queue]

    def settings(self, queue: str) -> CallbackSettings:
        """Those of the queue; the usual ones where it offers callbacks no longer."""
        known = self._room.queues.get(queue)
        return (known.config.callback if known is not None else None) or CallbackSettings()

    # What happens

    def _kept(self, event: events.CallbackKept, now: float, out: list[Output]) -> None:
        """The call leaves the queue, its place stays; a call that does not wait gets a new place."""
        queue = self._room.queues.get(event.queue)
        if queue is None or event.callback in self.open:
            return
        waiting = self._room.calls.get(event.call)
        fresh = None
        if waiting is not None and waiting.queue == event.queue:
            fresh = waiting.again(self._call_id(), event.callback)
            agents = self._matching.withdraw_all(waiting, "callback_kept", now, out)
            self._room.leave(waiting, "callback", "callback_kept", now, out)
        else:
            agents = []
            queued_at = now if event.queued_at is None else event.queued_at
            fresh = self._room.place(self._call_id(), event.queue, event.priority, queued_at)
            fresh.callback, fresh.require, fresh.caller = event.callback, event.require, dict(event.caller)
        settings = self.settings(event.queue)
        callback = Callback(
            event.callback,
            fresh,
            event.number,
            kept_at=now,
            expires_at=now + settings.expires_s,
            inside=event.inside,
            display=event.display,
            shown=event.shown,
            language=event.language,
            data=event.data,
        )
        self.open[callback.id] = callback
        self.changed[callback.id] = None
        kept = {
            "callback": callback.id,
            "call": event.call,
            "queue": event.queue,
            "number": event.number,
            "confirmed": event.confirmed,
            "priority": fresh.priority,
            "waited_s": round(now - fresh.queued_at, 3),
            "expires_s": settings.expires_s,
        }
        out.append(AcdFact("callback_kept", kept))
        self._put_down(callback, now, out)
        if queue.closed:
            self.feed(callback, _I.CLOSED, now, out, "queue_closed")
        self._set_deadline(callback)
        self._matching.match_queue(queue, now, out)
        for agent in agents:
            self._matching.match_agent(agent, now, out)

    def offered(self, queued: QueuedCall, now: float, out: list[Output]) -> None:
        """An agent is held for the place."""
        callback = self.open.get(queued.callback)
        if callback is not None:
            self.feed(callback, _I.OFFERED, now, out)

    def connected(self, queued: QueuedCall, now: float, out: list[Output]) -> None:
        """Agent and customer talk; the place has left the queue as answered."""
        callback = self.open.get(queued.callback)
        if callback is not None:
            self.feed(callback, _I.CONNECTED, now, out)

    def reserve_s(self, queued: QueuedCall) -> float:
        """How long an agent is held for the place before the agent's phone rings."""
        callback = self.open.get(queued.callback)
        if callback is None or callback.state is _S.ON_LINE:
            return 0.0
        settings = self.settings(queued.queue)
        return settings.ring_s + RESERVE_S if settings.order == "customer_first" else 0.0

    def _answered(self, event: events.CallbackAnswered, now: float, out: list[Output]) -> None:
        callback = self.of_call(event.call)
        if callback is not None:
            self.feed(callback, _I.ANSWERED, now, out)

    def _awaits(self, event: events.AgentAwaits, now: float, out: list[Output]) -> None:
        self._matching.awaits(event.offer, now + event.seconds + RESERVE_S)

    def _returned(self, event: events.CallbackReturned, now: float, out: list[Output]) -> None:
        callback = self.of_call(event.call)
        if callback is None or callback.state not in OUT:
            return
        left = self._matching.offers.get(event.left_by)
        if left is not None:
            self._matching.not_taken(left, "rejected", "agent_rejected", now, out)
        if now >= callback.expires_at:
            self.feed(callback, _I.GIVEN_UP, now, out, "callback_expired")
        elif event.after_s:
            callback.next_at = now + event.after_s
            self.feed(callback, _I.POSTPONED, now, out, event.reason)
        else:
            self.feed(callback, _I.RETURNED, now, out, event.reason)
            self._hold_or_match(callback, now, out)

    def _missed(self, event: events.CallbackMissed, now: float, out: list[Output]) -> None:
        callback = self.of_call(event.call)
        if callback is None or callback.state not in OUT:
            return
        callback.attempts += 1
        settings = self.settings(callback.queue)
        last = callback.attempts >= settings.attempts or event.reason in UNCALLABLE
        if last or now + settings.retry_s >= callback.expires_at:
            self.feed(callback, _I.GIVEN_UP, now, out, event.reason)
        else:
            callback.next_at = now + settings.retry_s
            self.feed(callback, _I.MISSED, now, out, event.reason)

    def _cancelled(self, event: events.CallbackCancelled, now: float, out: list[Output]) -> None:
        callback = self.open.get(event.callback)
        if callback is not None:
            self._stop(callback, _I.CANCELLED, "callback_cancelled", now, out, event.by)

    def _edited(self, event: events.CallbackEdited, now: float, out: list[Output]) -> None:
        callback = self.open.get(event.callback)
        if callback is None:
            return
        edited: dict[str, Any] = {"callback": callback.id, "queue": callback.queue, **by_whom(event.by)}
        if event.number:
            callback.number, callback.inside = event.number, event.inside
            edited["number"] = event.number
        if event.priority is not None:
            self._prioritise(callback, event.priority, now)
            edited["priority"] = event.priority
        if event.now and callback.state is _S.PAUSED:
            callback.next_at = now
            self._deadlines.set(("callback", callback.id), now)
            edited["now"] = True
        self.changed[callback.id] = None
        out.append(AcdFact("callback_edited", edited))
        if event.priority is not None:
            self._hold_or_match(callback, now, out)

    def _prioritise(self, callback: Callback, priority: int, now: float) -> None:
        if callback.state in IN_QUEUE:
            self._room.prioritise(callback.place, priority, now)
        else:
            callback.place.priority = priority

    def caller_left(self, queued: QueuedCall, reason: str, now: float, out: list[Output]) -> None:
        """The customer, who waited on the line, has hung up, or the call has failed."""
        callback = self.open.get(queued.callback)
        if callback is not None:
            self.feed(callback, _I.GIVEN_UP, now, out, reason)

    # Queues

    def closed(self, queue: str, now: float, out: list[Output]) -> None:
        """The queue is closed: whoever is not being called just now is kept until it opens."""
        for callback in self.of_queue(queue):
            self.feed(callback, _I.CLOSED, now, out, "queue_closed")

    def opened(self, queue: str, now: float, out: list[Output]) -> None:
        for callback in self.of_queue(queue):
            self.feed(callback, _I.OPENED, now, out)
        self._matching.match_queue(self._room.queues[queue], now, out)

    def removed(self, queue: str, now: float, out: list[Output]) -> None:
        for callback in self.of_queue(queue):
            self._stop(callback, _I.GIVEN_UP, "queue_removed", now, out)

    def _stop(
        self,
        callback: Callback,
        given: CallbackInput,
        reason: str,
        now: float,
        out: list[Output],
        by: str = "",
    ) -> None:
        """End it from here, and the attempt under way with it."""
        under_way = callback.state in OUT
        self.feed(callback, given, now, out, reason, by)
        if under_way:
            out.append(QueueTimedOut(callback.call, callback.queue, None, reason))

    # Time

    def due(self, id: str, now: float, out: list[Output]) -> None:
        callback = self.open[id]
        if callback.queue not in self._room.queues:
            self.feed(callback, _I.GIVEN_UP, now, out, "queue_removed")
        elif now >= callback.expires_at:
            self.feed(callback, _I.GIVEN_UP, now, out, "callback_expired")
        elif callback.next_at is not None and now >= callback.next_at:
            callback.next_at = None
            self.feed(callback, _I.DUE, now, out)
            self._hold_or_match(callback, now, out)
        else:
            self._set_deadline(callback)

    # Over a restart

    def restore(self, id: str, state: dict[str, Any], now: float) -> None:
        """Take up one of a former process, after the calls that wait."""
        place = self._room.calls.get(state["call"])
        if place is None or place.callback != id:
            if "place" not in state:
                return
            place = QueuedCall.from_state(state["call"], state["place"], now)
        callback = self.open[id] = Callback.from_state(id, state, place, now)
        if callback.next_at is not None:
            callback.next_at = min(callback.next_at, now + self.settings(callback.queue).retry_s)
        self._room.restored(place)
        self._set_deadline(callback)
        self.changed[id] = None

    # The table

    def feed(
        self,
        callback: Callback,
        given: CallbackInput,
        now: float,
        out: list[Output],
        reason: str = "",
        by: str = "",
    ) -> None:
        """Go through the table; the place follows the state into the queue or out of it."""
        former = callback.state
        state = TABLE.get((former, given))
        if state is None:
            return
        call = callback.call
        callback.state = state
        changed = {
            "callback": callback.id,
            "call": call,
            "queue": callback.queue,
            "state": state.value,
            "former": former.value,
            "attempts": callback.attempts,
            "reason": reason,
            **by_whom(by),
        }
        out.append(AcdFact("callback_changed", changed))
        if state is not _S.DONE:
            self._move(callback, former, reason, now, out)
        if state in OVER:
            del self.open[callback.id]
        self.changed[callback.id] = None
        self._set_deadline(callback)

    def _move(
        self, callback: Callback, former: CallbackState, reason: str, now: float, out: list[Output]
    ) -> None:
        """An attempt that is over leaves the queue with its call; the place comes back as that of another.

        Whatever the end, it leaves the queue, so that every callback is counted once.
        """
        state, was_in = callback.state, former in IN_QUEUE
        if state in OUT or (state is _S.WAITING and not was_in):
            if not was_in:
                self._come_back(callback, now, out)
            return
        if not was_in:
            self._put_down(callback, now, out)
        self._lift(callback, reason, now, out)
        if state is _S.WAITING:
            self._come_back(callback, now, out)

    def _come_back(self, callback: Callback, now: float, out: list[Output]) -> None:
        callback.place = callback.place.again(self._call_id(), callback.id)
        self._put_down(callback, now, out)

    def _put_down(self, callback: Callback, now: float, out: list[Output]) -> None:
        self._room.enter_again(callback.place, now, out)

    def _lift(self, callback: Callback, reason: str, now: float, out: list[Output]) -> None:
        """Take the place out of the queue, and stop what is done for it."""
        place = callback.place
        agents = self._matching.withdraw_all(place, reason, now, out)
        outcome = OUTCOMES.get(callback.state, "callback_failed")
        if reason.startswith("abandoned"):
            outcome = "abandoned"
        self._room.leave(place, outcome, reason, now, out)
        for agent in agents:
            self._matching.match_agent(agent, now, out)

    def _hold_or_match(self, callback: Callback, now: float, out: list[Output]) -> None:
        queue = self._room.queues.get(callback.queue)
        if queue is None or callback.state is not _S.WAITING:
            return
        if queue.closed:
            self.feed(callback, _I.CLOSED, now, out, "queue_closed")
        else:
            self._matching.match_queue(queue, now, out)

    def _set_deadline(self, callback: Callback) -> None:
        when = callback.deadline() if callback.id in self.open else None
        if when is None:
            self._deadlines.cancel(("callback", callback.id))
        else:
            self._deadlines.set(("callback", callback.id), when)

    def _call_id(self) -> str:
        return "c" + self._entropy(8).hex()


RESERVE_S = 5.0
"""How much longer than the phones ring an agent is held for: the end of ringing comes first."""
