"""The floor as the facts tell it: agents and queues at any point of the journal, and every decision again.

A decision records who was chosen, the nearest and the counts; the whole list is rebuilt here from the facts
before it, by the same rules and the same order that the engine has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from softswitch import config
from softswitch.acd.agent import Agent, AgentState
from softswitch.acd.demand import Demand, tier_in
from softswitch.acd.offers import NEAREST
from softswitch.acd.ranking import rank
from softswitch.acd.snapshot import AGENT_KEY
from softswitch.config.expression import Requirement

RESTORED = "queues_restored"
"""Type of the fact that a new process writes when it has taken over what was kept; `mono` is when."""

Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Considered:
    """One agent in one decision: `place` from 1 among those who could take the call, or the `rule` that left
    them out. Idle time in seconds."""

    agent: str
    place: int | None
    rule: str
    tier: int
    score: int
    idle_s: float


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A decision made again from the facts before it."""

    decided: Facts
    considered: tuple[Considered, ...]

    def candidates(self) -> list[str]:
        """Those who could take the call, in order of the strategy."""
        return [each.agent for each in self.considered if not each.rule]

    def excluded(self) -> dict[str, int]:
        """How many agents each rule left out."""
        return dict(Counter(each.rule for each in self.considered if each.rule))

    def differences(self) -> list[str]:
        """Names of the fields in which the record says something else; none when the journal is whole."""
        candidates = self.candidates()
        again = {
            "candidates": len(candidates),
            "nearest": candidates[:NEAREST],
            "excluded": self.excluded(),
        }
        told = {**self.decided, "nearest": [name for name, _ in self.decided["nearest"]]}
        return [name for name, value in again.items() if told[name] != value]


class History:
    """Feed every fact in order, and what was kept with it; `decision` before its own fact is fed."""

    def __init__(self) -> None:
        self.agents: dict[str, Agent] = {}
        self.queues: dict[str, config.Queue] = {}
        self._kept: dict[str, Any] = {}
        self._turns = 0
        self._readers: dict[str, Callable[[Facts], None]] = {
            "queue_configured": self._queue_configured,
            "queue_removed": lambda of: self._forget(self.queues, of["queue"]),
            "agent_configured": self._agent_configured,
            "agent_removed": lambda of: self._forget(self.agents, of["agent"]),
            "agent_signed_in": lambda of: self._signed(of, True),
            "agent_signed_out": lambda of: self._signed(of, False),
            "agent_phone_changed": self._phone_changed,
            "agent_status_changed": self._status_changed,
            "agent_state_changed": self._state_changed,
            "routing_decided": self._decided,
            RESTORED: self._restored,
        }

    def reads(self, type: str) -> bool:
        """Whether facts of this type matter here."""
        return type in self._readers

    def apply(self, type: str, data: Facts) -> None:
        reader = self._readers.get(type)
        if reader is not None:
            reader(data)

    def keep(self, kept: Facts) -> None:
        """What was kept with a fact, of any key: agents of it are taken over by the next process."""
        for key, value in kept.items():
            if key.startswith(AGENT_KEY):
                self._kept[key.removeprefix(AGENT_KEY)] = value

    def decision(self, decided: Facts) -> Rebuilt:
        """All agents of the queue at this point. LookupError when the facts do not know the queue."""
        queue = self.queues[decided["queue"]]
        demand = demand_of(decided, queue)
        now = self._now(decided)
        ready: list[tuple[Agent, str]] = []
        out: list[tuple[Agent, str]] = []
        for agent in self.agents.values():
            if queue.name in agent.config.queues:
                rule = agent.excluding_rule() or demand.excluding_rule(agent, queue.name)
                (out if rule else ready).append((agent, rule))
        ready.sort(key=lambda each: rank(each[0], queue, demand))
        rows = [
            Considered(
                agent.name,
                None if rule else place,
                rule,
                tier_in(agent.config, queue.name),
                demand.score(agent),
                round(max(0.0, now - agent.idle_since), 3),
            )
            for place, (agent, rule) in enumerate([*ready, *sorted(out, key=lambda each: each[0].name)], 1)
        ]
        return Rebuilt(decided, tuple(rows))

    def _now(self, decided: Facts) -> float:
        """The moment of the decision, by the idle time that it recorded."""
        for name, idle_s in decided["nearest"]:
            if name in self.agents:
                return float(self.agents[name].idle_since + idle_s)
        return 0.0

    def _forget(self, group: dict[str, Any], name: str) -> None:
        group.pop(name, None)

    def _queue_configured(self, of: Facts) -> None:
        self.queues[of["queue"]] = config.Queue.model_validate(of["settings"])

    def _agent_configured(self, of: Facts) -> None:
        settings = config.Agent.model_validate(of["settings"])
        known = self.agents.get(settings.name)
        if known is None:
            self.agents[settings.name] = Agent(settings, 0.0)
        else:
            known.config = settings

    def _signed(self, of: Facts, signed_in: bool) -> None:
        agent = self.agents.get(of["agent"])
        if agent is not None:
            agent.signed_in = signed_in

    def _phone_changed(self, of: Facts) -> None:
        agent = self.agents.get(of["agent"])
        if agent is not None:
            agent.reachable, agent.quiet = of["reachable"], of.get("do_not_disturb", False)

    def _status_changed(self, of: Facts) -> None:
        agent = self.agents.get(of["agent"])
        if agent is not None:
            agent.status, agent.reason = of["status"], of["reason"]
            agent.idle_since = of.get("idle_since", agent.idle_since)

    def _state_changed(self, of: Facts) -> None:
        agent = self.agents.get(of["agent"])
        if agent is not None:
            agent.state = AgentState(of["state"])
            for name in ("idle_since", "calls", "talk_s"):
                setattr(agent, name, of.get(name, getattr(agent, name)))

    def _decided(self, of: Facts) -> None:
        agent = self.agents.get(of["agent"])
        if agent is not None and of["strategy"] == "round_robin":
            self._turns += 1
            agent.turns[of["queue"]] = self._turns

    def _restored(self, of: Facts) -> None:
        """A new process knows what was kept, and nothing of the offers there were."""
        for name, agent in self.agents.items():
            if name in self._kept and self._kept[name] is not None:
                agent.from_state(self._kept[name], of["mono"])
        turns = (turn for agent in self.agents.values() for turn in agent.turns.values())
        self._turns = max(turns, default=0)


def demand_of(decided: Facts, queue: config.Queue) -> Demand:
    """What the call asked for, as its decision recorded it."""
    wanted = decided["wanted_agent"]
    if wanted:
        return Demand(agent=wanted)
    return Demand(Requirement.parse(decided["require"]), queue.prefer, decided["tier"])
