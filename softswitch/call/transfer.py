"""A transfer under way: who asked for it, where to, and what happens when nobody answers there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from softswitch.call.activity import Activity
from softswitch.call.dial_activity import DialActivity
from softswitch.call.hunt import Group
from softswitch.call.identity import NO_INTRODUCTION
from softswitch.call.parking import ParkActivity
from softswitch.call.party import Party
from softswitch.call.recording import Recording
from softswitch.call.routing import NoRoute, Route
from softswitch.reasons import REASONS

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.leg import Leg
    from softswitch.sip.refer import Referral
    from softswitch.sip.reports import Reports

TARGET, PARKED, RECALL = "target", "parked", "recall"
MEDIA_RETRY_S = 0.1
KNOWN = {
    "queue": "queues",
    "flow": "flows",
    "user": "users",
    "agent": "agents",
    "conference": "conferences",
    "voicemail": "voicemail",
}
"""Kinds of targets, and where their names stand in the configuration."""


class Transfer:
    """From the request until the target answers, the transferor has the call back, or nobody has it.

    The transferor's leg stays until the target has answered, if it does not hang up itself: with it the
    conversation goes on when the transfer fails. Without it the transferor is called back.
    """

    def __init__(self, call: Call, by: Party, leg: Leg | None, target: str) -> None:
        self.call = call
        self.by = by
        self.leg = leg
        self.target = target
        self.stage = TARGET
        self.reports: Reports | None = None
        self.reports_id = ""
        self.recording: Recording | None = None
        self.queue: str | None = None
        self.player = ""
        self.consulted_s = 0.0

    @property
    def engaged(self) -> list[Party]:
        """The transferor, as long as the leg is there."""
        return [self.by] if self.leg is not None else []

    def start(self, found: Route, referral: Referral | None, now: float, out: list[Any]) -> None:
        """Take the transferor out of the conversation and send the other party to `found`."""
        self._detach(referral, now, out)
        self.call.follow(found, None, now, out)

    def park(self, slot: str, referral: Referral | None, now: float, out: list[Any]) -> None:
        """Take the transferor out of the conversation, put the other party on a slot, and say which it is."""
        call = self.call
        self._detach(referral, now, out)
        self.stage = PARKED
        call.fact("call_parked", {"by": self.by.source, "slot": slot}, out)
        call.begin(ParkActivity(call, slot, now + call.exchange.node.parking.timeout_s), now, out)
        names = [f"n_{digit}" for digit in slot]
        leg = self.leg
        if leg is not None and not leg.on_hold and (paths := call.exchange.prompt_paths("en", names, out)):
            self.player = call.next_id("p")
            fields = {"legs": [leg.id], "items": paths, "loop": False, "gain": 1.0}
            call.exchange.media.put(leg.worker, "player", self.player, fields, out)
        else:
            self.announced(now, out)

    def announced(self, now: float, out: list[Any]) -> None:
        """The transferor knows the slot, or does not want to hear it."""
        self.player = ""
        self._report(200, now, out)
        self._release(now, out)
        self.call.keep(out)

    def _detach(self, referral: Referral | None, now: float, out: list[Any]) -> None:
        call, self.reports = self.call, referral
        self.reports_id = referral.id if referral is not None else ""
        conversation = call.conversation
        assert conversation is not None
        self.queue = conversation.queue
        call.credit_s = call.wait_s + self.consulted_s
        call.carried = {} if self.leg is call.inbound else dict(call.noted)
        if self.leg is call.inbound:
            call.inbound = conversation.callee
            call.caller = conversation.callee.party
            call.introduction = NO_INTRODUCTION
        self.recording = call.part(now, out)
        if self.leg is not None:
            self.leg.owner = self
        call.transfer = self
        call.forwarded.clear()
        call.referred_by = f"Referred-By: <sip:{self.by.number}@{call.exchange.sip_host}>\r\n"
        legs = {"leg": self.leg.id if self.leg is not None else None, "stays": call.inbound.id}
        call.fact("transfer_started", {**self._description(), **legs}, out)
        if referral is not None:
            referral.accept(now, out)

    # How it goes

    def ringing(self, now: float, out: list[Any]) -> None:
        if self.reports is not None and self.stage == TARGET:
            self.reports.progress(180, now, out)

    def succeeded(self, now: float, out: list[Any]) -> None:
        """The call is with somebody, or in a flow: the transferor is out of it."""
        self._report(200, now, out)
        stage, conversation = self.stage, self.call.conversation
        if stage == TARGET:
            self.call.fact("call_transferred", self._description(), out)
        self._leave(now, out)
        if conversation is not None and stage != RECALL:
            self.call.inbound.connected_to(conversation.callee.party, now, out)

    def flow_over(self, reason: str, variables: Mapping[str, str], now: float, out: list[Any]) -> bool:
        """A flow of the caller has come to its end; whether the call goes on all the same."""
        return False

    def failed(self, reason: str, now: float, out: list[Any]) -> bool:
        """The target, or at last the transferor, was not reached. False: the call ends for `reason`."""
        if self.stage == RECALL:
            self._leave(now, out)
            self.call.unreached("transfer_failed", now, out)
            return True
        status = REASONS[reason].status
        self._report(status if status >= 300 else 480, now, out)
        self._stop_playing(self.leg, out)
        if self.leg is None and self.by.kind != "user":
            self._leave(now, out)
            return False
        then = "recalled" if self.leg is None else "rejoined"
        self.call.fact("transfer_failed", {**self._description(), "reason": reason, "then": then}, out)
        self.stage = RECALL
        if self.leg is not None:
            self._rejoin(self.leg, now, out)
        else:
            self.recall(now, out)
        return True

    def recall(self, now: float, out: list[Any]) -> None:
        """Ring the transferor's phones, whatever is said there about forwarding."""
        call, name = self.call, self.by.name
        party = Party("user", name, name)
        group = Group(party, call.exchange.registrar.contacts(name, now), call.caller_address())
        call.begin(DialActivity(call, [group], None), now, out)

    def call_ended(self, reason: str, now: float, out: list[Any]) -> None:
        status = REASONS[reason].status
        self._report(status if status >= 300 else 480, now, out)
        self._stop_playing(self.leg, out)
        if self.recording is not None:
            self.recording.stop(out)

    def _rejoin(self, leg: Leg, now: float, out: list[Any]) -> None:
        self.leg = None
        leg.owner = self.call
        self.call.converse(leg, self.queue, now, out)

    def _leave(self, now: float, out: list[Any]) -> None:
        call = self.call
        call.transfer = None
        call.referred_by = ""
        recording, self.recording = self.recording, None
        if recording is not None:
            recording.stop(out)
        self._release(now, out)
        call.keep(out)

    def _release(self, now: float, out: list[Any]) -> None:
        """The transferor's leg, if it is still there, ends."""
        leg, self.leg = self.leg, None
        self._stop_playing(leg, out)
        if leg is not None:
            leg.owner = self.call
            leg.hang_up("transferred", now, out)
            if self.recording is not None:
                self.recording.join(self.call.inbound.id, "", out)
            self.call.released(self.by, now, out)

    def _stop_playing(self, leg: Leg | None, out: list[Any]) -> None:
        player, self.player = self.player, ""
        if player and leg is not None:
            self.call.exchange.media.delete(leg.worker, "player", player, out)

    def _report(self, status: int, now: float, out: list[Any]) -> None:
        reports, self.reports, self.reports_id = self.reports, None, ""
        if reports is not None:
            reports.finish(status, now, out)

    def _description(self) -> dict[str, Any]:
        return {
            "by": self.by.source,
            "from": self.call.caller.number,
            "to": self.target,
            "kind": "blind",
            **self.call.caller.privacy,
        }

    # What the transferor's leg reports

    def leg_ended(self, leg: Leg, reason: str, ended_by: str, now: float, out: list[Any]) -> None:
        """Most phones hang up as soon as they have asked for the transfer."""
        self._stop_playing(leg, out)
        self.leg = None
        if self.stage == PARKED:
            self._report(200, now, out)
        if self.recording is not None:
            self.recording.join(self.call.inbound.id, "", out)
        self.call.released(self.by, now, out)
        self.call.keep(out)

    def leg_digit(self, leg: Leg, digit: str, now: float, out: list[Any]) -> None:
        """The transferor has nothing more to say."""

    def leg_referred(self, leg: Leg, referral: Referral, now: float, out: list[Any]) -> bool:
        referral.refuse(491, now, out)
        return True

    # Over a restart

    def to_state(self) -> dict[str, Any]:
        return {
            "by": self.by.to_state(),
            "leg": self.leg.to_state() if self.leg else None,
            "target": self.target,
            "stage": self.stage,
            "reports": self.reports_id,
            "queue": self.queue,
            "recording": self.recording.to_state() if self.recording else None,
        }

    @classmethod
    def from_state(cls, call: Call, state: dict[str, Any], out: list[Any]) -> Transfer:
        leg = call.restore_leg(state["leg"], out) if state["leg"] else None
        transfer = cls(call, Party(**state["by"]), leg, state["target"])
        if leg is not None:
            leg.owner = transfer
        transfer.stage, transfer.queue = state["stage"], state["queue"]
        transfer.reports_id = state.get("reports", "")
        if state["recording"]:
            transfer.recording = Recording.from_state(call.exchange, state["recording"])
            transfer.recording.join(call.inbound.id, leg.id if leg else "", out)
        return transfer

    def resume(self, now: float, out: list[Any]) -> None:
        """Ring again what rang when the former process ended."""
        self.call.begin(ResumedTransfer(self.call, self), now, out)

    def ring_again(self, now: float, out: list[Any]) -> None:
        if self.stage == RECALL:
            self.recall(now, out)
            return
        try:
            found = destination(self.call, self.by, self.target, now)
        except NoRoute as no_route:
            if not self.failed(no_route.reason, now, out):
                self.call.unreached(no_route.reason, now, out)
            return
        self.call.follow(found, None, now, out)


