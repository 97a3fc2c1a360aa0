"""A supervisor in somebody's conversation: hears both sides; nobody, one, or both hear the supervisor.

The keys of the supervisor's phone change the mode. Who hears whom is said to the mixer: the phone is never
trusted to be silent. What is supervised is one call until it ends, through every transfer, or an agent from
call to call; between two conversations the supervisor waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from softswitch.call.activity import Activity
from softswitch.call.taking_over import take_call

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.conversation import Conversation
    from softswitch.call.leg import Leg

LISTEN, WHISPER, BARGE = "listen", "whisper", "barge"
MODES = {"1": LISTEN, "2": WHISPER, "3": BARGE}
"""By the key that chooses it."""
TAKE_OVER = "take_over"
TAKE_OVER_KEY, SCOPE_KEY = "4", "5"
CALL, AGENT = "call", "agent"
SCOPES = (CALL, AGENT)


class SupervisionActivity(Activity):
    """Lives from the supervisor's answered call until that call ends, or what is supervised does.

    `user` is who is supervised: with `whisper` that one alone hears the supervisor, with `barge` both do.
    With scope `agent` it is every conversation of this user, with scope `call` those of the call `watched`.
    """

    kind = "supervision"
    abandoned = "normal_hang_up_caller"

    def __init__(self, call: Call, watched: str, user: str, mode: str = LISTEN, scope: str = CALL) -> None:
        super().__init__(call)
        self.watched = watched
        self.user = user
        self.mode = mode
        self.scope = scope
        self.conversation: Conversation | None = None

    def start(self, now: float, out: list[Any]) -> None:
        self.call.exchange.supervising.add(self, now, out)

    def left(self, reason: str, now: float, out: list[Any]) -> None:
        self.call.exchange.supervising.remove(self)
        conversation = self.conversation
        if conversation is not None:
            conversation.unsupervise(self, out)
            self._fact("supervision_ended", conversation, out)
            self.conversation = None

    def leg_digit(self, leg: Leg, digit: str, now: float, out: list[Any]) -> None:
        if digit == TAKE_OVER_KEY:
            self.take_over(now, out)
        elif digit == SCOPE_KEY:
            self.scope_to(AGENT if self.scope == CALL else CALL, out)
        else:
            self.change(MODES.get(digit, self.mode), out)

    # What the supervisor chooses

    def change(self, mode: str, out: list[Any]) -> None:
        """Listen, whisper or barge from now on."""
        if mode == self.mode:
            return
        conversation = self.conversation
        if conversation is not None:
            self._fact("supervision_ended", conversation, out)
        self.mode = mode
        if conversation is not None:
            conversation.put_bridge(out)
            self._fact("supervision_started", conversation, out)
        self.call.keep(out)

    def scope_to(self, scope: str, out: list[Any]) -> None:
        """Stay with this call, or with this agent."""
        self.scope = scope
        self.call.keep(out)

    def take_over(self, now: float, out: list[Any]) -> bool:
        """Take the place of who is supervised. False: there is no conversation just now."""
        conversation = self.conversation
        if conversation is None:
            return False
        take_call(self.call, conversation, self.supervised(conversation), now, out)
        return True

    # What happens to what is supervised

    def matches(self, conversation: Conversation) -> bool:
        """Whether this conversation is one that the supervisor wants to hear."""
        if self.scope == CALL:
            return conversation.call.id == self.watched
        return any(leg.party.kind == "user" and leg.party.name == self.user for leg in conversation.legs)

    def join(self, conversation: Conversation, now: float, out: list[Any]) -> None:
        leg, worker = self.call.inbound, conversation.caller.worker
        self.watched = conversation.call.id
        if leg.worker != worker and not leg.move(worker, now, out):
            self.call.end("no_ports", "switch", now, out)
            return
        self.conversation = conversation
        conversation.supervise(self, out)
        self._fact("supervision_started", conversation, out)
        self._notice(conversation, out)
        self.call.keep(out)

    def resume(self, conversation: Conversation, out: list[Any]) -> None:
        """Go on in another process where a former one stopped: nobody has joined or left."""
        self.conversation = conversation
        conversation.supervise(self, out)

    def conversation_ended(self, now: float, out: list[Any]) -> None:
        """Wait for the next one, if there may be one."""
        conversation, self.conversation = self.conversation, None
        if conversation is None:
            return
        self._fact("supervision_ended", conversation, out)
        if conversation.call.ended and self.scope == CALL:
            self.over(now, out)
        else:
            self.call.keep(out)

    def over(self, now: float, out: list[Any]) -> None:
        """There will be nothing more to hear."""
        self.call.end("conversation_ended", "switch", now, out)

    # Who hears whom

    def edges(self, conversation: Conversation) -> list[list[Any]]:
        """Who hears whom, as edges of the conversation's bridge."""
        supervisor, legs = self.call.inbound, conversation.legs
        told = (self.supervised(conversation),)
        hearing: dict[str, tuple[Leg, ...]] = {LISTEN: (), WHISPER: told, BARGE: legs}
        edges: list[list[Any]] = [[supervisor.id, mouth.id, 1.0] for mouth in legs]
        return edges + [[ear.id, supervisor.id, 1.0] for ear in hearing[self.mode]]

    def supervised(self, conversation: Conversation) -> Leg:
        """The leg of who is supervised; after a transfer, of who has the call now."""
        caller, callee = conversation.legs
        parties = caller.party, callee.party
        mine = [each.kind == "user" and each.name == self.user for each in parties]
        return caller if mine == [True, False] else callee

    def _notice(self, conversation: Conversation, out: list[Any]) -> None:
        """Let who is supervised hear that it is so, where the centre wants that."""
        exchange, leg = self.call.exchange, self.supervised(conversation)
        paths = exchange.tone_paths("supervision_beep")
        if exchange.centre.supervision.agent_sees == "tone" and paths:
            fields = {"legs": [leg.id], "items": paths, "loop": False, "gain": 1.0}
            exchange.media.put(leg.worker, "player", self.call.next_id("p"), fields, out)

    def to_state(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "call": self.watched,
            "user": self.user,
            "mode": self.mode,
            "scope": self.scope,
            "joined": self.conversation is not None,
        }

    def _fact(self, type: str, conversation: Conversation, out: list[Any]) -> None:
        told = {
            "supervisor": self.call.caller.name,
            "leg": self.call.inbound.id,
            "mode": self.mode,
            "agent": conversation.agent,
        }
        conversation.call.fact(type, told, out)
