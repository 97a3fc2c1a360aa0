"""A call: from the first INVITE to the call record.

It composes and decides little: an activity (flow, dial, service, supervision) says what happens with the
caller, a conversation joins two legs. What is left here is who belongs to the call and how it ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from softswitch.call.activity import Activity
from softswitch.call.call_data import CallTexts
from softswitch.call.conference_activity import to_room
from softswitch.call.conversation import Conversation
from softswitch.call.conversation_keys import key_pressed
from softswitch.call.dial_activity import DialActivity
from softswitch.call.excursion import restore_transfer
from softswitch.call.failing import fail
from softswitch.call.flow_activity import FlowActivity
from softswitch.call.hunt import Group
from softswitch.call.identity import NO_INTRODUCTION, Introduction
from softswitch.call.leg import Leg
from softswitch.call.outputs import Fact, Keep
from softswitch.call.party import Party
from softswitch.call.recording_rules import recorded
from softswitch.call.referring import referred
from softswitch.call.survey import begins_survey
from softswitch.call.transfer import Transfer
from softswitch.call.user_data import user_to_user
from softswitch.call.ways import outward_groups
from softswitch.config import Target
from softswitch.reasons import reason as reason_of
from softswitch.sip.uri import Address, Uri

if TYPE_CHECKING:
    from softswitch.call.dialplan import Outward
    from softswitch.call.exchange import Exchange
    from softswitch.call.leg_media import LegMedia
    from softswitch.call.recording import Recording
    from softswitch.call.redirection import Redirections
    from softswitch.call.routing import Route
    from softswitch.call.waiting import Waiting
    from softswitch.sip.refer import Referral
    from softswitch.sip.values import Reason


class Call:
    """One inbound leg, an activity or a conversation, and every other leg that came of it and lives.

    `noted` are the variables of the flow that the caller was in; after a transfer they are `carried` into the
    next, and the time waited before, `credit_s`, counts in its queue. `max_forwards` goes into every INVITE
    that comes of it, so that calls do not go round in circles.
    """

    def __init__(
        self, exchange: Exchange, id: str, caller: Party, dialled: str, now: float, max_forwards: int
    ) -> None:
        self.exchange = exchange
        self.id = id
        self.caller = caller
        self.dialled = dialled
        self.started = now
        self.answered_at: float | None = None
        self.wait_s = 0.0
        self.talk_s = 0.0
        self.credit_s = 0.0
        self.noted: dict[str, str] = {}
        self.carried: dict[str, str] = {}
        self.data = CallTexts(id)
        self.queue: str | None = None
        self.agent: str | None = None
        self.activity: Activity | None = None
        self.conversation: Conversation | None = None
        self.ended = False
        self.max_forwards = max_forwards
        self.emergency = False
        self.forwarded: list[str] = []
        self.diversions: list[str] = []
        self.introduction = NO_INTRODUCTION
        self.record: bool | None = None
        self.redirections: Redirections | None = None
        self.heard: tuple[str, Sequence[Reason]] = ("", ())
        self.referred_by = ""
        self.transfer: Transfer | None = None
        self.player = ""
        self._count = 0
        self.legs: dict[str, Leg] = {}
        self.inbound: Leg

    # Parts

    def next_id(self, kind: str) -> str:
        """An id for a part of this call, unique over restarts: legs, players and recordings have one."""
        self._count += 1
        return f"{self.id}.{kind}{self._count}"

    def started_with(self, sip_call_id: str, out: list[Any]) -> None:
        """The facts of a call's first moment, and its inbound leg."""
        told = user_to_user(self.introduction.headers)
        self.fact(
            "call_started",
            {
                "direction": "inbound" if self.caller.kind == "trunk" else "internal",
                "from_number": self.caller.number,
                "to_number": self.dialled,
                "source": self.caller.source,
                "sip_call_id": sip_call_id,
                **self.caller.privacy,
                **({"user_to_user": told} if told else {}),
            },
            out,
        )
        self.inbound = self.new_leg("inbound", self.caller, out)

    def new_leg(self, direction: str, party: Party, out: list[Any]) -> Leg:
        leg = Leg(self, self.next_id("l"), direction, party)
        self.legs[leg.id] = leg
        named: dict[str, Any] = {"leg": leg.id, "direction": direction, "address": party.number}
        named |= {party.kind: party.name, **party.privacy}
        if direction == "outbound":
            leg.sip_call_id = named["sip_call_id"] = self.exchange.ua.endpoint.token()
        self.fact("leg_started", named if party.agent is None else {**named, "agent": party.agent}, out)
        return leg

    def caller_address(self, caller_id: str | None = None) -> Address:
        """Who the called party sees as caller: the authenticated identity or the trunk's caller id, never
        what a From header claims."""
        number = caller_id or self.caller.number
        return Address(
            self.caller.display, Uri("sip", number, self.exchange.sip_host, self.exchange.sip_port), ()
        )

    @property
    def waiting(self) -> Waiting | None:
        """The caller's stay in a queue."""
        return self.activity.waiting if self.activity is not None else None

    def engages(self, user: str) -> bool:
        """Whether this user talks, or calls somebody."""
        return any(party.kind == "user" and party.name == user for party in self.parties())

    def parties(self) -> list[Party]:
        """Those for whom this call is theirs: the caller, who talks to the caller, who transfers."""
        parties = [self.caller]
        if self.conversation is not None:
            parties.append(self.conversation.callee.party)
        if self.activity is not None:
            parties += self.activity.parties
        if self.transfer is not None:
            parties += self.transfer.engaged
        return parties

    # Media for the caller

    def play(self, paths: Sequence[str], out: list[Any], *, loop: bool = False) -> None:
        """Play files to the caller, if there are any, in place of what is being played."""
        self.stop_playing(out)
        if not paths:
            return
        self.player = self.next_id("p")
        fields = {"legs": [self.inbound.id], "items": [*paths], "loop": loop, "gain": 1.0}
        self.exchange.media.put(self.inbound.worker, "player", self.player, fields, out)

    def stop_playing(self, out: list[Any]) -> None:
        player, self.player = self.player, ""
        if player:
            self.exchange.media.delete(self.inbound.worker, "player", player, out)

    def player_finished(self, player: str, now: float, out: list[Any]) -> None:
        playing = self.conversation.playing if self.conversation is not None else None
        if playing is not None and player == playing.player:
            playing.finished(out)
        elif self.transfer is not None and player == self.transfer.player:
            self.exchange.media.forget(self.inbound.worker, "player", player)
            self.transfer.announced(now, out)
        elif player == self.player:
            self.player = ""
            self.exchange.media.forget(self.inbound.worker, "player", player)
            if self.activity is not None:
                self.activity.player_finished(now, out)
        elif self.waiting is not None:
            self.waiting.agent_heard(player, now, out)
        else:
            self.exchange.media.forget(self.inbound.worker, "player", player)

    # Time

    def wake_at(self, when: float | None) -> None:
        """Set the activity's one timer; None stops it."""
        key = ("call", self.id)
        if when is None:
            self.exchange.deadlines.cancel(key)
        else:
            self.exchange.deadlines.set(key, when)

    def timeout(self, now: float, out: list[Any]) -> None:
        if self.activity is not None:
            self.activity.timeout(now, out)

    # Course of the call

    def answer(self, now: float, out: list[Any], prefer: str | None = None, headers: str = "") -> bool:
        """Answer the caller, with codec `prefer` if possible. False: no codec in common, the call is over."""
        if not self.inbound.answer(now, out, prefer, headers):
            self.end("not_acceptable_media", "switch", now, out)
            return False
        self.answered_at = now
        self.fact("call_answered", {}, out)
        return True

    def begin(self, activity: Activity, now: float, out: list[Any]) -> None:
        self.turn_to(activity, now, out)
        if activity.reached and self.transfer is not None:
            self.transfer.succeeded(now, out)
        activity.start(now, out)
        self.keep(out)

    def turn_to(self, activity: Activity | None, now: float, out: list[Any]) -> None:
        """Leave what happened with the caller so far for something else."""
        former, self.activity = self.activity, activity
        self.wake_at(None)
        self.stop_playing(out)
        if former is not None:
            former.left("transferred", now, out)

    def go_to(self, target: Target, now: float, out: list[Any]) -> None:
        """Send an answered caller to another flow, queue or user."""
        if target.kind == "user":
            self.dial(target, None, now, out)
            return
        if target.kind == "conference":
            to_room(self, target.name, now, out)
            return
        run = self.exchange.flows.run(target, self)
        if run is None:
            self.end("flow_failed", "switch", now, out)
            return
        self.begin(FlowActivity(self, run), now, out)

    def dial(self, target: Target, flow: FlowActivity | None, now: float, out: list[Any]) -> None:
        """Ring a user for the caller; `flow` takes the caller back when nobody answers."""
        party = Party("user", target.name, target.name)
        caller = self.caller_address(flow.caller_id if flow is not None else None)
        group = Group(party, self.exchange.registrar.contacts(target.name, now), caller)
        self.begin(DialActivity(self, [group], flow, target.name), now, out)

    def dial_out(self, outward: Outward, flow: FlowActivity | None, now: float, out: list[Any]) -> None:
        """Call a number outside over the first trunk of its way that takes it."""
        if outward.emergency:
            self._is_emergency(outward, out)
        shown = flow.caller_id if flow is not None else None
        self.begin(DialActivity(self, outward_groups(self, outward, now, shown), flow), now, out)

    def _is_emergency(self, outward: Outward, out: list[Any]) -> None:
        """Somebody of this house should hear of it, and those who are called who it is."""
        self.emergency = True
        self.introduction = replace(self.introduction, private=False)
        source = self.caller.source
        self.fact("emergency_call", {"number": outward.number, "source": source}, out)
        message = f"emergency call to {outward.number} from {source}, number {self.caller.number}"
        out.append(Fact("alarm_raised", {"code": "emergency_call", "message": message}))

    def follow(self, found: Route, flow: FlowActivity | None, now: float, out: list[Any]) -> None:
        """Send the caller, answered or not, to where a number leads; `flow` goes on if nobody answers."""
        if found.outward is not None:
            self.dial_out(found.outward, flow, now, out)
        elif found.kind == "user":
            self.dial(Target("user", found.name), flow, now, out)
        elif self.inbound.state == "answered" or self.answer(now, out):
            self.go_to(Target(found.kind, found.name), now, out)

    def converse(
        self,
        leg: Leg,
        queue: str | None,
        now: float,
        out: list[Any],
        *,
        recording: Recording | None = None,
        record: bool = False,
    ) -> None:
        """Join the caller with a leg that answered; `recording` goes on, or `record` begins one."""
        self.turn_to(None, now, out)
        self.agent, self.queue = leg.party.agent or self.agent, queue or self.queue
        transfer = self.transfer
        if transfer is not None:
            recording, transfer.recording = transfer.recording, None
        self.conversation = Conversation(self, self.inbound, leg, queue=queue, recording=recording)
        self.conversation.start(record or recorded(self, leg, queue), now, out)
        self.exchange.engage(leg.party, self.id, True, now, out)
        if queue is not None and leg.party.agent is not None:
            self.exchange.last_agents.remember(self, leg.party.agent, queue, now, out)
        if transfer is not None:
            transfer.succeeded(now, out)
        self.keep(out)

    def part(self, now: float, out: list[Any]) -> Recording | None:
        """End the conversation, not its recording, which the next one goes on with."""
        conversation, self.conversation = self.conversation, None
        if conversation is None:
            return None
        self.talk_s += now - conversation.started
        recording, conversation.recording = conversation.recording, None
        conversation.end(now, out)
        return recording

    def released(self, party: Party, now: float, out: list[Any]) -> None:
        """A party has left the call, which goes on."""
        if not (party.kind == "user" and self.engages(party.name)):
            self.exchange.engage(party, self.id, False, now, out)
        self.exchange.served(party, self.id, now, out)

    def unreached(self, reason: str, now: float, out: list[Any]) -> None:
        """Nobody was reached for the caller; who has transferred the call has it back."""
        if self.transfer is None or not self.transfer.failed(reason, now, out):
            fail(self, reason, "agent" if reason.startswith("user_") else "switch", now, out)

    def end(self, reason: str, ended_by: str, now: float, out: list[Any]) -> None:
        """End everything of this call, once, with one reason.

        Phones hear of it before the queues do, which may have the next call for an agent.
        """
        if self.ended:
            return
        self.ended = True
        self.wake_at(None)
        self.stop_playing(out)
        parties, recording = self.parties(), self.part(now, out)
        if recording is not None:
            recording.stop(out)
        transfer, self.transfer = self.transfer, None
        if transfer is not None:
            transfer.call_ended(reason, now, out)
        for leg in [*self.legs.values()]:
            leg.hang_up(reason, now, out)
        activity, self.activity = self.activity, None
        if activity is not None:
            activity.left(reason, now, out)
        self._record(reason, ended_by, now, out)
        self.exchange.call_over(self, parties, now, out)

    def _record(self, reason: str, ended_by: str, now: float, out: list[Any]) -> None:
        outcome = "answered" if self.talk_s else reason_of(reason).outcome
        self.fact(
            "call_ended",
            {
                "reason": reason,
                "outcome": outcome,
                "ended_by": ended_by,
                "duration_s": round(now - self.started, 3),
                "wait_s": round(self.wait_s, 3),
                "talk_s": round(self.talk_s, 3),
                "queue": self.queue,
                "agent": self.agent,
            },
            out,
        )
        out.append(Keep(f"call/{self.id}", None))
        self.data.forget(out)

    # What the legs report

    def leg_ringing(self, leg: Leg, now: float, out: list[Any]) -> None:
        """Only hunted legs ring, and those report to their hunt."""

    def leg_digit(self, leg: Leg, digit: str, now: float, out: list[Any]) -> None:
        if self.conversation is not None:
            self.conversation.other(leg).send_digits(digit, now, out)
            key_pressed(self.conversation, leg, digit, now, out)
        elif self.activity is not None:
            self.activity.leg_digit(leg, digit, now, out)

    def leg_ended(self, leg: Leg, reason: str, ended_by: str, now: float, out: list[Any]) -> None:
        if begins_survey(self, leg, reason, now, out):
            return
        if self.activity is not None:
            if self.activity.leg_ended(leg, now, out):
                return
            if reason == "normal_hang_up_caller":
                reason = self.activity.hung_up(now, out)
        self.end(reason, ended_by, now, out)

    def leg_referred(self, leg: Leg, referral: Referral, now: float, out: list[Any]) -> bool:
        return referred(self, leg, referral, now, out)

    def hold_changed(self, leg: LegMedia, out: list[Any]) -> None:
        if self.conversation is not None:
            self.conversation.hold_changed(leg, out)
        elif self.activity is not None:
            self.activity.hold_changed(leg, out)

    def no_media(self, leg: Leg, seconds: float, now: float, out: list[Any]) -> None:
        """The media worker hears nothing of a leg; it tells so again as long as that lasts."""
        if leg.no_media(seconds, now):
            message = f"nothing heard from leg {leg.id} for {seconds:.0f} s"
            out.append(Fact("alarm_raised", {"code": "no_media", "message": message}))
        if self.conversation is not None and self.conversation.dead(now):
            self.end("rtp_timeout", "switch", now, out)
        elif self.activity is not None:
            self.activity.no_media(leg, now, out)

    def recording_finished(self, recording: str, out: list[Any]) -> None:
        """A recording that could not go on is over before its conversation is."""
        for keeper in (self.conversation, self.transfer):
            if keeper is not None and keeper.recording and keeper.recording.id == recording:
                keeper.recording = None
                self.keep(out)
        if self.activity is not None and self.activity.recording_finished(recording):
            self.keep(out)

    # Facts and live state

    def fact(self, type: str, fields: dict[str, Any], out: list[Any]) -> None:
        out.append(Fact(type, {"call": self.id, **fields}))

    def keep(self, out: list[Any]) -> None:
        if not self.ended:
            out.append(Keep(f"call/{self.id}", self))

    def to_state(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "caller": self.caller.to_state(),
            "dialled": self.dialled,
            "started": self.started,
            "answered_at": self.answered_at,
            "wait_s": self.wait_s,
            "talk_s": self.talk_s,
            "queue": self.queue,
            "agent": self.agent,
            "max_forwards": self.max_forwards,
            "record": self.record,
            "credit_s": self.credit_s,
            "noted": self.noted,
            "carried": self.carried,
            "introduction": self.introduction.to_state(),
            "count": self._count,
            "inbound": self.inbound.to_state(),
            "activity": self.activity.to_state() if self.activity else None,
            "conversation": self.conversation.to_state() if self.conversation else None,
            "transfer": self.transfer.to_state() if self.transfer else None,
        }

    @classmethod
    def from_state(cls, exchange: Exchange, state: dict[str, Any], out: list[Any]) -> Call:
        """An answered call of a former process with its legs; the exchange resumes what it was doing."""
        caller = Party(**state["caller"])
        call = cls(exchange, state["id"], caller, state["dialled"], state["started"], state["max_forwards"])
        for name in ("answered_at", "wait_s", "talk_s", "queue", "agent"):
            setattr(call, name, state[name])
        call.record = state.get("record")
        call.credit_s = state.get("credit_s", 0.0)
        call.noted, call.carried = dict(state.get("noted", {})), dict(state.get("carried", {}))
        if "introduction" in state:
            call.introduction = Introduction.from_state(state["introduction"])
        # Parts made after the last kept state may exist in the workers: leave a gap.
        call._count = state["count"] + 1000
        call.inbound = call.restore_leg(state["inbound"], out)
        if state["conversation"]:
            callee = call.restore_leg(state["conversation"]["callee"], out)
            call.conversation = Conversation.from_state(call, state["conversation"], callee, out)
        if state.get("transfer"):
            call.transfer = restore_transfer(call, state["transfer"], out)
        return call

    def restore_leg(self, state: dict[str, Any], out: list[Any]) -> Leg:
        leg = self.legs[state["id"]] = Leg.from_state(self, state, out)
        if leg.id.partition(".")[0] != self.id:
            self.exchange.adopted[leg.id] = self.id
        return leg