class ResumedTransfer(Activity):
    """Waits for the media worker after a restart, without which nobody can be called."""

    kind = "dial"
    abandoned = "abandoned_in_transfer"

    def __init__(self, call: Call, transfer: Transfer) -> None:
        super().__init__(call)
        self.transfer = transfer

    def start(self, now: float, out: list[Any]) -> None:
        self.call.wake_at(now + MEDIA_RETRY_S)

    def timeout(self, now: float, out: list[Any]) -> None:
        if self.call.exchange.media.has_port(self.call.inbound.worker):
            self.transfer.ring_again(now, out)
        else:
            self.call.wake_at(now + MEDIA_RETRY_S)


def destination(call: Call, by: Party, number: str, now: float) -> Route:
    """Where a number, or a target such as queue:NAME, leads that a party transfers to, with that party's
    permissions. Raises NoRoute."""
    kind, colon, name = number.partition(":")
    if colon and kind in KNOWN:
        if name not in getattr(call.exchange.centre, KNOWN[kind]):
            raise NoRoute("number_not_found")
        found = Route(kind, name, name, "target")
        return call.exchange.seats.route(found) if kind == "agent" else found
    found = call.exchange.route(by, number, now)
    if found.kind == "feature":
        raise NoRoute("forbidden")
    return found
