"""One agent: what they declare (status), what the switch sees (state), and the table of state changes."""
from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from softswitch import config

USER_SEAT, NUMBER_SEAT = "user:", "number:"
"""How a seat begins: the phones of a user, or a number outside."""


class AgentState(StrEnum):
    """What the switch sees. `busy` is a call that did not come from a queue."""

    SIGNED_OUT = "signed_out"
    IDLE = "idle"
    RESERVED = "reserved"
    RINGING = "ringing"
    TALKING = "talking"
    WRAP_UP = "wrap_up"
    BUSY = "busy"


class Disposition(StrEnum):
    """Whether the agent has noted what came of the call; `awaited`: wrap-up lasts longer for it."""

    NONE = ""
    GIVEN = "given"
    AWAITED = "awaited"


class AgentInput(StrEnum):
    """What can happen to an agent."""

    SIGN_IN = "sign_in"
    SIGN_OUT = "sign_out"
    OFFER = "offer"
    RING = "ring"
    ANSWER = "answer"
    FAIL = "fail"
    WITHDRAW = "withdraw"
    END = "end"
    END_WITHOUT_WRAP_UP = "end_without_wrap_up"
    WRAP_UP_OVER = "wrap_up_over"
    OTHER_CALL = "other_call"
    OTHER_CALL_OVER = "other_call_over"


