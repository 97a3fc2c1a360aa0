"""What happens with a caller who is not in a conversation: flow, dial, conference, service, supervision …"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from softswitch.backend.events import Answer
    from softswitch.call.call import Call
    from softswitch.call.leg import Leg
    from softswitch.call.leg_media import LegMedia
    from softswitch.call.party import Party
    from softswitch.call.speaking import Spoken
    from softswitch.call.waiting import Waiting
    from softswitch.ivr.run import FlowRun


class Activity:
    """A call has at most one at a time, with one player and one timer, which end with it."""

    kind = ""
    abandoned = "abandoned_in_flow"
    """Reason code of the call if the answered caller hangs up now."""

    reached = False
    """Whether a transfer has come to its end with it."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.waiting: Waiting | None = None

    @property
    def flow_run(self) -> FlowRun | None:
        """The run of a flow that goes on now or when this activity is over."""
        return None

    def hung_up(self, now: float, out: list[Any]) -> str:
        """The answered caller has hung up; returns the reason code of the call."""
        return self.abandoned

    def start(self, now: float, out: list[Any]) -> None:
        raise NotImplementedError

    def left(self, reason: str, now: float, out: list[Any]) -> None:
        """The call ends for `reason`, or goes on without this activity."""

    def leg_digit(self, leg: Leg, digit: str, now: float, out: list[Any]) -> None:
        """The caller pressed a key."""

    def player_finished(self, now: float, out: list[Any]) -> None:
        """What `Call.play` was given last has been played to its end, or could not be."""

    def spoken(self, spoken: Spoken, now: float, out: list[Any]) -> None:
        """Texts that were asked for have become sound, or could not."""

    def backend_answered(self, answer: Answer, now: float, out: list[Any]) -> None:
        """A question to a back-end has its answer."""

    def message_timeout(self, now: float, out: list[Any]) -> None:
        """The message that is being taken is as long as it may be."""

    def timeout(self, now: float, out: list[Any]) -> None:
        """The time given to `Call.wake_at` has come."""

    @property
    def parties(self) -> list[Party]:
        """For whom this call is theirs, beside the caller."""
        return []

    def leg_ended(self, leg: Leg, now: float, out: list[Any]) -> bool:
        """A leg has ended. Whether the call goes on without it."""
        return False

    def hold_changed(self, leg: LegMedia, out: list[Any]) -> None:
        """A party has put the others on hold, or is back."""

    def no_media(self, leg: Leg, now: float, out: list[Any]) -> None:
        """Nothing is heard of a leg."""

    def recording_finished(self, recording: str) -> bool:
        """A recording could not go on. Whether it was one of this."""
        return False

    def to_state(self) -> dict[str, Any]:
        """What a new process needs to resume it, and `ringing`: the legs that it has to cancel."""
        return {"kind": self.kind}
