"""Whom a caller spoke to last, by number and for a set time: `agent: last` of a flow's queue step."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from softswitch.call.outputs import Keep

if TYPE_CHECKING:
    from softswitch.call.exchange import Exchange

LAST = "last"
UNKNOWN = ("", "anonymous")
DAY_S = 86400.0
MOST = 10_000
"""So many numbers are remembered; the one heard of longest ago gives way."""


class LastAgents:
    """Agent and end of the remembering (UTC seconds) by the caller's number; kept over restarts."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._agents: dict[str, tuple[str, float]] = {}

    def remember(self, number: str, agent: str, queue: str, now: float, out: list[Any]) -> None:
        """The caller talks to this agent, found by this queue."""
        settings = self._exchange.centre.queues.get(queue)
        if settings is None or not settings.remember_agent_days or number in UNKNOWN:
            return
        self._forget(number, out)
        if len(self._agents) >= MOST:
            self._forget(next(iter(self._agents)), out)
        until = round(self._exchange.utc(now).timestamp() + settings.remember_agent_days * DAY_S)
        self._agents[number] = agent, until
        out.append(Keep(f"last_agent/{number}", {"agent": agent, "until": until}))

    def forget(self, of: Callable[[str], bool], out: list[Any]) -> None:
        """Remember nothing any more of numbers that this is true of."""
        for number in [each for each in self._agents if of(each)]:
            self._forget(number, out)

    def _forget(self, number: str, out: list[Any]) -> None:
        if self._agents.pop(number, None) is not None:
            out.append(Keep(f"last_agent/{number}", None))

    def of(self, number: str, queue: str, now: float) -> str:
        """The agent to be wanted for this caller; '' without one who serves the queue and is signed in."""
        name, until = self._agents.get(number, ("", 0.0))
        agent = self._exchange.acd.agent(name)
        present = agent is not None and agent.signed_in and queue in agent.config.queues
        return name if present and self._exchange.utc(now).timestamp() < until else ""

    def restore(self, number: str, state: dict[str, Any]) -> None:
        self._agents[number] = state["agent"], state["until"]

    def to_state(self) -> dict[str, Any]:
        return {number: {"agent": agent, "until": until} for number, (agent, until) in self._agents.items()}
