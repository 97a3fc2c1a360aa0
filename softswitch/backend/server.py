"""One server of a back-end: whether it is asked (a circuit breaker)."""

from __future__ import annotations

from enum import StrEnum

PROBES_TO_CLOSE = 2
"""Looks at its health that must go well one after the other: a server that flaps does not get callers
between."""


class Circuit(StrEnum):
    """closed: it is asked; open: it is left alone; trial: one request tries it, the others wait for that."""

    CLOSED = "closed"
    OPEN = "open"
    TRIAL = "trial"


class Server:
    """`probed`: its health is looked at all the time, and alone decides when it is asked again."""

    def __init__(self, url: str, failures: int, open_s: float, *, probed: bool) -> None:
        self.url = url
        self.circuit = Circuit.CLOSED
        self._most_failures = failures
        self._open_s = open_s
        self._probed = probed
        self._failures = 0
        self._probes = 0
        self._open_until = 0.0

    def usable(self, now: float) -> bool:
        if self.circuit is Circuit.OPEN and not self._probed:
            return now >= self._open_until
        return self.circuit is Circuit.CLOSED

    def taken(self, now: float) -> None:
        """It is asked now."""
        if self.circuit is Circuit.OPEN:
            self.circuit = Circuit.TRIAL

    def went_well(self) -> bool:
        """A request was answered; whether that changes something."""
        self._failures = 0
        if self._probed and self.circuit is not Circuit.CLOSED:
            return False
        changed = self.circuit is not Circuit.CLOSED
        self.circuit = Circuit.CLOSED
        return changed

    def failed(self, now: float) -> bool:
        """A request was not answered; whether the server is asked no more from now on."""
        self._failures += 1
        if self.circuit is Circuit.CLOSED and self._failures < self._most_failures:
            return False
        return self._open(now)

    def probed(self, ok: bool, now: float) -> bool:
        """Its health was looked at; whether that changes something."""
        self._probes = self._probes + 1 if ok else 0
        if not ok:
            return self._open(now)
        if self.circuit is Circuit.CLOSED or self._probes < PROBES_TO_CLOSE:
            return False
        self.circuit, self._failures = Circuit.CLOSED, 0
        return True

    def _open(self, now: float) -> bool:
        changed = self.circuit is Circuit.CLOSED
        self.circuit, self._open_until = Circuit.OPEN, now + self._open_s
        self._probes = 0
        return changed
