"""One simulated day: callers and agents around the ACD engine, from event to event without waiting."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from random import Random
from typing import Any

from softswitch.acd.engine import Acd
from softswitch.acd.events import (
    AgentAnswered,
    AgentCallEnded,
    AgentConfigured,
    AgentRinging,
    AgentSignedIn,
    AgentStatusSet,
    CallbackKept,
    CallbackMissed,
    CallLeft,
    CallQueued,
    Event,
    PhoneReachable,
    QueueConfigured,
)
from softswitch.acd.outputs import AcdFact, OfferCall, OfferCallback, Output, QueueTimedOut, WithdrawOffer
from softswitch.config import Agent, Centre
from softswitch.simulation.load import Load, QueueLoad
from softswitch.simulation.result import Tally

HOUR_S = 3600.0
BACK_AFTER_S = 60.0
"""When an agent who was taken to have left says that they are there."""


class Day:
    """All agents are signed in from the beginning. The same centre, load and seed give the same day."""

    def __init__(self, centre: Centre, load: Load, seed: int) -> None:
        self.now = 0.0
        self.tally = Tally(load.warm_up_h * HOUR_S, centre)
        # A stream of numbers for each kind of chance: a changed centre meets the same callers.
        self._arrivals, self._patience, self._handling, self._answers, self._returns = (
            Random(f"{seed}/{name}") for name in ("arrivals", "patience", "handling", "answers", "returns")
        )
        self._load = load
        self._agents = centre.agents
        self._acd = Acd(Random(f"{seed}/engine").randbytes)
        self._plans: list[tuple[float, int, Callable[[Any], None], Any]] = []
        self._planned = 0
        self._calls = 0
        self._ringing: dict[str, OfferCall] = {}
        self._waiting: dict[str, QueueLoad] = {}
        self._kept: dict[str, QueueLoad] = {}
        self._open(centre)

    def run(self) -> Tally:
        """Play the day until the last call is over."""
        for queue in self._load.queues:
            self._next_call(queue)
        while True:
            deadline = self._acd.next_timeout()
            if self._plans and (deadline is None or self._plans[0][0] <= deadline):
                self.now, _, act, about = heappop(self._plans)
                act(about)
            elif deadline is not None and (self._plans or self._waiting or self._acd.callbacks.open):
                self.now = max(self.now, deadline)
                self._take(self._acd.handle_timeout(self.now))
                self._acd.take_changes()
            else:
                break
        self.tally.close(self._load.hours * HOUR_S)
        return self.tally

    # People

    def _open(self, centre: Centre) -> None:
        for queue in centre.queues.values():
            self._tell(QueueConfigured(queue))
        for agent in centre.agents.values():
            self._tell(AgentConfigured(agent))
            self._tell(PhoneReachable(agent.name))
            self._tell(AgentSignedIn(agent.name))

    def _next_call(self, queue: str) -> None:
        """Plan the next caller by the highest rate; of those who come at a lower one some stay away."""
        load = self._load.queues[queue]
        highest = max(load.calls_per_h) / HOUR_S
        when = self.now
        while highest:
            when += self._arrivals.expovariate(highest)
            if when >= self._load.hours * HOUR_S:
                return
            part = int(when / (self._load.hours * HOUR_S) * len(load.calls_per_h))
            if self._arrivals.random() * max(load.calls_per_h) <= load.calls_per_h[part]:
                self._plan(when, self._call, queue)
                return

    def _call(self, queue: str) -> None:
        self._next_call(queue)
        load = self._load.queues[queue]
        self._calls += 1
        call = f"c{self._calls}"
        self._waiting[call] = load
        self.tally.arrived(queue, self.now)
        patience_s = self._patience.expovariate(1 / load.patience_s) if load.patience_s else None
        self._tell(CallQueued(call, queue, load.priority, require=load.require))
        if patience_s is not None and call in self._waiting:
            self._plan(self.now + patience_s, self._hang_up, call)

    def _hang_up(self, call: str) -> None:
        if self._waiting.pop(call, None) is not None:
            self._tell(CallLeft(call))

    def _ring(self, offer: OfferCall) -> None:
        self._ringing[offer.offer] = offer
        self._plan(self.now, self._rings, offer)

    def _rings(self, offer: OfferCall) -> None:
        if offer.offer not in self._ringing:
            return
        if self._load.missed or self._load.answer_s:
            self._tell(AgentRinging(offer.offer))
        if self._answers.random() >= self._load.missed:
            delay_s = self._answers.expovariate(1 / self._load.answer_s) if self._load.answer_s else 0.0
            self._plan(self.now + delay_s, self._answer, offer)

    def _answer(self, offer: OfferCall) -> None:
        if self._ringing.pop(offer.offer, None) is None:
            return
        load = self._waiting.pop(offer.call)
        if self._acd.callbacks.of_call(offer.call) and self._returns.random() < load.callback_missed:
            self._tell(CallbackMissed(offer.call, "user_no_answer"))
            return
        talk_s = self._handling.expovariate(1 / handle_s(load, self._agents[offer.agent]))
        self.tally.talks(offer.agent, self.now, talk_s)
        self._plan(self.now + talk_s, self._end, offer)
        self._tell(AgentAnswered(offer.offer))

    def _end(self, offer: OfferCall) -> None:
        self._tell(AgentCallEnded(offer.agent, offer.call))

    def _come_back(self, agent: str) -> None:
        self._tell(AgentStatusSet(agent, "available"))

    def _offered_callback(self, offered: OfferCallback) -> None:
        load = self._waiting.get(offered.call)
        if load is not None and self._returns.random() < load.callback:
            self._plan(self.now, self._keep, offered)

    def _keep(self, offered: OfferCallback) -> None:
        """The caller takes the offer, if they still wait, and hangs up."""
        load = self._waiting.pop(offered.call, None)
        if load is not None:
            self._kept[f"b{len(self._kept)}"] = load
            self._tell(CallbackKept([*self._kept][-1], offered.call, offered.queue, "+1"))

    # The engine

    def _plan(self, when: float, act: Callable[[Any], None], about: Any) -> None:
        self._planned += 1
        heappush(self._plans, (when, self._planned, act, about))

    def _tell(self, event: Event) -> None:
        self._take(self._acd.handle(event, self.now))
        self._acd.take_changes()

    def _take(self, outputs: list[Output]) -> None:
        for output in outputs:
            kind = type(output)
            if kind is AcdFact:
                self._note(output)  # type: ignore[arg-type]
            elif kind is OfferCall:
                self._ring(output)  # type: ignore[arg-type]
            elif kind is WithdrawOffer:
                self._ringing.pop(output.offer, None)  # type: ignore[union-attr]
            elif kind is OfferCallback:
                self._offered_callback(output)  # type: ignore[arg-type]
            elif kind is QueueTimedOut:
                self._waiting.pop(output.call, None)  # type: ignore[union-attr]

    def _note(self, fact: AcdFact) -> None:
        if fact.type == "call_queued" and "callback" in fact.data:
            self._waiting[fact.data["call"]] = self._kept[fact.data["callback"]]
        elif fact.type == "queue_left":
            data = fact.data
            self._waiting.pop(data["call"], None)
            self.tally.left(data["queue"], data["outcome"], self.now - data["waited_s"], data["waited_s"])
        elif fact.type == "agent_status_changed" and fact.data["reason"] == "agent_no_answer":
            self._plan(self.now + BACK_AFTER_S, self._come_back, fact.data["agent"])


def handle_s(load: QueueLoad, agent: Agent) -> float:
    """Mean length of a conversation of this agent with a caller of this load."""
    return min(
        (mean for skill, mean in load.handle_by_skill.items() if skill in agent.skills),
        default=load.handle_s,
    )
