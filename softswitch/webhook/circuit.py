"""Whether a receiver is sent anything: a circuit breaker that waits longer each time."""

from __future__ import annotations

from enum import StrEnum

FAILURES = 5
"""One after the other until the receiver is left alone."""
FIRST_OPEN_S, MOST_OPEN_S = 5.0, 60.0


class Circuit(StrEnum):
    """closed: it gets everything; open: it is left alone; trial: one request tries it."""

    CLOSED = "closed"
    OPEN = "open"
    TRIAL = "trial"


class Breaker:
    """One receiver. `random` values are from 0 to 1, so that receivers are not tried in step."""

    def __init__(self) -> None:
        self.circuit = Circuit.CLOSED
        self.open_until = 0.0
        self._failures = 0
        self._openings = 0

    def may_try(self, now: float) -> bool:
        """Whether one request may try whether it answers again."""
        return self.circuit is Circuit.OPEN and now >= self.open_until

    def taken(self) -> None:
        """A request leaves."""
        if self.circuit is Circuit.OPEN:
            self.circuit = Circuit.TRIAL

    def went_well(self) -> bool:
        """It has answered; whether that closes the circuit."""
        changed = self.circuit is not Circuit.CLOSED
        self.circuit, self._failures, self._openings = Circuit.CLOSED, 0, 0
        return changed

    def failed(self, now: float, random: float, at_least_s: float = 0.0) -> None:
        """It has not answered, or wants to be left alone for `at_least_s`."""
        self._failures += 1
        if self.circuit is Circuit.OPEN:
            self.open_until = max(self.open_until, now + at_least_s)
        elif self.circuit is Circuit.TRIAL or self._failures >= FAILURES or at_least_s:
            pause_s = min(MOST_OPEN_S, FIRST_OPEN_S * 2**self._openings) * (0.75 + random / 2)
            self._openings = min(self._openings + 1, 10)
            self.circuit, self.open_until = Circuit.OPEN, now + max(pause_s, at_least_s)
