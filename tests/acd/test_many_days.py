"""Days full of faults: phones die, agents leave, queues close, callers keep their place, the switch restarts.

A few days in the everyday tests, a thousand in the deep ones; the same seed gives the same day.
"""

from __future__ import annotations

import json
from collections import Counter as Tally
from typing import Any

import pytest

from softswitch.acd.callback import OUT
from softswitch.acd.engine import Acd
from softswitch.acd.events import (
    AgentAnswered,
    AgentCallEnded,
    AgentConfigured,
    AgentRinging,
    AgentSignedIn,
    AgentSignedOut,
    AgentStatusSet,
    CallbackKept,
    CallbackMissed,
    CallbackReturned,
    CallLeft,
    CallQueued,
    OfferFailed,
    PhoneReachable,
    PhoneUnreachable,
    QueueClosed,
    QueueConfigured,
    QueueOpened,
)
from softswitch.acd.outputs import AcdFact, OfferCall, OfferCallback, Output
from softswitch.config import Queue, TimelineStep
from softswitch.config.callback import CallbackSettings
from tests.acd.floor import Floor, offers, only_offer
from tests.acd.test_days import Day

QUEUES = [
    Queue(
        name="sales",
        callback=CallbackSettings(retry_s=60, attempts=2, expires_s=900),
        timeline=(TimelineStep(after_s=15, callback=True), TimelineStep(after_s=40, priority=2)),
    ),
    Queue(
        name="support",
        wrap_up_s=5,
        ring_timeout_s=8,
        max_wait_s=90,
        at_closing="leave",
        strategy="ring_all",
    ),
]
CALLS = 60


class TroubledDay(Day):
    """Every fault comes at a time that the seed gives."""

    def __init__(self, seed: int) -> None:
        self.kept = 0
        self.called_back: set[str] = set()
        super().__init__(seed, agents=5, quarrelsome=0.3)
        for agent in self.settings:
            self.trouble(agent.name)
        for queue in QUEUES:
            closes = self.random.uniform(60, 400)
            self.plan(closes, QueueClosed(queue.name))
            self.plan(closes + self.random.uniform(20, 120), QueueOpened(queue.name))

    def engine(self) -> Acd:
        acd = Acd(self.entropy)
        for queue in QUEUES:
            acd.handle(QueueConfigured(queue), self.now)
        for agent in self.settings:
            acd.handle(AgentConfigured(agent), self.now)
        return acd

    def trouble(self, agent: str) -> None:
        dies, leaves = self.random.uniform(30, 400), self.random.uniform(30, 400)
        self.plan(dies, PhoneUnreachable(agent))
        self.plan(dies + self.random.uniform(5, 60), PhoneReachable(agent))
        self.plan(leaves, AgentSignedOut(agent))
        self.plan(leaves + self.random.uniform(5, 60), AgentSignedIn(agent))

    def take(self, out: list[Output]) -> None:
        super().take(out)
        for each in out:
            if isinstance(each, OfferCallback) and self.random.random() < 0.7:
                self.kept += 1
                self.plan(2, CallbackKept(f"b{self.kept}", each.call, each.queue, "+491"))
            elif isinstance(each, AcdFact) and each.type == "call_queued" and "callback" in each.data:
                self.called_back.add(each.data["call"])

    def ring(self, offer: OfferCall) -> None:
        """Some customers are not reached, and some attempts come to nothing for want of an agent."""
        dice = self.random.random()
        if offer.call not in self.called_back or dice > 0.5:
            super().ring(offer)
        elif dice > 0.2:
            self.plan(3, CallbackMissed(offer.call, "user_no_answer"))
        else:
            self.plan(3, CallbackReturned(offer.call, "agent_rejected", self.random.choice([0.0, 5.0])))

    def happen(self, action: Any) -> None:
        if isinstance(action, CallbackKept):
            if action.call not in self.waiting:
                return
            self.waiting.discard(action.call)
        super().happen(action)

    def restart(self) -> None:
        """What rings is lost; the callbacks that were being made are made again."""
        state = json.loads(json.dumps(self.acd.state()))
        self.acd, self.offers = self.engine(), {}
        self.acd.restore(state, self.now)
        self.cut_off()
        for callback in [*self.acd.callbacks.open.values()]:
            if callback.state in OUT:
                self.take(self.acd.handle(CallbackReturned(callback.call, "switch_restarted", 2.0), self.now))
        self.take(self.acd.handle_timeout(self.now))

    def cut_off(self) -> None:
        """The call layer tells of the offers that a restart has ended."""
        made = {each.data["offer"]: each.data for each in self.facts("offer_made")}
        ended = {each.data["offer"] for each in self.facts("offer_ended")}
        for offer in made.keys() - ended:
            self.script.append((self.now, AcdFact("offer_ended", {**made[offer], "outcome": "withdrawn"})))

    def facts(self, type: str) -> list[AcdFact]:
        return [each for _, each in self.script if isinstance(each, AcdFact) and each.type == type]

    def play(self) -> None:
        for number in range(CALLS):
            self.arrives(number)
        restarts = sorted(self.random.sample(range(50, 600), 3))
        steps = 0
        while self.plans or self.waiting or self.acd.callbacks.open:
            steps += 1
            assert steps < 20_000, "the day does not end"
            if restarts and steps >= restarts[0]:
                restarts.pop(0)
                self.restart()
            self.step()
            if steps % 25 == 0:
                assert self.acd.examine(self.now) == []
        self.judge()

    def arrives(self, number: int) -> None:
        queue = self.random.choice(["sales", "sales", "support"])
        priority = self.random.choice([0, 0, 0, 3])
        self.plan(self.random.uniform(0, 500), CallQueued(f"c{number}", queue, priority))

    def judge(self) -> None:
        queued = Tally(each.data["call"] for each in self.facts("call_queued"))
        left = Tally(each.data["call"] for each in self.facts("queue_left"))
        assert queued == left
        assert {f"c{number}" for number in range(CALLS)} <= set(left)
        made = Tally(each.data["offer"] for each in self.facts("offer_made"))
        assert made == Tally(each.data["offer"] for each in self.facts("offer_ended"))
        kept = [each.data["callback"] for each in self.facts("callback_kept")]
        over = [each.data for each in self.facts("callback_changed")]
        ends = [each["callback"] for each in over if each["state"] in ("done", "failed", "cancelled")]
        assert sorted(ends) == sorted(kept)
        counted = [each.data["outcome"] for each in self.facts("queue_left")]
        assert len([each for each in counted if each != "callback"]) == CALLS
        states = {row["state"] for row in self.acd.snapshot(self.now)["agents"].values()}
        assert states <= {"idle", "signed_out", "wrap_up"}, states