class Agent:
    """State of one agent. Times are monotonic seconds.

    `idle_since` orders agents by how long they have waited for work: it starts when a call or wrap-up ends or
    the agent becomes available, and is kept when an offer is withdrawn through no doing of the agent.
    `wrap_up_s` is how long the wrap-up was to be when its end was last set.
    `paused_until` is set while a `not_available` ends by itself. `calls` and `talk_s` count the calls from
    queues since signing in, `turns` says when, in the order of all offers, it was their turn in a queue,
    `misses` how many offers went unanswered in a row. `seat` is where they signed in, `user:NAME` or
    `number:NUMBER`, '' for the phones of their own user; `quiet` says that these are not to be disturbed.
    """

    __slots__ = (
        "call", "calls", "config", "disposition", "idle_since", "misses", "offer", "other_calls",
        "paused_until",
        "queue", "quiet", "reachable", "reason", "seat", "signed_in", "since", "state", "status", "talk_s",
        "turns", "wrap_up_s", "wrap_up_until",
    )

    def __init__(self, agent: config.Agent, now: float) -> None:
        self.config = agent
        self.signed_in = False
        self.status: str = "not_available"
        self.reason: str = ""
        self.state = AgentState.SIGNED_OUT
        self.since = now
        self.idle_since = now
        self.reachable = self.quiet = False
        self.seat = ""
        self.offer: str | None = None
        self.call: str | None = None
        self.queue: str | None = None
        # Ordered like a set that remembers: state() must be the same for the same events.
        self.other_calls: dict[str, None] = {}
        self.wrap_up_until: float | None = None
        self.wrap_up_s = 0.0
        self.disposition = Disposition.NONE
        self.paused_until: float | None = None
        self.calls = self.misses = 0
        self.talk_s = 0.0
        self.turns: dict[str, int] = {}

    @property
    def name(self) -> str:
        return self.config.name

    @property
    def user(self) -> str | None:
        """The user at whose phones the agent sits; None for a number outside, and without any phone."""
        if not self.seat:
            return self.config.user
        return self.seat.removeprefix(USER_SEAT) if self.seat.startswith(USER_SEAT) else None

    @property
    def number(self) -> str:
        """The number outside at which the agent sits, '' for none."""
        return self.seat.removeprefix(NUMBER_SEAT) if self.seat.startswith(NUMBER_SEAT) else ""

    def feed(self, given: AgentInput, now: float, subject: str = "") -> bool:
        """Go through the table with one input; `subject` is the offer or call it is about.
        Returns whether the state changed. An input that has no entry is late news and changes nothing."""
        entry = TABLE.get((self.state, given))
        if entry is None:
            return False
        action, target = entry
        action(self, subject)
        state = self._resting_state() if target is None else target
        if state is self.state:
            return False
        if self.state is AgentState.TALKING:
            self.talk_s = round(self.talk_s + now - self.since, 3)
        self.state = state
        self.since = now
        if state is AgentState.IDLE and given is not AgentInput.WITHDRAW:
            self.idle_since = now
        return True

    def declare(self, status: str, reason: str, now: float, paused_until: float | None = None) -> bool:
        """Set the status; returns whether status or reason changed."""
        changed = (status, reason) != (self.status, self.reason)
        if status == "available" and self.status != "available":
            self.idle_since = now
        self.status, self.reason, self.paused_until = status, reason, paused_until
        return changed

    def excluding_rule(self) -> str:
        """The first rule that keeps this agent from being offered a call, '' when there is none."""
        if not self.signed_in:
            return "signed_out"
        if self.status != "available":
            return self.status
        if not self.reachable:
            return "unreachable"
        if self.quiet:
            return "do_not_disturb"
        return "" if self.state is AgentState.IDLE else self.state.value

    def _resting_state(self) -> AgentState:
        if not self.signed_in:
            return AgentState.SIGNED_OUT
        return AgentState.BUSY if self.other_calls else AgentState.IDLE

    def to_state(self) -> dict[str, Any]:
        """What a later process needs (JSON values). An offer does not survive: its phone stops ringing."""
        offered = self.state in (AgentState.RESERVED, AgentState.RINGING)
        return {
            "signed_in": self.signed_in, "status": self.status, "reason": self.reason,
            "state": AgentState.IDLE.value if offered else self.state.value,
            "since": self.idle_since if offered else self.since, "idle_since": self.idle_since,
            "reachable": self.reachable, "quiet": self.quiet, "seat": self.seat,
            "call": self.call, "queue": self.queue,
            "other_calls": list(self.other_calls), "wrap_up_until": self.wrap_up_until,
            "wrap_up_s": self.wrap_up_s,
            "paused_until": self.paused_until, "calls": self.calls, "talk_s": self.talk_s,
            "misses": self.misses, "turns": dict(self.turns),
            **({"disposition": self.disposition.value} if self.disposition else {}),
        }

    def from_state(self, state: dict[str, Any], now: float) -> None:
        """Take over what `to_state` of a former process said. Times that lie in the future of this clock
        (the machine was booted in between) count as now."""
        self.signed_in, self.status, self.reason = state["signed_in"], state["status"], state["reason"]
        self.state = AgentState(state["state"])
        self.since, self.idle_since = min(state["since"], now), min(state["idle_since"], now)
        self.reachable, self.call, self.queue = state["reachable"], state["call"], state["queue"]
        self.quiet, self.seat = state.get("quiet", False), state.get("seat", "")
        self.other_calls = dict.fromkeys(state["other_calls"])
        self.wrap_up_until, self.paused_until = state["wrap_up_until"], state["paused_until"]
        self.wrap_up_s = state.get("wrap_up_s", 0.0)
        self.calls, self.talk_s, self.misses = state["calls"], state["talk_s"], state["misses"]
        self.turns = dict(state["turns"])
        self.disposition = Disposition(state.get("disposition", ""))
        if self.state is AgentState.IDLE:
            self.state = self._resting_state()


def _nothing(agent: Agent, subject: str) -> None:
    pass


def _sign_in(agent: Agent, subject: str) -> None:
    agent.signed_in = True
    agent.calls = agent.misses = 0
    agent.talk_s = 0.0


def _stay(agent: Agent, subject: str) -> None:
    """Signed in again before the call was over: the day goes on."""
    agent.signed_in = True


def _sign_out(agent: Agent, subject: str) -> None:
    agent.signed_in = False
    agent.offer = None


def _sign_out_of_wrap_up(agent: Agent, subject: str) -> None:
    _sign_out(agent, subject)
    _end_call(agent, subject)


def _take_offer(agent: Agent, offer: str) -> None:
    agent.offer = offer


