"""The media half of a leg: its port, its offers and answers, what both sides agreed on, and silence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from softswitch.call.leg_security import LegSecurity
from softswitch.call.media import NOWHERE, leg_fields
from softswitch.call.passing import to_answer, to_offer
from softswitch.sdp.addresses import beside, family_of, same_host
from softswitch.sdp.crypto import Security
from softswitch.sdp.description import BadSdp, SessionDescription
from softswitch.sdp.negotiation import (
    PASSED,
    NegotiatedAudio,
    NotAcceptable,
    answer_offer,
    make_offer,
    offered_codecs,
    read_answer,
    to_be_answered,
)

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.party import Party
    from softswitch.sip.flow import SipFlow
    from softswitch.sip.message import Message
    from softswitch.sip.session import Session

NO_MEDIA_S = 3.0
"""For how long a leg is silent when the worker tells of it."""
NO_MEDIA_AGAIN_S = 10.0
"""How often the worker tells of a silence that goes on; it says nothing when audio comes back."""


class LegMedia:
    """The part of a leg that deals with SDP and the media worker; `Leg` is the whole."""

    __slots__ = (
        "_described",
        "audio",
        "call",
        "codecs",
        "held_here",
        "id",
        "learn",
        "party",
        "place",
        "pressed_info",
        "remote_sdp",
        "sdp_id",
        "sdp_version",
        "security",
        "session",
        "shares_port",
        "silence_told_at",
        "silent_since",
        "unacceptable",
    )

    def __init__(self, call: Call, id: str, party: Party) -> None:
        self.call = call
        self.id = id
        self.party = party
        self.session: Session | None = None
        self.place = NOWHERE
        self.audio: NegotiatedAudio | None = None
        self.remote_sdp = b""
        self._described: SessionDescription | None = None
        self.sdp_id = int.from_bytes(call.exchange.entropy(4), "big")
        self.sdp_version = 1
        self.codecs: Sequence[str] = call.exchange.codecs
        self.learn = False
        self.shares_port = False
        self.pressed_info = False
        self.unacceptable = ""
        self.held_here = False
        self.security = LegSecurity(call, party)
        self.silent_since: float | None = None
        self.silence_told_at = 0.0

    def allocate(self, near: int | None = None) -> bool:
        """Take a media port, on worker `near` if given. False: there is none, nothing has been changed."""
        place = self.call.exchange.media.allocate(near, self.id if self.shares_port else "")
        if place is None:
            return False
        self.place = place
        return True

    @property
    def worker(self) -> int:
        """The media worker that serves the leg; -1: none yet."""
        return self.place.worker

    @property
    def port(self) -> int:
        """Its media port; 0: none yet."""
        return self.place.port

    def offered_codecs(self) -> list[str]:
        """The codec that this leg uses, or those that it offers, in its order."""
        if self.audio is not None:
            return [self.audio.send.encoding]
        try:
            return offered_codecs(self._first_offer(), self.codecs)
        except BadSdp:
            return []

    def offered_codec(self) -> str | None:
        """The first of them."""
        return next(iter(self.offered_codecs()), None)

    @property
    def keys_by(self) -> str:
        """How the party is sent keys: rfc4733, info or inband."""
        centre, name = self.call.exchange.centre, self.party.name
        wanted = "auto"
        if self.party.kind == "user" and name in centre.users:
            wanted = centre.users[name].keys
        elif self.party.kind == "trunk" and name in centre.trunks:
            wanted = centre.trunks[name].keys
        if wanted != "auto":
            return wanted
        if self.audio is not None and self.audio.dtmf_send is not None:
            return "rfc4733"
        return "info" if self.pressed_info else "inband"

    # Silence

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
        """Whether the party wants to hear nothing: by its phone (sendonly, inactive, or the address 0.0.0.0),
        or by command."""
        return self.held_here or self._phone_holds(self.audio)

    @staticmethod
    def _phone_holds(audio: NegotiatedAudio | None) -> bool:
        return audio is not None and audio.direction not in ("sendrecv", "sendonly")

    def hold_here(self, held: bool, out: list[Any]) -> None:
        """The switch holds for the party, whose phone goes on as it is, or does so no longer."""
        before, self.held_here = self.holds, held
        if self.holds != before:
            self.call.hold_changed(self, out)

    # Offers and answers

    @property
    def _flow(self) -> SipFlow | None:
        return self.session.dialog.sip_flow if self.session is not None else None

    def _security(self) -> Security:
        return self.security.over(self._flow, self.audio)

    def _family(self, audio: NegotiatedAudio | None, flow: SipFlow | None) -> int:
        """Of its audio: as agreed, else that of the signalling where the workers have an address of it."""
        if audio is not None and audio.remote_host:
            return family_of(audio.remote_host)
        hosts = self.call.exchange.media.hosts
        family = family_of(flow.local[0]) if flow is not None else 0
        return family if family in hosts else next(iter(hosts))

    def _offer(self, codecs: Sequence[str], flow: SipFlow | None) -> bytes:
        """Our offer, led by `codecs`: those that the other leg has, so that nothing is transcoded.

        `flow`: where it is sent over. Raises NotAcceptable.
        """
        security = self.security.over(flow, self.audio)
        return make_offer(
            host=self.call.exchange.media.hosts[self._family(self.audio, flow)],
            port=self.port,
            codecs=to_offer(codecs, self.codecs),
            session_id=self.sdp_id,
            version=self.sdp_version,
            security=security,
            comfort_noise=self.call.exchange.node.media.comfort_noise,
            rtcp_mux=True,
        ).encode()

    def _first_offer(self) -> SessionDescription:
        """What the INVITE offered, taken apart once: it is looked at to ring and to answer. Raises BadSdp."""
        if self._described is None:
            self._described = SessionDescription.parse(self.remote_sdp)
        return self._described

    def forget_first_offer(self) -> None:
        """It is answered, and nobody asks for it again."""
        self.remote_sdp, self._described = b"", None

    def can_be_answered(self) -> bool:
        """Whether the party's offer could be answered; if not, `unacceptable` says why."""
        passed = next((codec for codec in self.offered_codecs() if codec in PASSED), None)
        try:
            self._answer_to(self.remote_sdp, passed)
        except (BadSdp, NotAcceptable) as error:
            self.unacceptable = str(error)
            return False
        return True

    def _preferred(self, offer: bytes) -> str | None:
        """Of what the party offers anew: what the other one speaks, else what this one has spoken."""
        conversation = self.call.conversation
        others: list[LegMedia] = [conversation.caller, conversation.callee] if conversation else []
        spoken = [leg.offered_codec() for leg in others if self in others and leg is not self]
        offered = offered_codecs(offer, self.codecs) if offer else self.codecs
        return next((codec for codec in (*spoken, self.offered_codec()) if codec in offered), None)

    def _answer_to(self, offer: bytes, prefer: str | None) -> tuple[bytes, NegotiatedAudio]:
        """Our answer, with codec `prefer` if it was offered; no offer at all is answered with one of ours."""
        if not offer:
            codec = prefer or to_answer(None, self.codecs)[0]
            return self._offer([codec], self._flow), to_be_answered(codec)
        sdp, audio = answer_offer(
            self._first_offer() if offer is self.remote_sdp else SessionDescription.parse(offer),
            host=self.call.exchange.media.hosts,
            port=self.port,
            codecs=to_answer(prefer, self.codecs),
            session_id=self.sdp_id,
            version=self.sdp_version,
            prefer=prefer,
            security=self._security(),
            comfort_noise=self.call.exchange.node.media.comfort_noise,
            rtcp_mux=True,
        )
        return sdp.encode(), audio

    @property
    def _awaits_answer(self) -> bool:
        return self.audio is not None and not self.audio.remote_port

    def _take_answer(self, message: Message, out: list[Any]) -> bool:
        """Take up the answer to our offer. False: it cannot be used."""
        try:
            audio = read_answer(
                SessionDescription.parse(message.body),
                codecs=self.codecs,
                security=self._security(),
                comfort_noise=self.call.exchange.node.media.comfort_noise,
                rtcp_mux=True,
            )
            beside(audio.remote_host, self.call.exchange.media.hosts)
        except (BadSdp, NotAcceptable):
            return False
        self._put_media(audio, out)
        return True

    def _put_media(self, audio: NegotiatedAudio, out: list[Any]) -> None:
        held, former, self.audio = self.holds, self.audio, audio
        if self._phone_holds(former) and not self._phone_holds(audio):
            self.held_here = False  # who comes back at the phone wants to be back
        self.call.exchange.passing.speaks(self)
        self.silent_since = None
        fields = leg_fields(
            self.place, audio, family=self._family(audio, self._flow), learn=self._learns(audio),
            keys_by=self.keys_by,
        )  # fmt: skip
        self.call.exchange.media.put(self.worker, "leg", self.id, fields, out)
        if self.holds != held:
            self.call.hold_changed(self, out)

    def _learns(self, audio: NegotiatedAudio) -> bool:
        """Whether the first packets tell the media address, because that in the SDP is behind a NAT.

        A phone whose SDP names another address than its SIP comes from is taken to be behind one, unless the
        one is IPv6 and the other IPv4.
        """
        if self.party.kind == "trunk" or self.session is None:
            return self.learn
        # The old sign for hold, or no answer yet: nobody sends here, and a stranger is not to be learned.
        if audio.remote_host in ("", "0.0.0.0", "::"):
            return False
        return not same_host(audio.remote_host, self.session.dialog.sip_flow.remote[0])

    def move(self, worker: int, now: float, out: list[Any]) -> bool:
        """Go on at another worker with the same port, which the party does not notice; where others are on it
        with one of its own, which a re-INVITE tells. False: there is no port."""
        media = self.call.exchange.media
        if not self.place.shared:
            self.place = media.move(self.place, worker, self.id, out)
            return True
        place = media.move_apart(self.place, worker, self.id, out)
        if place is None or self.session is None or self.audio is None:
            return False
        self.place = place
        self.sdp_version += 1
        self.session.reinvite(self._offer([self.audio.send.encoding], self._flow), now, out)
        return True

    def change_codec(self, now: float, out: list[Any]) -> None:
        """Offer the party what we can say and hear."""
        if self.session is not None:
            self.sdp_version += 1
            self.session.reinvite(self._offer(to_answer(None, self.codecs), self._flow), now, out)
            self.call.keep(out)

    def drop_media(self, out: list[Any]) -> None:
        """Give up the port, and what the worker has of this leg."""
        self.call.exchange.passing.left(self)
        if self.audio is not None:
            self.call.exchange.media.delete(self.worker, "leg", self.id, out)
        elif self.port:
            self.call.exchange.media.release_unused(self.place, self.id)
