"""One INVITE usage of a dialog, as caller or callee (RFC 3261 §13, §15); its rules are `states.SESSION`."""

from __future__ import annotations

from typing import Any

from softswitch.sip import states
from softswitch.sip.answer import Answer
from softswitch.sip.dialog import RESTART_CSEQ_STEP, Dialog
from softswitch.sip.endpoint import Credentials, Endpoint
from softswitch.sip.flow import GIVE_UP, NEVER, Outputs, Send, SipFlow
from softswitch.sip.message import Message, header_safe
from softswitch.sip.outgoing import Outgoing, acknowledgement, ignore_response
from softswitch.sip.owner import SessionOwner
from softswitch.sip.reoffer import Reoffer
from softswitch.sip.sequence import Sequence
from softswitch.sip.timers import Timed
from softswitch.sip.transaction import OnResponse, ServerTransaction

UNANSWERED = (states.CALLING, states.EARLY, states.CANCEL_DUE, states.CANCELLING, states.ACK_DUE)
PROGRESS_INTERVAL = 60.0
"""How often a provisional response is said again, lest proxies give the INVITE up, in seconds (§13.3.1.1)."""


class Session(Timed):
    """`state` is one of incoming, answered, closing (callee), calling, early, cancel_due, cancelling, ack_due
    (caller), up, ended.

    `exchange` tells how far the first offer and answer are: none, ours, theirs, done.

    `invite` is the received INVITE (callee only, None after a restart), `ack` the ACK to our 2xx while
    `session_established` is told.
    """

    __slots__ = (
        "_reason",
        "ack",
        "answer_sent",
        "credentials",
        "dialog",
        "endpoint",
        "exchange",
        "id",
        "invite",
        "outbound",
        "outgoing",
        "owner",
        "provisional",
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
        self.ack: Message | None = None
        self.transaction: ServerTransaction | None = None
        self.outgoing: Outgoing | None = None
        self.credentials: Credentials | None = None
        self.answer_sent: Answer | None = None
        self.provisional = b""
        self.exchange = states.DONE
        self.sequence = Sequence()
        self.reoffer = Reoffer(self)
        self._reason = ""
        endpoint.sessions[(dialog.sip_call_id, dialog.local_tag)] = self

    def __repr__(self) -> str:
        return f"Session({self.id!r}, {self.state}, {'outbound' if self.outbound else 'inbound'})"

    @property
    def remote_identity(self) -> str:
        """The peer's From or To value, as it stands."""
        return self.dialog.remote

    # What the owner asks for

    def progress(
        self, status: int, now: float, out: Outputs, *, sdp: str | bytes = "", headers: str = ""
    ) -> None:
        """Send 101 to 199 to an INVITE that is not answered yet; otherwise nothing happens."""
        if self._step(states.PROGRESS) == states.PROGRESS:
            self.provisional = self._respond(status, now, out, headers, as_bytes(sdp))
            self.endpoint.deadlines.at(self, now + PROGRESS_INTERVAL)

    def answer(self, sdp: str | bytes, now: float, out: Outputs, *, headers: str = "") -> None:
        """Send 200 until the ACK comes. Ignored if the caller has gone in the meantime."""
        transaction, invite = self.transaction, self.invite
        if transaction is None or invite is None or self._step(states.ANSWER) != states.ANSWER:
            return
        self.deadline = NEVER
        self.exchange = states.DONE if self.exchange == states.THEIRS else states.OURS
        data = self._respond(200, now, out, f"{self.endpoint.allow}{headers}", as_bytes(sdp))
        self._expect_ack(data, transaction.flow, invite.cseq, now)

    def reject(self, status: int, now: float, out: Outputs, *, reason: str = "", headers: str = "") -> None:
        """Send a final response of 300 to 699 to an INVITE that is not answered yet."""
        if self._step(states.REJECT) == states.SEND_FINAL:
            self._final(status, now, out, reason=reason, headers=headers)

    def hang_up(self, now: float, out: Outputs, *, reason_header: str = "") -> None:
        """End it: BYE, CANCEL or 603, as soon as the state allows it; else nothing happens.

        `reason_header` is the value of a Reason header (RFC 3326), e.g. `Q.850;cause=16`.
        """
        self._reason = f"Reason: {header_safe(reason_header)}\r\n" if reason_header else ""
        if self.outgoing is not None:
            self.outgoing.withdraw(now)
        action = self._step(states.HANG_UP)
        if action == states.SEND_BYE:
            self._bye(now, out)
            self._leave(now, out)
        elif action == states.SEND_CANCEL:
            self._cancel(now, out)
        elif action == states.SEND_FINAL:
            self._final(603, now, out, headers=self._reason)

    def reinvite(self, sdp: str | bytes, now: float, out: Outputs) -> None:
        """Offer a change; `session_reanswered` tells the outcome.

        While another offer is under way it waits; of several that wait only the last is sent.
        """
        self.reoffer.send(as_bytes(sdp), now, out)

    def acknowledge(self, sdp: str | bytes, now: float, out: Outputs) -> None:
        """Answer the offer that came in a response to our INVITE or re-INVITE without one.

        The ACK waits for it; it is too late 64·T1 after the response, when the session is given up.
        """
        outgoing = self.outgoing
        if self.state != states.ACK_DUE or outgoing is None:
            self.reoffer.acknowledge(as_bytes(sdp), now, out)
            return
        self._step(states.ACKNOWLEDGED)
        self.deadline = NEVER
        self.exchange = states.DONE
        outgoing.acknowledge(now, out, as_bytes(sdp))
        self.outgoing = None
        self.reoffer.proceed(now, out)

    def accept(self, sdp: str | bytes, now: float, out: Outputs) -> None:
        """Answer the offer reported by `session_offered`, or make one where it had none."""
        self.reoffer.accept(as_bytes(sdp), now, out)

    def refuse(self, status: int, now: float, out: Outputs) -> None:
        """Refuse the offer reported by `session_offered`; the session goes on as it was."""
        self.reoffer.refuse(status, now, out)

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
        if message is None:
            self._unanswered(states.BROKEN if status == 503 else states.TIMEOUT, status, now, out)
        elif status < 200:
            self._provisional(status, message, now, out)
        elif status < 300:
            self._success(message, now, out)
        elif self._step(states.FAILURE) == states.END:
            self._end("rejected", status, message, now, out)
        else:
            self._leave(now, out)

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
        elif method in ("INVITE", "UPDATE"):
            self.reoffer.receive(transaction, message, now, out)
        elif method == "INFO":
            self.endpoint.respond(transaction, message, 200, now, out)
            self.owner.session_info(self, message, now, out)
        elif method == "OPTIONS":
            self.endpoint.respond(transaction, message, 200, now, out, headers=self.endpoint.allow)
        elif not self.owner.session_request(self, transaction, message, now, out):
            self.endpoint.respond(transaction, message, 501, now, out, headers=self.endpoint.allow)

    def receive_ack(self, message: Message, flow: SipFlow, now: float, out: Outputs) -> None:
        """An ACK to a 2xx of ours."""
        answer = self.answer_sent
        if answer is None or answer.cseq != message.cseq:
            self.reoffer.receive_ack(message, now, out)
            return
        answer.stop()
        self.answer_sent = None
        self.ack = message
        self.exchange = states.DONE
        self.dialog.seen_on(flow)
        action = self._step(states.ACK)
        if action == states.ESTABLISH:
            self.provisional, self.transaction = b"", None
            self.owner.session_established(self, now, out)
            self.ack = None
            self.reoffer.proceed(now, out)
        elif action == states.SEND_BYE:
            self._bye(now, out)
            self._leave(now, out)

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
        elif self._step(states.CANCEL) == states.END_AND_TERMINATE:
            self._respond(487, now, out)
            self._end("remote_cancel", 487, None, now, out)

    def invite_broken(self, transaction: ServerTransaction, now: float, out: Outputs) -> None:
        """The transport of an INVITE that was not answered yet is gone."""
        if transaction is not self.transaction:
            self.reoffer.broken(transaction)
        elif self._step(states.BROKEN) == states.END:
            self._end("transport_failed", 503, None, now, out)

    # Inside the SIP engine

    def start(
        self, outgoing: Outgoing | None, transaction: ServerTransaction | None, now: float, out: Outputs
    ) -> None:
        """Send our INVITE, or take charge of a received one."""
        if outgoing is not None:
            self.outgoing = outgoing
            self.credentials = outgoing.credentials
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
        action = self._step(states.TIMEOUT)
        if action in (states.END_AND_BYE, states.SEND_BYE):
            self._bye(now, out)
        if action == states.END_AND_BYE:
            self._end(cause, status, None, now, out)
        elif action != states.IGNORE:
            self._leave(now, out)

    def expire(self, now: float, out: Outputs) -> None:
        """Say the provisional response again; or our answer has not come, which the ACK waits for."""
        if self.state == states.INCOMING and self.transaction is not None:
            out.append(Send(self.transaction.flow, self.provisional))
            self.endpoint.deadlines.at(self, now + PROGRESS_INTERVAL)
        elif self.state == states.ACK_DUE:
            self.lost("timeout", 408, now, out)

    def _step(self, given: str) -> str:
        action, self.state = states.SESSION.rules[self.state, given]
        return action

    def _respond(
        self, status: int, now: float, out: Outputs, headers: str = "", body: bytes = b"", reason: str = ""
    ) -> bytes:
        if self.transaction is None or self.invite is None:
            return b""
        if status < 300:
            headers = f"Contact: {self.endpoint.contact(self.transaction.flow)}\r\n{headers}"
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
        self._respond(status, now, out, headers, reason=reason)
        self._leave(now, out)

    def _expect_ack(self, data: bytes, flow: SipFlow, cseq: int, now: float | None) -> None:
        def no_ack(now: float, out: Outputs) -> None:
            self.lost("no_ack", 408, now, out)

        self.answer_sent = Answer(self.endpoint, data, flow, cseq, no_ack, now)

    def _provisional(self, status: int, message: Message, now: float, out: Outputs) -> None:
        action = self._step(states.PROVISIONAL)
        if action == states.SEND_CANCEL:
            self._cancel(now, out)
        elif action == states.REPORT and status > 100:
            if message.to_tag and self.outgoing is not None:
                self.dialog.learn(message, self.outgoing.client.flow)
            self.owner.session_progress(self, status, message, now, out)

    def _success(self, message: Message, now: float, out: Outputs) -> None:
        offered = bool(message.body) and self.exchange in (states.NONE, states.THEIRS)
        action, outgoing = self._step(states.OFFERED if offered else states.SUCCESS), self.outgoing
        if outgoing is None or action == states.IGNORE:
            return
        self.dialog.learn(message, outgoing.client.flow)
        if action == states.REPORT:
            self.exchange = states.THEIRS
            self.endpoint.deadlines.at(self, now + GIVE_UP)
            self.owner.session_answered(self, message, now, out)
            return
        self.exchange = states.DONE
        outgoing.acknowledge(now, out)
        self.outgoing = None
        if action == states.CONFIRM:
            self.owner.session_answered(self, message, now, out)
            self.reoffer.proceed(now, out)
        elif action == states.CONFIRM_AND_BYE:
            self._bye(now, out)
            self._leave(now, out)

    def _unanswered(self, given: str, status: int, now: float, out: Outputs) -> None:
        if self._step(given) == states.END:
            self._end("transport_failed" if given == states.BROKEN else "timeout", status, None, now, out)
        else:
            self._leave(now, out)

    def _bye_received(
        self, transaction: ServerTransaction, message: Message, now: float, out: Outputs
    ) -> None:
        action = self._step(states.BYE)
        self.endpoint.respond(transaction, message, 481 if action == states.IGNORE else 200, now, out)
        if action == states.END_AND_TERMINATE:
            self._respond(487, now, out)
        if action in (states.END, states.END_AND_TERMINATE):
            self._end("remote_bye", 0, message, now, out)
        elif action != states.IGNORE:
            self._leave(now, out)

    def _bye(self, now: float, out: Outputs) -> None:
        if self.outgoing is not None:
            self.outgoing.acknowledge(now, out)
            self.outgoing = None
        self.reoffer.acknowledge(b"", now, out)
        self.send_request("BYE", ignore_response, now, out, headers=self._reason)

    def _cancel(self, now: float, out: Outputs) -> None:
        if self.outgoing is not None:
            self.outgoing.cancel(now, out, self._reason)

    def _leave(self, now: float, out: Outputs) -> None:
        """Nothing of this session is to be heard of again."""
        self.deadline = NEVER
        if self.answer_sent is not None:
            self.answer_sent.stop()
            self.answer_sent = None
        self.reoffer.stop(now, out)
        self.sequence.clear()
        self.endpoint.sessions.pop((self.dialog.sip_call_id, self.dialog.local_tag), None)

    def _end(self, cause: str, status: int, message: Message | None, now: float, out: Outputs) -> None:
        self._leave(now, out)
        self.owner.session_ended(self, cause, status, message, now, out)

    # Over a restart

    def to_state(self) -> dict[str, Any]:
        """JSON-able; see `UserAgent.restore_session` and `abandon_session` for what can be made of it."""
        state: dict[str, Any] = {
            "state": self.state,
            "outbound": self.outbound,
            "dialog": self.dialog.to_state(),
        }
        if self.outgoing is not None and self.state in UNANSWERED:
            state["invite"] = self.outgoing.to_state()
        if self.answer_sent is not None:
            state["answer"] = {
                "data": self.answer_sent.data.decode("utf-8", "replace"),
                "cseq": self.answer_sent.cseq,
                "sip_flow": self.answer_sent.flow.to_state(),
            }
        return state

    @classmethod
    def from_state(cls, endpoint: Endpoint, owner: SessionOwner, state: dict[str, Any]) -> Session:
        """Take up a session of a former process; an answer without ACK goes on being repeated."""
        dialog = Dialog.from_state(state["dialog"])
        dialog.local_cseq += RESTART_CSEQ_STEP
        session = cls(endpoint, owner, dialog, outbound=state["outbound"], state=state["state"])
        answer = state.get("answer")
        if answer is not None:
            flow = SipFlow.from_state(answer["sip_flow"])
            session._expect_ack(answer["data"].encode(), flow, answer["cseq"], None)
        return session

    def take_over(self, invite: dict[str, Any], now: float) -> None:
        """Take up the INVITE of a former process, to cancel it: it may have had any response meanwhile."""
        self.outgoing = Outgoing(self.endpoint, self.dialog, "INVITE", self.invite_response)
        self.outgoing.take_over(invite, now)
        self.state = states.EARLY


def as_bytes(sdp: str | bytes) -> bytes:
    return sdp.encode() if isinstance(sdp, str) else sdp
