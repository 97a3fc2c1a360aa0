"""The ACD engine: what each event means for agents, calls and offers.

Two things hold between events: no call waits while an agent who may take it is ready, and an agent is in at
most one offer. So a new call looks only at its own queue, and a freed agent only at the heads of the lines
that they stand in.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from softswitch.acd import events
from softswitch.acd.agent import Agent, AgentInput, AgentState, Disposition
from softswitch.acd.callbacks import Callbacks
from softswitch.acd.deadlines import Deadlines
from softswitch.acd.doctor import Finding, FloorDoctor
from softswitch.acd.matching import PAUSE_S, Matching
from softswitch.acd.offers import Offer
from softswitch.acd.outputs import AcdFact, AgentSeated, Output
from softswitch.acd.queue import CallQueue
from softswitch.acd.queued_call import QueuedCall
from softswitch.acd.roster import Roster, by_whom
from softswitch.acd.snapshot import restore, snapshot, take_changes, whole_state
from softswitch.acd.waiting import WaitingRoom
from softswitch.reasons import reason as reason_of

Handler = Callable[[Any, float, list[Output]], None]

LONGEST_AWAITED_S = 600.0
"""Of a wrap-up that waits for a disposition."""


class Acd:
    """Engine of all queues and agents; `entropy(n)` gives n random bytes for offer ids.

    Configure queues and agents first, then `restore`, then feed events. `now` is monotonic seconds.
    """

    def __init__(self, entropy: Callable[[int], bytes]) -> None:
        self._now = 0.0
        self._deadlines = Deadlines()
        self._room = WaitingRoom(self._deadlines)
        self._roster = Roster(self._room.queues, self._deadlines)
        self._matching = Matching(entropy, self._roster, self._room, self._deadlines)
        self.callbacks = Callbacks(entropy, self._room, self._matching, self._deadlines)
        self._handlers: dict[type, Handler] = {
            events.QueueConfigured: self._queue_configured,
            events.QueueRemoved: self._queue_removed,
            events.QueueClosed: self._queue_closed,
            events.QueueOpened: self._queue_opened,
            events.AgentConfigured: self._agent_configured,
            events.CallQueued: self._call_queued,
            events.CallPrioritised: self._call_prioritised,
            events.CallLeft: self._call_left,
            events.AgentRinging: lambda event, now, out: self._matching.ringing(event.offer, now, out),
            events.AgentPickedUp: lambda event, now, out: self._matching.picked_up(
                event.offer, event.seconds, now, out),
            events.AgentAnswered: lambda event, now, out: self._matching.answered(event.offer, now, out),
            events.OfferFailed: lambda event, now, out: self._matching.failed(
                event.offer, event.outcome, event.reason, now, out),
            events.AgentRemoved: self._agent_removed,
            events.AgentSignedIn: self._of_agent(self._agent_signed_in),
            events.AgentSignedOut: self._of_agent(self._agent_signed_out),
            events.AgentStatusSet: self._of_agent(self._agent_status_set),
            events.PhoneReachable: self._of_agent(self._phone_reachable),
            events.PhoneUnreachable: self._of_agent(self._phone_unreachable),
            events.PhoneQuieted: self._of_agent(self._phone_quieted),
            events.AgentBusy: self._of_agent(self._agent_busy),
            events.AgentFree: self._of_agent(self._agent_free),
            events.AgentCallEnded: self._of_agent(self._agent_call_ended),
            events.AgentCallMoved: self._of_agent(self._agent_call_moved),
            events.WrapUpEnded: self._of_agent(self._wrap_up_ended),
            events.WrapUpExtended: self._of_agent(self._wrap_up_extended),
            events.DispositionGiven: self._of_agent(self._disposition_given),
            **self.callbacks.handlers(),
        }
        self._timeouts: dict[str, Callable[[str, float, list[Output]], None]] = {
            "offer": self._matching.ring_timeout,
            "wrap_up": self._wrap_up_due,
            "pause": self._pause_over,
            "announce": self._room.announce,
            "max_wait": self._room.max_wait_over,
            "timeline": self._moment,
            "callback": self.callbacks.due,
            "restored": self._restored,
        }

    # The engine contract

    def handle(self, event: events.Event, now: float) -> list[Output]:
        """Take in one event. News about unknown agents, calls or offers is late news and changes nothing."""
        out: list[Output] = []
        self._now = now
        self._handlers[type(event)](event, now, out)
        return out

    def next_timeout(self) -> float | None:
        return self._deadlines.next()

    def handle_timeout(self, now: float) -> list[Output]:
        out: list[Output] = []
        self._now = now
        for kind, subject in self._deadlines.due(now):
            self._timeouts[kind](subject, now, out)
        return out

    # State and views

    def state(self) -> dict[str, Any]:
        """Everything a later process needs: 'acd/agent/NAME', 'acd/call/ID', 'acd/callback/ID' -> JSON
        value."""
        return whole_state(self._roster, self._room, self.callbacks)

    def take_changes(self) -> dict[str, Any]:
        """Those keys of `state()` whose value changed since the last call; None: the key is gone."""
        return take_changes(self._roster, self._room, self.callbacks)

    def restore(self, state: dict[str, Any], now: float) -> None:
        """Take over a former process's state; other keys in `state` are ignored. Calls that were being
        offered wait again at their place. The first `handle_timeout` offers what can be offered."""
        self._now = now
        for agent in restore(state, self._roster, self._room, self.callbacks, now):
            self._roster.restore(agent, self._wrap_up_s(agent), max(PAUSE_S.values()), now)
        self._matching.restored(self._roster.agents.values())
        # Before any deadline that came up meanwhile: those act as if no call waited while an agent is ready.
        self._deadlines.set(("restored", ""), 0.0)

    def snapshot(self, now: float | None = None) -> dict[str, Any]:
        """Queues and agents for a status display; `now` is the time of the latest event if not given."""
        return snapshot(self._roster, self._room, self._now if now is None else now)

    def examine(self, now: float) -> list[Finding]:
        """Invariants that do not hold; none on a sound floor. Look again after mending."""
        doctor = FloorDoctor(self._roster, self._room, self._matching, self._deadlines, self.callbacks)
        return [*doctor.examine(now)]

    def queued(self) -> list[str]:
        """Ids of all calls that wait."""
        return [*self._room.calls]

    def agent(self, name: str) -> Agent | None:
        return self._roster.agents.get(name)

    def agents(self) -> list[Agent]:
        """All agents, to be looked at."""
        return [*self._roster.agents.values()]

    def offer_of(self, call: str) -> str | None:
        """Id of the first offer in which the queued call is now."""
        queued = self._room.calls.get(call)
        return next(iter(queued.offers), None) if queued else None

    def place_of(self, call: str) -> int | None:
        """The call's place in its queue, from 1; None if it does not wait."""
        queued = self._room.calls.get(call)
        return self._room.queues[queued.queue].place(queued) if queued else None

    def waiting_in(self, queue: str) -> list[QueuedCall]:
        """All who wait in a queue, callbacks included, in the order of service; to be looked at."""
        found = self._room.queues.get(queue)
        return [self._room.calls[call] for call in found.calls()] if found else []

    def queue_of(self, call: str) -> str | None:
        """Name of the queue in which the call waits."""
        queued = self._room.calls.get(call)
        return queued.queue if queued else None

    def priority_of(self, call: str) -> int | None:
        """Of a call that waits."""
        queued = self._room.calls.get(call)
        return queued.priority if queued else None

    def closed_by(self, queue: str) -> list[str]:
        """What closes the queue now, of command and hours; [] while it is open."""
        found = self._room.queues.get(queue)
        return [*found.closed_by] if found else []

    # Configuration

    def _queue_configured(self, event: events.QueueConfigured, now: float, out: list[Output]) -> None:
        queue = self._room.configure(event.queue, now, out)
        self._roster.enlist(queue)
        self._matching.match_queue(queue, now, out)

    def _queue_removed(self, event: events.QueueRemoved, now: float, out: list[Output]) -> None:
        queue = self._room.queues.get(event.name)
        if queue is None:
            return
        # Waiting calls first: an agent freed from an offer must not be offered one of them.
        self.callbacks.removed(event.name, now, out)
        for queued in sorted((self._room.calls[call] for call in queue.calls()),
                             key=lambda queued: bool(queued.offers)):
            self._send_away(queued, now, out)
        del self._room.queues[event.name]
        self._room.forget(event.name)
        if queue.closed:
            self._room.closures[event.name] = None
        out.append(AcdFact("queue_removed", {"queue": event.name}))

    def _queue_closed(self, event: events.QueueClosed, now: float, out: list[Output]) -> None:
        queue = self._room.queues.get(event.queue)
        if queue is None or event.cause in queue.closed_by:
            return
        queue.closed_by[event.cause] = event.reason
        self._room.closures[event.queue] = None
        closed = {"queue": event.queue, "reason": event.reason, **by_whom(event.by)}
        out.append(AcdFact("queue_closed", closed))
        self.callbacks.closed(event.queue, now, out)
        self._leave_if_they_must(queue, now, out)

    def _queue_opened(self, event: events.QueueOpened, now: float, out: list[Output]) -> None:
        queue = self._room.queues.get(event.queue)
        if queue is None or event.cause not in queue.closed_by:
            return
        del queue.closed_by[event.cause]
        self._room.closures[event.queue] = None
        still = {"closed_by": [*queue.closed_by]} if queue.closed else {}
        out.append(AcdFact("queue_opened", {"queue": event.queue, **by_whom(event.by), **still}))
        if not queue.closed:
            self.callbacks.opened(event.queue, now, out)

    def _send_away(self, queued: QueuedCall, now: float, out: list[Output]) -> None:
        agents = self._matching.withdraw_all(queued, "queue_removed", now, out)
        self._room.send_away(queued, "queue_removed", now, out)
        for agent in agents:
            self._matching.match_agent(agent, now, out)

    def _agent_configured(self, event: events.AgentConfigured, now: float, out: list[Output]) -> None:
        self._matching.match_agent(self._roster.configure(event.agent, now, out), now, out)

    def _agent_removed(self, event: events.AgentRemoved, now: float, out: list[Output]) -> None:
        agent = self._roster.agents.get(event.name)
        if agent is not None:
            self._sign_out(agent, "signed_out", now, out)
            self._roster.remove(agent, out)

    # Agents

    def _of_agent(self, handler: Callable[[Agent, Any, float, list[Output]], None]) -> Handler:
        def found(event: Any, now: float, out: list[Output]) -> None:
            agent = self._roster.agents.get(event.agent)
            if agent is not None:
                handler(agent, event, now, out)
        return found

    def _agent_signed_in(self, agent: Agent, event: events.AgentSignedIn, now: float,
                         out: list[Output]) -> None:
        if agent.signed_in and agent.seat == event.seat:
            return
        self._sign_out(agent, "signed_in_elsewhere", now, out, event.by)
        agent.seat = event.seat
        number = {"number": agent.number} if agent.number else {}
        signed_in = {"agent": agent.name, "user": agent.user, **number, **by_whom(event.by)}
        out.append(AcdFact("agent_signed_in", signed_in))
        if event.seat:
            self._seated(agent, out)
        self._roster.feed(agent, AgentInput.SIGN_IN, now, out)
        self._set_status(agent, "available", "", now, out)

    def _seated(self, agent: Agent, out: list[Output]) -> None:
        """Nothing is known of the phone there before the answer."""
        self._roster.reach(agent, False, False, out)
        out.append(AgentSeated(agent.name))

    def _agent_signed_out(self, agent: Agent, event: events.AgentSignedOut, now: float,
                          out: list[Output]) -> None:
        self._sign_out(agent, event.reason, now, out, event.by)

    def _sign_out(self, agent: Agent, reason: str, now: float, out: list[Output], by: str = "") -> None:
        if not agent.signed_in:
            return
        offer = self._take_back_offer(agent, "withdrawn", "signed_out", now, out)
        if agent.state is AgentState.WRAP_UP:
            self._roster.end_wrap_up(agent, out)
        self._roster.feed(agent, AgentInput.SIGN_OUT, now, out, reason=reason)
        self._roster.declare(agent, "not_available", reason, now, out)
        out.append(AcdFact("agent_signed_out",
                           {"agent": agent.name, "user": agent.user, "reason": reason, **by_whom(by)}))
        if agent.seat:
            agent.seat = ""
            self._seated(agent, out)
        if offer is not None:
            self._matching.put_back(offer, now, out)
        for queue in self._roster.queues_of(agent):
            if queue.empty:
                self._leave_if_they_must(queue, now, out)

    def _leave_if_they_must(self, queue: CallQueue, now: float, out: list[Output]) -> None:
        """Callers of a queue that has closed or has no agents any more, but those for whom a phone rings."""
        for queued in [self._room.calls[call] for call in queue.calls()]:
            reason = "" if queued.offers else self._room.must_leave(queued)
            if reason:
                self._room.send_away(queued, reason, now, out)

    def _agent_status_set(self, agent: Agent, event: events.AgentStatusSet, now: float,
                          out: list[Output]) -> None:
        if agent.signed_in:
            self._roster.declare(agent, event.status, event.reason, now, out, by=event.by)
            self._matching.match_agent(agent, now, out)

    def _set_status(self, agent: Agent, status: str, reason: str, now: float, out: list[Output]) -> None:
        self._roster.declare(agent, status, reason, now, out)
        self._matching.match_agent(agent, now, out)

    def _pause_over(self, name: str, now: float, out: list[Output]) -> None:
        self._set_status(self._roster.agents[name], "available", "", now, out)

    def _phone_reachable(self, agent: Agent, event: events.PhoneReachable, now: float,
                         out: list[Output]) -> None:
        self._roster.reach(agent, True, agent.quiet, out)
        if agent.signed_in and agent.reason == "agent_unreachable":
            self._roster.declare(agent, "available", "", now, out)
        self._matching.match_agent(agent, now, out)

    def _phone_unreachable(self, agent: Agent, event: events.PhoneUnreachable, now: float,
                           out: list[Output]) -> None:
        self._roster.reach(agent, False, agent.quiet, out)
        offer = self._take_back_offer(agent, "unreachable", "agent_unreachable", now, out)
        if offer is not None:
            self._roster.feed(agent, AgentInput.WITHDRAW, now, out, offer.offer, "agent_unreachable")
            self._matching.put_back(offer, now, out)

    def _phone_quieted(self, agent: Agent, event: events.PhoneQuieted, now: float, out: list[Output]) -> None:
        self._roster.reach(agent, agent.reachable, event.quiet, out)
        self._matching.match_agent(agent, now, out)

    def _agent_busy(self, agent: Agent, event: events.AgentBusy, now: float, out: list[Output]) -> None:
        self._roster.feed(agent, AgentInput.OTHER_CALL, now, out, event.call)

    def _agent_free(self, agent: Agent, event: events.AgentFree, now: float, out: list[Output]) -> None:
        self._roster.feed(agent, AgentInput.OTHER_CALL_OVER, now, out, event.call)
        self._matching.match_agent(agent, now, out)

    def _agent_call_ended(self, agent: Agent, event: events.AgentCallEnded, now: float,
                          out: list[Output]) -> None:
        if agent.state is not AgentState.TALKING or agent.call != event.call:
            return
        wrap_up_s = self._wrap_up_s(agent) if agent.signed_in else 0.0
        if wrap_up_s > 0:
            self._roster.feed(agent, AgentInput.END, now, out)
            self._roster.start_wrap_up(agent, now + wrap_up_s, now, out)
        else:
            self._roster.feed(agent, AgentInput.END_WITHOUT_WRAP_UP, now, out)
            self._matching.match_agent(agent, now, out)

    def _agent_call_moved(self, agent: Agent, event: events.AgentCallMoved, now: float,
                          out: list[Output]) -> None:
        if agent.call == event.call:
            agent.call = event.to_call
            self._roster.refresh(agent)

    def _wrap_up_s(self, agent: Agent) -> float:
        if agent.config.wrap_up_s is not None:
            return float(agent.config.wrap_up_s)
        queue = self._room.queues.get(agent.queue or "")
        return float(queue.config.wrap_up_s) if queue is not None else 0.0

    def _wrap_up_ended(self, agent: Agent, event: events.WrapUpEnded, now: float,
                       out: list[Output]) -> None:
        if agent.state is AgentState.WRAP_UP:
            self._wrap_up_over(agent.name, now, out, event.by)

    def _wrap_up_extended(self, agent: Agent, event: events.WrapUpExtended, now: float,
                          out: list[Output]) -> None:
        if agent.state is AgentState.WRAP_UP:
            self._roster.extend_wrap_up(agent, event.seconds, now, out, event.by)

    def _disposition_given(self, agent: Agent, event: events.DispositionGiven, now: float,
                           out: list[Output]) -> None:
        if agent.call != event.call:
            return
        overtime = agent.disposition is Disposition.AWAITED
        agent.disposition = Disposition.GIVEN
        self._roster.changed[agent.name] = None
        if overtime and agent.state is AgentState.WRAP_UP:
            self._wrap_up_over(agent.name, now, out)

    def _wrap_up_due(self, name: str, now: float, out: list[Output]) -> None:
        """The time is over, unless the queue wants to know first what came of the call."""
        agent = self._roster.agents[name]
        queue = self._room.queues.get(agent.queue or "")
        required = queue is not None and queue.config.disposition_required
        rest = agent.since + LONGEST_AWAITED_S - now
        if not required or agent.disposition is Disposition.GIVEN or rest <= 0:
            self._wrap_up_over(name, now, out)
            return
        agent.disposition = Disposition.AWAITED
        self._roster.extend_wrap_up(agent, rest, now, out, "disposition_required")

    def _wrap_up_over(self, name: str, now: float, out: list[Output], by: str = "") -> None:
        agent = self._roster.agents[name]
        self._roster.end_wrap_up(agent, out, by)
        self._roster.feed(agent, AgentInput.WRAP_UP_OVER, now, out)
        self._matching.match_agent(agent, now, out)

    def _take_back_offer(self, agent: Agent, outcome: str, reason: str, now: float,
                         out: list[Output]) -> Offer | None:
        offer = self._matching.offers.get(agent.offer or "")
        if offer is not None:
            self._matching.withdraw(offer, outcome, reason, now, out)
        return offer

    # Calls

    def _call_queued(self, event: events.CallQueued, now: float, out: list[Output]) -> None:
        known = self._room.calls.get(event.call)
        if known is not None and known.queue == event.queue:
            return
        if known is not None:
            self._leave(known, "withdrawn", "transferred", now, out)
        queue = self._room.enter(event, now, out)
        if queue is not None:
            self._matching.match_queue(queue, now, out)
            self._room.has_to_wait(event.call, now, out)

    def _call_left(self, event: events.CallLeft, now: float, out: list[Output]) -> None:
        queued = self._room.calls.get(event.call)
        if queued is not None:
            abandoned = reason_of(event.reason).outcome == "abandoned"
            if queued.callback:
                self.callbacks.caller_left(queued, event.reason, now, out)
                return
            self._leave(queued, "abandoned" if abandoned else "withdrawn", event.reason, now, out)

    def _leave(self, queued: QueuedCall, outcome: str, reason: str, now: float, out: list[Output]) -> None:
        """Take a call out of its queue; an agent whose phone rang for it gets the next one, if any."""
        agents = self._matching.withdraw_all(queued, reason, now, out)
        self._room.leave(queued, outcome, reason, now, out)
        for agent in agents:
            self._matching.match_agent(agent, now, out)

    def _call_prioritised(self, event: events.CallPrioritised, now: float, out: list[Output]) -> None:
        queued = self._room.calls.get(event.call)
        if queued is not None and queued.priority != event.priority:
            self._room.prioritise(queued, event.priority, now)
            out.append(AcdFact("call_prioritised", {
                "call": queued.call, "queue": queued.queue, "priority": queued.priority,
            }))

    def _moment(self, call: str, now: float, out: list[Output]) -> None:
        """The time of a step of the timeline, or of a change in what the call asks for, has come."""
        queued = self._room.calls[call]
        if self._room.moment(queued, now, out):
            self._matching.match_queue(self._room.queues[queued.queue], now, out)

    def _restored(self, _: str, now: float, out: list[Output]) -> None:
        """First act after a restore: calls that cannot wait leave, then the first in rank are offered."""
        waiting = sorted((call for call in self._room.calls.values() if not call.offers),
                         key=lambda queued: queued.rank)
        for queued in waiting:
            queue = self._room.queues.get(queued.queue)
            if queue is None and queued.callback:
                self.callbacks.removed(queued.queue, now, out)
            elif queue is None:
                self._room.send_away(queued, "queue_removed", now, out)
            elif reason := self._room.must_leave(queued):
                self._room.send_away(queued, reason, now, out)
            elif not queued.offers:
                self._matching.match_queue(queue, now, out)
