"""Strategies: in which order the agents who could take a call are offered it.

A strategy is a key of the agent alone, smallest first, that changes only when something happens to that
agent. So every queue keeps its ready agents sorted, and choosing one costs no walk over all of them.
"""
from __future__ import annotations

from collections.abc import Callable

from softswitch.acd.agent import Agent

Rank = tuple[float, str]


def longest_idle(agent: Agent) -> Rank:
    """Who has waited for work the longest comes first; the name decides between equals."""
    return agent.idle_since, agent.name


STRATEGIES: dict[str, Callable[[Agent], Rank]] = {"longest_idle": longest_idle}
