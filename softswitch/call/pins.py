"""PINs may not be tried until one fits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from softswitch.call.outputs import Fact

if TYPE_CHECKING:
    from softswitch.call.call import Call

MOST_FAILURES = 5
LOCKED_S = 900.0
"""How long a failure counts, and how long no PIN is taken after MOST_FAILURES of them."""
MOST_REMEMBERED = 1000


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
