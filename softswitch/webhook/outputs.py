"""What the engine of the webhooks wants done, and what it is told of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from softswitch.config import Webhook


class Place(NamedTuple):
    """Where an event's record begins in the journal, and the log position after it."""

    begin: int
    position: int


@dataclass(frozen=True, slots=True)
class Deliver:
    """Send a fact to a webhook and tell the engine what came of it (`Delivered`); `attempt` counts from 1."""

    webhook: Webhook
    position: int
    attempt: int
    fact: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Delivered:
    """`status` is that of HTTP, 0 without an answer; `why` says for people what went wrong;
    `retry_after_s` is what the receiver asked for."""

    webhook: str
    position: int
    attempt: int
    status: int
    why: str = ""
    retry_after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class ReadOn:
    """Read facts of the journal after a position, as many as are easily had, none beyond `until`."""

    webhook: str
    after: int
    until: int


@dataclass(frozen=True, slots=True)
class ReadAgain:
    """Read the facts at these places."""

    webhook: str
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that is tried no more. What it says stays in the journal and nowhere else."""

    webhook: str
    place: Place
    id: str
    type: str
    subject: str
    at: float
    attempts: int
    why: str
    died_at: float


Output = Deliver | ReadOn | ReadAgain
