"""A supervisor who listens to a conversation by dialling the listen code and the agent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from softswitch.call.activity import Activity

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.conversation import Conversation


class SupervisionActivity(Activity):
    """Lives from the supervisor's answered call until either that call or the conversation ends."""

    kind = "supervision"
    abandoned = "normal_hang_up_caller"

    def __init__(self, call: Call, conversation: Conversation) -> None:
        super().__init__(call)
        self.conversation = conversation

    def start(self, now: float, out: list[Any]) -> None:
        self.conversation.add_listener(self.call.inbound, out)
        self.conversation.call.fact("supervision_started", self._description(), out)

    def left(self, reason: str, now: float, out: list[Any]) -> None:
        self.conversation.remove_listener(self.call.inbound, out)
        self.conversation.call.fact("supervision_ended", self._description(), out)

    def to_state(self) -> dict[str, Any]:
        return {"kind": self.kind, "call": self.conversation.call.id}

    def _description(self) -> dict[str, Any]:
        return {"supervisor": self.call.caller.name, "mode": "listen", "agent": self.conversation.agent}
