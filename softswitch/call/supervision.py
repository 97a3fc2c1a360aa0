"""A supervisor in somebody's conversation: hears both sides, and is heard by nobody, by one, or by both.

The keys of the supervisor's phone change the mode. Who hears whom is said to the mixer: the phone is never
trusted to be silent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from softswitch.call.activity import Activity

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.conversation import Conversation
    from softswitch.call.leg import Leg

LISTEN, WHISPER, BARGE = "listen", "whisper", "barge"
MODES = {"1": LISTEN, "2": WHISPER, "3": BARGE}
"""By the key that chooses it."""


class SupervisionActivity(Activity):
    """Lives from the supervisor's answered call until either that call or the conversation ends.

    `user` is who is supervised: with `whisper` that one alone hears the supervisor, with `barge` both do.
    """

    kind = "supervision"
    abandoned = "normal_hang_up_caller"

    def __init__(self, call: Call, conversation: Conversation, user: str, mode: str = LISTEN) -> None:
        super().__init__(call)
        self.conversation = conversation
        self.user = user
        self.mode = mode

    def start(self, now: float, out: list[Any]) -> None:
        self.conversation.supervise(self, out)
        self._fact("supervision_started", out)

    def left(self, reason: str, now: float, out: list[Any]) -> None:
        self.conversation.unsupervise(self, out)
        self._fact("supervision_ended", out)

    def leg_digit(self, leg: Leg, digit: str, now: float, out: list[Any]) -> None:
        self.change(MODES.get(digit, self.mode), out)

    def change(self, mode: str, out: list[Any]) -> None:
        """Listen, whisper or barge from now on."""
        if mode == self.mode:
            return
        self._fact("supervision_ended", out)
        self.mode = mode
        self.conversation.put_bridge(out)
        self._fact("supervision_started", out)
        self.call.keep(out)

    def edges(self) -> list[list[Any]]:
        """Who hears whom, as edges of the conversation's bridge."""
        supervisor, legs = self.call.inbound, self.conversation.legs
        hearing: dict[str, tuple[Leg, ...]] = {LISTEN: (), WHISPER: (self._supervised(),), BARGE: legs}
        edges: list[list[Any]] = [[supervisor.id, mouth.id, 1.0] for mouth in legs]
        return edges + [[ear.id, supervisor.id, 1.0] for ear in hearing[self.mode]]

    def _supervised(self) -> Leg:
        caller, callee = self.conversation.legs
        parties = caller.party, callee.party
        mine = [each.kind == "user" and each.name == self.user for each in parties]
        return caller if mine == [True, False] else callee

    def to_state(self) -> dict[str, Any]:
        return {"kind": self.kind, "call": self.conversation.call.id, "user": self.user, "mode": self.mode}

    def _fact(self, type: str, out: list[Any]) -> None:
        told = {
            "supervisor": self.call.caller.name,
            "leg": self.call.inbound.id,
            "mode": self.mode,
            "agent": self.conversation.agent,
        }
        self.conversation.call.fact(type, told, out)
