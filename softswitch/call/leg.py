"""A leg: one party's side of a call, made of one SIP session and one media port."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from softswitch.call.media import leg_fields
from softswitch.reasons import REASONS, from_status
from softswitch.reasons import reason as reason_of
from softswitch.sdp.description import BadSdp, SessionDescription
from softswitch.sdp.negotiation import (
    AudioFormat,
    NegotiatedAudio,
    NotAcceptable,
    answer_offer,
    make_offer,
    offered_codec,
    read_answer,
)
from softswitch.sip.uri import Address

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.registrar import Binding
    from softswitch.sip.message import Message
    from softswitch.sip.session import Session

NO_MEDIA_S = 3.0
"""For how long a leg is silent when the worker tells of it."""
NO_MEDIA_AGAIN_S = 10.0
"""How often the worker tells of a silence that goes on; it says nothing when audio comes back."""
DTMF_TYPES = ("application/dtmf-relay", "application/dtmf")
DIGITS = frozenset("0123456789*#ABCD")


@dataclass(frozen=True, slots=True)
class Party:
    """Who is at the other end of a leg. `kind` is user, trunk or anonymous; `agent` is set while offered."""

    kind: str
    name: str
    number: str
    display: str = ""
    agent: str | None = None

    @property
    def source(self) -> str:
        return f"{self.kind}:{self.name}"

    def to_state(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "name": self.name,
            "number": self.number,
            "display": self.display,
            "agent": self.agent,
        }


class Leg:
    """States: `setup`, `ringing`, `answered`, `ended`. Reports what happens to its owner, decides nothing.

    The owner is the call, or the hunt that made it until the answer.
    """

    __slots__ = (
        "audio",
        "call",
        "codecs",
        "direction",
        "final_status",
        "id",
        "learn",
        "owner",
        "party",
        "port",
        "remote_sdp",
        "sdp_id",
        "sdp_version",
        "session",
        "silence_told_at",
        "silent_since",
        "state",
        "worker",
    )

    def __init__(self, call: Call, id: str, direction: str, party: Party) -> None:
        self.call = call
        self.id = id
        self.direction = direction
        self.party = party
        self.state = "setup"
        self.session: Session | None = None
        self.owner: Any = call
        self.worker = -1
        self.port = 0
        self.audio: NegotiatedAudio | None = None
        self.remote_sdp = b""
        self.sdp_id = int.from_bytes(call.exchange.entropy(4), "big")
        self.sdp_version = 1
        self.codecs: Sequence[str] = call.exchange.codecs
        self.learn = False
        self.final_status = 0
        self.silent_since: float | None = None
        self.silence_told_at = 0.0
        if party.kind == "trunk":
            self._take_trunk()

    # What the call asks of it

    def allocate(self, near: int | None = None) -> bool:
        """Take a media port, on worker `near` if given. False: there is none, nothing has been changed."""
        place = self.call.exchange.media.allocate(near)
        if place is None:
            return False
        self.worker, self.port = place
        return True

    def dial(self, binding: Binding, caller: Address, codec: str | None, now: float, out: list[Any]) -> None:
        """Send INVITE to where the party can be reached, our offer led by `codec` to avoid transcoding."""
        self.session = self.call.exchange.ua.invite(
            self,
            request_uri=binding.uri,
            from_=str(caller),
            to=f"<{binding.aor}>",
            sip_flow=binding.sip_flow,
            sdp=self._offer(codec),
            credentials=binding.credentials,
            max_forwards=self.call.max_forwards,
            headers="".join(self.call.diversions),
            now=now,
            out=out,
        )

    def offered_codec(self) -> str | None:
        """The codec that this leg uses, or that its offer prefers."""
        if self.audio is not None:
            return self.audio.send.encoding
        return offered_codec(self.remote_sdp, self.codecs)

    def ring(self, now: float, out: list[Any]) -> None:
        """Tell an inbound party that somebody is being called."""
        if self.session is not None and self.state == "setup":
            self.state = "ringing"
            self.session.progress(180, now, out)
            self.call.keep(out)

    def open_early(self, prefer: str | None, now: float, out: list[Any]) -> bool:
        """Let an inbound party hear what there is before the answer (183 with our SDP).

        False: there is nothing to hear it with, as it made no offer or none that can be used.
        """
        if self.session is None or not self.remote_sdp:
            return False
        try:
            sdp, audio = self._answer_to(self.remote_sdp, prefer)
        except (BadSdp, NotAcceptable):
            return False
        self.state = "ringing"
        self.session.progress(183, now, out, sdp=sdp)
        self._put_media(audio, out)
        self.call.keep(out)
        return True

    def answer(self, now: float, out: list[Any], prefer: str | None = None) -> bool:
        """Answer an inbound leg, or make our offer where it had none (its answer comes with the ACK).

        False: no codec in common; nothing has been sent.
        """
        assert self.session is not None
        try:
            # What was said early is said again.
            sdp, audio = self._answer_to(self.remote_sdp, self.audio.send.encoding if self.audio else prefer)
        except (BadSdp, NotAcceptable):
            return False
        self.state = "answered"
        self.session.answer(sdp, now, out)
        self._put_media(audio, out)
        self.call.fact("leg_answered", {"leg": self.id}, out)
        return True

    def refuse(self, reason: str, now: float, out: list[Any], headers: str = "") -> None:
        """Refuse an inbound leg that was not answered, with the SIP status of the reason."""
        if self.state == "ended":
            return
        if self.session is not None:
            status = REASONS[reason].status
            # What is a good ending of an answered call is none of one that was not.
            self.session.reject(status if status >= 300 else 480, now, out, headers=headers)
        self._end(reason, "local", out)

    def hang_up(self, reason: str, now: float, out: list[Any]) -> None:
        """End the leg in whatever state it is (BYE, CANCEL, or a final response)."""
        if self.direction == "inbound" and self.state != "answered":
            self.refuse(reason, now, out)
        elif self.state != "ended":
            if self.session is not None:
                self.session.hang_up(now, out, reason_header=_reason_header(reason))
            self._end(reason, "local", out)

    def be_patient(self, seconds: float, now: float) -> None:
        """The owner is told if the other side has not said anything by then."""
        self.call.exchange.deadlines.set(("patience", self.id), now + seconds)

    def out_of_patience(self, now: float, out: list[Any]) -> None:
        if self.session is not None and self.session.state == "calling":
            self.owner.leg_unheard(self, now, out)

    def send_digits(self, digits: str, out: list[Any]) -> None:
        self.call.exchange.media_command(
            self.worker, {"do": "send_digits", "leg": self.id, "digits": digits}, out
        )

    # What the media worker reports

    def no_media(self, seconds: float, now: float) -> bool:
        """Nothing has come for `seconds`. True if that is news."""
        since = self.silent_since if self.silent_for(now) else None
        self.silence_told_at = now
        self.silent_since = max(now - NO_MEDIA_S if since is None else since, now - seconds)
        return self.silent_since != since

    def silent_for(self, now: float) -> float:
        """For how long nothing has come from a party who should be heard, as far as we know, in seconds."""
        if self.silent_since is None or now > self.silence_told_at + 1.5 * NO_MEDIA_AGAIN_S:
            return 0.0
        return now - self.silent_since

    @property
    def on_hold(self) -> bool:
        return self.audio is not None and self.audio.direction != "sendrecv"

    @property
    def holds(self) -> bool:
        """Whether the party wants to hear nothing (sendonly, inactive, or the address 0.0.0.0)."""
        return self.audio is not None and self.audio.direction not in ("sendrecv", "sendonly")

    # What the session reports

    def session_progress(
        self, session: Session, status: int, message: Message, now: float, out: list[Any]
    ) -> None:
        if self.state not in ("setup", "ringing"):
            return
        former, self.state = self.state, "ringing"
        # Phones ring in groups, and what each of them plays is not heard.
        if message.body and self.party.kind == "trunk" and self._take_answer(message, out):
            self.owner.leg_early(self, now, out)
        elif former == "setup":
            self.owner.leg_ringing(self, now, out)

    def session_answered(self, session: Session, message: Message, now: float, out: list[Any]) -> None:
        if self._take_answer(message, out):
            self.state = "answered"
            self.call.fact("leg_answered", {"leg": self.id}, out)
            self.owner.leg_answered(self, now, out)
        else:
            self._give_up("not_acceptable_media", now, out)

    def session_established(self, session: Session, now: float, out: list[Any]) -> None:
        session.invite = None  # the largest part of a call's memory, needed for its answers only
        self.remote_sdp = b""
        if self._awaits_answer and (session.ack is None or not self._take_answer(session.ack, out)):
            self._give_up("not_acceptable_media", now, out)
        else:
            self.call.keep(out)

    def session_offered(self, session: Session, message: Message, now: float, out: list[Any]) -> None:
        """A re-INVITE or UPDATE: hold, resume, a new address. Without an offer we make ours again."""
        self.sdp_version += 1
        self.call.keep(out)
        try:
            sdp, audio = self._answer_to(message.body, self.offered_codec())
        except (BadSdp, NotAcceptable):
            session.refuse(488, now, out)
            return
        session.accept(sdp, now, out)
        if message.body:
            self._put_media(audio, out)

    def session_reanswered(
        self, session: Session, status: int, message: Message | None, now: float, out: list[Any]
    ) -> None:
        """The answer to an offer of ours; with one that cannot be used everything stays as it was."""
        if message is not None and 200 <= status < 300 and self._take_answer(message, out):
            self.call.keep(out)

    def session_info(self, session: Session, message: Message, now: float, out: list[Any]) -> None:
        digit = info_digit(message)
        if digit:
            self.owner.leg_digit(self, digit, now, out)

    def session_request(
        self, session: Session, transaction: Any, message: Message, now: float, out: list[Any]
    ) -> bool:
        return False

    def session_ended(
        self, session: Session, cause: str, status: int, message: Message | None, now: float, out: list[Any]
    ) -> None:
        reason, ended_by = self._ending(cause, status)
        self.final_status = status or reason_of(reason).status
        self._end(reason, "remote" if ended_by != "switch" else "local", out)
        self.owner.leg_ended(self, reason, ended_by, now, out)

    # Inside

    def _ending(self, cause: str, status: int) -> tuple[str, str]:
        """Reason code and who ended it (caller, agent or switch) for what the SIP session tells."""
        side = "caller" if self is self.call.inbound else "agent"
        if cause == "remote_bye":
            return f"normal_hang_up_{side}", side
        if cause == "remote_cancel":
            return "caller_cancelled", side
        if cause == "rejected":
            return from_status(status).code, side
        return _CAUSES.get(cause, "internal_error"), "switch"

    def _offer(self, codec: str | None) -> bytes:
        """Our offer, led by `codec`: the one that the other leg uses, so that nothing is transcoded."""
        return make_offer(
            host=self.call.exchange.media.host,
            port=self.port,
            codecs=sorted(self.codecs, key=lambda each: each != codec),
            session_id=self.sdp_id,
            version=self.sdp_version,
        ).encode()

    def _answer_to(self, offer: bytes, prefer: str | None) -> tuple[bytes, NegotiatedAudio]:
        """Our answer, with codec `prefer` if it was offered; no offer at all is answered with one of ours."""
        if not offer:
            codec = prefer or self.codecs[0]
            return self._offer(codec), to_be_answered(codec)
        sdp, audio = answer_offer(
            SessionDescription.parse(offer),
            host=self.call.exchange.media.host,
            port=self.port,
            codecs=self.codecs,
            session_id=self.sdp_id,
            version=self.sdp_version,
            prefer=prefer,
        )
        return sdp.encode(), audio

    @property
    def _awaits_answer(self) -> bool:
        return self.audio is not None and not self.audio.remote_port

    def _take_answer(self, message: Message, out: list[Any]) -> bool:
        """Take up the answer to our offer. False: it cannot be used."""
        try:
            audio = read_answer(SessionDescription.parse(message.body), codecs=self.codecs)
        except (BadSdp, NotAcceptable):
            return False
        self._put_media(audio, out)
        return True

    def _give_up(self, reason: str, now: float, out: list[Any]) -> None:
        self.hang_up(reason, now, out)
        self.final_status = reason_of(reason).status
        self.owner.leg_ended(self, reason, "switch", now, out)

    def _put_media(self, audio: NegotiatedAudio, out: list[Any]) -> None:
        held, self.audio = self.holds, audio
        self.silent_since = None
        self.call.exchange.media.put(
            self.worker, "leg", self.id, leg_fields(self.port, audio, learn=self._learns(audio)), out
        )
        if self.holds != held:
            self.call.hold_changed(self, out)

    def _take_trunk(self) -> None:
        """What the trunk's settings say about this leg."""
        exchange = self.call.exchange
        exchange.trunks.taken(self.party.name)
        trunk = exchange.centre.trunks.get(self.party.name)
        if trunk is not None:
            self.codecs = trunk.codecs or exchange.codecs
            self.learn = trunk.media_source == "learn"

    def _learns(self, audio: NegotiatedAudio) -> bool:
        """Whether the first packets tell the media address, because that in the SDP is behind a NAT.

        A phone whose SDP names another address than its SIP comes from is taken to be behind one.
        """
        if self.party.kind == "trunk" or self.session is None:
            return self.learn
        # The old sign for hold, or no answer yet: nobody sends here, and a stranger is not to be learned.
        if audio.remote_host in ("", "0.0.0.0", "::"):
            return False
        return audio.remote_host != self.session.dialog.sip_flow.remote[0]

    def _end(self, reason: str, ended_by: str, out: list[Any]) -> None:
        if self.state == "ended":
            return
        self.state = "ended"
        exchange = self.call.exchange
        if self.audio is not None:
            exchange.media.delete(self.worker, "leg", self.id, out)
        elif self.port:
            exchange.media.release_unused(self.worker, self.port)
        if self.party.kind == "trunk":
            exchange.trunks.released(self.party.name)
        exchange.deadlines.cancel(("patience", self.id))
        self.call.legs.pop(self.id, None)
        self.call.fact("leg_ended", {"leg": self.id, "reason": reason, "ended_by": ended_by}, out)
        self.call.keep(out)

    # Over a restart

    def to_state(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "direction": self.direction,
            "party": self.party.to_state(),
            "state": self.state,
            "worker": self.worker,
            "port": self.port,
            "sdp_id": self.sdp_id,
            "sdp_version": self.sdp_version,
            "audio": self.audio.to_state() if self.audio else None,
            "session": self.session.to_state() if self.session else None,
        }

    @classmethod
    def from_state(cls, call: Call, state: dict[str, Any], out: list[Any]) -> Leg:
        """Take up an answered leg of a former process: its dialog, and its media as it is in the worker."""
        leg = cls(call, state["id"], state["direction"], Party(**state["party"]))
        leg.state = state["state"]
        leg.worker, leg.port = state["worker"], state["port"]
        leg.sdp_id, leg.sdp_version = state["sdp_id"], state["sdp_version"]
        leg.session = call.exchange.ua.restore_session(state["session"], leg)
        leg._put_media(NegotiatedAudio.from_state(state["audio"]), out)
        return leg


