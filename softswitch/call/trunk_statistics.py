"""What became of the calls over one trunk since it was configured, restarts included."""

from __future__ import annotations

from collections import Counter
from typing import Any


class TrunkStatistics:
    """Counts legs when they end. A try at one address after the other counts at each of them."""

    __slots__ = ("_answered", "_ended", "_failures")

    def __init__(self) -> None:
        self._ended = {"inbound": 0, "outbound": 0}
        self._answered = {"inbound": 0, "outbound": 0}
        self._failures: Counter[int] = Counter()

    def ended(self, direction: str, answered: bool, status: int) -> None:
        """`status` is the final SIP status of a leg that was not answered, 487 if we gave it up ourselves."""
        self._ended[direction] += 1
        if answered:
            self._answered[direction] += 1
        elif direction == "outbound":
            self._failures[status] += 1

    def to_state(self) -> dict[str, Any]:
        failures = {str(status): count for status, count in self._failures.items()}
        return {"ended": dict(self._ended), "answered": dict(self._answered), "failures": failures}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on counting where a former process stopped."""
        self._ended.update(state["ended"])
        self._answered.update(state["answered"])
        self._failures.update({int(status): count for status, count in state["failures"].items()})

    def snapshot(self) -> dict[str, Any]:
        """`asr_percent` (answer-seizure ratio) is that of calls to the peer, None before the first."""
        tried = self._ended["outbound"]
        return {
            "inbound": self._ended["inbound"],
            "inbound_answered": self._answered["inbound"],
            "outbound": tried,
            "outbound_answered": self._answered["outbound"],
            "asr_percent": round(100 * self._answered["outbound"] / tried, 1) if tried else None,
            "failures": {str(status): self._failures[status] for status in sorted(self._failures)},
        }
