"""Which session an INVITE with Replaces means, or why it may not have it (RFC 3891 §3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from softswitch.sip import states
from softswitch.sip.headers import BadMessage
from softswitch.sip.message import Message
from softswitch.sip.values import Replaces

if TYPE_CHECKING:
    from softswitch.sip.endpoint import Endpoint
    from softswitch.sip.session import Session

# State of the session that is meant -> status for the INVITE; 0: it may be replaced. An early dialog only by
# those whom we have called ourselves.
REPLACEABLE = {
    states.UP: 0,
    states.ANSWERED: 0,
    states.ACK_DUE: 0,
    states.EARLY: 0,
    states.INCOMING: 481,
    states.CALLING: 481,
    states.CANCEL_DUE: 481,
    states.CANCELLING: 481,
    states.CLOSING: 603,
    states.ENDED: 603,
}


def find(endpoint: Endpoint, replaces: Replaces) -> Session | None:
    """The session whose dialog a Replaces names, its tags as seen from here."""
    session = endpoint.sessions.get((replaces.sip_call_id, replaces.to_tag))
    return session if session is not None and session.dialog.remote_tag == replaces.from_tag else None


def session_to_replace(endpoint: Endpoint, message: Message) -> tuple[Session | None, int]:
    """The session and 0; None and 0 without Replaces; None and the status to refuse the INVITE with."""
    values = message.all("Replaces")
    if not values:
        return None, 0
    if message.method != "INVITE" or len(values) != 1 or "Join" in message:
        raise BadMessage(400, "Bad Replaces")
    replaces = Replaces.parse(values[0])
    session = find(endpoint, replaces)
    if session is None:
        return None, 481
    status = REPLACEABLE[session.state]
    if not status and replaces.early_only and session.state != states.EARLY:
        status = 486
    return (None, status) if status else (session, 0)
