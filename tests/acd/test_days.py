"""Whole days on the simulated clock: the same again, the same after a restart, fair, and cheap to decide."""

from __future__ import annotations

import json
import random
import sys
from collections import Counter as Tally
from typing import Any

import pytest

from softswitch.acd.engine import Acd
from softswitch.acd.events import (
    AgentAnswered,
    AgentCallEnded,
    AgentConfigured,
    AgentRinging,
    AgentSignedIn,
    AgentStatusSet,
    CallLeft,
    CallQueued,
    OfferFailed,
    PhoneReachable,
    QueueConfigured,
)
from softswitch.acd.outputs import AcdFact, OfferCall, Output, QueueTimedOut, WithdrawOffer
from softswitch.config import Agent, Queue
from tests.acd.floor import Counter

QUEUES = [Queue(name="sales", max_wait_s=120), Queue(name="support", wrap_up_s=5, ring_timeout_s=8)]


class Day:
    """Seeded callers and agents around one engine; `script` is everything the engine said, with the time."""

    def __init__(self, seed: int, agents: int = 6, quarrelsome: float = 0.2) -> None:
        self.random = random.Random(seed)
        self.quarrelsome = quarrelsome
        self.settings = [
            Agent(name=f"a{number}", user=f"u{number}",
                  queues=("sales", "support") if number % 3 else ("sales",))
            for number in range(agents)
        ]
        self.entropy = Counter()
        self.now = 50.0
        self.acd = self.engine()
        self.script: list[tuple[float, Output]] = []
        self.plans: list[tuple[float, int, Any]] = []
        self.offers: dict[str, OfferCall] = {}
        self.waiting: set[str] = set()
        for agent in self.settings:
            self.tell(PhoneReachable(agent.name))
            self.tell(AgentSignedIn(agent.name))

    def engine(self) -> Acd:
        acd = Acd(self.entropy)
        for queue in QUEUES:
            acd.handle(QueueConfigured(queue), self.now)
        for agent in self.settings:
            acd.handle(AgentConfigured(agent), self.now)
        return acd

    def tell(self, event: Any) -> None:
        self.take(self.acd.handle(event, self.now))

    def plan(self, seconds: float, action: Any) -> None:
        self.plans.append((self.now + seconds, len(self.plans), action))

    def take(self, out: list[Output]) -> None:
        for each in out:
            if not (isinstance(each, AcdFact) and each.type.startswith("wait_estimate")):
                # What a process has learned of waits since it last kept it is learned again.
                self.script.append((self.now, each))
            if isinstance(each, OfferCall):
                self.offers[each.offer] = each
                self.ring(each)
            elif isinstance(each, WithdrawOffer):
                del self.offers[each.offer]
            elif isinstance(each, QueueTimedOut):
                self.waiting.discard(each.call)
            elif isinstance(each, AcdFact) and each.type == "agent_status_changed" and each.data["reason"]:
                self.plan(30, AgentStatusSet(each.data["agent"], "available"))

    def ring(self, offer: OfferCall) -> None:
        self.plan(0.2, AgentRinging(offer.offer))
        dice = self.random.random()
        if dice > self.quarrelsome:
            self.plan(self.random.uniform(0.5, 6), AgentAnswered(offer.offer))
        elif dice > self.quarrelsome / 2:
            self.plan(1, OfferFailed(offer.offer, self.random.choice(["rejected", "busy", "unreachable"])))

    def happen(self, action: Any) -> None:
        if isinstance(action, (AgentRinging, AgentAnswered, OfferFailed)) and action.offer not in self.offers:
            return
        if isinstance(action, AgentAnswered):
            offer = self.offers.pop(action.offer)
            self.waiting.discard(offer.call)
            self.plan(self.random.expovariate(1 / 60), AgentCallEnded(offer.agent, offer.call))
        elif isinstance(action, OfferFailed):
            self.offers.pop(action.offer)
        elif isinstance(action, CallQueued):
            self.waiting.add(action.call)
            self.plan(self.random.expovariate(1 / 90), CallLeft(action.call))
        elif isinstance(action, CallLeft):
            if action.call not in self.waiting:
                return
            self.waiting.discard(action.call)
        self.tell(action)

    def run(self, calls: int, restart_at: int | None = None) -> list[tuple[float, Output]]:
        for number in range(calls):
            self.plan(number * 12 * self.random.random() + number * 6, CallQueued(
                f"c{number}", self.random.choice(["sales", "support"]), self.random.choice([0, 0, 0, 3])))
        steps = 0
        while self.plans or self.waiting:
            steps += 1
            if restart_at is not None and steps >= restart_at and not self.offers:
                restart_at = None
                self.restart()
            self.step()
        assert restart_at is None, "the day was over before the restart"
        return self.script

    def step(self) -> None:
        planned = min(self.plans, default=None, key=lambda plan: plan[:2])
        deadline = self.acd.next_timeout()
        if planned is None or (deadline is not None and deadline <= planned[0]):
            assert deadline is not None, "somebody waits for ever"
            self.now = max(self.now, deadline)
            self.take(self.acd.handle_timeout(self.now))
        else:
            self.plans.remove(planned)
            self.now = planned[0]
            self.happen(planned[2])

    def restart(self) -> None:
        state = json.loads(json.dumps(self.acd.state()))
        self.acd = self.engine()
        self.acd.restore(state, self.now)
        assert self.acd.handle_timeout(self.now) == [], "there was nothing to do"
        assert self.acd.state() == state


