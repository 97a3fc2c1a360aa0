"""A callback: a place in a queue that outlives the call, until customer and agent talk or it is given up.

Only a place that waits in the queue is offered to agents, so there are never more callbacks out than agents
held for them. While it does not wait there (between two attempts, while the queue is closed) it is kept
aside and comes back to exactly where it was: same priority, same beginning, same order of arrival.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from softswitch.acd.queued_call import QueuedCall


class CallbackState(StrEnum):
    """`waiting` for its turn; `calling` as an agent is held for it; `on_line` when the customer was called
    first and waits for an agent; `paused` until the next attempt; `held` while the queue is closed."""

    WAITING = "waiting"
    CALLING = "calling"
    ON_LINE = "on_line"
    PAUSED = "paused"
    HELD = "held"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class CallbackInput(StrEnum):
    """What can happen to a callback. `returned`, `postponed`: the attempt ended through no doing of the
    customer's, and the next one may come at once, or not."""

    OFFERED = "offered"
    ANSWERED = "answered"
    CONNECTED = "connected"
    RETURNED = "returned"
    POSTPONED = "postponed"
    MISSED = "missed"
    DUE = "due"
    CLOSED = "closed"
    OPENED = "opened"
    GIVEN_UP = "given_up"
    CANCELLED = "cancelled"


_S, _I = CallbackState, CallbackInput

# (state, input) -> next state. What has no entry changes nothing.
TABLE: dict[tuple[CallbackState, CallbackInput], CallbackState] = {
    (_S.WAITING, _I.OFFERED): _S.CALLING,
    (_S.WAITING, _I.CLOSED): _S.HELD,
    (_S.WAITING, _I.GIVEN_UP): _S.FAILED,
    (_S.WAITING, _I.CANCELLED): _S.CANCELLED,
    (_S.CALLING, _I.ANSWERED): _S.ON_LINE,
    (_S.CALLING, _I.CONNECTED): _S.DONE,
    (_S.CALLING, _I.RETURNED): _S.WAITING,
    (_S.CALLING, _I.POSTPONED): _S.PAUSED,
    (_S.CALLING, _I.MISSED): _S.PAUSED,
    (_S.CALLING, _I.GIVEN_UP): _S.FAILED,
    (_S.CALLING, _I.CANCELLED): _S.CANCELLED,
    (_S.ON_LINE, _I.CONNECTED): _S.DONE,
    (_S.ON_LINE, _I.RETURNED): _S.WAITING,
    (_S.ON_LINE, _I.POSTPONED): _S.PAUSED,
    (_S.ON_LINE, _I.GIVEN_UP): _S.FAILED,
    (_S.ON_LINE, _I.CANCELLED): _S.CANCELLED,
    (_S.PAUSED, _I.DUE): _S.WAITING,
    (_S.PAUSED, _I.GIVEN_UP): _S.FAILED,
    (_S.PAUSED, _I.CANCELLED): _S.CANCELLED,
    (_S.HELD, _I.OPENED): _S.WAITING,
    (_S.HELD, _I.GIVEN_UP): _S.FAILED,
    (_S.HELD, _I.CANCELLED): _S.CANCELLED,
}

IN_QUEUE = frozenset((_S.WAITING, _S.CALLING, _S.ON_LINE))
"""States in which the place is in the queue."""
OUT = frozenset((_S.CALLING, _S.ON_LINE))
"""States in which somebody is called."""
OVER = frozenset((_S.DONE, _S.FAILED, _S.CANCELLED))


class Callback:
    """One callback. Times are monotonic seconds.

    `place` is the queued call that stands for it; its id is that of the call of the next attempt, or of the
    one under way. `number` is whom to call, `inside` whether that is a user of ours; `shown` the number that
    the customer called, `display` their name, `data` that of their call. `attempts` counts those in which the
    customer was not reached.
    """

    __slots__ = (
        "attempts",
        "data",
        "display",
        "expires_at",
        "id",
        "inside",
        "kept_at",
        "language",
        "next_at",
        "number",
        "place",
        "shown",
        "state",
    )

    def __init__(
        self,
        id: str,
        place: QueuedCall,
        number: str,
        *,
        kept_at: float,
        expires_at: float,
        inside: bool = False,
        display: str = "",
        shown: str = "",
        language: str = "en",
        data: Mapping[str, str] | None = None,
    ) -> None:
        self.id = id
        self.place = place
        self.number = number
        self.inside = inside
        self.display = display
        self.shown = shown
        self.language = language
        self.data = dict(data or {})
        self.kept_at = kept_at
        self.expires_at = expires_at
        self.state = CallbackState.WAITING
        self.attempts = 0
        self.next_at: float | None = None

    @property
    def queue(self) -> str:
        return self.place.queue

    @property
    def call(self) -> str:
        """Id of the call of the attempt under way, or of the next one."""
        return self.place.call

    def deadline(self) -> float | None:
        """When something happens to it by itself; None while somebody is called, which has its own end."""
        if self.state in OUT:
            return None
        return self.expires_at if self.next_at is None else min(self.next_at, self.expires_at)

    def to_state(self) -> dict[str, Any]:
        """A place in the queue is kept there."""
        aside = {} if self.state in IN_QUEUE else {"place": self.place.to_state()}
        return {
            "call": self.call,
            **aside,
            "number": self.number,
            "inside": self.inside,
            "display": self.display,
            "shown": self.shown,
            "language": self.language,
            **({"data": self.data} if self.data else {}),
            "kept_at": self.kept_at,
            "expires_at": self.expires_at,
            "state": self.state.value,
            "attempts": self.attempts,
            "next_at": self.next_at,
        }

    @classmethod
    def from_state(cls, id: str, state: dict[str, Any], place: QueuedCall, now: float) -> Callback:
        """Times in the future of this clock (the machine was booted in between) last no longer than they
        were to from the beginning."""
        kept_at = min(state["kept_at"], now)
        callback = cls(
            id,
            place,
            state["number"],
            kept_at=kept_at,
            expires_at=min(state["expires_at"], now + state["expires_at"] - state["kept_at"]),
            inside=state["inside"],
            display=state["display"],
            shown=state["shown"],
            language=state["language"],
            data=state.get("data"),
        )
        callback.state = CallbackState(state["state"])
        callback.attempts, callback.next_at = state["attempts"], state["next_at"]
        return callback

    def row(self, now: float) -> dict[str, Any]:
        """For a list; durations in seconds."""
        return {
            "callback": self.id,
            "queue": self.queue,
            "number": self.number,
            "name": self.display,
            "state": self.state.value,
            "priority": self.place.priority,
            "waited_s": round(now - self.place.queued_at, 1),
            "attempts": self.attempts,
            "next_s": None if self.next_at is None else round(max(self.next_at - now, 0.0), 1),
            "expires_s": round(max(self.expires_at - now, 0.0), 1),
            "call": self.call,
        }
