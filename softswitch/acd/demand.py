"""What a waiting call asks of agents."""

from __future__ import annotations

from dataclasses import dataclass

from softswitch import config
from softswitch.acd.agent import Agent
from softswitch.config.expression import Requirement

ANYBODY = Requirement()


@dataclass(frozen=True, slots=True)
class Demand:
    """Calls with equal demands are served by the same agents and stand in one line.

    `tier` is the highest tier that is asked. With `agent` nobody else is.
    """

    requirement: Requirement = ANYBODY
    prefer: tuple[str, ...] = ()
    tier: int = 1
    agent: str = ""

    def excluding_rule(self, agent: Agent, queue: str) -> str:
        """The first rule that leaves this agent out, '' when none does: other_agent, tier or skills."""
        settings = agent.config
        if self.agent:
            return "" if settings.name == self.agent else "other_agent"
        if tier_in(settings, queue) > self.tier:
            return "tier"
        return "" if self.requirement.met_by(settings.skills) else "skills"

    def score(self, agent: Agent) -> int:
        """The agent's levels in the preferred skills, added up."""
        return sum(agent.config.skills.get(skill, 0) for skill in self.prefer)


def tier_in(agent: config.Agent, queue: str) -> int:
    return agent.tiers.get(queue, 1)
