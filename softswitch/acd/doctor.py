"""What must hold on the floor between events, checked by looking at everything; and how a breach is mended.

The engine keeps these by its own care, so a breach is a fault in it. Mending makes the floor right again
without hanging up on anybody.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from softswitch.acd.agent import Agent, AgentInput, AgentState
from softswitch.acd.callback import IN_QUEUE
from softswitch.acd.callbacks import Callbacks
from softswitch.acd.deadlines import Deadlines, Key
from softswitch.acd.matching import Matching
from softswitch.acd.offers import Offer
from softswitch.acd.outputs import Output, WithdrawOffer
from softswitch.acd.queue import most_offers
from softswitch.acd.queued_call import QueuedCall
from softswitch.acd.roster import Roster
from softswitch.acd.waiting import WaitingRoom

FAULT = "internal_error"
OFFERED = (AgentState.RESERVED, AgentState.RINGING)

Act = Callable[[float, list[Any]], None]


@dataclass(frozen=True, slots=True)
class Finding:
    """An invariant that does not hold for `subject` (an agent, call, offer or leg). `mend` says how it is put
    right; with `act` that is safe, and done by calling it."""

    invariant: str
    subject: str
    message: str
    mend: str
    act: Act | None = None


class FloorDoctor:
    """Looks at one engine's agents, queues, offers and deadlines."""

    def __init__(
        self,
        roster: Roster,
        room: WaitingRoom,
        matching: Matching,
        deadlines: Deadlines,
        callbacks: Callbacks,
    ) -> None:
        self._roster = roster
        self._room = room
        self._matching = matching
        self._deadlines = deadlines
        self._callbacks = callbacks

    def examine(self, now: float) -> Iterator[Finding]:
        """In the order in which they are to be mended: what waits in vain is looked at last."""
        yield from self._offers()
        yield from self._agents()
        yield from self._calls()
        yield from self._waiting_times(now)
        yield from self._kept_places()
        yield from self._left_over()
        yield from self._in_vain()

    def _offers(self) -> Iterator[Finding]:
        of_agent: dict[str, list[str]] = {}
        for offer in self._matching.offers.values():
            of_agent.setdefault(offer.agent, []).append(offer.offer)
        for offer in [*self._matching.offers.values()]:
            agent = self._roster.agents.get(offer.agent)
            queued = self._room.calls.get(offer.call)
            if agent is None or agent.offer != offer.offer or agent.state not in OFFERED:
                two = len(of_agent[offer.agent]) > 1
                invariant = "agent_in_two_offers" if two else "offer_without_agent"
                yield self._bad_offer(invariant, offer, f"{offer.agent} knows nothing of offer {offer.offer}")
            elif queued is None or offer.offer not in queued.offers:
                yield self._bad_offer(
                    "offer_without_call", offer, f"call {offer.call} knows nothing of offer {offer.offer}"
                )
            elif ("offer", offer.offer) not in self._deadlines:
                yield self._no_deadline(
                    ("offer", offer.offer), offer.agent, "an offer that never ends", offer.ring_timeout_s
                )
        for queued in self._room.calls.values():
            for id in [id for id in queued.offers if id not in self._matching.offers]:
                yield Finding(
                    "call_in_no_offer",
                    queued.call,
                    f"call {queued.call} is held for offer {id}, which there is not",
                    "the call waits again at its place",
                    partial(self._free_call, queued, id),
                )

    def _bad_offer(self, invariant: str, offer: Offer, message: str) -> Finding:
        mend = "the offer is withdrawn, the call waits at its place, the agent is free"
        return Finding(invariant, offer.offer, message, mend, partial(self._drop_offer, offer))

    def _drop_offer(self, offer: Offer, now: float, out: list[Output]) -> None:
        if self._matching.offers.pop(offer.offer, None) is None:
            return
        self._deadlines.cancel(("offer", offer.offer))
        out.append(WithdrawOffer(offer.offer, offer.agent, FAULT))
        out.append(offer.ended("withdrawn", FAULT, now))
        queued = self._room.calls.get(offer.call)
        if queued is not None:
            self._free_call(queued, offer.offer, now, out)
        agent = self._roster.agents.get(offer.agent)
        if agent is not None and agent.offer == offer.offer:
            self._roster.feed(agent, AgentInput.WITHDRAW, now, out, offer.offer, FAULT)

    def _free_call(self, queued: QueuedCall, offer: str, now: float, out: list[Output]) -> None:
        queued.offers.pop(offer, None)
        queue = self._room.queues.get(queued.queue)
        if queue is None or len(queued.offers) >= most_offers(queued, queue.config):
            return
        if queue.holds(queued):
            queue.put_back(queued)

    def _agents(self) -> Iterator[Finding]:
        for agent in self._roster.agents.values():
            if agent.state in OFFERED and agent.offer not in self._matching.offers:
                yield Finding(
                    "agent_without_offer",
                    agent.name,
                    f"{agent.name} is {agent.state.value} for an offer that there is not",
                    "the agent is free",
                    partial(self._free, agent),
                )
            if agent.state is AgentState.WRAP_UP and ("wrap_up", agent.name) not in self._deadlines:
                yield self._no_deadline(("wrap_up", agent.name), agent.name, "wrap-up that never ends", 0.0)
            if agent.paused_until is not None and ("pause", agent.name) not in self._deadlines:
                yield self._no_deadline(("pause", agent.name), agent.name, "a pause that never ends", 0.0)
            stale = [
                queue.name
                for queue in self._roster.queues_of(agent)
                if queue.rule_of(agent.name) != agent.excluding_rule()
            ]
            if stale:
                yield Finding(
                    "queue_has_old_picture",
                    agent.name,
                    f"queues {', '.join(stale)} do not know what {agent.name} is doing",
                    "the queues are told",
                    partial(self._tell_queues, agent),
                )

    def _free(self, agent: Agent, now: float, out: list[Output]) -> None:
        self._roster.feed(agent, AgentInput.WITHDRAW, now, out, agent.offer or "", FAULT)

    def _calls(self) -> Iterator[Finding]:
        for queued in [*self._room.calls.values()]:
            queue = self._room.queues.get(queued.queue)
            if queue is None:
                yield Finding(
                    "call_in_no_queue",
                    queued.call,
                    f"call {queued.call} waits in queue {queued.queue}, which there is not",
                    "the call leaves the queue",
                    partial(self._room.send_away, queued, "queue_removed"),
                )
            elif not queue.holds(queued):
                yield Finding(
                    "call_in_no_line",
                    queued.call,
                    f"call {queued.call} has no place in queue {queued.queue}",
                    "the calls of the queue are put in order again",
                    partial(self._put_in_order, queued.queue),
                )

    def _waiting_times(self, now: float) -> Iterator[Finding]:
        for queued in self._room.calls.values():
            missing = self._room.missing_deadlines(queued, now)
            if missing:
                yield Finding(
                    "state_without_deadline",
                    queued.call,
                    f"call {queued.call} waits without its time for {', '.join(missing)}",
                    "its times are set again",
                    partial(self._set_times, queued),
                )

    def _kept_places(self) -> Iterator[Finding]:
        """Callbacks whose place is not where their state says, or that nothing would ever happen to."""
        for callback in self._callbacks.open.values():
            queued = self._room.calls.get(callback.call)
            if (queued is callback.place) != (callback.state in IN_QUEUE):
                yield Finding(
                    "callback_out_of_place",
                    callback.id,
                    f"callback {callback.id} is {callback.state.value}, and its place is elsewhere",
                    f"look at it, and cancel it with: softswitch callback cancel {callback.id}",
                )
            elif callback.deadline() is not None and ("callback", callback.id) not in self._deadlines:
                yield self._no_deadline(("callback", callback.id), callback.id, "a callback without end", 0.0)
        for queued in self._room.calls.values():
            if queued.callback and queued.callback not in self._callbacks.open:
                yield Finding(
                    "place_without_callback",
                    queued.call,
                    f"call {queued.call} stands for callback {queued.callback}, which there is not",
                    "the place is given up",
                    partial(self._room.send_away, queued, FAULT),
                )

    def _no_deadline(self, key: Key, subject: str, what: str, seconds: float) -> Finding:
        return Finding(
            "state_without_deadline",
            subject,
            f"{subject} is in {what}",
            "its end is set",
            partial(self._set_deadline, key, seconds),
        )

    def _left_over(self) -> Iterator[Finding]:
        """Deadlines of what is gone, which would come up all the same."""
        known: dict[str, Container[str]] = {
            "offer": self._matching.offers,
            "announce": self._room.calls,
            "max_wait": self._room.calls,
            "timeline": self._room.calls,
            "pause": self._roster.agents,
            "callback": self._callbacks.open,
            "wrap_up": [
                agent.name for agent in self._roster.agents.values() if agent.state is AgentState.WRAP_UP
            ],
        }
        for kind, id in self._deadlines.all():
            if kind in known and id not in known[kind]:
                yield Finding(
                    "deadline_of_nothing",
                    id,
                    f"there is a time set for the {kind} of {id}, which is over",
                    "it is cancelled",
                    partial(self._cancel, (kind, id)),
                )

    def _cancel(self, key: Key, now: float, out: list[Output]) -> None:
        self._deadlines.cancel(key)

    def _tell_queues(self, agent: Agent, now: float, out: list[Output]) -> None:
        self._roster.refresh(agent)

    def _put_in_order(self, queue: str, now: float, out: list[Output]) -> None:
        self._room.rebuild(queue, now)

    def _set_times(self, queued: QueuedCall, now: float, out: list[Output]) -> None:
        self._room.set_deadlines(queued, now)

    def _set_deadline(self, key: Key, seconds: float, now: float, out: list[Output]) -> None:
        self._deadlines.set(key, now + seconds)

    def _in_vain(self) -> Iterator[Finding]:
        if ("restored", "") in self._deadlines:
            return  # what a former process left is offered next
        for queue in self._room.queues.values():
            if queue.next_match() is not None:
                yield Finding(
                    "waits_in_vain",
                    queue.name,
                    f"a call waits in {queue.name} while an agent who may take it is ready",
                    "it is offered",
                    partial(self._matching.match_queue, queue),
                )
