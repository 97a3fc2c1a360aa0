"""What must hold on any floor, whatever happens in whatever order.

The machine plays the call layer: it believes the commands of the engine and objects where they make no sense.
Phones die, callers leave, agents come and go, queues are removed, the switch restarts, time passes.
"""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from softswitch.acd.engine import Acd
from softswitch.acd.events import (
    AgentAnswered,
    AgentBusy,
    AgentCallEnded,
    AgentConfigured,
    AgentFree,
    AgentRemoved,
    AgentRinging,
    AgentSignedIn,
    AgentSignedOut,
    AgentStatusSet,
    CallLeft,
    CallPrioritised,
    CallQueued,
    Event,
    OfferFailed,
    PhoneReachable,
    PhoneUnreachable,
    QueueClosed,
    QueueConfigured,
    QueueOpened,
    QueueRemoved,
    WrapUpEnded,
    WrapUpExtended,
)
from softswitch.acd.history import RESTORED, History
from softswitch.acd.outputs import AcdFact, OfferCall, Output, QueueTimedOut, WithdrawOffer
from softswitch.acd.timeline import demand_of
from softswitch.config import Agent, Queue, TimelineStep
from softswitch.config.acd import Strategy
from tests.acd.floor import Counter

QUEUES = ("sales", "support", "night")
AGENTS = ("ann", "bob", "eve", "max")
STRATEGIES = get_args(Strategy)
REQUIRES = ("", "french >= 5", "french >= 7 or (waited > 4 and french) or waited > 12")
TIMELINES: tuple[tuple[TimelineStep, ...], ...] = (
    (),
    (TimelineStep(after_s=3, tier=2), TimelineStep(after_s=9, require="", priority=2, announce="wait")),
    (TimelineStep(after_s=3, priority=-1), TimelineStep(after_s=15, to="flow:mailbox")),
)
agents = st.sampled_from(AGENTS)
queue_names = st.sampled_from(QUEUES)

EVENTS = st.one_of(
    agents.map(AgentSignedIn), agents.map(AgentSignedOut), agents.map(PhoneReachable),
    agents.map(PhoneUnreachable), agents.map(WrapUpEnded), agents.map(AgentRemoved),
    st.builds(WrapUpExtended, agents, st.just(7.0)),
    st.builds(AgentStatusSet, agents, st.sampled_from(("available", "not_available", "on_break"))),
    st.builds(AgentBusy, agents, st.sampled_from(("p1", "p2"))),
    st.builds(AgentFree, agents, st.sampled_from(("p1", "p2"))),
    st.builds(
        lambda name, queues, tier, skills: AgentConfigured(Agent(
            name=name, user=name, queues=tuple(queues), tiers=dict.fromkeys(queues, tier), skills=skills)),
        agents, st.sets(queue_names), st.integers(1, 2),
        st.dictionaries(st.sampled_from(("french", "billing")), st.integers(1, 9))),
    st.builds(
        lambda name, wait, length, strategy, require, timeline, sticky_s: QueueConfigured(Queue(
            name=name, max_wait_s=wait, max_length=length, strategy=strategy, require=require,
            prefer=("billing",) if strategy == "skills" else (), timeline=timeline, sticky_s=sticky_s,
            ring_all_limit=2, at_closing="leave" if wait else "stay")),
        queue_names, st.sampled_from((None, 20, 90)), st.sampled_from((None, 3)),
        st.sampled_from(STRATEGIES), st.sampled_from(REQUIRES), st.sampled_from(TIMELINES),
        st.sampled_from((0, 5))),
    queue_names.map(QueueRemoved),
    queue_names.map(QueueClosed),
    queue_names.map(QueueOpened),
)


class FloorMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.entropy = Counter()
        self.acd = Acd(self.entropy)
        self.now = 100.0
        self.calls = 0
        self.waiting: set[str] = set()
        self.talking: dict[str, str] = {}
        self.offers: dict[str, OfferCall] = {}
        self.stored: dict[str, Any] = {}
        self.queues: dict[str, Queue] = {}
        self.agents: dict[str, Agent] = {}
        self.history = History()

    @initialize()
    def open(self) -> None:
        for name in QUEUES:
            self.tell(QueueConfigured(Queue(name=name)))
        for number, name in enumerate(AGENTS):
            self.tell(AgentConfigured(Agent(name=name, user=name, queues=QUEUES[: number + 1])))
            self.tell(PhoneReachable(name))
            self.tell(AgentSignedIn(name))

    def tell(self, event: Event) -> None:
        if isinstance(event, QueueConfigured):
            self.queues[event.queue.name] = event.queue
        elif isinstance(event, QueueRemoved):
            self.queues.pop(event.name, None)
        elif isinstance(event, AgentConfigured):
            self.agents[event.agent.name] = event.agent
        elif isinstance(event, AgentRemoved):
            self.agents.pop(event.name, None)
            self.talking.pop(event.name, None)
        self.take(self.acd.handle(event, self.now))

    def take(self, out: list[Output]) -> None:
        """Believe the engine's commands as the call layer does, and object where they make no sense."""
        for each in out:
            if isinstance(each, OfferCall):
                assert each.call in self.waiting, "offered a call that does not wait"
                for other in self.offers.values():
                    assert each.agent != other.agent, "agent in two offers"
                    rings = self.queues[each.queue].rings_at_once
                    assert rings > 1 or each.call != other.call, "call in two offers"
                assert each.agent not in self.talking, "offered to an agent who talks"
                self.offers[each.offer] = each
            elif isinstance(each, WithdrawOffer):
                assert self.offers.pop(each.offer).agent == each.agent
            elif isinstance(each, QueueTimedOut):
                self.waiting.remove(each.call)
                assert each.call not in {other.call for other in self.offers.values()}
        self.check_facts([each for each in out if isinstance(each, AcdFact)])
        changes = self.acd.take_changes()
        self.history.keep(json.loads(json.dumps(changes)))
        for key, value in changes.items():
            if value is None:
                self.stored.pop(key, None)
            else:
                self.stored[key] = value

    def check_facts(self, said: list[AcdFact]) -> None:
        for fact in said:
            told = json.loads(json.dumps(fact.data))
            if fact.type == "routing_decided":
                assert self.history.decision(told).differences() == [], "rebuilt is not what was decided"
            self.history.apply(fact.type, told)
            if fact.type == "routing_decided":
                data = fact.data
                names = [name for name, _ in data["nearest"]]
                if data["strategy"] == "random":
                    assert data["agent"] in names, "who was chosen could not take the call"
                    continue
                assert data["agent"] in names[:1], f"not the nearest was chosen: {data}"
                idle = [seconds for _, seconds in data["nearest"]]
                if data["strategy"] == "longest_idle" and data["tier"] == 1:
                    assert idle == sorted(idle, reverse=True), "nearest are not in order of idle time"

    @rule(event=EVENTS)
    def something_happens(self, event: Event) -> None:
        self.tell(event)

    @rule(queue=queue_names, priority=st.integers(0, 2), require=st.sampled_from((None, "", "billing")),
          agent=st.sampled_from(("", *AGENTS)))
    def call(self, queue: str, priority: int, require: str | None, agent: str) -> None:
        self.calls += 1
        self.waiting.add(f"c{self.calls}")
        self.tell(CallQueued(f"c{self.calls}", queue, priority, require=require, agent=agent))

    @precondition(lambda self: self.waiting)
    @rule(pick=st.randoms(use_true_random=False), priority=st.integers(-1, 3))
    def supervisor_prioritises(self, pick: Any, priority: int) -> None:
        self.tell(CallPrioritised(pick.choice(sorted(self.waiting)), priority))

    @precondition(lambda self: self.waiting)
    @rule(pick=st.randoms(use_true_random=False))
    def caller_leaves(self, pick: Any) -> None:
        call = pick.choice(sorted(self.waiting))
        self.waiting.remove(call)
        self.tell(CallLeft(call))

    @precondition(lambda self: self.offers)
    @rule(pick=st.randoms(use_true_random=False))
    def phone_rings(self, pick: Any) -> None:
        self.tell(AgentRinging(pick.choice(sorted(self.offers))))

    @precondition(lambda self: self.offers)
    @rule(pick=st.randoms(use_true_random=False))
    def phone_answers(self, pick: Any) -> None:
        offer = self.offers.pop(pick.choice(sorted(self.offers)))
        self.waiting.remove(offer.call)
        self.talking[offer.agent] = offer.call
        self.tell(AgentAnswered(offer.offer))

    @precondition(lambda self: self.offers)
    @rule(pick=st.randoms(use_true_random=False),
          outcome=st.sampled_from(("rejected", "no_answer", "busy", "unreachable")))
    def phone_fails(self, pick: Any, outcome: Any) -> None:
        offer = self.offers.pop(pick.choice(sorted(self.offers)))
        self.tell(OfferFailed(offer.offer, outcome))

    @precondition(lambda self: self.talking)
    @rule(pick=st.randoms(use_true_random=False))
    def conversation_ends(self, pick: Any) -> None:
        agent = pick.choice(sorted(self.talking))
        self.tell(AgentCallEnded(agent, self.talking.pop(agent)))

    @rule(seconds=st.sampled_from((0.5, 3.0, 11.0, 40.0)))
    def time_passes(self, seconds: float) -> None:
        until = self.now + seconds
        for _ in range(1000):
            when = self.acd.next_timeout()
            if when is None or when > until:
                break
            self.now = max(self.now, when)
            self.take(self.acd.handle_timeout(self.now))
        else:
            raise AssertionError("deadlines never come to an end")
        self.now = until

    @rule()
    def switch_restarts(self) -> None:
        """A new engine from configuration and stored changes; ringing phones stop, everything else stays."""
        self.offers.clear()
        self.acd = Acd(self.entropy)
        for queue in self.queues.values():
            self.acd.handle(QueueConfigured(queue), self.now)
        for agent in self.agents.values():
            self.acd.handle(AgentConfigured(agent), self.now)
        self.acd.take_changes()
        self.acd.restore(self.stored, self.now)
        self.history.apply(RESTORED, {"mono": self.now})
        self.take(self.acd.handle_timeout(self.now))

    @invariant()
    def the_changes_add_up_to_the_state(self) -> None:
        assert self.stored == self.acd.state()
        assert self.acd.take_changes() == {}

    @invariant()
    def the_doctor_finds_nothing(self) -> None:
        assert self.acd.examine(self.now) == []

    @invariant()
    def no_caller_is_lost(self) -> None:
        known = {key.removeprefix("acd/call/") for key in self.acd.state() if key.startswith("acd/call/")}
        assert known == self.waiting
        assert sum(row["waiting"] for row in self.acd.snapshot()["queues"].values()) == len(self.waiting)

    @invariant()
    def nobody_waits_while_an_agent_who_may_take_the_call_is_ready(self) -> None:
        """Found by looking at every call and every agent, which is what the lines save the engine."""
        for queued in self.acd._room.calls.values():
            queue = self.queues[queued.queue]
            if len(queued.offers) >= queue.rings_at_once:
                continue
            demand = demand_of(queued, queue, self.now)
            for agent in self.acd._roster.agents.values():
                rule = agent.excluding_rule() or demand.excluding_rule(agent, queue.name)
                assert queue.name not in agent.config.queues or rule, (queued.call, agent.name)

    @invariant()
    def offers_are_those_of_the_call_layer(self) -> None:
        in_offer = {(call, id_) for call in self.waiting for id_ in self.acd._room.calls[call].offers}
        assert in_offer == {(offer.call, id_) for id_, offer in self.offers.items()}
        offered = {name for name, row in self.acd.snapshot()["agents"].items()
                   if row["state"] in ("reserved", "ringing")}
        assert offered == {offer.agent for offer in self.offers.values()}

    @invariant()
    def talking_agents_are_those_of_the_call_layer(self) -> None:
        talking = {name: row["call"] for name, row in self.acd.snapshot()["agents"].items()
                   if row["state"] == "talking"}
        assert talking == self.talking

    @invariant()
    def every_passing_state_has_a_deadline(self) -> None:
        passing = [row for row in self.acd.snapshot()["agents"].values()
                   if row["state"] in ("reserved", "ringing", "wrap_up")]
        if passing:
            when = self.acd.next_timeout()
            longest = 3600 if any(row["state"] == "wrap_up" for row in passing) else 30
            assert when is not None and when <= self.now + longest


class TestFloor(FloorMachine.TestCase):  # type: ignore[misc]
    settings = settings(max_examples=60, stateful_step_count=60)


@pytest.mark.deep
class TestFloorForLong(FloorMachine.TestCase):  # type: ignore[misc]
    settings = settings(max_examples=2000, stateful_step_count=200)
