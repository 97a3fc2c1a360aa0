"""PINs by keys: a caller has few tries in a call, and all callers together may not try until one fits."""

from __future__ import annotations

import hmac
from enum import Enum
from typing import TYPE_CHECKING, Any

from softswitch.call.outputs import Fact

if TYPE_CHECKING:
    from softswitch.call.call import Call

MOST_FAILURES = 5
LOCKED_S = 900.0
"""How long a failure counts, and how long no PIN is taken after MOST_FAILURES of them."""
MOST_REMEMBERED = 1000
TRIES = 3
"""In one call."""
MOST_DIGITS = 12


class PinGuard:
    """Failures by the agent's number or name. A new process forgets them."""

    def __init__(self) -> None:
        self._failures: dict[str, list[float]] = {}

    def locked(self, who: str, now: float) -> bool:
        return len(self._recent(who, now)) >= MOST_FAILURES

    def failed(self, who: str, call: Call, now: float, out: list[Any]) -> None:
        """A wrong PIN, or one that came while none is taken."""
        recent = self._recent(who, now)
        call.fact("pin_refused", {"agent": who, "source": call.caller.source}, out)
        if len(recent) >= MOST_FAILURES:
            return
        if len(self._failures) >= MOST_REMEMBERED:
            del self._failures[next(iter(self._failures))]
        self._failures.pop(who, None)
        self._failures[who] = [*recent, now]
        if len(recent) + 1 == MOST_FAILURES:
            message = (
                f"{MOST_FAILURES} wrong PINs for agent {who!r}; none is taken for {LOCKED_S / 60:.0f} minutes"
            )
            out.append(Fact("alarm_raised", {"code": "pin_locked", "message": message}))

    def passed(self, who: str) -> None:
        self._failures.pop(who, None)

    def _recent(self, who: str, now: float) -> list[float]:
        return [each for each in self._failures.get(who, ()) if each > now - LOCKED_S]


class Typed(Enum):
    """What a key makes of the PIN that is being typed."""

    MORE = "more"
    RIGHT = "right"
    WRONG = "wrong"
    REFUSED = "refused"
    """Wrong, and it was the last try."""


class PinEntry:
    """A caller types a PIN; the hash key ends it, or its last digit.

    `who` is under which name the guard counts what is wrong; None: only the tries of this call count.
    """

    def __init__(self, call: Call, who: str | None = None) -> None:
        self._call = call
        self._who = who
        self._keys = ""
        self._tries = TRIES

    def key(self, digit: str, pin: str | None, now: float, out: list[Any]) -> Typed:
        """One key more. `pin` None: none is right, which the caller cannot tell from a wrong one."""
        self._call.stop_playing(out)
        if digit != "#":
            self._keys += digit
            if len(self._keys) < (MOST_DIGITS if pin is None else len(pin)):
                return Typed.MORE
        given, self._keys = self._keys, ""
        if pin is not None and hmac.compare_digest(given, pin) and self._passed(now):
            return Typed.RIGHT
        self._tries -= 1
        if self._who is not None:
            self._call.exchange.pin_guard.failed(self._who, self._call, now, out)
        return Typed.WRONG if self._tries else Typed.REFUSED

    def _passed(self, now: float) -> bool:
        """Whether a PIN is taken at all."""
        guard = self._call.exchange.pin_guard
        if self._who is None:
            return True
        if guard.locked(self._who, now):
            return False
        guard.passed(self._who)
        return True
