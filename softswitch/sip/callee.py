"""A session's first INVITE as its callee: provisional responses, the answer and its ACK (RFC 3261 §13.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from softswitch.sip import refresh, states
from softswitch.sip.answer import Answer
from softswitch.sip.flow import NEVER, Outputs, Send, SipFlow
from softswitch.sip.message import Message
from softswitch.sip.reliable import Announcements

if TYPE_CHECKING:
    from softswitch.sip.session import Session

PROGRESS_INTERVAL = 60.0
"""How often a provisional response is said again, lest proxies give the INVITE up, in seconds (§13.3.1.1)."""


def progress(
    session: Session, status: int, now: float, out: Outputs, body: bytes, headers: str, reliable: bool
) -> None:
    if takes_reliable(session, reliable):
        if session.announcements is None:
            session.announcements = Announcements(session)
            session.peer_updates = session.invite is not None and session.invite.contains("Allow", "UPDATE")
        session.announcements.send(status, headers, body, now, out)
    else:
        announce(session, status, now, out, headers, b"" if session.exchange == states.NONE else body)


def takes_reliable(session: Session, wanted: bool) -> bool:
    """Whether a provisional response is to be reliable: it is required, or wanted and the caller can."""
    invite = session.invite
    if invite is None or "100rel" not in session.endpoint.supported:
        return False
    return invite.contains("Require", "100rel") or (wanted and invite.contains("Supported", "100rel"))


def announce(session: Session, status: int, now: float, out: Outputs, headers: str, body: bytes) -> bytes:
    session.provisional = session.respond(status, now, out, headers, body)
    session.endpoint.deadlines.at(session, now + PROGRESS_INTERVAL)
    return session.provisional


def announce_again(session: Session, now: float, out: Outputs) -> None:
    session.endpoint.deadlines.at(session, now + PROGRESS_INTERVAL)
    if session.announcements is not None:
        session.announcements.again(now, out)
    elif session.transaction is not None:
        out.append(Send(session.transaction.flow, session.provisional))


def answer(session: Session, body: bytes, headers: str, now: float, out: Outputs) -> None:
    transaction, invite, announcements = session.transaction, session.invite, session.announcements
    if announcements is not None and announcements.hold(body, headers):
        return
    if transaction is None or invite is None or session.step(states.ANSWER) != states.ANSWER:
        return
    session.deadline = NEVER
    if announcements is not None:
        announcements.stop()
        body = b"" if session.exchange == states.DONE else body
    session.exchange = states.OURS if session.exchange == states.NONE else states.DONE
    if body:
        session.local_sdp = body
    lines = f"{session.endpoint.allow}{refresh.answer_request(session, invite, now)}{headers}"
    data = session.respond(200, now, out, lines, body)
    expect_ack(session, data, transaction.flow, invite.cseq, now)


def expect_ack(session: Session, data: bytes, flow: SipFlow, cseq: int, now: float | None) -> None:
    def no_ack(now: float, out: Outputs) -> None:
        session.lost("no_ack", 408, now, out)

    session.answer_sent = Answer(session.endpoint, data, flow, cseq, no_ack, now)


def receive_ack(session: Session, message: Message, flow: SipFlow, now: float, out: Outputs) -> None:
    answer_sent = session.answer_sent
    if answer_sent is None or answer_sent.cseq != message.cseq:
        session.reoffer.receive_ack(message, now, out)
        return
    answer_sent.stop()
    session.answer_sent = None
    session.ack = message
    session.exchange = states.DONE
    session.dialog.seen_on(flow)
    action = session.step(states.ACK)
    if action == states.ESTABLISH:
        session.provisional, session.transaction = b"", None
        session.owner.session_established(session, now, out)
        session.ack = None
        session.reoffer.proceed(now, out)
    elif action == states.SEND_BYE:
        session.bye(now, out)
        session.leave(now, out)


def unheard(session: Session, now: float, out: Outputs) -> None:
    """No PRACK has come to a reliable response: the INVITE fails (RFC 3262 §3)."""
    if session.step(states.TIMEOUT) == states.END_AND_TERMINATE:
        session.respond(504, now, out)
        session.end("no_ack", 504, None, now, out)
