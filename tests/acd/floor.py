"""A call centre floor for tests: the engine on a simulated clock, and what it said."""

from __future__ import annotations

from itertools import count
from typing import Any

from softswitch.acd.engine import Acd
from softswitch.acd.events import (
    AgentConfigured,
    AgentSignedIn,
    Event,
    PhoneReachable,
    QueueConfigured,
)
from softswitch.acd.outputs import AcdFact, OfferCall, Output
from softswitch.config import Agent, Queue


class Counter:
    """Entropy that counts, so that ids are the same in every run."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def __call__(self, size: int) -> bytes:
        return next(self._numbers).to_bytes(size, "big")


class Floor:
    """`at` is the time of the next event; `said` everything the engine put out, in order."""

    def __init__(self, *queues: Queue, start: float = 1000.0) -> None:
        self.acd = Acd(Counter())
        self.at = start
        self.said: list[Output] = []
        for queue in queues or (Queue(name="sales"),):
            self.tell(QueueConfigured(queue))

    def staff(self, *names: str, queues: tuple[str, ...] = ("sales",), **settings: Any) -> None:
        """Agents who are signed in, each one second after the other."""
        for name in names:
            self.tell(AgentConfigured(Agent(name=name, user=f"{name}-phone", queues=queues, **settings)))
            self.tell(PhoneReachable(name))
            self.tell(AgentSignedIn(name))
            self.at += 1

    def tell(self, event: Event) -> list[Output]:
        return self._keep(self.acd.handle(event, self.at))

    def wait(self, seconds: float) -> list[Output]:
        """Let time pass, with every deadline on the way."""
        until, out = self.at + seconds, []
        while (when := self.acd.next_timeout()) is not None and when <= until:
            self.at = max(self.at, when)
            out += self._keep(self.acd.handle_timeout(self.at))
        self.at = until
        return out

    def _keep(self, out: list[Output]) -> list[Output]:
        self.said += out
        return out

    def agent(self, name: str) -> dict[str, Any]:
        row: dict[str, Any] = self.acd.snapshot(self.at)["agents"][name]
        return row

    def queue(self, name: str = "sales") -> dict[str, Any]:
        row: dict[str, Any] = self.acd.snapshot(self.at)["queues"][name]
        return row


def offers(out: list[Output]) -> list[OfferCall]:
    return [each for each in out if isinstance(each, OfferCall)]


def only_offer(out: list[Output]) -> OfferCall:
    (offer,) = offers(out)
    return offer


def commands(out: list[Output]) -> list[Output]:
    """Everything that is not a fact."""
    return [each for each in out if not isinstance(each, AcdFact)]


def facts(out: list[Output], type_: str) -> list[dict[str, Any]]:
    return [each.data for each in out if isinstance(each, AcdFact) and each.type == type_]
