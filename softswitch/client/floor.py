"""Agents and queues: what they do now, and steering them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from softswitch.api.models.agents import AgentQueues, AgentState, Status
from softswitch.api.models.queues import Heard, QueueState, QueueTier, WaitingCaller
from softswitch.client.transport import Transport


class Agents:
    """People who answer queued calls. With a key of the role agent only the agent itself."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def __iter__(self) -> Iterator[AgentState]:
        """What every agent does now."""
        return map(AgentState.model_validate, self._transport.rows("/agent_states"))

    def show(self, name: str) -> AgentState:
        return AgentState.model_validate(self._transport.get(f"{_agent(name)}/state"))

    def sign_in(self, name: str, at: str | None = None) -> AgentState:
        """`at` a user, or one of the agent's numbers outside; else at the agent's own user."""
        return self._state("POST", name, "sign_in", {"at": at} if at else {})

    def sign_out(self, name: str, reason: str = "command") -> AgentState:
        """A call under way goes on."""
        return self._state("POST", name, "sign_out", {"reason": reason})

    def set_status(self, name: str, status: Status, reason: str = "") -> AgentState:
        return self._state("PUT", name, "status", {"status": status, "reason": reason})

    def end_wrap_up(self, name: str) -> AgentState:
        return self._state("POST", name, "wrap_up", {})

    def extend_wrap_up(self, name: str, seconds: float) -> AgentState:
        return self._state("POST", name, "wrap_up", {"extend_s": seconds})

    def set_queues(self, name: str, queues: Sequence[str]) -> list[str]:
        """All queues whose calls the agent takes from now on."""
        found = self._transport.send("POST", f"{_agent(name)}/queues", {"queues": list(queues)})
        return AgentQueues.model_validate(found).queues

    def _state(self, method: str, name: str, action: str, body: dict[str, Any]) -> AgentState:
        return AgentState.model_validate(self._transport.send(method, f"{_agent(name)}/{action}", body))


class Queues:
    """Where calls wait."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def __iter__(self) -> Iterator[QueueState]:
        """How every queue is now."""
        return map(QueueState.model_validate, self._transport.rows("/queue_states"))

    def show(self, name: str) -> QueueState:
        return QueueState.model_validate(self._transport.get(f"{_queue(name)}/state"))

    def waiting(self, name: str | None = None) -> Iterator[WaitingCaller]:
        """Who waits, in this queue or in any."""
        path = "/waiting" if name is None else f"{_queue(name)}/waiting"
        return map(WaitingCaller.model_validate, self._transport.rows(path))

    def close(self, name: str, reason: str = "") -> QueueState:
        return QueueState.model_validate(self._post(name, "close", {"reason": reason}))

    def open(self, name: str) -> QueueState:
        return QueueState.model_validate(self._post(name, "open", {}))

    def overflow(self, name: str, tier: int) -> QueueTier:
        """Agents up to this tier are asked from the beginning."""
        return QueueTier.model_validate(self._post(name, "overflow", {"tier": tier}))

    def announce(self, name: str, prompt: str) -> Heard:
        """All who wait hear a prompt now."""
        return Heard.model_validate(self._post(name, "announce", {"prompt": prompt}))

    def silence(self, name: str) -> Heard:
        """The announcement stops."""
        return Heard.model_validate(self._post(name, "silence", {}))

    def _post(self, name: str, action: str, body: dict[str, Any]) -> Any:
        return self._transport.send("POST", f"{_queue(name)}/{action}", body)


def _agent(name: str) -> str:
    return f"/agents/{quote(name, safe='')}"


def _queue(name: str) -> str:
    return f"/queues/{quote(name, safe='')}"
