"""Whom a caller spoke to last, by number and for a set time: `agent: last` of a flow's queue step, and what
agents are told of a caller's earlier calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from softswitch.call.outputs import Keep

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.exchange import Exchange

LAST = "last"
UNKNOWN = ("", "anonymous")
DAY_S = 86400.0
MOST = 10_000
"""So many numbers are remembered; the one heard of longest ago gives way."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """The last conversation of a caller with an agent (`call`, its beginning `at`), how many there were
    (`calls`), and when all this is forgotten (`until`); times in UTC seconds."""

    agent: str
    until: float
    call: str = ""
    at: float = 0.0
    calls: int = 1


class LastAgents:
    """What is remembered by the caller's number; kept over restarts."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._earlier: dict[str, Earlier] = {}

    def remember(self, call: Call, agent: str, queue: str, now: float, out: list[Any]) -> None:
        """The caller talks to this agent, found by this queue."""
        number = call.caller.number
        settings = self._exchange.centre.queues.get(queue)
        if settings is None or not settings.remember_agent_days or number in UNKNOWN:
            return
        former = self._known(number, now)
        self._forget(number, out)
        if len(self._earlier) >= MOST:
            self._forget(next(iter(self._earlier)), out)
        at = round(self._exchange.utc(now).timestamp())
        earlier = Earlier(agent, at + settings.remember_agent_days * DAY_S, call.id, at)
        if former is not None:
            earlier = replace(earlier, calls=former.calls + (former.call != call.id))
        self._earlier[number] = earlier
        out.append(Keep(f"last_agent/{number}", asdict(earlier)))

    def forget(self, of: Callable[[str], bool], out: list[Any]) -> None:
        """Remember nothing any more of numbers that this is true of."""
        for number in [each for each in self._earlier if of(each)]:
            self._forget(number, out)

    def _forget(self, number: str, out: list[Any]) -> None:
        if self._earlier.pop(number, None) is not None:
            out.append(Keep(f"last_agent/{number}", None))

    def of(self, number: str, queue: str, now: float) -> str:
        """The agent to be wanted for this caller; '' without one who serves the queue and is signed in."""
        known = self._known(number, now)
        agent = self._exchange.acd.agent(known.agent) if known is not None else None
        present = agent is not None and agent.signed_in and queue in agent.config.queues
        return known.agent if known is not None and present else ""

    def history(self, number: str, now: float) -> dict[str, Any] | None:
        """The last conversation of this caller with an agent, and how many there were."""
        known = self._known(number, now)
        if known is None:
            return None
        last = {"agent": known.agent, "call": known.call or None, "at": known.at or None}
        return {**last, "calls": known.calls}

    def _known(self, number: str, now: float) -> Earlier | None:
        earlier = self._earlier.get(number)
        return earlier if earlier and self._exchange.utc(now).timestamp() < earlier.until else None

    def restore(self, number: str, state: dict[str, Any]) -> None:
        self._earlier[number] = Earlier(**state)

    def to_state(self) -> dict[str, Any]:
        return {number: asdict(earlier) for number, earlier in self._earlier.items()}
