"""One INVITE usage of a dialog, as caller or callee (RFC 3261 §13, §15); its rules are `states.SESSION`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from softswitch.sip import callee, caller, refer, restart, states
from softswitch.sip.answer import Answer
from softswitch.sip.dialog import Dialog
from softswitch.sip.endpoint import Credentials, Endpoint
from softswitch.sip.flow import NEVER, Outputs, SipFlow
from softswitch.sip.message import Message
from softswitch.sip.outgoing import Outgoing, acknowledgement, ignore_response
from softswitch.sip.owner import Extensions, SessionOwner
from softswitch.sip.refresh import Refresh, too_small
from softswitch.sip.reliable import Announcements, Pracks
from softswitch.sip.reoffer import Reoffer
from softswitch.sip.sequence import Sequence as Order
from softswitch.sip.timers import Timed
from softswitch.sip.transaction import OnResponse, ServerTransaction
from softswitch.sip.values import Reason, reason_line, reasons_of

_EXTENSIONS = Extensions()


class Session(Timed):
    """`state` is one of incoming, answered, closing (callee), calling, early, cancel_due, cancelling, ack_due
    (caller), up, ended.

    `exchange` tells how far the first offer and answer are: none, ours, theirs, done. `reasons` are those
    (RFC 3326) of the BYE, CANCEL or failure that ended it.

    `invite` is the received INVITE (callee only, None after a restart), `ack` the ACK to our 2xx while
    `session_established` is told.
    """

    __slots__ = (
        "_reason",
        "ack",
        "announcements",
        "answer_sent",
        "credentials",
        "dialog",
        "endpoint",
        "exchange",
        "id",
        "invite",
        "invite_cseq",
        "local_sdp",
        "outbound",
        "outgoing",
        "owner",
        "peer_updates",
        "pracks",
        "provisional",
        "reasons",
        "referred",
        "refresh",
        "remote_sdp",
        "reoffer",
        "sequence",
        "state",
        "transaction",
    )

    def __init__(
        self, endpoint: Endpoint, owner: SessionOwner, dialog: Dialog, *, outbound: bool, state: str
    ) -> None:
        super().__init__()
        self.endpoint = endpoint
        self.owner = owner
        self.dialog = dialog
        self.outbound = outbound
        self.state = state
        self.id = dialog.local_tag
        self.invite: Message | None = None
        self.invite_cseq = dialog.remote_cseq
        self.ack: Message | None = None
        self.transaction: ServerTransaction | None = None
        self.outgoing: Outgoing | None = None
        self.credentials: Credentials | None = None
        self.answer_sent: Answer | None = None
        self.provisional = b""
        self.exchange = states.DONE
        self.announcements: Announcements | None = None
        self.pracks: Pracks | None = None
        self.refresh: Refresh | None = None
        self.local_sdp = self.remote_sdp = b""
        self.peer_updates = self.referred = False
        self.sequence = Order()
        self.reoffer = Reoffer(self)
        self._reason = ""
        self.reasons: tuple[Reason, ...] = ()
        endpoint.sessions[(dialog.sip_call_id, dialog.local_tag)] = self

    def __repr__(self) -> str:
        return f"Session({self.id!r}, {self.state}, {'outbound' if self.outbound else 'inbound'})"

    @property
    def remote_identity(self) -> str:
        """The peer's From or To value, as it stands."""
        return self.dialog.remote

    @property
    def sent_again(self) -> bool:
        """Whether our INVITE went out with other names than at first (credentials, a longer interval)."""
        return self.outgoing is not None and bool(self.outgoing.tries or self.outgoing.raises)

    def contact(self, flow: SipFlow) -> str:
        """Our Contact for the peer behind this flow, as secure as the peer's own."""
        return self.endpoint.contact(flow, self.dialog.secure)

    # What the owner asks for

    def progress(
        self,
        status: int,
        now: float,
        out: Outputs,
        *,
        sdp: str | bytes = "",
        headers: str = "",
        reliable: bool = False,
    ) -> None:
        """Send 101 to 199 to an INVITE that is not answered yet; otherwise nothing happens.

        `reliable` has it repeated until its PRACK comes, if the peer can do that; one that requires it gets
        nothing else. An offer (to an INVITE without one) goes in reliable responses only: its answer comes
        with `session_prack`. An answer given in one is not given again in the 200.
        """
        if self.step(states.PROGRESS) == states.PROGRESS:
            callee.progress(self, status, now, out, as_bytes(sdp), headers, reliable)

    @property
    def can_prack(self) -> bool:
        """Whether the caller takes reliable provisional responses."""
        return callee.takes_reliable(self, True)

    def answer(self, sdp: str | bytes, now: float, out: Outputs, *, headers: str = "") -> None:
        """Send 200 until the ACK comes. Ignored if the caller has gone in the meantime."""
        callee.answer(self, as_bytes(sdp), headers, now, out)

    def reject(self, status: int, now: float, out: Outputs, *, reason: str = "", headers: str = "") -> None:
        """Send a final response of 300 to 699 to an INVITE that is not answered yet."""
        if self.step(states.REJECT) == states.SEND_FINAL:
            self._final(status, now, out, reason=reason, headers=headers)

    def hang_up(
        self, now: float, out: Outputs, *, reason_header: str | Reason | Sequence[Reason] = ""
    ) -> None:
        """End it: BYE, CANCEL or 603, as soon as the state allows it; else nothing happens.

        `reason_header` is the value of a Reason header (RFC 3326), e.g. `Q.850;cause=16`, or one or more
        values such as `reasons` of another session, to be passed on.
        """
        self._reason = reason_line(reason_header)
        if self.outgoing is not None:
            self.outgoing.withdraw(now)
        action = self.step(states.HANG_UP)
        if action == states.SEND_BYE:
            self.bye(now, out)
            self.leave(now, out)
        elif action == states.SEND_CANCEL:
            self.cancel(now, out)
        elif action == states.SEND_FINAL:
            self._final(603, now, out, headers=self._reason)

    def update(self, sdp: str | bytes, now: float, out: Outputs) -> bool:
        """As `reinvite`, by UPDATE (RFC 3311) if the peer takes that: also before the INVITE is answered.

        False, and nothing is done, if it is too early: the first offer has not been answered (reliably), or
        the peer does not take UPDATE. Once it is up, a peer without UPDATE has a re-INVITE.
        """
        if self.state != states.UP and not (self.peer_updates and self.exchange == states.DONE):
            return False
        if self.state not in (states.UP, states.EARLY, states.INCOMING, states.ANSWERED):
            return False
        self.reoffer.send(as_bytes(sdp), now, out, method="UPDATE" if self.peer_updates else "INVITE")
        return True

    def reinvite(self, sdp: str | bytes, now: float, out: Outputs) -> None:
        """Offer a change; `session_reanswered` tells the outcome.

        While another offer is under way it waits; of several that wait only the last is sent.
        """
        self.reoffer.send(as_bytes(sdp), now, out)

    def identify(self, headers: str, sdp: str | bytes, now: float, out: Outputs) -> None:
        """Tell the peer who it is connected to now (RFC 4916 §4): header lines such as P-Asserted-Identity.

        They go by UPDATE without an offer; a peer without UPDATE has a re-INVITE that offers `sdp`.
        """
        if self.peer_updates and self.state == states.UP:
            contact = f"Contact: {self.contact(self.dialog.sip_flow)}\r\n"
            self.request("UPDATE", now, out, headers=f"{contact}{headers}")
        else:
            self.reoffer.send(as_bytes(sdp), now, out, headers=headers)

    def acknowledge(self, sdp: str | bytes, now: float, out: Outputs) -> None:
        """Answer the offer that came in a response to our INVITE or re-INVITE without one.

        The ACK (or PRACK) waits for it; it is too late 64·T1 after the 2xx, when the session is given up.
        """
        caller.acknowledge(self, as_bytes(sdp), now, out)

    def accept(self, sdp: str | bytes, now: float, out: Outputs) -> None:
        """Answer the offer reported by `session_offered`, or make one where it had none."""
        self.reoffer.accept(as_bytes(sdp), now, out)

    def refuse(self, status: int, now: float, out: Outputs) -> None:
        """Refuse the offer reported by `session_offered`; the session goes on as it was."""
        self.reoffer.refuse(status, now, out)

    def refer(
        self,
        target: str,
        now: float,
        out: Outputs,
        *,
        referred_by: str = "",
        subscribe: bool = True,
        headers: str = "",
    ) -> refer.SentReferral | None:
        """Ask the peer to call `target`, a Refer-To value; None if the session is not up.

        `session_refer_answered` and `session_refer_notified` tell how it goes.
        """
        return refer.send(self, target, now, out, referred_by, subscribe, headers)

    def send_info(self, content_type: str, body: bytes, now: float, out: Outputs) -> None:
        """Send an INFO. A failure changes nothing unless the peer has lost the dialog."""
        self.request("INFO", now, out, body=body, content_type=content_type)

    def request(
        self,
        method: str,
        now: float,
        out: Outputs,
        *,
        headers: str = "",
        body: bytes = b"",
        content_type: str = "application/sdp",
        on_final: OnResponse = ignore_response,
    ) -> Outgoing | None:
        """Send any other request in the dialog; `on_final` is not called once the session has ended.

        Returns None, and sends nothing, while there is no dialog.
        """
        if not self.dialog.remote_tag or self.state == states.ENDED:
            return None

        def finished(status: int, message: Message | None, now: float, out: Outputs) -> None:
            if status >= 200 and self.state != states.ENDED:
                on_final(status, message, now, out)
                if status in (408, 481) and self.state == states.UP:
                    self.lost("stale", status, now, out)

        return self.send_request(
            method, finished, now, out, headers=headers, body=body, content_type=content_type
        )

    # What comes from the network, by way of the user agent

    def invite_response(self, status: int, message: Message | None, now: float, out: Outputs) -> None:
        """A response to our INVITE, past digest challenges; None: there will be none."""
        caller.responded(self, status, message, now, out)

    def receive_request(
        self, transaction: ServerTransaction, message: Message, flow: SipFlow, now: float, out: Outputs
    ) -> None:
        """A new request (not ACK, CANCEL) in this dialog."""
        dialog, method = self.dialog, message.method
        if message.cseq <= dialog.remote_cseq:
            self.endpoint.respond(transaction, message, 500, now, out, reason="CSeq Out Of Order")
            return
        dialog.remote_cseq = message.cseq
        dialog.seen_on(flow)
        if method == "BYE":
            self._bye_received(transaction, message, now, out)
        elif method in ("INVITE", "UPDATE") and too_small(self.endpoint, message):
            self.endpoint.respond(transaction, message, 422, now, out, headers=self.endpoint.min_se)
        elif method in ("INVITE", "UPDATE"):
            self.reoffer.receive(transaction, message, now, out)
        elif method == "PRACK" and self.announcements is not None:
            self.announcements.received(transaction, message, now, out)
        elif method == "PRACK":
            self.endpoint.respond(transaction, message, 481, now, out)
        elif method == "INFO" and "Info-Package" in message:
            # We have asked for none (RFC 6086 §4.2.2).
            self.endpoint.respond(transaction, message, 469, now, out, headers="Recv-Info:\r\n")
        elif method == "INFO":
            self.endpoint.respond(transaction, message, 200, now, out)
            self.owner.session_info(self, message, now, out)
        elif method == "OPTIONS":
            self.endpoint.respond(transaction, message, 200, now, out, headers=self.endpoint.allow)
        elif refer.receive(self, transaction, message, now, out):
            return
        elif not self.owner.session_request(self, transaction, message, now, out):
            self.endpoint.respond(transaction, message, 501, now, out, headers=self.endpoint.allow)

    def receive_ack(self, message: Message, flow: SipFlow, now: float, out: Outputs) -> None:
        """An ACK to a 2xx of ours."""
        callee.receive_ack(self, message, flow, now, out)

    def receive_success(self, message: Message, now: float, out: Outputs) -> bool:
        """A 2xx to an INVITE whose ACK this process has not sent. False: it is not this dialog's."""
        if self.state not in (states.UP, states.ACK_DUE) or message.to_tag != self.dialog.remote_tag:
            return False
        if self.state == states.UP and not self.reoffer.ack_due:
            out.append(acknowledgement(self.endpoint, self.dialog, message.cseq))
        return True

    def invite_cancelled(self, transaction: ServerTransaction, now: float, out: Outputs) -> None:
        """CANCEL of the first INVITE, or of a re-INVITE."""
        if transaction is not self.transaction:
            self.reoffer.cancelled(transaction, now, out)
        elif self.step(states.CANCEL) == states.END_AND_TERMINATE:
            self.respond(487, now, out)
            self.reasons = reasons_of(transaction.cancel)
            self.end("remote_cancel", 487, transaction.cancel, now, out)

    def invite_broken(self, transaction: ServerTransaction, now: float, out: Outputs) -> None:
        """The transport of an INVITE that was not answered yet is gone."""
        if transaction is not self.transaction:
            self.reoffer.broken(transaction)
        elif self.step(states.BROKEN) == states.END:
            self.end("transport_failed", 503, None, now, out)

    # Inside the SIP engine

    def start(
        self, outgoing: Outgoing | None, transaction: ServerTransaction | None, now: float, out: Outputs
    ) -> None:
        """Send our INVITE, or take charge of a received one."""
        if outgoing is not None:
            self.outgoing = outgoing
            self.credentials = outgoing.credentials
            self.local_sdp = outgoing.body
            self.exchange = states.OURS if outgoing.body else states.NONE
            outgoing.send(now, out)
        elif transaction is not None:
            self.transaction = transaction
            transaction.user = self

    def send_request(
        self,
        method: str,
        on_response: OnResponse,
        now: float,
        out: Outputs,
        *,
        headers: str = "",
        body: bytes = b"",
        content_type: str = "application/sdp",
    ) -> Outgoing:
        outgoing = Outgoing(
            self.endpoint,
            self.dialog,
            method,
            on_response,
            headers=headers,
            body=body,
            content_type=content_type,
            credentials=self.credentials,
        )
        if method == "BYE":
            outgoing.send(now, out)
        else:
            self.sequence.send(outgoing, now, out)
        return outgoing

    def lost(self, cause: str, status: int, now: float, out: Outputs) -> None:
        """The peer does not answer to the dialog any more: BYE and report."""
        action = self.step(states.TIMEOUT)
        if action in (states.END_AND_BYE, states.SEND_BYE):
            self.bye(now, out)
        if action == states.END_AND_BYE:
            self.end(cause, status, None, now, out)
        elif action != states.IGNORE:
            self.leave(now, out)

    def expire(self, now: float, out: Outputs) -> None:
        """Say the provisional response again; or our answer has not come, which the ACK waits for."""
        if self.state == states.INCOMING:
            callee.announce_again(self, now, out)
        elif self.state == states.ACK_DUE:
            self.lost("timeout", 408, now, out)

    def step(self, given: str) -> str:
        action, self.state = states.SESSION.rules[self.state, given]
        return action

    def respond(
        self, status: int, now: float, out: Outputs, headers: str = "", body: bytes = b"", reason: str = ""
    ) -> bytes:
        if self.transaction is None or self.invite is None:
            return b""
        if status < 300:
            headers = f"Contact: {self.contact(self.transaction.flow)}\r\n{headers}"
        return self.endpoint.respond(
            self.transaction,
            self.invite,
            status,
            now,
            out,
            reason=reason,
            headers=headers,
            body=body,
            to_tag=self.dialog.local_tag,
        )

    def _final(self, status: int, now: float, out: Outputs, *, reason: str = "", headers: str = "") -> None:
        self.respond(status, now, out, headers, reason=reason)
        self.leave(now, out)

    def expired(self, now: float, out: Outputs) -> None:
        """Nobody has refreshed it (RFC 4028 §10)."""
        self._reason = 'Reason: SIP;cause=408;text="Session Expired"\r\n'
        self.lost("session_expired", 408, now, out)

    def tell(self, what: str, *told: Any) -> Any:
        """Report to the owner what not every owner listens to (`owner.Extensions`)."""
        listener = getattr(self.owner, what, None)
        return getattr(_EXTENSIONS, what)(self, *told) if listener is None else listener(self, *told)

    def _bye_received(
        self, transaction: ServerTransaction, message: Message, now: float, out: Outputs
    ) -> None:
        action = self.step(states.BYE)
        self.endpoint.respond(transaction, message, 481 if action == states.IGNORE else 200, now, out)
        if action == states.END_AND_TERMINATE:
            self.respond(487, now, out)
        if action in (states.END, states.END_AND_TERMINATE):
            self.reasons = reasons_of(message)
            self.end("remote_bye", 0, message, now, out)
        elif action != states.IGNORE:
            self.leave(now, out)

    def bye(self, now: float, out: Outputs) -> None:
        if self.outgoing is not None:
            self.outgoing.acknowledge(now, out)
            self.outgoing = None
        self.reoffer.acknowledge(b"", now, out)
        # How a transfer ended is said before the BYE that the ending brings.
        self.sequence.hasten("NOTIFY", now, out)
        self.send_request("BYE", ignore_response, now, out, headers=self._reason)

    def cancel(self, now: float, out: Outputs) -> None:
        if self.outgoing is not None:
            self.outgoing.cancel(now, out, self._reason)

    def leave(self, now: float, out: Outputs) -> None:
        """Nothing of this session is to be heard of again."""
        self.deadline = NEVER
        if self.answer_sent is not None:
            self.answer_sent.stop()
            self.answer_sent = None
        if self.announcements is not None:
            self.announcements.stop()
        if self.refresh is not None:
            self.endpoint.wheel.cancel(self.refresh)
        self.reoffer.stop(now, out)
        referrals = self.endpoint.referrals.get((self.dialog.sip_call_id, self.dialog.local_tag))
        if referrals is not None:
            referrals.session_ended(now, out)
        self.sequence.clear()
        self.endpoint.sessions.pop((self.dialog.sip_call_id, self.dialog.local_tag), None)

    def end(self, cause: str, status: int, message: Message | None, now: float, out: Outputs) -> None:
        self.leave(now, out)
        self.owner.session_ended(self, cause, status, message, now, out)

    # Over a restart

    def to_state(self) -> dict[str, Any]:
        """JSON-able; see `UserAgent.restore_session` and `abandon_session` for what can be made of it."""
        return restart.state_of(self)

    @classmethod
    def from_state(cls, endpoint: Endpoint, owner: SessionOwner, state: dict[str, Any]) -> Session:
        """Take up a session of a former process; an answer without ACK goes on being repeated."""
        return restart.restored(cls, endpoint, owner, state)


def as_bytes(sdp: str | bytes) -> bytes:
    return sdp.encode() if isinstance(sdp, str) else sdp