@pytest.mark.parametrize("seed", range(5))
def test_a_day_of_trouble_leaves_nobody_behind(seed: int) -> None:
    TroubledDay(seed).play()


def test_the_days_have_callbacks_of_every_end() -> None:
    ends: Tally[str] = Tally()
    for seed in range(5):
        day = TroubledDay(seed)
        day.play()
        ends.update(each.data["state"] for each in day.facts("callback_changed"))
    assert {"calling", "done", "failed", "paused", "waiting", "held"} <= set(ends)


@pytest.mark.deep
def test_a_thousand_days_of_trouble() -> None:
    for seed in range(1000):
        TroubledDay(seed).play()


def test_two_queues_that_want_one_agent_have_them_in_turn() -> None:
    """By priority first, then by waiting; whoever comes second is neither lost nor offered as well."""
    floor = Floor(Queue(name="sales", wrap_up_s=0), Queue(name="support", wrap_up_s=0))
    for call, queue, priority in (("c1", "sales", 0), ("c2", "support", 0), ("c3", "support", 5)):
        floor.tell(CallQueued(call, queue, priority))
        floor.at += 1
    floor.staff("ann", queues=("sales", "support"))
    order = []
    for _ in range(3):
        (offer,) = [each for each in offers(floor.said) if each.call not in order]
        order.append(offer.call)
        assert floor.acd.examine(floor.at) == []
        floor.tell(AgentRinging(offer.offer))
        floor.tell(AgentAnswered(offer.offer))
        floor.tell(AgentCallEnded("ann", offer.call))
    assert order == ["c3", "c1", "c2"]


@pytest.mark.parametrize("loses", [OfferFailed("", "unreachable"), PhoneUnreachable("ann"), CallLeft("c1")])
def test_the_other_queue_is_served_when_the_first_loses_the_agent(loses: Any) -> None:
    floor = Floor(Queue(name="sales"), Queue(name="support"))
    floor.staff("ann", queues=("sales", "support"))
    first = only_offer(floor.tell(CallQueued("c1", "sales")))
    assert offers(floor.tell(CallQueued("c2", "support"))) == []
    floor.tell(OfferFailed(first.offer, loses.outcome) if isinstance(loses, OfferFailed) else loses)
    floor.tell(PhoneReachable("ann"))
    floor.tell(AgentStatusSet("ann", "available"))
    (offered,) = [each.call for each in offers(floor.said) if each.offer != first.offer]
    assert offered == ("c2" if isinstance(loses, CallLeft) else "c1")
