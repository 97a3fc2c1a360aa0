"""A session's first INVITE as its caller: what its responses mean (RFC 3261 §13.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from softswitch.sip import refresh, states
from softswitch.sip.flow import GIVE_UP, NEVER, Outputs
from softswitch.sip.message import Message
from softswitch.sip.outgoing import Outgoing
from softswitch.sip.reliable import Pracks, is_reliable
from softswitch.sip.values import reasons_of

if TYPE_CHECKING:
    from softswitch.sip.session import Session


def responded(session: Session, status: int, message: Message | None, now: float, out: Outputs) -> None:
    if message is None:
        _unanswered(session, states.BROKEN if status == 503 else states.TIMEOUT, status, now, out)
    elif status < 200:
        _provisional(session, status, message, now, out)
    elif status < 300:
        _success(session, message, now, out)
    elif session.step(states.FAILURE) == states.END:
        session.reasons = reasons_of(message)
        session.end("rejected", status, message, now, out)
    else:
        session.leave(now, out)


def _unanswered(session: Session, given: str, status: int, now: float, out: Outputs) -> None:
    if session.step(given) == states.END:
        cause = "transport_failed" if given == states.BROKEN else "timeout"
        session.end(cause, status, None, now, out)
    else:
        session.leave(now, out)


def _provisional(session: Session, status: int, message: Message, now: float, out: Outputs) -> None:
    action, outgoing = session.step(states.PROVISIONAL), session.outgoing
    if action == states.SEND_CANCEL:
        session.cancel(now, out)
    elif action == states.REPORT and status > 100:
        if message.to_tag and outgoing is not None:
            session.dialog.learn(message, outgoing.client.flow)
            if is_reliable(message) and not _prack(session, message, outgoing.cseq, now, out):
                return
        session.owner.session_progress(session, status, message, now, out)


def _prack(session: Session, message: Message, cseq: int, now: float, out: Outputs) -> bool:
    """Whether this reliable response is to be heard of."""
    if session.pracks is None:
        session.pracks = Pracks(session)
    session.peer_updates = message.contains("Allow", "UPDATE")
    return session.pracks.received(message, cseq, now, out)


def _success(session: Session, message: Message, now: float, out: Outputs) -> None:
    offered = bool(message.body) and session.exchange in (states.NONE, states.THEIRS)
    action, outgoing = session.step(states.OFFERED if offered else states.SUCCESS), session.outgoing
    if outgoing is None or action == states.IGNORE:
        return
    session.dialog.learn(message, outgoing.client.flow)
    if action == states.REPORT:
        session.exchange = states.THEIRS
        session.endpoint.deadlines.at(session, now + GIVE_UP)
        refresh.answer_response(session, message, now)
        session.owner.session_answered(session, message, now, out)
        return
    if session.remote_sdp:
        # The answer came reliably before; what the 2xx has instead does not count (RFC 3261 §13.2.1).
        message.body, session.remote_sdp = session.remote_sdp, b""
    _confirm(session, outgoing, b"", now, out)
    if action == states.CONFIRM:
        refresh.answer_response(session, message, now)
        session.owner.session_answered(session, message, now, out)
        session.reoffer.proceed(now, out)
    elif action == states.CONFIRM_AND_BYE:
        session.bye(now, out)
        session.leave(now, out)


def _confirm(session: Session, outgoing: Outgoing, sdp: bytes, now: float, out: Outputs) -> None:
    session.exchange = states.DONE
    outgoing.acknowledge(now, out, sdp)
    session.outgoing = None


def acknowledge(session: Session, sdp: bytes, now: float, out: Outputs) -> None:
    """Answer the offer that came in a response: in the PRACK or ACK that waits for it."""
    outgoing, pracks = session.outgoing, session.pracks
    if pracks is not None and pracks.due and session.state == states.EARLY:
        session.local_sdp = sdp
        pracks.acknowledge(sdp, now, out)
    elif session.state == states.ACK_DUE and outgoing is not None:
        session.step(states.ACKNOWLEDGED)
        session.deadline = NEVER
        session.local_sdp = sdp
        _confirm(session, outgoing, sdp, now, out)
        session.reoffer.proceed(now, out)
    else:
        session.reoffer.acknowledge(sdp, now, out)
