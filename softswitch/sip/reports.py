"""What a transferor hears of the transfer: the subscription that REFER implies (RFC 3515 §2.4.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from softswitch.sip.flow import NEVER, Outputs
from softswitch.sip.headers import BadMessage
from softswitch.sip.message import Message
from softswitch.sip.phrases import reason_phrase
from softswitch.sip.timers import Timed
from softswitch.sip.transaction import ServerTransaction

if TYPE_CHECKING:
    from softswitch.sip.session import Session

LIFETIME = 180
"""How long a transfer is reported on, in seconds."""
SIPFRAG = "message/sipfrag;version=2.0"
PENDING, ACTIVE, OVER = "pending", "active", "over"


class Reports(Timed):
    """NOTIFYs in the dialog of `session`, which they may outlive. `state` is pending, active, over; `id` is
    unique over restarts."""

    __slots__ = ("_unheard", "_waiting", "event", "expires_at", "id", "session", "state", "status")

    def __init__(self, session: Session, id: str) -> None:
        super().__init__()
        self.session = session
        self.id = id
        self.state = PENDING
        self.status = 100
        self.event = "refer"
        self.expires_at = 0.0
        self._unheard = False
        self._waiting = False

    def progress(self, status: int, now: float, out: Outputs) -> None:
        """The call that it asks for has had this provisional response."""
        if self.state == ACTIVE and status != self.status:
            self.status = status
            self.notify(now, out)

    def finish(self, status: int, now: float, out: Outputs) -> None:
        """The call has been answered (200) or has failed: the last that the peer hears of it."""
        if self.state == ACTIVE:
            self.status = status
            self.state = OVER
            self.deadline = NEVER
            self.keep(out)
            self.notify(now, out)

    def subscribe(self, transaction: ServerTransaction, message: Message, now: float, out: Outputs) -> None:
        """The peer prolongs the subscription, or gives it up."""
        seconds = min(_expires(message), LIFETIME)
        self.expires_at = now + seconds
        self.session.endpoint.respond(transaction, message, 200, now, out, headers=f"Expires: {seconds}\r\n")
        if seconds:
            self.session.endpoint.deadlines.at(self, self.expires_at)
            self.keep(out)
            self.notify(now, out)
        else:
            self.expire(now, out)

    def expire(self, now: float, out: Outputs) -> None:
        self.deadline = NEVER
        self.state = OVER
        self.notify(now, out, "timeout")

    def notify(self, now: float, out: Outputs, reason: str = "noresource") -> None:
        """Report how it stands; while a report is on its way, only the newest one follows."""
        if self._unheard:
            self._waiting = True
            return
        self._unheard = True
        over = self.state == OVER
        left = max(int(self.expires_at - now), 0)
        state = f"terminated;reason={reason}" if over else f"active;expires={left}"
        contact = self.session.contact(self.session.dialog.sip_flow)
        headers = f"Contact: {contact}\r\nEvent: {self.event}\r\nSubscription-State: {state}\r\n"
        body = f"SIP/2.0 {self.status} {reason_phrase(self.status)}\r\n".encode()

        def heard(status: int, message: Message | None, now: float, out: Outputs) -> None:
            if status < 200:
                return
            self._unheard = False
            if over or message is None or status == 481:
                self.end(out)
            elif self._waiting:
                self._waiting = False
                self.notify(now, out)

        self.session.send_request("NOTIFY", heard, now, out, headers=headers, body=body, content_type=SIPFRAG)

    def end(self, out: Outputs) -> None:
        self.state = OVER
        self.deadline = NEVER
        forget(self.session, self)
        self.session.endpoint.reports_kept(self.id, None, out)

    # Over a restart

    def keep(self, out: Outputs) -> None:
        self.session.endpoint.reports_kept(self.id, self, out)

    def to_state(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "dialog": self.session.dialog.to_state(),
            "state": self.state,
            "status": self.status,
            "event": self.event,
            "expires_at": self.expires_at,
        }

    @classmethod
    def from_state(cls, session: Session, state: dict[str, Any]) -> Reports:
        reports = Reports(session, state["id"])
        for name in ("state", "status", "event", "expires_at"):
            setattr(reports, name, state[name])
        return reports


def forget(session: Session, referral: object) -> None:
    """It is over; the dialog of a session that has ended lasts only as long as one of them."""
    key = (session.dialog.sip_call_id, session.dialog.local_tag)
    referrals = session.endpoint.referrals.get(key)
    if referrals is None:
        return
    referrals.received = [each for each in referrals.received if each is not referral]
    referrals.sent = [each for each in referrals.sent if each is not referral]
    if not referrals.received and not referrals.sent:
        del session.endpoint.referrals[key]


def _expires(message: Message) -> int:
    text = message.get("Expires")
    if text is None:
        return LIFETIME
    if not (text.isascii() and text.isdecimal() and len(text) < 11):
        raise BadMessage(400, "Bad Expires")
    return int(text)
