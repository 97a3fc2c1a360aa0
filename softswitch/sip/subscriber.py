"""Event subscriptions as the subscriber (RFC 6665 §4.1): subscribed, refreshed, and subscribed again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from softswitch.sip.endpoint import Credentials
from softswitch.sip.flow import GIVE_UP, NEVER, Outputs, SipFlow
from softswitch.sip.headers import decimal
from softswitch.sip.message import Message
from softswitch.sip.timers import Timed
from softswitch.sip.transaction import ServerTransaction
from softswitch.sip.values import Event, SubscriptionState, first

if TYPE_CHECKING:
    from softswitch.sip.useragent import UserAgent

FIRST_RETRY = 2.0
LONGEST_RETRY = 300.0
LONGEST = 86_400
FINAL_REASONS = ("rejected", "noresource", "invariant")
"""Endings after which nobody should subscribe again (§4.1.3)."""


class Subscription(Timed):
    """Keeps one subscription. `state` is idle, pending, active, retrying or over.

    `on_notify(subscription, message, now, out)` has each NOTIFY; its body may be empty. A failure is tried
    again after 2 s doubling to 5 min, or after Retry-After.
    """

    __slots__ = (
        "_after",
        "_tries",
        "accept",
        "addresses",
        "credentials",
        "dialog",
        "event",
        "expires_s",
        "on_notify",
        "sip_flow",
        "state",
        "status",
        "ua",
    )

    def __init__(
        self,
        ua: UserAgent,
        *,
        request_uri: str,
        from_: str,
        to: str,
        sip_flow: SipFlow,
        event: str,
        accept: str,
        on_notify: Callable[[Subscription, Message, float, Outputs], None],
        expires_s: int = 3600,
        credentials: Credentials | None = None,
    ) -> None:
        super().__init__()
        self.ua = ua
        self.addresses = (request_uri, from_, to)
        self.sip_flow = sip_flow
        self.event = Event.parse(event)
        self.accept = accept
        self.on_notify = on_notify
        self.expires_s = expires_s
        self.credentials = credentials
        self.state = "idle"
        self.status = 0
        self.dialog = ua.new_dialog(request_uri, from_, to, sip_flow)
        self._tries = 0
        self._after: Callable[[float, Outputs], None] = self._renew

    def takes(self, tag: str) -> bool:
        """Whether a request with this From tag is in its dialog; the first NOTIFY may make it (§4.4.1)."""
        return self.dialog.remote_tag in ("", tag)

    def start(self, now: float, out: Outputs) -> None:
        """Subscribe, in a new dialog."""
        if self.state in ("pending", "active"):
            return
        self._forget()
        self.dialog = self.ua.new_dialog(*self.addresses, self.sip_flow)
        self.ua.endpoint.subscriptions[self._key()] = self
        self.state = "pending"
        self._send(self.expires_s, now, out)

    def stop(self, now: float, out: Outputs) -> None:
        """Give it up; the last NOTIFY is still taken."""
        wanted, self.state = self.state in ("pending", "active"), "over"
        self.deadline = NEVER
        if wanted and self.dialog.remote_tag:
            self._send(0, now, out)
        else:
            self._forget()

    def receive_request(
        self, transaction: ServerTransaction, message: Message, flow: SipFlow, now: float, out: Outputs
    ) -> None:
        endpoint, dialog = self.ua.endpoint, self.dialog
        if message.cseq <= dialog.remote_cseq:
            endpoint.respond(transaction, message, 500, now, out, reason="CSeq Out Of Order")
            return
        if message.method != "NOTIFY":
            endpoint.respond(transaction, message, 405, now, out, headers="Allow: NOTIFY\r\n")
            return
        state, event = first(message, SubscriptionState), first(message, Event)
        if state is None or event is None or (event.package, event.id) != (self.event.package, self.event.id):
            endpoint.respond(transaction, message, 481 if state is not None else 400, now, out)
            return
        dialog.remote_cseq = message.cseq
        if not dialog.remote_tag:
            dialog.remote, dialog.remote_tag = message.need("From"), message.from_tag
        dialog.refresh(message, flow)
        endpoint.respond(transaction, message, 200, now, out)
        self._notified(state, message, now, out)

    def expire(self, now: float, out: Outputs) -> None:
        self._after(now, out)

    def _notified(self, state: SubscriptionState, message: Message, now: float, out: Outputs) -> None:
        if self.state == "over":
            self._forget()
            return
        if state.state == "terminated":
            self._terminated(state, now)
        else:
            self.state = "active"
            self._tries = 0
            left = state.expires if 0 <= state.expires < self.expires_s else self.expires_s
            self._wake(now + max(left - GIVE_UP, left / 2, 1.0), self._renew)
        self.on_notify(self, message, now, out)

    def _terminated(self, state: SubscriptionState, now: float) -> None:
        if state.reason in FINAL_REASONS and state.retry_after < 0:
            self.state = "over"
            self.deadline = NEVER
            self._forget()
        elif state.reason in ("deactivated", "timeout") and state.retry_after < 0 and not self._tries:
            self._retry(now, FIRST_RETRY)
        else:
            self._retry(now, float(state.retry_after))

    def _renew(self, now: float, out: Outputs) -> None:
        self._send(self.expires_s, now, out)

    def _send(self, seconds: int, now: float, out: Outputs) -> None:
        endpoint, dialog = self.ua.endpoint, self.dialog
        headers = (
            f"Contact: {endpoint.contact(dialog.sip_flow, dialog.secure)}\r\nEvent: {self.event}\r\n"
            f"Accept: {self.accept}\r\nExpires: {seconds}\r\n"
        )

        def answered(status: int, message: Message | None, now: float, out: Outputs) -> None:
            if dialog is self.dialog:
                self._answered(status, message, seconds, now, out)

        request_uri, from_, to = self.addresses
        self.ua.request(
            "SUBSCRIBE",
            request_uri=request_uri,
            from_=from_,
            to=to,
            sip_flow=self.sip_flow,
            on_final=answered,
            now=now,
            out=out,
            headers=headers,
            credentials=self.credentials,
            dialog=dialog,
        )

    def _answered(self, status: int, message: Message | None, seconds: int, now: float, out: Outputs) -> None:
        self.status = status
        if self.state == "over":
            if status >= 300:
                self._forget()
            elif seconds:
                self._learn(message)
                self._send(0, now, out)
            else:
                self._wake(now + GIVE_UP, self._gone)
            return
        if status < 300 and message is not None:
            self._learn(message)
            agreed = decimal(message.get("Expires") or "", LONGEST)
            self.expires_s = agreed if 0 < agreed < self.expires_s else self.expires_s
            if self.state == "pending":
                # No NOTIFY within 64·T1: it has failed (§4.1.2.4, timer N).
                self._wake(now + GIVE_UP, self._unheard)
            else:
                left = self.expires_s
                self._wake(now + max(left - GIVE_UP, left / 2), self._renew)
        elif not self._take_least(status, message, now, out):
            pause = (
                decimal((message.get("Retry-After") or "").partition(";")[0].strip(), LONGEST)
                if message
                else -1
            )
            self._retry(now, FIRST_RETRY if status == 481 and not self._tries else float(pause))

    def _learn(self, message: Message | None) -> None:
        if message is not None and not self.dialog.routes and self.dialog.remote_tag in ("", message.to_tag):
            self.dialog.learn(message, self.dialog.sip_flow)

    def _take_least(self, status: int, message: Message | None, now: float, out: Outputs) -> bool:
        """Whether it was too short (423) and is tried again as long as the notifier wants."""
        least = decimal((message.get("Min-Expires") or ""), LONGEST) if message is not None else -1
        if status != 423 or least <= self.expires_s:
            return False
        self.expires_s = least
        self._send(least, now, out)
        return True

    def _gone(self, now: float, out: Outputs) -> None:
        self._forget()

    def _unheard(self, now: float, out: Outputs) -> None:
        self._retry(now, -1.0)

    def _retry(self, now: float, pause: float) -> None:
        if pause < 0:
            pause = min(FIRST_RETRY * 2**self._tries, LONGEST_RETRY)
        self._tries = min(self._tries + 1, 10)
        self.state = "retrying"
        self._forget()
        self._wake(now + max(min(pause, LONGEST), 1.0), self.start)

    def _wake(self, when: float, action: Callable[[float, Outputs], None]) -> None:
        self._after = action
        self.ua.endpoint.deadlines.at(self, when)

    def _key(self) -> tuple[str, str]:
        return self.dialog.sip_call_id, self.dialog.local_tag

    def _forget(self) -> None:
        self.ua.endpoint.subscriptions.pop(self._key(), None)
