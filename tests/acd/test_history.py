"""Decisions made again from the facts: what is rebuilt is what was decided, over random days."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest

from softswitch.acd.events import (
    AgentAnswered,
    AgentConfigured,
    AgentSignedIn,
    AgentSignedOut,
    AgentStatusSet,
    CallQueued,
    PhoneReachable,
    PhoneUnreachable,
    QueueConfigured,
)
from softswitch.acd.history import RESTORED, History
from softswitch.acd.outputs import AcdFact, Output
from softswitch.config import Agent, Queue
from softswitch.config.acd import Strategy
from tests.acd.floor import Floor
from tests.acd.test_days import Day

STRATEGIES = get_args(Strategy)
REQUIRES = ("", "french >= 4", "french >= 7 or (waited > 20 and french) or waited > 60")


class Told:
    """Facts as the journal has them, fed to a history that checks every decision before it is told."""

    def __init__(self) -> None:
        self.history = History()
        self.decisions = 0

    def tell(self, out: list[Output], changes: dict[str, Any]) -> None:
        for each in out:
            if isinstance(each, AcdFact):
                data = json.loads(json.dumps(each.data))
                if each.type == "routing_decided":
                    assert self.history.decision(data).differences() == []
                    self.decisions += 1
                self.history.apply(each.type, data)
        self.history.keep(json.loads(json.dumps(changes)))


class ChangingDay(Day):
    """A day on which agents come and go, phones die, and queues and agents are configured anew."""

    def __init__(self, seed: int) -> None:
        self.told = Told()
        super().__init__(seed, agents=14)
        for _ in range(60):
            self.plan(self.random.uniform(0, 900), self.change())

    def engine(self) -> Any:
        acd = super().engine()
        self.told.tell(acd.handle(QueueConfigured(Queue(name="sales")), self.now), {})
        self.told.tell(acd.handle(QueueConfigured(Queue(name="support")), self.now), {})
        for agent in self.settings:
            self.told.tell(acd.handle(AgentConfigured(agent), self.now), {})
        return acd

    def change(self) -> Any:
        dice, name = self.random, self.random.choice(self.settings).name
        skills = {skill: dice.randint(1, 9) for skill in ("french", "billing") if dice.random() < 0.7}
        queues = tuple(queue for queue in ("sales", "support") if dice.random() < 0.8)
        strategy = dice.choice(STRATEGIES)
        return dice.choice((
            AgentSignedOut(name), AgentSignedIn(name), PhoneReachable(name), PhoneUnreachable(name),
            AgentStatusSet(name, dice.choice(("on_break", "available"))),
            AgentConfigured(Agent(
                name=name, user=name, queues=queues, skills=skills, pin="1234",
                tiers={queue: dice.randint(1, 2) for queue in queues},
                levels={queue: dice.randint(0, 3) for queue in queues})),
            QueueConfigured(Queue(
                name=dice.choice(("sales", "support")), strategy=strategy, require=dice.choice(REQUIRES),
                tier=dice.randint(1, 2), prefer=("billing",) if strategy == "skills" else (),
                max_wait_s=200)),
        ))

    def take(self, out: list[Output]) -> None:
        self.told.tell(out, self.acd.take_changes())
        super().take(out)

    def restart(self) -> None:
        self.told.tell([], self.acd.take_changes())
        super().restart()
        self.told.history.apply(RESTORED, {"mono": self.now})


@pytest.mark.parametrize("seed", range(12))
def test_what_is_rebuilt_is_what_was_decided(seed: int) -> None:
    day = ChangingDay(seed)
    day.run(120)
    assert day.told.decisions > 30


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(1000, 2000))
def test_a_thousand_days(seed: int) -> None:
    """Nobody is left waiting, every call leaves its queue once, every decision can be made again."""
    day = ChangingDay(seed)
    day.run(120)
    left = [each.data["call"] for _, each in day.script
            if isinstance(each, AcdFact) and each.type == "queue_left"]
    assert sorted(left) == sorted(f"c{number}" for number in range(120))


def test_decisions_after_a_restart_are_rebuilt_too() -> None:
    """The new process has taken over agents with their idle times, counts and turns."""
    floor, told = Floor(Queue(name="sales", strategy="round_robin", wrap_up_s=0)), Told()
    floor.staff("ann", "bob", "eve")
    told.tell(floor.said, floor.acd.take_changes())
    told.tell(floor.tell(CallQueued("c1", "sales")), floor.acd.take_changes())
    state = floor.acd.state()
    again = Floor(Queue(name="sales", strategy="round_robin", wrap_up_s=0), start=floor.at)
    for name in ("ann", "bob", "eve"):
        again.tell(AgentConfigured(Agent(name=name, user=f"{name}-phone", queues=("sales",))))
    told.tell(again.said, {})
    again.acd.restore(state, again.at)
    told.history.apply(RESTORED, {"mono": again.at})
    told.tell(again.wait(1), again.acd.take_changes())
    told.tell(again.tell(CallQueued("c2", "sales")), again.acd.take_changes())
    assert told.decisions == 3


def test_each_agent_has_the_one_rule_that_left_them_out() -> None:
    floor, told = Floor(Queue(name="sales", require="french >= 5")), Told()
    floor.staff("ann", "bob", skills={"french": 9})
    floor.staff("cid", skills={"french": 2})
    floor.staff("dan", skills={"french": 9}, tiers={"sales": 2})
    floor.staff("eve", "fay", "gil", "max")
    floor.staff("zoe", queues=())
    floor.tell(AgentStatusSet("eve", "on_break", "lunch"))
    floor.tell(PhoneUnreachable("fay"))
    floor.tell(AgentSignedOut("gil"))
    (offer,) = floor.tell(CallQueued("m", "sales", require="", agent=""))[-1:]
    floor.tell(AgentAnswered(offer.offer))  # type: ignore[union-attr]
    told.tell(floor.said, floor.acd.take_changes())
    decided = next(each.data for each in floor.tell(CallQueued("c", "sales"))
                   if isinstance(each, AcdFact) and each.type == "routing_decided")
    rebuilt = told.history.decision(decided)
    assert {each.agent: each.rule or each.place for each in rebuilt.considered} == {
        "bob": 1, "ann": "talking", "cid": "skills", "dan": "tier", "eve": "on_break", "fay": "unreachable",
        "gil": "signed_out", "max": "skills"}
    assert rebuilt.differences() == []


def test_a_record_that_does_not_agree_is_noticed() -> None:
    floor, told = Floor(), Told()
    floor.staff("ann", "bob")
    told.tell(floor.said, {})
    decided = next(each.data for each in floor.tell(CallQueued("c", "sales"))
                   if isinstance(each, AcdFact) and each.type == "routing_decided")
    del told.history.agents["bob"]
    assert told.history.decision(decided).differences() == ["candidates", "nearest"]


def test_a_pin_is_in_no_fact() -> None:
    floor = Floor()
    floor.tell(AgentConfigured(Agent(name="ann", user="ann", pin="4711")))
    assert "4711" not in str(floor.said)
