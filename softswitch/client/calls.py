"""Calls that are going on: seeing and steering them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal
from urllib.parse import quote

from softswitch.api.models.calls import (
    AskedPhones,
    CallDataView,
    CallDetails,
    CallInFlow,
    CallView,
    ConferenceCall,
    Consultation,
    HeldParty,
    JoinedCall,
    OriginatedCall,
    Playback,
    PrioritisedCall,
    RecordingChange,
    SentDigits,
    StoppedPlayback,
    SupervisedCall,
    TransferredCall,
)
from softswitch.client.transport import Transport

Mode = Literal["listen", "whisper", "barge", "take_over", "call", "agent"]


class Calls:
    """`call` is the id of a call; `user` says whose part of it is meant where several users talk. With a
    key of the role agent these are the agent's own calls."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def __iter__(self) -> Iterator[CallView]:
        """All calls that are going on."""
        return map(CallView.model_validate, self._transport.rows("/calls"))

    def show(self, call: str) -> CallDetails:
        """Legs, conversation, queue, flow, recording, data."""
        return CallDetails.model_validate(self._transport.get(_path(call)))

    def originate(self, user: str, number: str, *, key: str = "") -> OriginatedCall:
        """Click to call: the phones of `user` ring, and who answers is connected with `number`."""
        body = {"user": user, "number": number}
        return OriginatedCall.model_validate(self._transport.send("POST", "/calls", body, key=key))

    def hang_up(self, call: str) -> None:
        self._transport.send("DELETE", _path(call))

    def answer(self, call: str, user: str | None = None) -> AskedPhones:
        """Ask the phones that ring to answer, which many do."""
        return AskedPhones.model_validate(self._post(call, "answer", user=user))

    def hold(self, call: str, user: str | None = None) -> HeldParty:
        """The other party hears music."""
        return HeldParty.model_validate(self._post(call, "hold", user=user))

    def resume(self, call: str, user: str | None = None) -> HeldParty:
        return HeldParty.model_validate(self._post(call, "resume", user=user))

    def transfer(self, call: str, to: str, user: str | None = None) -> TransferredCall:
        """Send the other party to a number as the user dials it, or to `queue:NAME`, `flow:NAME` …"""
        return TransferredCall.model_validate(self._post(call, "transfer", to=to, user=user))

    def consult(self, call: str, number: str, user: str | None = None) -> Consultation:
        """Hold, and call a number from the same phone; then `complete_transfer`, `join` or `conference`."""
        return Consultation.model_validate(self._post(call, "consult", number=number, user=user))

    def complete_transfer(self, call: str, user: str | None = None) -> JoinedCall:
        """Join the other party with that of the user's newest second call."""
        return JoinedCall.model_validate(self._post(call, "complete_transfer", user=user))

    def join(self, call: str, other: str, user: str | None = None) -> JoinedCall:
        """Make one call of two calls of a user, who is out of it then."""
        return JoinedCall.model_validate(self._post(call, "join", user=user, **{"with": other}))

    def conference(self, call: str) -> ConferenceCall:
        """All parties of a user's conversation and of the one on hold talk to each other."""
        return ConferenceCall.model_validate(self._post(call, "conference"))

    def prioritise(self, call: str, priority: int) -> PrioritisedCall:
        """Of a call that waits; higher is served first."""
        found = self._transport.send("PUT", f"{_path(call)}/priority", {"priority": priority})
        return PrioritisedCall.model_validate(found)

    def supervise(self, call: str, mode: Mode, as_user: str | None = None) -> SupervisedCall:
        """With `as_user`: ring that user's phones to supervise this conversation. Without: `call` is a
        supervisor's own, and `mode` who hears the supervisor from now on."""
        return SupervisedCall.model_validate(self._post(call, "supervise", mode=mode, as_user=as_user))

    def send_to_flow(self, call: str, flow: str) -> CallInFlow:
        """The caller goes through a flow and comes back; the agent hears music meanwhile."""
        return CallInFlow.model_validate(self._post(call, "flow", flow=flow))

    def play(
        self, call: str, *, prompt: str | None = None, text: str | None = None, to: str = "both"
    ) -> Playback:
        """A prompt, or a text that is spoken; `to` agent, caller, both, or the id of a leg."""
        return Playback.model_validate(self._post(call, "play", prompt=prompt, text=text, to=to))

    def stop_playing(self, call: str) -> StoppedPlayback:
        return StoppedPlayback.model_validate(self._post(call, "stop_playing"))

    def send_digits(self, call: str, digits: str, to: str = "caller") -> SentDigits:
        return SentDigits.model_validate(self._post(call, "digits", digits=digits, to=to))

    def set_data(
        self, call: str, data: Mapping[str, str] | None = None, *, remove: Sequence[str] = ()
    ) -> dict[str, str]:
        """Put texts on a call, which stay with it through queues and transfers; returns all there are now."""
        body = {"set": dict(data or {}), "remove": list(remove)}
        found = self._transport.send("PATCH", f"{_path(call)}/data", body)
        return CallDataView.model_validate(found).data

    def record(
        self, call: str, action: Literal["start", "pause", "resume", "segment", "stop"]
    ) -> RecordingChange:
        return RecordingChange.model_validate(self._post(call, f"recording/{action}"))

    def _post(self, call: str, action: str, **body: Any) -> Any:
        given = {name: value for name, value in body.items() if value is not None}
        return self._transport.send("POST", f"{_path(call)}/{action}", given)


def _path(call: str) -> str:
    return f"/calls/{quote(call, safe='')}"
