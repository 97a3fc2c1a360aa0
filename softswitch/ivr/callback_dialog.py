"""What a caller who wants to be called back is asked: is this the number, or which other one?

A pure machine beside the flows: it is told keys, the end of prompts and the time, and says what is to be
spoken and what came of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from softswitch.ivr.numbers import digits

ANSWER_S = 8.0
"""How long the caller has to answer a question."""
BETWEEN_S = 5.0
"""How long between two digits of a number."""
MOST_DIGITS = 20
TRIES = 3


class Phase(StrEnum):
    CONFIRMING = "confirming"
    ENTERING = "entering"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Ask:
    """Let the caller hear these prompts, and tell when they are over."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Chosen:
    """The caller wants to be called at this number; nothing follows."""

    number: str


@dataclass(frozen=True, slots=True)
class Declined:
    """The caller did not answer, or has no number that may be called; nothing follows."""


Action = Ask | Chosen | Declined


class CallbackDialog:
    """`own` is the caller's number if it may be called, '' if not; `callable_at` says of any other, as typed,
    how it is kept, '' if it may not be called. With `another` the caller may enter one."""

    def __init__(self, own: str, another: bool, callable_at: Callable[[str], str]) -> None:
        self.phase = Phase.OVER
        self.number = own
        self._another = another
        self._callable_at = callable_at
        self._typed = ""
        self._tries = TRIES
        self._deadline: float | None = None

    def next_timeout(self) -> float | None:
        return self._deadline

    def start(self) -> list[Action]:
        if self.number:
            return self._confirm()
        return self._enter() if self._another else self._decline()

    def key(self, key: str, now: float) -> list[Action]:
        """One of 0–9 * #, also while prompts are being spoken."""
        if self.phase is Phase.CONFIRMING:
            return self._confirmed(key)
        if self.phase is Phase.ENTERING:
            return self._typing(key, now)
        return []

    def prompts_finished(self, now: float) -> list[Action]:
        if self.phase is not Phase.OVER and not self._typed:
            self._deadline = now + ANSWER_S
        return []

    def timeout(self, now: float) -> list[Action]:
        """Nothing was pressed for as long as the caller has."""
        if self.phase is Phase.ENTERING and self._typed:
            return self._entered()
        return self._again(("no_input",)) if self.phase is not Phase.OVER else []

    # Is this the number?

    def _confirm(self, remark: tuple[str, ...] = ()) -> list[Action]:
        self.phase, self._deadline, self._typed = Phase.CONFIRMING, None, ""
        question = "callback_confirm" if self._another else "callback_confirm_only"
        return [Ask((*remark, "callback_number", *digits(self.number), question))]

    def _confirmed(self, key: str) -> list[Action]:
        if key == "1":
            self.phase, self._deadline = Phase.OVER, None
            return [Chosen(self.number)]
        if key == "2" and self._another:
            return self._enter()
        return self._again(("invalid_choice",))

    # Which other one?

    def _enter(self, remark: tuple[str, ...] = ()) -> list[Action]:
        self.phase, self._deadline, self._typed = Phase.ENTERING, None, ""
        return [Ask((*remark, "callback_enter"))]

    def _typing(self, key: str, now: float) -> list[Action]:
        if key == "#":
            return self._entered()
        if key == "*":
            return self._enter()
        self._typed += key
        self._deadline = now + BETWEEN_S
        return self._entered() if len(self._typed) == MOST_DIGITS else []

    def _entered(self) -> list[Action]:
        number = self._callable_at(self._typed) if self._typed else ""
        if not number:
            return self._again(("callback_not_possible",))
        self.number = number
        return self._confirm()

    # Once more, and no more

    def _again(self, remark: tuple[str, ...]) -> list[Action]:
        self._tries -= 1
        if not self._tries:
            return self._decline()
        return self._confirm(remark) if self.phase is Phase.CONFIRMING else self._enter(remark)

    def _decline(self) -> list[Action]:
        self.phase, self._deadline = Phase.OVER, None
        return [Declined()]
