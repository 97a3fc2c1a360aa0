"""What the engine of the back-ends is told and what it wants done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

OK = "ok"
FAILED = "failed"
TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True)
class Question:
    """One request of whoever knows it by `id`. `path` begins with a slash and is percent-encoded, with its
    query; `body` is JSON or None; `key` is the same whenever the same thing is asked again (Idempotency-Key).
    `deadline_s` None: that of the back-end."""

    id: str
    backend: str
    method: str
    path: str
    body: str | None = None
    key: str = ""
    deadline_s: float | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """Send one request to one server and tell the engine what came of it; `number` 0 is a look at its health.

    The driver gives up after `timeout_s`, reads `max_bytes` at most, follows no redirect, and connects to
    inner addresses only for `inner_hosts`.
    """

    id: str
    number: int
    backend: str
    server: int
    url: str
    method: str
    body: str | None
    headers: tuple[tuple[str, str], ...]
    secret_headers: tuple[tuple[str, str], ...]
    inner_hosts: tuple[str, ...]
    timeout_s: float
    max_bytes: int


@dataclass(frozen=True, slots=True)
class AttemptEnded:
    """`outcome`: ok, failed or timeout; `why` says it for people; `value` is the JSON value of an answer
    that is ok. `sent`: whether the server may have got the request. `fault`: whether it speaks against the
    server (a 404 does not)."""

    id: str
    number: int
    backend: str
    server: int
    outcome: str
    why: str = ""
    value: Any = None
    sent: bool = True
    fault: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a question: the only one, whatever happens. `seconds` is how long it took."""

    id: str
    backend: str
    outcome: str
    why: str
    value: Any
    attempts: int
    cached: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class ServerChanged:
    """A server is asked no more, or again."""

    backend: str
    url: str
    healthy: bool
    why: str


Output = Attempt | Answer | ServerChanged
