"""REFER in a dialog (RFC 3515, 4488, 5589): both roles of it and of the subscription that it implies."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from softswitch.sip.flow import GIVE_UP, NEVER, Outputs, SipFlow
from softswitch.sip.headers import BadMessage, header_safe, split_list
from softswitch.sip.identities import ReferredBy, ReferTo
from softswitch.sip.message import Message
from softswitch.sip.outgoing import Outgoing
from softswitch.sip.reports import ACTIVE, LIFETIME, OVER, PENDING, Reports, forget
from softswitch.sip.states import ENDED, UP
from softswitch.sip.timers import Timed
from softswitch.sip.transaction import ServerTransaction
from softswitch.sip.values import Event, SubscriptionState, first

if TYPE_CHECKING:
    from softswitch.sip.session import Session

MAX_REFERRALS = 4
"""Transfers of one session that may be under way; more have 500."""
_STATUS = re.compile(rb"SIP/2\.0 ([1-6][0-9][0-9])(?: |\r?\n|$)", re.IGNORECASE)


class Referral(Reports):
    """A REFER of the peer. The owner says `accept` or `refuse`, then `progress` and once `finish`.

    `subscribed` is False if the peer wants to hear nothing (Refer-Sub). `replaces` of `refer_to` names the
    dialog to be replaced.
    """

    __slots__ = ("message", "refer_to", "referred_by", "subscribed", "transaction")

    def __init__(self, session: Session, transaction: ServerTransaction, message: Message) -> None:
        super().__init__(session, f"{session.dialog.local_tag}.{message.cseq}")
        text = message.need("Refer-To")
        if len(split_list(text)) != 1:
            raise BadMessage(400, "Bad Refer-To")
        self.refer_to = ReferTo.parse(text)
        _ = self.refer_to.replaces
        self.referred_by = first(message, ReferredBy)
        self.transaction = transaction
        self.message = message
        self.subscribed = (message.get("Refer-Sub") or "").partition(";")[0].strip().lower() != "false"

    def accept(self, now: float, out: Outputs, *, status: int = 202) -> None:
        """It will be tried: 202, and the first NOTIFY."""
        if self.state != PENDING:
            return
        session = self.session
        self.state = ACTIVE if self.subscribed else OVER
        contact = f"Contact: {session.contact(self.transaction.flow)}\r\n"
        quiet = "" if self.subscribed else "Refer-Sub: false\r\n"
        session.endpoint.respond(
            self.transaction, self.message, status, now, out, headers=f"{contact}{quiet}"
        )
        if self.subscribed:
            self.expires_at = now + LIFETIME
            session.endpoint.deadlines.at(self, self.expires_at)
            self.keep(out)
            self.notify(now, out)
        else:
            self.end(out)

    def refuse(self, status: int, now: float, out: Outputs, *, reason: str = "") -> None:
        if self.state == PENDING:
            self.session.endpoint.respond(self.transaction, self.message, status, now, out, reason=reason)
            self.end(out)


class SentReferral(Timed):
    """A REFER of ours: `state` is pending (no response yet), active, over; `status` the last one heard."""

    __slots__ = ("cseq", "outgoing", "session", "state", "status")

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self.state = PENDING
        self.status = 0
        self.cseq = 0
        self.outgoing: Outgoing | None = None

    def responded(self, status: int, message: Message | None, now: float, out: Outputs) -> None:
        if status < 200:
            return
        if self.outgoing is not None:
            self.cseq = self.outgoing.cseq
        silent = message is not None and (message.get("Refer-Sub") or "").strip().lower().startswith("false")
        if self.state == PENDING:
            self.state = ACTIVE
            if status < 300 and not silent:
                self.session.endpoint.deadlines.at(self, now + GIVE_UP)
            else:
                self.end()
        if self.session.state != ENDED:
            self.session.tell("session_refer_answered", self, status, message, now, out)

    def notified(self, transaction: ServerTransaction, message: Message, now: float, out: Outputs) -> None:
        """A NOTIFY of its subscription; it may come before the 202."""
        state = first(message, SubscriptionState)
        match = _STATUS.match(message.body)
        if state is None or (match is None and message.body):
            raise BadMessage(400, "Bad NOTIFY")
        self.session.endpoint.respond(transaction, message, 200, now, out)
        self.state = ACTIVE
        if match is not None:
            self.status = int(match[1])
        if state.state == "terminated":
            self.end()
        else:
            left = min(state.expires, LIFETIME) if state.expires >= 0 else LIFETIME
            self.session.endpoint.deadlines.at(self, now + left + GIVE_UP)
        self.session.tell("session_refer_notified", self, self.status, now, out)

    def expire(self, now: float, out: Outputs) -> None:
        """Nothing has been heard for too long."""
        self.end()
        self.session.tell("session_refer_notified", self, 408, now, out)

    def end(self) -> None:
        self.state = OVER
        self.deadline = NEVER
        forget(self.session, self)


class Referrals:
    """The transfers of one session, in both directions; they may outlive it (RFC 5057 §4.3)."""

    __slots__ = ("received", "sent", "session")

    def __init__(self, session: Session) -> None:
        self.session = session
        self.received: list[Reports] = []
        self.sent: list[SentReferral] = []

    def takes(self, tag: str) -> bool:
        return tag == self.session.dialog.remote_tag

    def receive_request(
        self, transaction: ServerTransaction, message: Message, flow: SipFlow, now: float, out: Outputs
    ) -> None:
        """A request in the dialog of a session that has ended."""
        dialog, endpoint = self.session.dialog, self.session.endpoint
        if message.cseq <= dialog.remote_cseq:
            endpoint.respond(transaction, message, 500, now, out, reason="CSeq Out Of Order")
            return
        dialog.remote_cseq = message.cseq
        dialog.seen_on(flow)
        if not self.take(transaction, message, now, out):
            endpoint.respond(transaction, message, 481, now, out)

    def take(self, transaction: ServerTransaction, message: Message, now: float, out: Outputs) -> bool:
        """Whether this NOTIFY or SUBSCRIBE belongs to one of them."""
        event = first(message, Event)
        if event is None or event.package != "refer" or message.method not in ("NOTIFY", "SUBSCRIBE"):
            return False
        if message.method == "NOTIFY":
            sent = next((each for each in self.sent if event.id in ("", str(_number(each)))), None)
            if sent is not None:
                sent.notified(transaction, message, now, out)
            return sent is not None
        live = [each for each in self.received if each.state == ACTIVE]
        received = next((each for each in live if each.event == str(event)), None)
        if received is not None:
            received.subscribe(transaction, message, now, out)
        return received is not None

    def session_ended(self, now: float, out: Outputs) -> None:
        """Who is still waiting for our decision has none; the reports of the others go on."""
        for each in list(self.received):
            if isinstance(each, Referral):
                each.refuse(481, now, out)


def receive(
    session: Session, transaction: ServerTransaction, message: Message, now: float, out: Outputs
) -> bool:
    """Whether this request has been dealt with: a REFER that the owner took, or part of a subscription."""
    key = (session.dialog.sip_call_id, session.dialog.local_tag)
    known = session.endpoint.referrals.get(key)
    if message.method != "REFER":
        return known is not None and known.take(transaction, message, now, out)
    if session.state != UP:
        session.endpoint.respond(transaction, message, 491, now, out)
        return True
    if not hasattr(session.owner, "session_referred"):
        return False
    if known is not None and len(known.received) >= MAX_REFERRALS:
        pause = f"Retry-After: {session.endpoint.entropy(1)[0] % 10}\r\n"
        session.endpoint.respond(transaction, message, 500, now, out, headers=pause)
        return True
    referral = Referral(session, transaction, message)
    referrals = _referrals(session)
    # Only the first may leave the id out (RFC 3515 §2.4.6), and some peers know no other form.
    referral.event = f"refer;id={message.cseq}" if session.referred else "refer"
    session.referred = True
    referrals.received.append(referral)
    if session.tell("session_referred", referral, now, out):
        return True
    forget(session, referral)
    return False


def send(
    session: Session, target: str, now: float, out: Outputs, referred_by: str, subscribe: bool, headers: str
) -> SentReferral | None:
    if session.state != UP:
        return None
    referral = SentReferral(session)
    lines = f"Contact: {session.contact(session.dialog.sip_flow)}\r\n"
    lines += f"Refer-To: {header_safe(target)}\r\n"
    if referred_by:
        lines += f"Referred-By: {header_safe(referred_by)}\r\n"
    if not subscribe:
        lines += "Refer-Sub: false\r\nSupported: norefersub\r\n"
    _referrals(session).sent.append(referral)
    referral.outgoing = session.send_request("REFER", referral.responded, now, out, headers=lines + headers)
    return referral


def restore(session: Session, state: dict[str, Any], now: float, out: Outputs) -> Reports:
    """Take up the reports that a former process gave: how the transfer stands is told at once."""
    reports = Reports.from_state(session, state)
    session.referred = True
    _referrals(session).received.append(reports)
    if reports.state == ACTIVE:
        session.endpoint.deadlines.at(reports, max(reports.expires_at, now))
    reports.notify(now, out)
    return reports


def _referrals(session: Session) -> Referrals:
    key = (session.dialog.sip_call_id, session.dialog.local_tag)
    return session.endpoint.referrals.setdefault(key, Referrals(session))


def _number(referral: SentReferral) -> int:
    return referral.outgoing.cseq if referral.outgoing is not None else referral.cseq
