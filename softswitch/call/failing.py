"""A caller who cannot be connected: one who was answered already hears the busy tone before the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from softswitch.call.activity import Activity

if TYPE_CHECKING:
    from softswitch.call.call import Call

TONE_S = 4.0


def fail(call: Call, reason: str, ended_by: str, now: float, out: list[Any]) -> None:
    """End a call that came to nothing. Who was not answered has the SIP status of the reason instead."""
    if call.inbound.state == "answered" and call.exchange.tone_paths("busy"):
        call.begin(FailingActivity(call, reason, ended_by), now, out)
    else:
        call.end(reason, ended_by, now, out)


class FailingActivity(Activity):
    """The busy tone for a few seconds; then, or if the caller hangs up, the call ends for `reason`."""

    kind = "failing"

    def __init__(self, call: Call, reason: str, ended_by: str) -> None:
        super().__init__(call)
        self.reason = self.abandoned = reason
        self.ended_by = ended_by

    def start(self, now: float, out: list[Any]) -> None:
        self.call.play(self.call.exchange.tone_paths("busy"), out, loop=True)
        self.call.wake_at(now + TONE_S)

    def timeout(self, now: float, out: list[Any]) -> None:
        self.call.end(self.reason, self.ended_by, now, out)

    def to_state(self) -> dict[str, Any]:
        return {"kind": self.kind, "reason": self.reason, "ended_by": self.ended_by}
