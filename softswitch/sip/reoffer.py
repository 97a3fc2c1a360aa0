"""Changing a session that is up: re-INVITE and UPDATE both ways, and glare (RFC 3261 §14, RFC 3311)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from softswitch.sip.answer import Answer
from softswitch.sip.flow import GIVE_UP, NEVER, Outputs
from softswitch.sip.message import Message
from softswitch.sip.outgoing import Outgoing
from softswitch.sip.states import UP
from softswitch.sip.timers import Timed
from softswitch.sip.transaction import ServerTransaction

if TYPE_CHECKING:
    from softswitch.sip.session import Session

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
        "message",
        "offer",
        "outgoing",
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
        self.waiting: bytes | None = None
        self.glares = 0
        self.transaction: ServerTransaction | None = None
        self.message: Message | None = None
        self.answer: Answer | None = None
        self.late_offer = False

    # Our offers

    def send(self, sdp: bytes, now: float, out: Outputs) -> None:
        self.waiting = sdp
        self.proceed(now, out)

    def proceed(self, now: float, out: Outputs) -> None:
        """Send what waits, if nothing else is under way."""
        busy = (
            self.session.state != UP
            or self._ours()
            or self.transaction is not None
            or self.answer is not None
            or self.deadline != NEVER
        )
        if self.waiting is None or busy:
            return
        session = self.session
        self.offer, self.waiting = self.waiting, None
        contact = session.endpoint.contact(session.dialog.sip_flow)
        headers = f"Contact: {contact}\r\n{session.endpoint.allow}"
        self.outgoing = session.send_request(
            "INVITE", self._responded, now, out, headers=headers, body=self.offer
        )

    def _responded(self, status: int, message: Message | None, now: float, out: Outputs) -> None:
        if status < 200:
            return
        session, outgoing = self.session, self.outgoing
        if 200 <= status < 300 and message is not None and outgoing is not None:
            session.dialog.refresh(message, outgoing.client.flow)
            if message.body and not outgoing.body and session.state == UP:
                self._hold_ack(outgoing, message, now, out)
                return
            outgoing.acknowledge(now, out)
        if session.state != UP:
            return
        self.outgoing = None
        if status == 491 and self.glares < MAX_GLARES:
            self._wait_after_glare(now)
            return
        self.glares = 0
        session.owner.session_reanswered(session, status, message, now, out)
        if status in (408, 481):
            session.lost("stale", status, now, out)
        self.proceed(now, out)

    def _hold_ack(self, outgoing: Outgoing, message: Message, now: float, out: Outputs) -> None:
        """The 2xx has the offer that we asked for: the owner answers it with `acknowledge`."""
        self.outgoing, self.ack_due = None, outgoing
        self.session.endpoint.deadlines.at(self, now + GIVE_UP)
        self.session.owner.session_reanswered(self.session, 200, message, now, out)

    def acknowledge(self, sdp: bytes, now: float, out: Outputs) -> None:
        """Send the ACK that waits for our answer, if one does."""
        outgoing = self.ack_due
        if outgoing is not None:
            self.ack_due = None
            self.deadline = NEVER
            outgoing.acknowledge(now, out, sdp)
            self.proceed(now, out)

    def _wait_after_glare(self, now: float) -> None:
        """2.1 to 4 s for who made the Call-ID, 0 to 2 s for the other, in steps of 10 ms (§14.1)."""
        self.glares += 1
        if self.waiting is None:
            self.waiting = self.offer
        session = self.session
        chance = int.from_bytes(session.endpoint.entropy(2), "big")
        steps = 210 + chance % 191 if session.outbound else chance % 201
        session.endpoint.deadlines.at(self, now + steps / 100)

    def expire(self, now: float, out: Outputs) -> None:
        """The pause after a glare is over; or the answer has not come for which an ACK waits."""
        if self.ack_due is not None:
            self.session.lost("timeout", 408, now, out)
        else:
            self.proceed(now, out)

    # Their offers

    def receive(self, transaction: ServerTransaction, message: Message, now: float, out: Outputs) -> None:
        session, endpoint = self.session, self.session.endpoint
        is_update = message.method == "UPDATE"
        if is_update and not message.body:
            session.dialog.refresh(message, transaction.flow)
            self._send_success(transaction, message, b"", now, out)
        elif self.transaction is not None:
            pause = f"Retry-After: {endpoint.entropy(1)[0] % 10}\r\n"
            endpoint.respond(transaction, message, 500, now, out, headers=pause)
        elif session.state != UP or self._ours() or (self.answer is not None and not is_update):
            endpoint.respond(transaction, message, 491, now, out)
        else:
            self._report(transaction, message, now, out)

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
        self.session.dialog.refresh(message, transaction.flow)
        data = self._send_success(transaction, message, sdp, now, out)
        if message.method == "INVITE" and data:
            endpoint = self.session.endpoint
            self.answer = Answer(endpoint, data, transaction.flow, message.cseq, self._no_ack, now)
        else:
            self.proceed(now, out)

    def refuse(self, status: int, now: float, out: Outputs) -> None:
        transaction, message = self.transaction, self.message
        if transaction is None or message is None:
            return
        self.transaction = self.message = None
        self.session.endpoint.respond(transaction, message, status, now, out)
        self.proceed(now, out)

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
        self.waiting = None
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
        endpoint = self.session.endpoint
        headers = f"Contact: {endpoint.contact(transaction.flow)}\r\n{endpoint.allow}"
        return endpoint.respond(transaction, message, 200, now, out, headers=headers, body=sdp)

    def _no_ack(self, now: float, out: Outputs) -> None:
        self.session.lost("no_ack", 408, now, out)
