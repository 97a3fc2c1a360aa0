"""A call: from the first INVITE to the call record.

It composes and decides little: an activity (flow, dial, service, supervision) says what happens with the
caller, a conversation joins two legs. What is left here is who belongs to the call and how it ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from softswitch.acd import events as acd
from softswitch.call.conversation import Conversation
from softswitch.call.dial_activity import DialActivity
from softswitch.call.flow_activity import FlowActivity
from softswitch.call.leg import Leg, Party
from softswitch.call.outputs import Fact, Keep
from softswitch.reasons import reason as reason_of
from softswitch.sip.uri import Address, Uri

if TYPE_CHECKING:
    from softswitch.call.exchange import Exchange
    from softswitch.config import Target


class Call:
    """One inbound leg, an activity or a conversation, and every other leg that came of it."""

    def __init__(self, exchange: Exchange, id: str, caller: Party, dialled: str, now: float) -> None:
        self.exchange = exchange
        self.id = id
        self.caller = caller
        self.dialled = dialled
        self.started = now
        self.answered_at: float | None = None
        self.wait_s = 0.0
        self.talk_s = 0.0
        self.queue: str | None = None
        self.agent: str | None = None
        self.activity: Any = None
        self.conversation: Conversation | None = None
        self.ended = False
        self._count = 0
        self.legs: dict[str, Leg] = {}
        self.inbound = self.new_leg("inbound", caller)

    # Parts

    def next_id(self, kind: str) -> str:
        """An id for a part of this call, unique over restarts: legs, players and recordings have one."""
        self._count += 1
        return f"{self.id}.{kind}{self._count}"

    def new_leg(self, direction: str, party: Party) -> Leg:
        leg = Leg(self, self.next_id("l"), direction, party)
        self.legs[leg.id] = leg
        return leg

    def caller_address(self, caller_id: str | None = None) -> Address:
        """Who the called party sees as caller: the authenticated identity or the trunk's caller id, never
        what a From header claims."""
        number = caller_id or self.caller.number
        return Address(
            self.caller.display, Uri("sip", number, self.exchange.sip_host, self.exchange.sip_port), ()
        )

    # Media for the caller

    def play(self, paths: Sequence[str], out: list[Any], *, loop: bool = False) -> str:
        """Play files to the caller; returns the id that `player_finished` will name."""
        id = self.next_id("p")
        self.exchange.media.put(
            self.inbound.worker,
            "player",
            id,
            {"legs": [self.inbound.id], "items": [*paths], "loop": loop, "gain": 1.0},
            out,
        )
        return id

    def say(self, names: Sequence[str], out: list[Any]) -> str:
        return self.play(self.exchange.prompt_paths("en", names, out), out)

    def stop_player(self, id: str, out: list[Any]) -> None:
        self.exchange.media.delete(self.inbound.worker, "player", id, out)

    # Course of the call

    def answer(self, now: float, out: list[Any], prefer: str | None = None) -> bool:
        if not self.inbound.answer(now, out, prefer):
            return False
        self.answered_at = now
        self.fact("call_answered", {}, out)
        return True

    def begin(self, activity: Any, now: float, out: list[Any]) -> None:
        self.activity = activity
        activity.start(now, out)
        self.keep(out)

    def go_to(self, target: Target, now: float, out: list[Any]) -> None:
        """Send an answered caller to another flow, queue or user."""
        if target.kind == "user":
            self.dial(target, None, now, out)
            return
        run = self.exchange.flow_run(target)
        if run is None:
            self.end("flow_failed", "switch", now, out)
            return
        self.begin(FlowActivity(self, run), now, out)

    def dial(self, target: Target, flow: FlowActivity | None, now: float, out: list[Any]) -> None:
        """Ring a user for the caller; `flow` takes the caller back when nobody answers."""
        party = Party("user", target.name, target.name)
        groups = [self.exchange.registrar.contacts(target.name, now)]
        self.begin(DialActivity(self, party, groups, flow), now, out)

    def converse(self, leg: Leg, queue: str | None, now: float, out: list[Any]) -> None:
        """Join the caller with a leg that answered."""
        if self.activity is not None:
            self.activity.left(now, out)
            self.activity = None
        self.agent = leg.party.agent or self.agent
        self.conversation = Conversation(self, self.inbound, leg, queue=queue)
        self.conversation.start(self.exchange.records(queue), now, out)
        if queue is None:
            self.exchange.engage(leg.party, self.id, True, now, out)
        self.keep(out)

    def conversation_ended(self, conversation: Conversation, now: float, out: list[Any]) -> None:
        """The conversation that this call's supervisor listens to is over."""
        self.end("conversation_ended", "switch", now, out)

    def end(self, reason: str, ended_by: str, now: float, out: list[Any]) -> None:
        """End everything of this call, once, with one reason."""
        if self.ended:
            return
        self.ended = True
        self._end_conversation(now, out)
        activity, self.activity = self.activity, None
        if activity is not None:
            activity.caller_left(now, out)
        for leg in [*self.legs.values()]:
            leg.hang_up(reason, now, out, reason_of(reason).header())
        self._record(reason, ended_by, now, out)
        self.exchange.call_over(self, now, out)

    def _end_conversation(self, now: float, out: list[Any]) -> None:
        conversation, self.conversation = self.conversation, None
        if conversation is None:
            return
        self.talk_s += now - conversation.started
        conversation.end(now, out)
        if conversation.queue is not None and conversation.agent is not None:
            self.exchange.acd_event(acd.AgentCallEnded(conversation.agent, self.id), now, out)
        else:
            self.exchange.engage(conversation.callee.party, self.id, False, now, out)

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

    # What the legs report

    def leg_ringing(self, leg: Leg, now: float, out: list[Any]) -> None:
        """Only hunted legs ring, and those report to their hunt."""

    def leg_digit(self, leg: Leg, digit: str, now: float, out: list[Any]) -> None:
        if self.conversation is not None:
            other = self.conversation.other(leg)
            other.send_digits(digit, out)
        elif self.activity is not None and leg is self.inbound:
            self.activity.leg_digit(leg, digit, now, out)

    def leg_ended(self, leg: Leg, reason: str, ended_by: str, now: float, out: list[Any]) -> None:
        if self.ended:
            return
        if leg is self.inbound and self.conversation is None and self.activity is not None:
            activity, self.activity = self.activity, None
            left_reason = activity.caller_left(now, out)
            if ended_by == "caller" and reason != "caller_cancelled":
                reason = left_reason
        self.end(reason, ended_by, now, out)

    def player_finished(self, player: str, reason: str, now: float, out: list[Any]) -> None:
        self.exchange.media.forget(self.inbound.worker, "player", player)
        if self.activity is not None:
            self.activity.player_finished(player, reason, now, out)

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
            "count": self._count,
            "inbound": self.inbound.to_state(),
            "activity": self.activity.to_state() if self.activity else None,
            "conversation": self.conversation.to_state() if self.conversation else None,
        }

    @classmethod
    def from_state(cls, exchange: Exchange, state: dict[str, Any], out: list[Any]) -> Call:
        """An answered call of a former process with its legs; the exchange resumes what it was doing."""
        call = cls(exchange, state["id"], Party(**state["caller"]), state["dialled"], state["started"])
        call.legs.clear()
        for name in ("answered_at", "wait_s", "talk_s", "queue", "agent"):
            setattr(call, name, state[name])
        # Parts made after the last kept state may exist in the workers: leave a gap.
        call._count = state["count"] + 1000
        call.inbound = call.restore_leg(state["inbound"], out)
        if state["conversation"]:
            callee = call.restore_leg(state["conversation"]["callee"], out)
            call.conversation = Conversation.from_state(call, state["conversation"], callee, out)
        return call

    def restore_leg(self, state: dict[str, Any], out: list[Any]) -> Leg:
        leg = self.legs[state["id"]] = Leg.from_state(self, state, out)
        return leg