@pytest.mark.parametrize("seed", range(4))
def test_the_same_events_give_the_same_outputs(seed: int) -> None:
    assert Day(seed).run(80) == Day(seed).run(80)


@pytest.mark.parametrize("seed", range(6))
def test_a_restored_engine_goes_on_as_the_former_would_have(seed: int) -> None:
    straight = Day(seed).run(80)
    assert Day(seed).run(80, restart_at=100 + 40 * seed) == straight


@pytest.mark.parametrize("seed", range(3))
def test_every_call_leaves_its_queue_exactly_once(seed: int) -> None:
    script = Day(seed).run(100)
    left = Tally(each.data["call"] for _, each in script
                 if isinstance(each, AcdFact) and each.type == "queue_left")
    assert left == Tally(f"c{number}" for number in range(100))
    made = [each.data["offer"] for _, each in script
            if isinstance(each, AcdFact) and each.type == "offer_made"]
    ended = [each.data["offer"] for _, each in script
             if isinstance(each, AcdFact) and each.type == "offer_ended"]
    assert sorted(made) == sorted(ended) and len(set(made)) == len(made)


def test_longest_idle_shares_the_work() -> None:
    day = Day(7, agents=6, quarrelsome=0.0)
    day.settings = [agent.model_copy(update={"queues": ("sales", "support")}) for agent in day.settings]
    for agent in day.settings:
        day.tell(AgentConfigured(agent))
    served = Tally(each.data["agent"] for _, each in day.run(300)
                   if isinstance(each, AcdFact) and each.type == "offer_ended"
                   and each.data["outcome"] == "accepted")
    assert len(served) == 6
    assert max(served.values()) - min(served.values()) <= 0.25 * max(served.values())


def opcodes(act: Any) -> int:
    """Python instructions executed by `act()`: a measure of work that is the same on every machine."""
    executed = 0

    def trace(frame: Any, event: str, _: Any) -> Any:
        nonlocal executed
        frame.f_trace_opcodes = True
        executed += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        act()
    finally:
        sys.settrace(before)
    return executed


def cost_of_a_decision(agents: int, waiting: int) -> int:
    """Work of a whole round: a call is queued, offered, refused, answered by the next, and ends."""
    acd = Acd(Counter())
    for number in range(10):
        acd.handle(QueueConfigured(Queue(name=f"q{number}", wrap_up_s=0)), 0.0)
    for number in range(agents):
        queues = tuple(f"q{(number + step) % 9}" for step in range(5))
        acd.handle(AgentConfigured(Agent(name=f"a{number}", user=f"u{number}", queues=queues)), 0.0)
        acd.handle(PhoneReachable(f"a{number}"), 0.0)
        acd.handle(AgentSignedIn(f"a{number}"), float(number))
    for number in range(waiting):
        acd.handle(CallQueued(f"w{number}", "q9"), 20_000.0)

    def one_round() -> None:
        (first,) = (out for out in acd.handle(CallQueued("c", "q1"), 20_001.0) if isinstance(out, OfferCall))
        failed = acd.handle(OfferFailed(first.offer, "rejected"), 20_002.0)
        (second,) = (out for out in failed if isinstance(out, OfferCall))
        acd.handle(AgentAnswered(second.offer), 20_003.0)
        acd.handle(AgentCallEnded(second.agent, "c"), 20_004.0)

    return opcodes(one_round)


def test_the_cost_of_a_decision_hardly_grows_with_agents_and_callers() -> None:
    small, large = cost_of_a_decision(40, 10), cost_of_a_decision(1200, 600)
    assert large <= 1.05 * small
