"""A supervisor who listens to a conversation by dialling the listen code and the agent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.conversation import Conversation
    from softswitch.call.leg import Leg


class SupervisionActivity:
    """Lives from the supervisor's answered call until either that call or the conversation ends."""

    kind = "supervision"

    def __init__(self, call: Call, conversation: Conversation) -> None:
        self.call = call
        self.conversation = conversation

    def start(self, now: float, out: list[Any]) -> None:
        self.conversation.add_listener(self.call.inbound, out)
        self.conversation.call.fact("supervision_started", self._description(), out)

    def leg_digit(self, leg: Leg, digit: str, now: float, out: list[Any]) -> None:
        """Listening has no keys."""

    def player_finished(self, player: str, reason: str, now: float, out: list[Any]) -> None:
        """A listener hears the conversation and nothing else."""

    def caller_left(self, now: float, out: list[Any]) -> str:
        self.left(now, out)
        return "normal_hang_up_caller"

    def left(self, now: float, out: list[Any]) -> None:
        self.conversation.remove_listener(self.call.inbound, out)
        self.conversation.call.fact("supervision_ended", self._description(), out)

    def to_state(self) -> dict[str, Any]:
        return {"kind": self.kind, "call": self.conversation.call.id}

    def _description(self) -> dict[str, Any]:
        return {"supervisor": self.call.caller.name, "mode": "listen", "agent": self.conversation.agent}
