"""A call whose parties are in a conference: the caller who dialled a room, or both sides of a former talk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from softswitch.acd import events as acd
from softswitch.call.activity import Activity
from softswitch.call.identity import NO_INTRODUCTION
from softswitch.call.pins import PinEntry, Typed

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.conference import Conference
    from softswitch.call.conversation import Conversation
    from softswitch.call.exchange import Exchange
    from softswitch.call.leg import Leg
    from softswitch.call.leg_media import LegMedia
    from softswitch.call.party import Party
    from softswitch.call.recording import Recording

PIN_TIMEOUT_S = 20.0


class ConferenceActivity(Activity):
    """The legs of one call in a conference; who hangs up is out of it, and the call goes on with the rest."""

    kind = "conference"
    abandoned = "normal_hang_up_caller"
    reached = True

    def __init__(self, call: Call, conference: Conference) -> None:
        super().__init__(call)
        self.conference = conference
        self.recording: Recording | None = None

    @property
    def legs(self) -> list[Leg]:
        return [member.leg for member in self.conference.members.values() if member.leg.call is self.call]

    @property
    def parties(self) -> list[Party]:
        """Beside the caller."""
        return [leg.party for leg in self.legs if leg is not self.call.inbound]

    def start(self, now: float, out: list[Any]) -> None:
        self.join({self.call.inbound: None}, now, out)

    def join(self, queues: Mapping[Leg, str | None], now: float, out: list[Any]) -> None:
        """Let legs in, each with the queue whose call it is."""
        recording, self.recording = self.recording, None
        for leg, queue in queues.items():
            if not self.conference.join(leg, now, out, recording, queue):
                self.call.end("no_ports", "switch", now, out)
                return
            recording = None
        self.call.exchange.supervising.began(self.conference, now, out)

    def left(self, reason: str, now: float, out: list[Any]) -> None:
        if legs := self.legs:
            self._leave(legs, now, out)
        self._settle(now, out)

    def leg_ended(self, leg: Leg, now: float, out: list[Any]) -> bool:
        """One of several legs of the call has hung up. False: it was the last one."""
        legs = self.legs
        if leg not in legs or len(legs) == 1:
            return False
        self._leave([leg], now, out)
        call, rest = self.call, self.legs[0]
        if leg is call.inbound:
            call.inbound, call.caller = rest, rest.party
            call.introduction = NO_INTRODUCTION
        call.released(leg.party, now, out)
        self._settle(now, out)
        call.keep(out)
        return True

    def hold_changed(self, leg: LegMedia, out: list[Any]) -> None:
        self.conference.put_bridge(out)

    def no_media(self, leg: Leg, now: float, out: list[Any]) -> None:
        """Who is heard no more, for whatever reason, does not stay for ever."""
        timeout = self.call.exchange.node.limits.rtp_timeout_s
        if timeout is not None and not leg.on_hold and leg.silent_for(now) >= timeout:
            leg.hang_up("rtp_timeout", now, out)
            self.call.leg_ended(leg, "rtp_timeout", "switch", now, out)

    def recording_finished(self, recording: str) -> bool:
        for leg in self.legs:
            member = self.conference.members[leg.id]
            if member.recording is not None and member.recording.id == recording:
                member.recording = None
                return True
        return False

    def _leave(self, legs: Sequence[Leg], now: float, out: list[Any]) -> None:
        """The call has talked until the last of its legs is out of it, whoever was the caller at first."""
        seconds = self.conference.leave(legs, now, out)
        if not self.legs:
            self.call.talk_s += max(seconds.values())

    def _settle(self, now: float, out: list[Any]) -> None:
        """A conference that became of a talk is over when one alone is left."""
        conference = self.conference
        self.call.exchange.conferences.emptied(conference)
        if not conference.room and len(conference.members) == 1:
            (last,) = conference.members.values()
            if not last.leg.call.ended:
                last.leg.call.end("conference_ended", "switch", now, out)

    def to_state(self) -> dict[str, Any]:
        members = [self.conference.members[leg.id] for leg in self.legs]
        return {
            "kind": self.kind,
            "conference": self.conference.id,
            "room": self.conference.room,
            "members": [
                {
                    "leg": member.leg.id,
                    "joined": member.joined,
                    "muted": member.muted,
                    "recording": member.recording.to_state() if member.recording is not None else None,
                }
                for member in members
            ],
            "legs": [leg.to_state() for leg in self.legs if leg is not self.call.inbound],
        }


class ConferenceDoor(Activity):
    """Asks for the PIN of a room, lets in, or hangs up after three wrong ones."""

    kind = "service"

    def __init__(self, call: Call, room: str, pin: str) -> None:
        super().__init__(call)
        self.room = room
        self.pin = pin
        self._entry = PinEntry(call)

    def start(self, now: float, out: list[Any]) -> None:
        self._say("enter_pin", now, out)

    def leg_digit(self, leg: Leg, digit: str, now: float, out: list[Any]) -> None:
        typed = self._entry.key(digit, self.pin, now, out)
        if typed is Typed.RIGHT:
            enter(self.call, self.room, now, out)
        elif typed is Typed.WRONG:
            self._say("invalid_choice", now, out)
        elif typed is Typed.REFUSED:
            self.call.end("authentication_failed", "switch", now, out)

    def timeout(self, now: float, out: list[Any]) -> None:
        self.call.end("authentication_failed", "switch", now, out)

    def _say(self, prompt: str, now: float, out: list[Any]) -> None:
        self.call.play(self.call.exchange.prompt_paths("en", (prompt,), out), out)
        self.call.wake_at(now + PIN_TIMEOUT_S)


def to_room(call: Call, room: str, now: float, out: list[Any]) -> None:
    """Send an answered caller to a configured room, by its door if it has a PIN."""
    settings = call.exchange.centre.conferences.get(room)
    if settings is None:
        call.end("number_not_found", "switch", now, out)
    elif settings.pin is not None:
        call.begin(ConferenceDoor(call, room, settings.pin), now, out)
    else:
        enter(call, room, now, out)


def enter(call: Call, room: str, now: float, out: list[Any]) -> None:
    conferences = call.exchange.conferences
    if conferences.is_full(room):
        call.end("conference_full", "switch", now, out)
    else:
        call.begin(ConferenceActivity(call, conferences.room(room)), now, out)


def three_way(keeps: Leg, gives_way: Leg, now: float, out: list[Any]) -> None:
    """A party of two conversations joins them: all three hear each other, and one of its legs is hung up.

    `keeps` is the leg on which the party speaks just now; the other one it has put on hold. Both recordings
    go on, each for those who are left of its conversation.
    """
    call, second = keeps.call, gives_way.call
    exchange, stays, comes = call.exchange, _other(keeps), _other(gives_way)
    queue, second_queue = _queue(call), _queue(second)
    own_queue = queue if gives_way.party.agent is None else second_queue
    recording, second_recording = call.part(now, out), second.part(now, out)
    if gives_way.party.agent is not None:
        keeps.party = replace(keeps.party, agent=gives_way.party.agent)
        exchange.acd_event(acd.AgentCallMoved(gives_way.party.agent, second.id, call.id), now, out)
    if keeps is call.inbound:
        call.caller = keeps.party
    if gives_way is second.inbound:
        second.inbound, second.caller = comes, comes.party
        second.introduction = NO_INTRODUCTION
    gives_way.hang_up("joined_conference", now, out)
    second.released(replace(gives_way.party, agent=None), now, out)
    conference = exchange.conferences.begin(call.id)
    _go_on(call, conference, {stays: queue, keeps: own_queue}, recording, now, out)
    _go_on(second, conference, {comes: second_queue}, second_recording, now, out)


def _go_on(
    call: Call,
    conference: Conference,
    queues: Mapping[Leg, str | None],
    recording: Recording | None,
    now: float,
    out: list[Any],
) -> None:
    activity = ConferenceActivity(call, conference)
    activity.recording = recording
    if recording is not None:
        one, other = [*(leg.id for leg in queues), ""][:2]
        recording.join(one, other, out)
    call.turn_to(activity, now, out)
    activity.join(queues, now, out)
    call.keep(out)


def _queue(call: Call) -> str | None:
    return call.conversation.queue if call.conversation is not None else None


def _other(leg: Leg) -> Leg:
    conversation = leg.call.conversation
    assert conversation is not None
    return conversation.other(leg)


def second_conversation(exchange: Exchange, conversation: Conversation, leg: Leg) -> Leg | None:
    """The leg of the same user in the newest of its other conversations."""
    for call in reversed(exchange.calls.values()):
        talk = call.conversation
        for each in talk.legs if talk is not None and talk is not conversation else ():
            if each.party.kind == "user" and each.party.source == leg.party.source:
                return each
    return None
