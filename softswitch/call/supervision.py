"""A supervisor in somebody's conversation or conference: hears all; nobody, one, or all hear the supervisor.

The keys of the supervisor's phone change the mode. Who hears whom is said to the mixer: the phone is never
trusted to be silent. What is supervised is one call until it ends, through every transfer, or an agent from
call to call; between two conversations the supervisor waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from softswitch.call.activity import Activity
from softswitch.call.conversation import Conversation
from softswitch.call.taking_over import take_call

if TYPE_CHECKING:
    from collections.abc import Sequence

    from softswitch.call.call import Call
    from softswitch.call.heard import Heard
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

    `user` is who is supervised: with `whisper` that one alone hears the supervisor, with `barge` all do.
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
        self.heard: Heard | None = None
        self._told: tuple[Call, str | None] = call, None
        """The call in whose facts this stands, and the agent."""

    def start(self, now: float, out: list[Any]) -> None:
        self.call.exchange.supervising.add(self, now, out)

    def left(self, reason: str, now: float, out: list[Any]) -> None:
        self.call.exchange.supervising.remove(self)
        heard, self.heard = self.heard, None
        if heard is not None:
            heard.unsupervise(self, out)
            self._fact("supervision_ended", out)

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
        if self.heard is not None:
            self._fact("supervision_ended", out)
        self.mode = mode
        if self.heard is not None:
            self.heard.put_bridge(out)
            self._fact("supervision_started", out)
        self.call.keep(out)

    def scope_to(self, scope: str, out: list[Any]) -> None:
        """Stay with this call, or with this agent."""
        self.scope = scope
        self.call.keep(out)

    def take_over(self, now: float, out: list[Any]) -> bool:
        """Take the place of who is supervised. False: there is no conversation of two just now."""
        conversation, supervised = self.heard, self.supervised
        if not isinstance(conversation, Conversation) or supervised is None:
            return False
        take_call(self.call, conversation, supervised, now, out)
        return True

    # What happens to what is supervised

    def call_of(self, heard: Heard) -> Call | None:
        """The call in it with which this one stays, or that of who is supervised; None: neither is in it."""
        if self.scope == CALL:
            return next((leg.call for leg in heard.legs if leg.call.id == self.watched), None)
        return next((leg.call for leg in heard.legs if self._is_supervised(leg)), None)

    def join(self, heard: Heard, now: float, out: list[Any]) -> None:
        leg, worker = self.call.inbound, heard.legs[0].worker
        if leg.worker != worker and not leg.move(worker, now, out):
            self.call.end("no_ports", "switch", now, out)
            return
        self.resume(heard, out)
        self._fact("supervision_started", out)
        self._notice(out)
        self.call.keep(out)

    def resume(self, heard: Heard, out: list[Any]) -> None:
        """Go on in another process where a former one stopped: nobody has joined or left."""
        call = self.call_of(heard)
        assert call is not None
        self.heard, self.watched = heard, call.id
        self._told = call, heard.agent_for(self.supervised)
        heard.supervise(self, out)

    def conversation_ended(self, now: float, out: list[Any]) -> None:
        """Wait for the next one, if there may be one."""
        if self.heard is None:
            return
        self.heard = None
        self._fact("supervision_ended", out)
        if self._told[0].ended and self.scope == CALL:
            self.over(now, out)
        else:
            self.call.keep(out)

    def over(self, now: float, out: list[Any]) -> None:
        """There will be nothing more to hear."""
        self.call.end("conversation_ended", "switch", now, out)

    # Who hears whom

    def edges(self, heard: Heard) -> list[list[Any]]:
        """Who hears whom, as edges of the bridge."""
        supervisor, told = self.call.inbound, self.supervised
        hearing: dict[str, Sequence[Leg]] = {
            LISTEN: (),
            WHISPER: () if told is None else (told,),
            BARGE: heard.legs,
        }
        edges: list[list[Any]] = [[supervisor.id, mouth.id, 1.0] for mouth in heard.mouths]
        return edges + [[ear.id, supervisor.id, 1.0] for ear in hearing[self.mode]]

    @property
    def supervised(self) -> Leg | None:
        """The leg of who is supervised, or of who has the call in their place."""
        if self.heard is None:
            return None
        mine = [leg for leg in self.heard.legs if self._is_supervised(leg)]
        return mine[-1] if mine else self.heard.stand_in

    def _is_supervised(self, leg: Leg) -> bool:
        return leg.party.kind == "user" and leg.party.name == self.user

    def _notice(self, out: list[Any]) -> None:
        """Let who is supervised hear that it is so, where the centre wants that."""
        exchange, leg = self.call.exchange, self.supervised
        paths = exchange.tone_paths("supervision_beep")
        if leg is not None and exchange.centre.supervision.agent_sees == "tone" and paths:
            fields = {"legs": [leg.id], "items": paths, "loop": False, "gain": 1.0}
            exchange.media.put(leg.worker, "player", self.call.next_id("p"), fields, out)

    def to_state(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "call": self.watched,
            "user": self.user,
            "mode": self.mode,
            "scope": self.scope,
            "joined": self.heard is not None,
        }

    def _fact(self, type: str, out: list[Any]) -> None:
        call, agent = self._told
        told = {
            "supervisor": self.call.caller.name,
            "leg": self.call.inbound.id,
            "mode": self.mode,
            "agent": agent,
        }
        call.fact(type, told, out)
