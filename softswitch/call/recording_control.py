"""Recording on demand: begun, paused and resumed by keys in a conversation, from another line, by command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from softswitch.call.conference_activity import second_conversation, three_way
from softswitch.call.feature_activity import FeatureActivity
from softswitch.call.routing import NoRoute

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.conversation import Conversation
    from softswitch.call.exchange import Exchange
    from softswitch.call.leg import Leg

ACTIONS = {"pause_recording": "pause", "resume_recording": "resume", "record": "start"}
"""What a feature code does."""
_MOST_KEYS = 24


class NotRecorded(ValueError):
    """What was asked for cannot be done with this conversation; the text says why."""


def control(conversation: Conversation, action: str, by: str, now: float, out: list[Any]) -> str:
    """Carries out start, pause, resume, segment or stop. Gives the recording's id; raises NotRecorded."""
    recording, call = conversation.recording, conversation.call
    if action == "start" and recording is None:
        if not call.exchange.node.recording.enabled:
            raise NotRecorded("recording is switched off; set recording.enabled in softswitch.yaml")
        recording = conversation.record(now, out)
    elif recording is None:
        raise NotRecorded(f"call {call.id} is not recorded")
    elif action in ("pause", "resume", "start"):
        recording.pause(action == "pause", by, out)
    elif action == "segment":
        recording = conversation.next_segment(now, out)
    elif action == "stop":
        recording.stop(out)
        conversation.recording = None
    conversation.put_bridge(out)
    call.keep(out)
    return recording.id


class Keys:
    """The last keys of a party in a conversation; a feature code among them acts."""

    def __init__(self) -> None:
        self._typed: dict[str, str] = {}

    def pressed(self, conversation: Conversation, leg: Leg, digit: str, now: float, out: list[Any]) -> None:
        if leg.party.kind != "user":
            return
        typed = (self._typed.get(leg.id, "") + digit)[-_MOST_KEYS:]
        self._typed[leg.id] = typed
        codes = conversation.call.exchange.centre.feature_codes
        if codes.conference is not None and typed.endswith(codes.conference):
            self._typed[leg.id] = ""
            second = second_conversation(conversation.call.exchange, conversation, leg)
            if second is not None:
                three_way(leg, second, now, out)
            return
        for name, action in ACTIONS.items():
            code = getattr(codes, name)
            if code is not None and typed.endswith(code):
                self._typed[leg.id] = ""
                try:
                    control(conversation, action, leg.party.agent or leg.party.name, now, out)
                except NotRecorded:
                    return  # the keys may have been meant for the other party

    def taken_after(self, leg: Leg, code: str | None) -> str:
        """What was typed between this code and the hash key, once; '': not that."""
        typed = self._typed.get(leg.id, "")
        if code is None or not typed.endswith("#") or code not in typed:
            return ""
        self._typed[leg.id] = ""
        return typed[:-1].rpartition(code)[2]


class RecordingActivity(FeatureActivity):
    """A code that acts on the user's conversation from another line."""

    def __init__(self, call: Call, service: str) -> None:
        super().__init__(call)
        self.service = service

    def act(self, now: float, out: list[Any]) -> str:
        call = self.call
        conversation = conversation_of(call.exchange, call.caller.name, call)
        try:
            if conversation is None:
                raise NotRecorded("no conversation")
            control(conversation, ACTIONS[self.service], call.caller.name, now, out)
        except NotRecorded:
            return "invalid_choice"
        return "thank_you"


def conversation_of(exchange: Exchange, user: str, but: Call | None = None) -> Conversation | None:
    """The newest conversation of this user."""
    calls = [call for call in exchange.calls.values() if call is not but and call.engages(user)]
    return next((call.conversation for call in reversed(calls) if call.conversation is not None), None)


def to_recording_service(call: Call, service: str, now: float, out: list[Any]) -> None:
    """The caller has dialled one of the ACTIONS. Raises NoRoute."""
    if conversation_of(call.exchange, call.caller.name, call) is None:
        raise NoRoute("number_not_found")
    if call.answer(now, out):
        call.begin(RecordingActivity(call, service), now, out)
