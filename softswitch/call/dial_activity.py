"""Calling a user or an outside number for a caller, and then joining the two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from softswitch.call.activity import Activity
from softswitch.call.conversation import bridge_id
from softswitch.call.forwarding import AFTER, forward
from softswitch.call.hunt import Group, Hunt
from softswitch.call.identity import reached
from softswitch.call.leg import Leg
from softswitch.call.party import Party
from softswitch.call.redirection import redirect
from softswitch.call.screen_pop import comes_to, pop_lines

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.flow_activity import FlowActivity
    from softswitch.ivr.run import FlowRun

RING_S = 60.0


class DialActivity(Activity):
    """Rings a party; the caller hears ringing until the answer. `flow` goes on when nobody answers."""

    kind = "dial"

    def __init__(
        self,
        call: Call,
        groups: Sequence[Group],
        flow: FlowActivity | None,
        user: str | None = None,
    ) -> None:
        """`user` is who is called, whose forwarding holds then."""
        super().__init__(call)
        self.flow = flow
        self.user = user
        may_ring = user is None or call.exchange.forwards.may_ring(call.exchange.centre, user)
        self.hunt = Hunt(call, self, groups) if may_ring else Hunt(call, self, (), "do_not_disturb")
        self.early: Leg | None = None

    def start(self, now: float, out: list[Any]) -> None:
        exchange, kind = self.call.exchange, "always"
        always = exchange.forwards.target(exchange.centre, self.user, kind) if self.user else None
        if always is not None and self.user is not None:
            reason = forward(self.call, self.user, kind, always, self.flow, now, out)
            if reason is not None:
                self._fail(reason, now, out)
            return
        self.call.wake_at(now + self._ring_s)
        if self.user is not None and self.hunt.possible:
            exchange.lookups.rings(self.call, self.user, now, out)
            comes_to(self.call, Party("user", self.user, self.user), "call", now, out)
            self.hunt.headers = pop_lines(self.call, "", self.user)
        self.hunt.start(now, out)

    def left(self, reason: str, now: float, out: list[Any]) -> None:
        self.hunt_early(self.hunt, None, now, out)
        self.hunt.cancel(reason, now, out)

    def timeout(self, now: float, out: list[Any]) -> None:
        self.hunt.cancel("user_no_answer", now, out)
        self.hunt_failed(self.hunt, "user_no_answer", now, out)

    @property
    def flow_run(self) -> FlowRun | None:
        return self.flow.run if self.flow is not None else None

    def hung_up(self, now: float, out: list[Any]) -> str:
        said = self.flow.caller_gone(now, out) if self.flow is not None else None
        return said or self.abandoned

    def hunt_ringing(self, hunt: Hunt, now: float, out: list[Any]) -> None:
        """Who was answered already, by a flow or before a transfer, hears ringing from us."""
        if self.call.transfer is not None:
            self.call.transfer.ringing(now, out)
        if self.call.inbound.state == "answered":
            self.call.play(self.call.exchange.tone_paths("ringback"), out, loop=True)
        else:
            called = Party("user", self.user, self.user) if self.user else None
            self.call.inbound.ring(now, out, reached(self.call, called) if called is not None else "")

    def hunt_early(self, hunt: Hunt, leg: Leg | None, now: float, out: list[Any]) -> None:
        """The caller hears the other side's own ringing or announcements; the bridge is that of the
        conversation, if one comes of it."""
        former, self.early = self.early, None
        inbound, media = self.call.inbound, self.call.exchange.media
        if leg is None or leg.audio is None:
            if former is not None:
                media.delete(inbound.worker, "bridge", bridge_id(self.call), out)
        elif inbound.audio is not None or inbound.open_early(leg.audio.send.encoding, now, out):
            self.early = leg
            self.call.stop_playing(out)
            members = {"members": [inbound.id, leg.id], "edges": []}
            media.put(inbound.worker, "bridge", bridge_id(self.call), members, out)
        else:
            self.hunt_ringing(hunt, now, out)

    def hunt_answered(self, hunt: Hunt, leg: Leg, now: float, out: list[Any]) -> None:
        codec = leg.audio.send.encoding if leg.audio else None
        shown = reached(self.call, leg.party)
        if self.call.inbound.state == "answered" or self.call.answer(now, out, codec, shown):
            if leg is self.early:
                self.early = None
            self.call.converse(leg, None, now, out)

    def picked_up(self, leg: Leg, now: float, out: list[Any]) -> None:
        """Somebody takes the call whose own phone does not ring for it."""
        fields = {"leg": leg.id, "user": leg.party.name, "for": self.user}
        self.call.fact("call_picked_up", fields, out)
        self.hunt.cancel("answered_elsewhere", now, out)
        told = self.call.inbound.state != "answered" and reached(self.call, leg.party)
        self.hunt_answered(self.hunt, leg, now, out)
        if self.call.conversation is not None and not told:
            self.call.inbound.connected_to(leg.party, now, out)

    @property
    def abandoned(self) -> str:  # type: ignore[override]
        return "caller_cancelled" if self.call.transfer is None else "abandoned_in_transfer"

    @property
    def _ring_s(self) -> float:
        exchange, transfer = self.call.exchange, self.call.transfer
        most = (self.flow.ring_s if self.flow is not None else None) or RING_S
        most = most if transfer is None else exchange.node.transfer.recall_s
        user = exchange.centre.users.get(self.user) if self.user else None
        if user is None or exchange.forwards.target(exchange.centre, user.name, "no_answer") is None:
            return most
        return min(user.forward_no_answer_s, most)

    def hunt_failed(self, hunt: Hunt, reason: str, now: float, out: list[Any]) -> None:
        if redirect(self.call, hunt.redirected, self.flow, now, out):
            return
        exchange, kind = self.call.exchange, AFTER.get(reason)
        if self.user is not None and kind is not None:
            number = exchange.forwards.target(exchange.centre, self.user, kind)
            if number is not None:
                failed = forward(self.call, self.user, kind, number, self.flow, now, out)
                if failed is None:
                    return
                reason = failed
        self._fail(reason, now, out)

    def _fail(self, reason: str, now: float, out: list[Any]) -> None:
        if self.flow is not None:
            self.flow.dial_ended(reason, now, out)
        else:
            self.call.unreached(reason, now, out)

    def to_state(self) -> dict[str, Any]:
        """A flow starts its dial step again."""
        resumed = self.flow.to_state() if self.flow is not None else super().to_state()
        return {**resumed, "ringing": self.hunt.to_state()}
