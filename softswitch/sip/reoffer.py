"""Changing a session that is up: re-INVITE and UPDATE both ways, and glare (RFC 3261 §14, RFC 3311)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from softswitch.sip import refresh
from softswitch.sip.answer import Answer
from softswitch.sip.flow import GIVE_UP, NEVER, Outputs
from softswitch.sip.headers import decimal
from softswitch.sip.message import Message
from softswitch.sip.outgoing import Outgoing
from softswitch.sip.states import (
    ANSWERED,
    DONE,
    EARLY,
    FREE,
    INCOMING,
    OFFER_MEETS,
    OURS,
    THEIRS,
    UNACKNOWLEDGED,
    UNANSWERED,
    UP,
)
from softswitch.sip.timers import Timed
from softswitch.sip.transaction import ServerTransaction

if TYPE_CHECKING:
    from softswitch.sip.session import Session

CHANGEABLE = (UP, EARLY, INCOMING, ANSWERED)
MAX_PAUSE = 10
MAX_GLARES = 8
"""A peer that answers 491 so often has no offer of its own under way."""


class Reoffer(Timed):
    """At most one offer is under way: `outgoing` ours, `transaction` theirs, `answer` our 2xx without ACK.

    `ack_due` is our re-INVITE without offer, whose 2xx had one that waits for our answer.
    """

    __slots__ = (
        "ack_due",
        "answer",
        "glares",
        "late_offer",
        "lines",
        "message",
        "method",
        "offer",
        "outgoing",
        "quiet",
        "session",
        "transaction",
        "waiting",
    )

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.outgoing: Outgoing | None = None
        self.ack_due: Outgoing | None = None
        self.offer = b""
        self.method = "INVITE"
        self.lines = ""
        self.quiet = False
        self.waiting: bytes | None = None
        self.glares = 0
        self.transaction: ServerTransaction | None = None
        self.message: Message | None = None
        self.answer: Answer | None = None
        self.late_offer = False

    # Our offers

    def send(
        self, sdp: bytes, now: float, out: Outputs, *, method: str = "INVITE", headers: str = ""
    ) -> None:
        self.waiting, self.method = sdp, method
        self.lines = headers or self.lines
        self.proceed(now, out)

    def refresh(self, sdp: bytes, now: float, out: Outputs) -> None:
        """Offer the same again, for the session timer; any other offer under way does as well."""
        if self.waiting is None and self._free("INVITE"):
            self.waiting, self.method = sdp, "INVITE"
            self.quiet = True
            self.proceed(now, out)

    def proceed(self, now: float, out: Outputs) -> None:
        """Send what waits, if nothing else is under way."""
        if self.waiting is None or not self._free(self.method):
            return
        session = self.session
        self.offer, self.waiting = self.waiting, None
        contact = session.contact(session.dialog.sip_flow)
        headers = f"Contact: {contact}\r\n{session.endpoint.allow}{refresh.lines(session)}{self.lines}"
        self.outgoing = session.send_request(
            self.method, self._responded, now, out, headers=headers, body=self.offer
        )

    def _free(self, method: str) -> bool:
        """Whether an offer of ours may be made now: before the session is up by UPDATE only (RFC 3311)."""
        session = self.session
        if self._ours() or self.transaction is not None or self.answer is not None or self.deadline != NEVER:
            return False
        if session.announcements is not None and session.announcements.pending:
            return False
        return session.state == UP or (
            method == "UPDATE" and session.state in (EARLY, INCOMING) and session.exchange == DONE
        )

    def _responded(self, status: int, message: Message | None, now: float, out: Outputs) -> None:
        if status < 200:
            return
        session, outgoing = self.session, self.outgoing
        succeeded = 200 <= status < 300 and message is not None and outgoing is not None
        if message is not None and outgoing is not None and succeeded:
            session.dialog.refresh(message, outgoing.client.flow)
            if message.body and not outgoing.body and session.state == UP:
                self._hold_ack(outgoing, message, now, out)
                return
            if outgoing.method == "INVITE":
                outgoing.acknowledge(now, out)
        if session.state not in CHANGEABLE:
            return
        self.outgoing = None
        if self._again_later(status, message, now):
            return
        self.glares = 0
        self.lines = ""
        self._report_outcome(status, message, now, out)
        self.proceed(now, out)

    def _report_outcome(self, status: int, message: Message | None, now: float, out: Outputs) -> None:
        session, quiet, self.quiet = self.session, self.quiet, False
        if message is not None and 200 <= status < 300:
            session.local_sdp = self.offer
            refresh.answer_response(session, message, now)
            if session.state == EARLY:
                session.remote_sdp = message.body
        elif quiet and session.refresh is not None:
            session.refresh.heard(status, message, now, out)
            return
        session.owner.session_reanswered(session, status, message, now, out)
        if status in (408, 481) and session.state == UP:
            session.lost("stale", status, now, out)

    def _hold_ack(self, outgoing: Outgoing, message: Message, now: float, out: Outputs) -> None:
        """The 2xx has the offer that we asked for: the owner answers it with `acknowledge`."""
        self.outgoing, self.ack_due = None, outgoing
        refresh.answer_response(self.session, message, now)
        self.session.endpoint.deadlines.at(self, now + GIVE_UP)
        self.session.owner.session_reanswered(self.session, 200, message, now, out)

    def acknowledge(self, sdp: bytes, now: float, out: Outputs) -> None:
        """Send the ACK that waits for our answer, if one does."""
        outgoing = self.ack_due
        if outgoing is not None:
            self.ack_due = None
            self.deadline = NEVER
            self.session.local_sdp = sdp
            outgoing.acknowledge(now, out, sdp)
            self.proceed(now, out)

    def _again_later(self, status: int, message: Message | None, now: float) -> bool:
        """Whether the offer met another one and is made again: after 491, or 500 with Retry-After."""
        if message is None or self.glares >= MAX_GLARES or self.quiet:
            return False
        pause = decimal(message.get("Retry-After") or "", MAX_PAUSE) if status == 500 else -1
        if status == 491:
            self._wait(now + self._pause_after_glare())
        elif pause >= 0:
            self._wait(now + pause)
        else:
            return False
        return True

    def _wait(self, until: float) -> None:
        self.glares += 1
        if self.waiting is None:
            self.waiting = self.offer
        self.session.endpoint.deadlines.at(self, until)

    def _pause_after_glare(self) -> float:
        """2.1 to 4 s for who made the Call-ID, 0 to 2 s for the other, in steps of 10 ms (§14.1)."""
        session = self.session
        chance = int.from_bytes(session.endpoint.entropy(2), "big")
        return (210 + chance % 191 if session.outbound else chance % 201) / 100

    def expire(self, now: float, out: Outputs) -> None:
        """The pause after a glare is over; or the answer has not come for which an ACK waits."""
        if self.ack_due is not None:
            self.session.lost("timeout", 408, now, out)
        else:
            self.proceed(now, out)

    # Their offers

    def receive(self, transaction: ServerTransaction, message: Message, now: float, out: Outputs) -> None:
        session, endpoint = self.session, self.session.endpoint
        if message.method == "UPDATE" and not message.body:
            session.dialog.refresh(message, transaction.flow)
            self._send_success(transaction, message, b"", now, out)
            return
        status = OFFER_MEETS[self._situation(), message.method]
        if status:
            pause = f"Retry-After: {endpoint.entropy(1)[0] % 10}\r\n" if status == 500 else ""
            endpoint.respond(transaction, message, status, now, out, headers=pause)
        else:
            self._report(transaction, message, now, out)

    def _situation(self) -> str:
        session = self.session
        if self.transaction is not None or session.exchange == THEIRS:
            return THEIRS
        late = self.answer is not None and self.late_offer
        if self._ours() or late or session.exchange != DONE:
            return OURS
        if session.state == INCOMING:
            return UNANSWERED
        return UNACKNOWLEDGED if self.answer is not None or session.state != UP else FREE

    def _ours(self) -> bool:
        """Whether an offer of ours, or one that we asked for, is under way."""
        return self.outgoing is not None or self.ack_due is not None

    def _report(self, transaction: ServerTransaction, message: Message, now: float, out: Outputs) -> None:
        session = self.session
        self.transaction, self.message = transaction, message
        self.late_offer = not message.body
        if message.method == "INVITE":
            transaction.user = session
        session.owner.session_offered(session, message, now, out)
        if self.transaction is transaction and message.method == "INVITE":
            session.endpoint.respond(transaction, message, 100, now, out)

    def accept(self, sdp: bytes, now: float, out: Outputs) -> None:
        transaction, message = self.transaction, self.message
        if transaction is None or message is None:
            return
        self.transaction = self.message = None
        session = self.session
        session.local_sdp = sdp
        if session.state == EARLY:
            session.remote_sdp = message.body
        if message.method != "PRACK":
            session.dialog.refresh(message, transaction.flow)
        data = self._send_success(transaction, message, sdp, now, out)
        if message.method == "INVITE" and data:
            endpoint = self.session.endpoint
            self.answer = Answer(endpoint, data, transaction.flow, message.cseq, self._no_ack, now)
        else:
            self._go_on(now, out)

    def _go_on(self, now: float, out: Outputs) -> None:
        """An offer of theirs is done with: what had to wait for that may follow."""
        announcements = self.session.announcements
        if announcements is not None and self.session.state == INCOMING:
            announcements.proceed(now, out)
        self.proceed(now, out)

    def refuse(self, status: int, now: float, out: Outputs) -> None:
        transaction, message = self.transaction, self.message
        if transaction is None or message is None:
            return
        self.transaction = self.message = None
        self.session.endpoint.respond(transaction, message, status, now, out)
        self._go_on(now, out)

    def receive_ack(self, message: Message, now: float, out: Outputs) -> None:
        answer = self.answer
        if answer is None or answer.cseq != message.cseq:
            return
        answer.stop()
        self.answer = None
        if self.late_offer:
            status = 200 if message.body else 488
            self.session.owner.session_reanswered(self.session, status, message, now, out)
        self.proceed(now, out)

    def cancelled(self, transaction: ServerTransaction, now: float, out: Outputs) -> None:
        if transaction is self.transaction:
            self.refuse(487, now, out)

    def broken(self, transaction: ServerTransaction) -> None:
        if transaction is self.transaction:
            self.transaction = self.message = None

    def stop(self, now: float, out: Outputs) -> None:
        """The session has ended: answer what is open, repeat and wait for nothing more (§15.1.2)."""
        self.deadline = NEVER
        self.waiting = self.ack_due = None
        if self.outgoing is not None:
            self.outgoing.withdraw(now)
        if self.answer is not None:
            self.answer.stop()
            self.answer = None
        if self.transaction is not None and self.message is not None:
            self.session.endpoint.respond(self.transaction, self.message, 487, now, out)
        self.transaction = self.message = None

    def _send_success(
        self, transaction: ServerTransaction, message: Message, sdp: bytes, now: float, out: Outputs
    ) -> bytes:
        session, endpoint = self.session, self.session.endpoint
        headers = f"Contact: {session.contact(transaction.flow)}\r\n{endpoint.allow}"
        if message.method != "PRACK":
            headers += refresh.answer_request(session, message, now)
        return endpoint.respond(transaction, message, 200, now, out, headers=headers, body=sdp)

    def _no_ack(self, now: float, out: Outputs) -> None:
        self.session.lost("no_ack", 408, now, out)
