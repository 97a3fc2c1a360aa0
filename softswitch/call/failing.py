"""A caller who cannot be connected: one who was answered already hears why by a tone before the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from softswitch.call.activity import Activity
from softswitch.reasons import REASONS

if TYPE_CHECKING:
    from softswitch.call.call import Call

TONE_S = 4.0
TONES = {
    404: "special_information",
    410: "special_information",
    484: "special_information",
    604: "special_information",
    403: "special_information",
    480: "busy",
    486: "busy",
    600: "busy",
    603: "busy",
}
"""SIP status of the reason -> tone: somebody is not free, or the number is wrong; else we are (E.182)."""
OTHERWISE, USUAL = "congestion", "busy"


def fail(call: Call, reason: str, ended_by: str, now: float, out: list[Any]) -> None:
    """End a call that came to nothing. Who was not answered has the SIP status of the reason instead."""
    if call.inbound.state == "answered" and tone_of(call, reason):
        call.begin(FailingActivity(call, reason, ended_by), now, out)
    else:
        call.end(reason, ended_by, now, out)


def tone_of(call: Call, reason: str) -> list[str]:
    """The file of the tone that tells why; prompts of one's own may have the busy tone only, or none."""
    exchange = call.exchange
    return exchange.tone_paths(TONES.get(REASONS[reason].status, OTHERWISE)) or exchange.tone_paths(USUAL)


class FailingActivity(Activity):
    """A tone for a few seconds; then, or if the caller hangs up, the call ends for `reason`."""

    kind = "failing"

    def __init__(self, call: Call, reason: str, ended_by: str) -> None:
        super().__init__(call)
        self.reason = self.abandoned = reason
        self.ended_by = ended_by

    def start(self, now: float, out: list[Any]) -> None:
        self.call.play(tone_of(self.call, self.reason), out, loop=True)
        self.call.wake_at(now + TONE_S)

    def timeout(self, now: float, out: list[Any]) -> None:
        self.call.end(self.reason, self.ended_by, now, out)

    def to_state(self) -> dict[str, Any]:
        return {"kind": self.kind, "reason": self.reason, "ended_by": self.ended_by}
