"""Strategies: in which order the agents who could take a call are offered it.

A strategy is a key of agent, queue and demand, smallest first, that changes only when something happens to
that agent. So every line keeps its ready agents sorted, and choosing one costs no walk over all of them. Of
the agents of a queue with strategy random, one of the lowest tier is drawn.
"""

from __future__ import annotations

from collections.abc import Callable

from softswitch import config
from softswitch.acd.agent import Agent
from softswitch.acd.demand import Demand, tier_in

# Tier, what the strategy orders by, since when idle, name.
Rank = tuple[int, float, float, str]
Measure = Callable[[Agent, config.Queue, Demand], float]


def rank(agent: Agent, queue: config.Queue, demand: Demand) -> Rank:
    """Lower tiers come first; among equals who has been idle longest, then the name."""
    measure = MEASURES[queue.strategy](agent, queue, demand)
    return tier_in(agent.config, queue.name), measure, agent.idle_since, agent.config.name


def _idle_since(agent: Agent, queue: config.Queue, demand: Demand) -> float:
    return agent.idle_since


def _turn(agent: Agent, queue: config.Queue, demand: Demand) -> float:
    """Whose turn was longest ago; who never had one comes first."""
    return agent.turns.get(queue.name, 0)


def _calls(agent: Agent, queue: config.Queue, demand: Demand) -> float:
    return agent.calls


def _talk_time(agent: Agent, queue: config.Queue, demand: Demand) -> float:
    return agent.talk_s


def _level(agent: Agent, queue: config.Queue, demand: Demand) -> float:
    return agent.config.levels.get(queue.name, 0)


def _skills(agent: Agent, queue: config.Queue, demand: Demand) -> float:
    return -demand.score(agent)


MEASURES: dict[str, Measure] = {
    "longest_idle": _idle_since,
    "round_robin": _turn,
    "fewest_calls": _calls,
    "least_talk_time": _talk_time,
    "top_down": _level,
    "random": _idle_since,
    "skills": _skills,
    "ring_all": _idle_since,
}
