"""Calling a user or an outside number for a caller, and then joining the two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from softswitch.call.hunt import Hunt
from softswitch.call.leg import Leg, Party
from softswitch.call.registrar import Binding

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.flow_activity import FlowActivity

RING_S = 60.0


class DialActivity:
    """Rings a party; the caller hears ringing until the answer. `flow` goes on when nobody answers."""

    kind = "dial"

    def __init__(
        self,
        call: Call,
        party: Party,
        groups: Sequence[Sequence[Binding]],
        flow: FlowActivity | None,
        caller_id: str | None = None,
    ) -> None:
        self.call = call
        self.flow = flow
        self.hunt = Hunt(call, self, party, groups, call.caller_address(caller_id))

    def start(self, now: float, out: list[Any]) -> None:
        self.call.exchange.deadlines.set(("dial", self.call.id), now + RING_S, self._timeout)
        self.hunt.start(now, out)

    def hunt_ringing(self, hunt: Hunt, now: float, out: list[Any]) -> None:
        self.call.inbound.ring(now, out)

    def hunt_answered(self, hunt: Hunt, leg: Leg, now: float, out: list[Any]) -> None:
        self._cancel_timer()
        inbound = self.call.inbound
        codec = leg.audio.send.encoding if leg.audio else None
        if inbound.state != "answered" and not self.call.answer(now, out, codec):
            leg.hang_up("not_acceptable_media", now, out)
            self.call.end("not_acceptable_media", "switch", now, out)
            return
        self.call.converse(leg, None, now, out)

    def hunt_failed(self, hunt: Hunt, reason: str, now: float, out: list[Any]) -> None:
        self._cancel_timer()
        if self.flow is not None:
            self.flow.dial_ended(reason, now, out)
        else:
            self.call.end(reason, "agent" if reason.startswith("user_") else "switch", now, out)

    def _timeout(self, now: float, out: list[Any]) -> None:
        self.hunt.cancel("user_no_answer", now, out)
        self.hunt_failed(self.hunt, "user_no_answer", now, out)

    def _cancel_timer(self) -> None:
        self.call.exchange.deadlines.cancel(("dial", self.call.id))

    def leg_digit(self, leg: Leg, digit: str, now: float, out: list[Any]) -> None:
        """Keys pressed while it rings mean nothing."""

    def player_finished(self, player: str, reason: str, now: float, out: list[Any]) -> None:
        """Nothing is played while it rings."""

    def caller_left(self, now: float, out: list[Any]) -> str:
        self._cancel_timer()
        self.hunt.cancel("caller_cancelled", now, out)
        return "caller_cancelled"

    def left(self, now: float, out: list[Any]) -> None:
        self._cancel_timer()

    def to_state(self) -> dict[str, Any]:
        return {"kind": self.kind, "ringing": self.hunt.to_state()}