def _accept(agent: Agent, call: str) -> None:
    agent.offer, agent.call, agent.disposition = None, call, Disposition.NONE
    agent.calls += 1
    agent.misses = 0


def _drop_offer(agent: Agent, subject: str) -> None:
    agent.offer = None


def _end_call(agent: Agent, subject: str) -> None:
    agent.call = agent.queue = agent.wrap_up_until = None
    agent.wrap_up_s = 0.0
    agent.disposition = Disposition.NONE


def _note_other_call(agent: Agent, call: str) -> None:
    agent.other_calls[call] = None


def _forget_other_call(agent: Agent, call: str) -> None:
    agent.other_calls.pop(call, None)


Action = Callable[[Agent, str], None]
_S, _I = AgentState, AgentInput

# (state, input) -> (action, next state); None is the resting state: signed_out, busy or idle.
TABLE: dict[tuple[AgentState, AgentInput], tuple[Action, AgentState | None]] = {
    (_S.SIGNED_OUT, _I.SIGN_IN): (_sign_in, None),
    (_S.SIGNED_OUT, _I.OTHER_CALL): (_note_other_call, _S.SIGNED_OUT),
    (_S.SIGNED_OUT, _I.OTHER_CALL_OVER): (_forget_other_call, _S.SIGNED_OUT),
    (_S.IDLE, _I.SIGN_OUT): (_sign_out, None),
    (_S.IDLE, _I.OFFER): (_take_offer, _S.RESERVED),
    (_S.IDLE, _I.OTHER_CALL): (_note_other_call, None),
    (_S.RESERVED, _I.SIGN_OUT): (_sign_out, None),
    (_S.RESERVED, _I.RING): (_nothing, _S.RINGING),
    (_S.RESERVED, _I.ANSWER): (_accept, _S.TALKING),
    (_S.RESERVED, _I.FAIL): (_drop_offer, None),
    (_S.RESERVED, _I.WITHDRAW): (_drop_offer, None),
    (_S.RESERVED, _I.OTHER_CALL): (_note_other_call, _S.RESERVED),
    (_S.RESERVED, _I.OTHER_CALL_OVER): (_forget_other_call, _S.RESERVED),
    (_S.RINGING, _I.SIGN_OUT): (_sign_out, None),
    (_S.RINGING, _I.ANSWER): (_accept, _S.TALKING),
    (_S.RINGING, _I.FAIL): (_drop_offer, None),
    (_S.RINGING, _I.WITHDRAW): (_drop_offer, None),
    (_S.RINGING, _I.OTHER_CALL): (_note_other_call, _S.RINGING),
    (_S.RINGING, _I.OTHER_CALL_OVER): (_forget_other_call, _S.RINGING),
    # Signing out does not cut a conversation, and signing in again during it takes that back.
    (_S.TALKING, _I.SIGN_IN): (_stay, _S.TALKING),
    (_S.TALKING, _I.SIGN_OUT): (_sign_out, _S.TALKING),
    (_S.TALKING, _I.END): (_nothing, _S.WRAP_UP),
    (_S.TALKING, _I.END_WITHOUT_WRAP_UP): (_end_call, None),
    (_S.TALKING, _I.OTHER_CALL): (_note_other_call, _S.TALKING),
    (_S.TALKING, _I.OTHER_CALL_OVER): (_forget_other_call, _S.TALKING),
    (_S.WRAP_UP, _I.SIGN_OUT): (_sign_out_of_wrap_up, None),
    (_S.WRAP_UP, _I.WRAP_UP_OVER): (_end_call, None),
    (_S.WRAP_UP, _I.OTHER_CALL): (_note_other_call, _S.WRAP_UP),
    (_S.WRAP_UP, _I.OTHER_CALL_OVER): (_forget_other_call, _S.WRAP_UP),
    (_S.BUSY, _I.SIGN_OUT): (_sign_out, None),
    (_S.BUSY, _I.OTHER_CALL): (_note_other_call, _S.BUSY),
    (_S.BUSY, _I.OTHER_CALL_OVER): (_forget_other_call, None),
}