_CAUSES = {
    "timeout": "no_response",
    "no_ack": "no_ack",
    "transport_failed": "transport_failed",
    "stale": "stale_dialog",
    "session_expired": "session_expired",
}
"""Reason codes of the ends of a SIP session that nobody asked for."""


def to_be_answered(codec: str) -> NegotiatedAudio:
    """What holds of an offer of ours until it is answered: we listen, but do not know whom to send to."""
    payload_type = {"PCMU": 0, "PCMA": 8, "G722": 9}[codec]
    audio = AudioFormat(payload_type, codec, 8000)
    return NegotiatedAudio("", 0, audio, (audio,), None, None, 20, "recvonly")


def _reason_header(reason: str) -> str:
    """For phones that did not win the call: no missed call is to be shown (RFC 3326)."""
    if reason == "answered_elsewhere":
        return 'SIP;cause=200;text="Call completed elsewhere"'
    return reason_of(reason).header()


def info_digit(message: Message) -> str | None:
    """The key in an INFO of either kind (`application/dtmf-relay`: `Signal=5`; `application/dtmf`: `5`)."""
    kind = (message.get("Content-Type") or "").partition(";")[0].strip().lower()
    if kind not in DTMF_TYPES:
        return None
    text = message.body[:256].decode("ascii", "replace")
    if kind == "application/dtmf-relay":
        signals = [line.partition("=")[2] for line in text.splitlines() if line.lower().startswith("signal")]
        text = signals[0] if signals else ""
    digit = {"10": "*", "11": "#"}.get(text.strip(), text.strip().upper())
    return digit if digit in DIGITS else None
