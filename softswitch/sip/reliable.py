"""Reliable provisional responses (RFC 3262): ours until their PRACK comes, theirs with our PRACK."""

from __future__ import annotations

from typing import TYPE_CHECKING

from softswitch.sip import callee, states
from softswitch.sip.flow import GIVE_UP, NEVER, T1, Outputs, Send
from softswitch.sip.headers import decimal
from softswitch.sip.message import Message
from softswitch.sip.outgoing import ignore_response
from softswitch.sip.timers import Timed
from softswitch.sip.transaction import ServerTransaction

if TYPE_CHECKING:
    from softswitch.sip.session import Session

RSEQ_LIMIT = 2**31 - 1
MAX_WAITING = 8
"""Responses that may wait for the PRACK of the one before; more are not sent."""
MAX_FORKS = 16
"""Early dialogs of one INVITE whose reliable responses are acknowledged."""


class Announcements(Timed):
    """The callee's reliable responses: one at a time is repeated, others and the 200 wait for its PRACK."""

    __slots__ = ("_held", "_last", "_waiting", "data", "give_up", "has_sdp", "interval", "rseq", "session")

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.rseq = int.from_bytes(session.endpoint.entropy(2), "big")
        self.data = b""
        self.has_sdp = False
        self.interval = T1
        self.give_up = NEVER
        self._waiting: list[tuple[int, str, bytes]] = []
        self._held: tuple[bytes, str] | None = None
        self._last: tuple[int, str, bytes] = (0, "", b"")

    @property
    def pending(self) -> bool:
        """Whether a PRACK is awaited."""
        return bool(self.data)

    def send(self, status: int, headers: str, body: bytes, now: float, out: Outputs) -> None:
        if self.data:
            if len(self._waiting) < MAX_WAITING:
                self._waiting.append((status, headers, body))
            return
        session = self.session
        if body:
            body = self._take_body(body)
        self.rseq += 1
        self._last = (status, headers, b"")
        lines = f"Require: 100rel\r\nRSeq: {self.rseq}\r\n{session.endpoint.allow}{headers}"
        self.data = callee.announce(session, status, now, out, lines, body)
        self.has_sdp = bool(body)
        self.interval = T1
        self.give_up = now + GIVE_UP
        session.endpoint.deadlines.at(self, now + T1)

    def again(self, now: float, out: Outputs) -> None:
        """Say the last one once more, lest proxies give the INVITE up: that is a new one (§3)."""
        if not self.data:
            self.send(*self._last, now, out)

    def hold(self, sdp: bytes, headers: str) -> bool:
        """Whether the 200 has to wait: a description has no PRACK yet (§3). It follows by itself."""
        if not (self.data and self.has_sdp):
            return False
        self._held = (sdp, headers)
        return True

    def received(self, transaction: ServerTransaction, message: Message, now: float, out: Outputs) -> None:
        """A PRACK: 481 if it is for nothing that was sent, and an answer or offer goes to the owner."""
        session = self.session
        sent = session.invite_cseq
        if not self.data or message.get("RAck") is None or rack(message) != (self.rseq, sent, "INVITE"):
            session.endpoint.respond(transaction, message, 481, now, out)
            return
        self.stop()
        if message.body and session.exchange == states.DONE:
            session.reoffer.receive(transaction, message, now, out)
        else:
            session.endpoint.respond(transaction, message, 200, now, out)
            if session.exchange == states.OURS:
                session.exchange = states.DONE
                session.tell("session_prack", message, now, out)
        self.proceed(now, out)
        session.reoffer.proceed(now, out)

    def proceed(self, now: float, out: Outputs) -> None:
        """Send what waited for a PRACK, or for the answer to an offer in it."""
        session = self.session
        if session.state != states.INCOMING or session.reoffer.transaction is not None:
            return
        if self._waiting and not self.pending:
            self.send(*self._waiting.pop(0), now, out)
        if self._held is not None and not (self.pending and self.has_sdp):
            sdp, headers = self._held
            self._held = None
            session.answer(sdp, now, out, headers=headers)

    def _take_body(self, body: bytes) -> bytes:
        """A description that may stand in a reliable response: our offer, or our answer to theirs."""
        session = self.session
        if session.exchange == states.THEIRS:
            session.exchange = states.DONE
        elif session.exchange == states.NONE:
            session.exchange = states.OURS
        else:
            return b""
        return body

    def stop(self) -> None:
        self.data = b""
        self.deadline = NEVER

    def expire(self, now: float, out: Outputs) -> None:
        session = self.session
        if now >= self.give_up:
            self.stop()
            callee.unheard(session, now, out)
        elif session.transaction is not None:
            out.append(Send(session.transaction.flow, self.data))
            self.interval *= 2
            session.endpoint.deadlines.at(self, min(now + self.interval, self.give_up))


class Pracks:
    """The caller's side: PRACK for each reliable response once, in order (§4). `due` waits for our answer."""

    __slots__ = ("_heard", "due", "session")

    def __init__(self, session: Session) -> None:
        self.session = session
        self._heard: dict[str, int] = {}
        self.due = ""

    def received(self, message: Message, cseq: int, now: float, out: Outputs) -> bool:
        """Whether the response is new. A repeated one, or one that came before its time, is dropped."""
        rseq = decimal(message.get("RSeq") or "", RSEQ_LIMIT)
        last = self._heard.get(message.to_tag)
        if rseq < 1 or not message.to_tag or (last is not None and rseq != last + 1):
            return False
        if last is None and len(self._heard) >= MAX_FORKS:
            return False
        self._heard[message.to_tag] = rseq
        session = self.session
        header = f"RAck: {rseq} {cseq} INVITE\r\n"
        if message.body and session.exchange == states.NONE:
            session.exchange = states.THEIRS
            self.due = header
            return True
        if message.body and session.exchange == states.OURS:
            session.exchange = states.DONE
            session.remote_sdp = message.body
        self._send(header, b"", now, out)
        return True

    def acknowledge(self, sdp: bytes, now: float, out: Outputs) -> None:
        """Answer the offer in a reliable response."""
        header, self.due = self.due, ""
        self.session.exchange = states.DONE
        self._send(header, sdp, now, out)

    def _send(self, header: str, sdp: bytes, now: float, out: Outputs) -> None:
        session = self.session

        def heard(status: int, message: Message | None, now: float, out: Outputs) -> None:
            ignore_response(status, message, now, out)
            if status >= 200:
                session.reoffer.proceed(now, out)

        session.send_request("PRACK", heard, now, out, headers=header, body=sdp)


def rack(message: Message) -> tuple[int, int, str]:
    """RSeq, CSeq and method of a RAck header; (-1, -1, '') if it cannot be read."""
    parts = (message.get("RAck") or "").split()
    if len(parts) != 3:
        return -1, -1, ""
    return decimal(parts[0], RSEQ_LIMIT), decimal(parts[1], RSEQ_LIMIT), parts[2]


def is_reliable(message: Message) -> bool:
    """Whether a provisional response asks for a PRACK."""
    return message.get("RSeq") is not None and message.contains("Require", "100rel")
