"""A leg: one party's side of a call, made of one SIP session and one media port."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from softswitch.call.auto_answer import answer_lines
from softswitch.call.digits import info_body, info_digit
from softswitch.call.endings import ending, reason_header, warning_line
from softswitch.call.identity import connected, introduce
from softswitch.call.leg_media import LegMedia
from softswitch.call.media import Place
from softswitch.call.party import Party
from softswitch.call.redirection import contacts_of
from softswitch.reasons import REASONS
from softswitch.reasons import reason as reason_of
from softswitch.sdp.description import BadSdp
from softswitch.sdp.negotiation import NegotiatedAudio, NotAcceptable
from softswitch.sip.uri import Address
from softswitch.sip.values import reason_line

if TYPE_CHECKING:
    from softswitch.call.call import Call
    from softswitch.call.registrar import Binding
    from softswitch.sip.identities import Contact
    from softswitch.sip.message import Message
    from softswitch.sip.refer import Referral
    from softswitch.sip.session import Session


class Leg(LegMedia):
    """States: `setup`, `ringing`, `answered`, `ended`. Reports what happens to its owner, decides nothing.

    The owner is the call, or the hunt that made it until the answer. `since`: when it came to ring or was
    answered.
    """

    __slots__ = (
        "contacts",
        "direction",
        "final_status",
        "owner",
        "rings_briefly",
        "since",
        "sip_call_id",
        "state",
    )

    def __init__(self, call: Call, id: str, direction: str, party: Party) -> None:
        super().__init__(call, id, party)
        self.direction = direction
        self.state = "setup"
        self.since: float | None = None
        self.owner: Any = call
        self.final_status = 0
        self.contacts: tuple[Contact, ...] = ()
        self.rings_briefly = False
        self.sip_call_id = ""
        if party.kind == "trunk":
            self._take_trunk()

    # What the call asks of it

    def dial(
        self,
        binding: Binding,
        caller: Address,
        codecs: Sequence[str],
        now: float,
        out: list[Any],
        more: str = "",
    ) -> bool:
        """Send INVITE to where the party can be reached, our offer led by `codecs` to avoid transcoding, with
        `more` header lines.

        False: the party must be called with SRTP, and this way is not fit for it; nothing has been sent.
        """
        try:
            sdp = self._offer(codecs, binding.sip_flow)
        except NotAcceptable:
            return False
        shown, introduction = introduce(self.call, self.party, caller)
        asking = answer_lines(self.call.exchange, self.party)
        self.session = self.call.exchange.ua.invite(
            self,
            request_uri=binding.uri,
            from_=str(shown),
            to=f"<{binding.aor}>",
            sip_flow=binding.sip_flow,
            sdp=sdp,
            credentials=binding.credentials,
            max_forwards=self.call.max_forwards,
            headers="".join([*self.call.diversions, self.call.referred_by, asking, more, introduction]),
            sip_call_id=self.sip_call_id,
            routes=binding.path,
            now=now,
            out=out,
        )
        return True

    def ring(self, now: float, out: list[Any], headers: str = "") -> None:
        """Tell an inbound party that somebody is being called."""
        if self.session is not None and self.state == "setup":
            self.state, self.since = "ringing", now
            self.call.fact("leg_ringing", {"leg": self.id}, out)
            self.session.progress(180, now, out, headers=headers)

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
        if self.state == "setup":
            self.since = now
            self.call.fact("leg_ringing", {"leg": self.id}, out)
        self.state = "ringing"
        self.session.progress(183, now, out, sdp=sdp)
        self._put_media(audio, out)
        self.call.keep(out)
        return True

    def answer(self, now: float, out: list[Any], prefer: str | None = None, headers: str = "") -> bool:
        """Answer an inbound leg, or make our offer where it had none (its answer comes with the ACK).

        False: no codec in common; nothing has been sent.
        """
        assert self.session is not None
        try:
            # What was said early is said again.
            sdp, audio = self._answer_to(self.remote_sdp, self.audio.send.encoding if self.audio else prefer)
        except (BadSdp, NotAcceptable) as error:
            self.unacceptable = str(error)
            return False
        self.state, self.since = "answered", now
        self.session.answer(sdp, now, out, headers=headers)
        self._put_media(audio, out)
        self.call.fact("leg_answered", {"leg": self.id}, out)
        return True

    def refuse(self, reason: str, now: float, out: list[Any], headers: str = "", status: int = 0) -> None:
        """Refuse an inbound leg that was not answered, with the SIP status of the reason if none is given."""
        if self.state == "ended":
            return
        if self.session is not None:
            status = status or REASONS[reason].status
            headers += reason_line(reason_header(reason, self.call.heard)) + warning_line(self.unacceptable)
            # What is a good ending of an answered call is none of one that was not.
            self.session.reject(status if status >= 300 else 480, now, out, headers=headers)
        self._end(reason, "local", out)

    def hang_up(self, reason: str, now: float, out: list[Any]) -> None:
        """End the leg in whatever state it is (BYE, CANCEL, or a final response)."""
        if self.direction == "inbound" and self.state != "answered":
            self.refuse(reason, now, out)
        elif self.state != "ended":
            if self.session is not None:
                self.session.hang_up(now, out, reason_header=reason_header(reason, self.call.heard))
            self._end(reason, "local", out)

    def connected_to(self, other: Party, now: float, out: list[Any], more: str = "") -> None:
        """Tell the party who it talks to from now on, as far as it may know (RFC 4916, RFC 3325), with `more`
        header lines."""
        lines = connected(self.call, self.party, other) + more
        if lines and self.session is not None and self.audio is not None:
            self.sdp_version += 1
            offer = self._offer([self.audio.send.encoding], self._flow)
            self.session.identify(lines, offer, now, out)
            self.call.keep(out)

    def be_patient(self, seconds: float, now: float, *, ringing: bool = False) -> None:
        """The owner is told if the other side has not said anything by then; `ringing`: has not answered."""
        self.rings_briefly = ringing
        self.call.exchange.deadlines.set(("patience", self.id), now + seconds)

    def out_of_patience(self, now: float, out: list[Any]) -> None:
        if self.session is None or self.state == "answered":
            return
        if self.rings_briefly or self.session.state == "calling":
            self.owner.leg_unheard(self, now, out)

    def send_digits(self, digits: str, now: float, out: list[Any]) -> None:
        """Keys of the other side, the way that the party takes them."""
        if self.keys_by == "info":
            if self.session is not None and self.state == "answered":
                for digit in digits:
                    self.session.send_info(*info_body(digit), now, out)
            return
        self.call.exchange.media_command(
            self.worker, {"do": "send_digits", "leg": self.id, "digits": digits}, out
        )

    # What the session reports

    def session_progress(
        self, session: Session, status: int, message: Message, now: float, out: list[Any]
    ) -> None:
        if self.state not in ("setup", "ringing"):
            return
        former, self.state = self.state, "ringing"
        if former == "setup":
            self.since = now
            self.call.fact("leg_ringing", {"leg": self.id}, out)
        if session.sent_again:
            self.call.keep(out)
        # Phones ring in groups, and what each of them plays is not heard.
        if message.body and self.party.kind == "trunk" and self._take_answer(message, out):
            self.owner.leg_early(self, now, out)
        elif former == "setup":
            self.owner.leg_ringing(self, now, out)

    def session_answered(self, session: Session, message: Message, now: float, out: list[Any]) -> None:
        if self._take_answer(message, out):
            self.state, self.since = "answered", now
            self.call.fact("leg_answered", {"leg": self.id}, out)
            self.owner.leg_answered(self, now, out)
        else:
            self._give_up("not_acceptable_media", now, out)

    def session_established(self, session: Session, now: float, out: list[Any]) -> None:
        session.invite = None  # the largest part of a call's memory, needed for its answers only
        self.forget_first_offer()
        if self._awaits_answer and (session.ack is None or not self._take_answer(session.ack, out)):
            self._give_up("not_acceptable_media", now, out)
        else:
            self.call.keep(out)

    def session_offered(self, session: Session, message: Message, now: float, out: list[Any]) -> None:
        """A re-INVITE or UPDATE: hold, resume, a new address. Without an offer we make ours again."""
        self.sdp_version += 1
        self.call.keep(out)
        try:
            sdp, audio = self._answer_to(message.body, self._preferred(message.body))
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
            self._pressed_info(out)
            self.owner.leg_digit(self, digit, now, out)

    def _pressed_info(self, out: list[Any]) -> None:
        """Who sends keys in INFO is sent them so, if there are no telephone-events."""
        if not self.pressed_info:
            self.pressed_info = True
            if self.audio is not None and self.audio.dtmf_send is None:
                self._put_media(self.audio, out)

    def session_request(
        self, session: Session, transaction: Any, message: Message, now: float, out: list[Any]
    ) -> bool:
        return False

    def session_referred(self, session: Session, referral: Referral, now: float, out: list[Any]) -> bool:
        """A REFER: the party wants to send the other one elsewhere."""
        referred: bool = self.owner.leg_referred(self, referral, now, out)
        return referred

    def session_ended(
        self, session: Session, cause: str, status: int, message: Message | None, now: float, out: list[Any]
    ) -> None:
        reason, ended_by = ending(cause, status, "caller" if self is self.call.inbound else "agent")
        self.final_status = status or reason_of(reason).status
        if 300 <= status < 400:
            self.contacts = contacts_of(message)
        if session.reasons:
            self.call.heard = (reason, session.reasons)
        self._end(reason, "remote" if ended_by != "switch" else "local", out)
        self.owner.leg_ended(self, reason, ended_by, now, out)

    # Inside

    def _give_up(self, reason: str, now: float, out: list[Any]) -> None:
        self.hang_up(reason, now, out)
        self.final_status = reason_of(reason).status
        self.owner.leg_ended(self, reason, "switch", now, out)

    def _take_trunk(self) -> None:
        """What the trunk's settings say about this leg."""
        exchange = self.call.exchange
        exchange.trunks.taken(self.party.name)
        trunk = exchange.centre.trunks.get(self.party.name)
        if trunk is not None:
            self.codecs = trunk.codecs or exchange.codecs
            self.learn = trunk.media_source == "learn"
            self.shares_port = trunk.media == "shared"

    def _end(self, reason: str, ended_by: str, out: list[Any]) -> None:
        if self.state == "ended":
            return
        exchange = self.call.exchange
        if self.party.kind == "trunk":
            exchange.trunks.released(self, out)
        self.state = "ended"
        self.drop_media(out)
        exchange.deadlines.cancel(("patience", self.id))
        self.call.legs.pop(self.id, None)
        exchange.adopted.pop(self.id, None)
        self.call.fact("leg_ended", {"leg": self.id, "reason": reason, "ended_by": ended_by}, out)
        self.call.keep(out)

    # Over a restart

    def to_state(self) -> dict[str, Any]:
        """Nothing goes on in a new process of a leg that was not answered: whether it rings is left out."""
        answered = self.state == "answered"
        session = self.session if answered else None
        return {
            "id": self.id,
            "direction": self.direction,
            "party": self.party.to_state(),
            "state": self.state if answered else "setup",
            **({"since": self.since} if answered else {}),
            **({"held_here": True} if self.held_here else {}),
            "worker": self.worker,
            "port": self.port,
            "port_of": self.place.port_of,
            **({"shared": True} if self.place.shared else {}),
            "sdp_id": self.sdp_id,
            "sdp_version": self.sdp_version,
            "audio": self.audio.to_state() if self.audio else None,
            "session": session.to_state() if session else None,
        }

    @classmethod
    def from_state(cls, call: Call, state: dict[str, Any], out: list[Any]) -> Leg:
        """Take up an answered leg of a former process: its dialog, and its media as it is in the worker."""
        leg = cls(call, state["id"], state["direction"], Party(**state["party"]))
        leg.state, leg.since = state["state"], state.get("since")
        leg.held_here = state.get("held_here", False)
        port_of = state.get("port_of", state["worker"])
        leg.place = Place(state["worker"], state["port"], port_of, state.get("shared", False))
        leg.sdp_id, leg.sdp_version = state["sdp_id"], state["sdp_version"]
        leg.session = call.exchange.ua.restore_session(state["session"], leg)
        leg._put_media(NegotiatedAudio.from_state(state["audio"]), out)
        return leg
