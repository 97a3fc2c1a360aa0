"""The SIP stack as one engine: messages and time in, `Send` and calls to the core out (RFC 3261 §8, §12)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from softswitch.sip import bodies, refer, replacing
from softswitch.sip.dialog import RESTART_CSEQ_STEP, Dialog
from softswitch.sip.endpoint import METHODS, Credentials, Endpoint, SipSettings
from softswitch.sip.flow import Outputs, Send, SipFlow
from softswitch.sip.message import BadMessage, Message, header_safe, parse, respond
from softswitch.sip.outgoing import Outgoing, acknowledgement, ignore_response, success_key
from softswitch.sip.owner import Nobody, SessionOwner
from softswitch.sip.refresh import too_small
from softswitch.sip.reports import Reports
from softswitch.sip.restart import take_over
from softswitch.sip.return_path import return_path
from softswitch.sip.session import Session, as_bytes
from softswitch.sip.states import CALLING, ENDED, INCOMING, NONE, THEIRS
from softswitch.sip.transaction import OnResponse, ServerTransaction
from softswitch.sip.values import Replaces

__all__ = ["METHODS", "Core", "Credentials", "Session", "SessionOwner", "SipSettings", "UserAgent"]

_WE_TAKE = f"Accept: {bodies.SDP}\r\nAccept-Encoding: identity\r\n"
_WITHIN_DIALOGS = frozenset(("BYE", "INFO", "PRACK", "UPDATE"))


class Core(Protocol):
    """The layer above: gets every request outside of dialogs that passes the checks of RFC 3261 §8.2."""

    def request(self, transaction: ServerTransaction, message: Message, now: float, out: Outputs) -> None:
        """Answer with `UserAgent.respond` or `accept_invite`; `transaction.flow` is where it came from."""


class UserAgent:
    """All transactions, dialogs and sessions behind one set of listening addresses."""

    def __init__(self, settings: SipSettings, entropy: Callable[[int], bytes], core: Core) -> None:
        self.endpoint = Endpoint(settings, entropy)
        self.core = core
        # Takes a request of a dialog that is not ours, if it is one that we pass on.
        self.within_dialog: Callable[[ServerTransaction, Message, float, Outputs], bool] = _not_ours

    # Engine

    def receive(self, data: bytes, flow: SipFlow, now: float, out: Outputs) -> None:
        """One message as it came. What cannot be read has a 400 at most; nothing raises."""
        try:
            message = parse(data)
        except BadMessage as bad:
            if bad.message is not None:
                token = self.endpoint.token()
                text = respond(bad.message, bad.status, bad.reason, to_tag=token, received=flow.remote)
                out.append(Send(flow, text))
            return
        self.receive_message(message, flow, now, out)

    def receive_message(self, message: Message, flow: SipFlow, now: float, out: Outputs) -> None:
        if message.body:
            bodies.take_description(message)
        if message.status:
            try:
                taken = self.endpoint.transactions.receive_response(message, flow, now, out)
                if not taken and message.method == "INVITE" and 200 <= message.status < 300:
                    self._stray_success(message, flow, now, out)
            except BadMessage:
                # A header that only somebody above looks at: as if the response had been lost.
                return
        elif message.method == "ACK":
            self._ack(message, return_path(message, flow), now, out)
        else:
            flow = return_path(message, flow)
            transaction = self.endpoint.transactions.receive_request(message, flow, now, out)
            if transaction is not None:
                self._request(transaction, message, flow, now, out)

    def transport_failed(self, flow: SipFlow, now: float, out: Outputs) -> None:
        """A stream is lost, or could not be opened. Sessions that are up stay, and look for a new way."""
        self.endpoint.transactions.transport_failed(flow, now, out)
        sessions, subscriptions = self.endpoint.sessions, self.endpoint.subscriptions
        dialogs = [each.dialog for each in sessions.values()]
        for dialog in (*dialogs, *[each.dialog for each in subscriptions.values()]):
            if dialog.sip_flow.connection and flow.carries(dialog.sip_flow):
                dialog.connection_lost()

    def next_timeout(self) -> float | None:
        timers = self.endpoint.deadlines.next_timeout()
        fading = self.endpoint.transactions.next_timeout()
        if timers is None or fading is None:
            return fading if timers is None else timers
        return min(timers, fading)

    def handle_timeout(self, now: float, out: Outputs) -> None:
        self.endpoint.deadlines.handle_timeout(now, out)
        self.endpoint.transactions.handle_timeout(now)

    # Services for the core

    def respond(
        self,
        transaction: ServerTransaction,
        message: Message,
        status: int,
        now: float,
        out: Outputs,
        *,
        reason: str = "",
        headers: str = "",
        body: bytes = b"",
        content_type: str = "application/sdp",
    ) -> None:
        """Answer a request that has no session. A second final response is not sent."""
        self.endpoint.respond(
            transaction,
            message,
            status,
            now,
            out,
            reason=reason,
            headers=headers,
            body=body,
            content_type=content_type,
        )

    def accept_invite(
        self,
        transaction: ServerTransaction,
        message: Message,
        owner: SessionOwner,
        now: float,
        out: Outputs,
    ) -> Session:
        """Send 100 and make a session of an INVITE. Raises BadMessage without a usable Contact.

        If the caller has cancelled or is gone already, `session_ended` is called before this returns.
        """
        endpoint = self.endpoint
        dialog = Dialog.from_request(message, transaction.flow, endpoint.token())
        session = Session(endpoint, owner, dialog, outbound=False, state=INCOMING)
        session.invite = message
        session.exchange = THEIRS if message.body else NONE
        session.start(None, transaction, now, out)
        endpoint.transactions.keep(_merge_key(message), None, now)
        if not transaction.open:
            session.invite_broken(transaction, now, out)
        elif transaction.cancel is not None:
            session.invite_cancelled(transaction, now, out)
        else:
            endpoint.respond(transaction, message, 100, now, out)
        return session

    def invite(
        self,
        owner: SessionOwner,
        *,
        request_uri: str,
        from_: str,
        to: str,
        sip_flow: SipFlow,
        sdp: str | bytes,
        now: float,
        out: Outputs,
        headers: str = "",
        credentials: Credentials | None = None,
        max_forwards: int = 70,
        sip_call_id: str = "",
        routes: Sequence[str] = (),
    ) -> Session:
        """Call. `from_` and `to` are name-addr without tag; an empty `sdp` asks for an offer.

        A `sip_call_id` that the caller made is a token of the endpoint. `routes` are proxies on the way.
        """
        endpoint = self.endpoint
        dialog = self.new_dialog(request_uri, from_, to, sip_flow, sip_call_id)
        dialog.routes = [*routes]
        session = Session(endpoint, owner, dialog, outbound=True, state=CALLING)
        outgoing = Outgoing(
            endpoint,
            dialog,
            "INVITE",
            session.invite_response,
            headers=f"Contact: {session.contact(sip_flow)}\r\n{endpoint.invite_lines}{headers}",
            body=as_bytes(sdp),
            credentials=credentials,
            max_forwards=max_forwards,
        )
        session.start(outgoing, None, now, out)
        return session

    def request(
        self,
        method: str,
        *,
        request_uri: str,
        from_: str,
        to: str,
        sip_flow: SipFlow,
        on_final: OnResponse,
        now: float,
        out: Outputs,
        headers: str = "",
        body: bytes = b"",
        content_type: str = "application/sdp",
        credentials: Credentials | None = None,
        dialog: Dialog | None = None,
    ) -> Outgoing:
        """Send a request outside of dialogs; without a response `on_final` has 408 or 503, and None.

        `dialog` (from `new_dialog`) keeps Call-ID, tag and CSeq over several requests, as REGISTER needs.
        """

        def finished(status: int, message: Message | None, now: float, out: Outputs) -> None:
            if status >= 200:
                on_final(status, message, now, out)

        outgoing = Outgoing(
            self.endpoint,
            dialog or self.new_dialog(request_uri, from_, to, sip_flow),
            method,
            finished,
            headers=headers,
            body=body,
            content_type=content_type,
            credentials=credentials,
        )
        outgoing.send(now, out)
        return outgoing

    def new_dialog(
        self, request_uri: str, from_: str, to: str, sip_flow: SipFlow, sip_call_id: str = ""
    ) -> Dialog:
        """Names for requests that have no dialog yet."""
        tag = self.endpoint.token()
        dialog = Dialog(
            sip_call_id=sip_call_id or self.endpoint.token(),
            local=f"{_name_addr(from_)};tag={tag}",
            local_tag=tag,
            remote=_name_addr(to),
            remote_target=header_safe(request_uri),
            sip_flow=sip_flow,
        )
        dialog.pin_to_route()
        return dialog

    def find_session(self, replaces: Replaces) -> Session | None:
        """The session whose dialog a Replaces (of a REFER, say) names; its tags as seen from here."""
        return replacing.find(self.endpoint, replaces)

    def session_to_replace(self, message: Message) -> tuple[Session | None, int]:
        """What the Replaces header of an INVITE means (RFC 3891 §3): the session to be replaced, and 0.

        Without such a header None and 0; None and 481, 486 or 603 if it is to be refused. Raises BadMessage.
        Whether the caller may replace it is for the core to decide.
        """
        return replacing.session_to_replace(self.endpoint, message)

    def restore_session(self, state: dict[str, Any], owner: SessionOwner) -> Session:
        """Take up a session of a former process that was answered or up (`Session.to_state`)."""
        return Session.from_state(self.endpoint, owner, state)

    def restore_reports(self, state: dict[str, Any], now: float, out: Outputs) -> Reports:
        """Take up the reports on a transfer (`Reports.to_state`), after the sessions."""
        dialog = Dialog.from_state(state["dialog"])
        key = (dialog.sip_call_id, dialog.local_tag)
        session = self.endpoint.sessions.get(key)
        if session is None:
            dialog.local_cseq += RESTART_CSEQ_STEP
            session = Session(self.endpoint, Nobody(), dialog, outbound=False, state=ENDED)
            del self.endpoint.sessions[key]
        return refer.restore(session, state, now, out)

    def abandon_session(self, state: dict[str, Any], now: float, out: Outputs) -> None:
        """End a session of a former process nobody wants to go on with, whatever its state was.

        Our INVITE is cancelled; should it have been answered meanwhile, the 2xx has ACK and BYE.
        """
        if state["state"] in (INCOMING, ENDED):
            return
        session = Session.from_state(self.endpoint, Nobody(), state)
        if "invite" in state:
            take_over(session, state["invite"], now)
        session.hang_up(now, out)

    # Requests

    def _request(
        self, transaction: ServerTransaction, message: Message, flow: SipFlow, now: float, out: Outputs
    ) -> None:
        try:
            if message.method == "CANCEL":
                self._cancel(transaction, message, now, out)
            elif message.to_tag:
                session = self._session_of(message)
                if session is None:
                    self._without_session(transaction, message, flow, now, out)
                elif self._understood(transaction, message, now, out):
                    session.receive_request(transaction, message, flow, now, out)
            elif self._acceptable(transaction, message, now, out):
                self.core.request(transaction, message, now, out)
        except BadMessage as bad:
            self.endpoint.respond(transaction, message, bad.status, now, out, reason=bad.reason)

    def _without_session(
        self, transaction: ServerTransaction, message: Message, flow: SipFlow, now: float, out: Outputs
    ) -> None:
        """A request in a dialog without session: of a subscription, or of a transfer that goes on."""
        key = (message.sip_call_id, message.to_tag)
        dialog = self.endpoint.referrals.get(key) or self.endpoint.subscriptions.get(key)
        if dialog is not None and dialog.takes(message.from_tag):
            dialog.receive_request(transaction, message, flow, now, out)
        elif not self.within_dialog(transaction, message, now, out):
            self.endpoint.respond(transaction, message, 481, now, out)

    def _session_of(self, message: Message) -> Session | None:
        session = self.endpoint.sessions.get((message.sip_call_id, message.to_tag))
        return session if session is not None and session.dialog.remote_tag == message.from_tag else None

    def _ack(self, message: Message, flow: SipFlow, now: float, out: Outputs) -> None:
        if self.endpoint.transactions.receive_ack(message, now):
            session = self._session_of(message)
            if session is not None:
                session.receive_ack(message, flow, now, out)

    def _cancel(self, transaction: ServerTransaction, message: Message, now: float, out: Outputs) -> None:
        """CANCEL is never challenged (§22.1); it changes nothing once a final response is out (§9.2)."""
        transactions = self.endpoint.transactions
        invite = transactions.find_invite(message)
        known = invite is not None or transactions.knew_invite(message)
        self.endpoint.respond(transaction, message, 200 if known else 481, now, out)
        if invite is not None and invite.open:
            invite.cancel = message
            if invite.user is not None:
                invite.user.invite_cancelled(invite, now, out)

    def _acceptable(self, transaction: ServerTransaction, message: Message, now: float, out: Outputs) -> bool:
        """The checks of a request outside of dialogs (§8.2.2); what fails is answered here."""
        status = 0
        _ = message.request_uri  # raises what it is to be refused with
        if message.method in _WITHIN_DIALOGS:
            status = 481
        elif message.max_forwards <= 0 and message.method not in ("REGISTER", "OPTIONS"):
            status = 483
        elif message.method == "INVITE" and self.endpoint.transactions.kept(_merge_key(message)) is not None:
            status = 482
        if status:
            self.endpoint.respond(transaction, message, status, now, out)
            return False
        if message.method == "INVITE" and too_small(self.endpoint, message):
            self.endpoint.respond(transaction, message, 422, now, out, headers=self.endpoint.min_se)
            return False
        if message.method == "INVITE" and message.body and not bodies.understood(message):
            self.endpoint.respond(transaction, message, 415, now, out, headers=_WE_TAKE)
            return False
        return self._understood(transaction, message, now, out)

    def _understood(self, transaction: ServerTransaction, message: Message, now: float, out: Outputs) -> bool:
        """Whether all extensions are known that the request requires (§8.2.2.3)."""
        if message.get("Require") is None:
            return True
        unknown = [tag for tag in message.all("Require") if tag.lower() not in self.endpoint.supported]
        if unknown:
            headers = f"Unsupported: {', '.join(unknown)}\r\n"
            self.endpoint.respond(transaction, message, 420, now, out, headers=headers)
        return not unknown

    # Responses

    def _stray_success(self, message: Message, flow: SipFlow, now: float, out: Outputs) -> None:
        """A 2xx for an INVITE of ours that has had its answer: said again, from another fork, or too late."""
        endpoint = self.endpoint
        dialog = Dialog.from_response(message, flow)
        key = success_key(dialog, message.cseq)
        kept = endpoint.transactions.kept(key)
        if kept is not None:
            if kept.again is not None:
                out.append(kept.again)
            return
        session = endpoint.sessions.get((dialog.sip_call_id, dialog.local_tag))
        if session is not None and session.receive_success(message, now, out):
            return
        # Whoever knows our tag, or the branch, has had an INVITE from us; nobody else makes us send anything.
        if session is None and not endpoint.transactions.sent_invite(message.branch):
            return
        send = acknowledgement(endpoint, dialog, message.cseq)
        out.append(send)
        endpoint.transactions.keep(key, send, now)
        Outgoing(endpoint, dialog, "BYE", ignore_response).send(now, out)


def _not_ours(transaction: ServerTransaction, message: Message, now: float, out: Outputs) -> bool:
    return False


def _merge_key(message: Message) -> str:
    """What copies of one INVITE that came by different ways have in common (§8.2.2.2)."""
    return f"= {message.sip_call_id} {message.from_tag} {message.cseq}"


def _name_addr(text: str) -> str:
    """A From or To value without tag; a bare URI gets its brackets."""
    text = header_safe(text)
    return text if "<" in text else f"<{text}>"
