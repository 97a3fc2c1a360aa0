"""Event subscriptions as the notifier (RFC 6665 §4.2): who watches what, how long, and what is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from softswitch.sip.dialog import Dialog
from softswitch.sip.flow import NEVER, Outputs, SipFlow
from softswitch.sip.headers import BadMessage, decimal
from softswitch.sip.message import Message
from softswitch.sip.outgoing import Outgoing
from softswitch.sip.timers import Timed
from softswitch.sip.transaction import ServerTransaction
from softswitch.sip.values import Event, first

if TYPE_CHECKING:
    from softswitch.sip.useragent import UserAgent

EXPIRES_LIMIT = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Package:
    """An event package: what its NOTIFY carries, and for how many seconds one may subscribe."""

    content_type: str
    least_s: int = 60
    usual_s: int = 3600
    longest_s: int = 86_400


class Watch(Timed):
    """One subscription; `over` once its last NOTIFY is due. Of quick changes only the last is told."""

    __slots__ = (
        "_reason",
        "_unheard",
        "_waiting",
        "dialog",
        "event",
        "expires_at",
        "notifier",
        "over",
        "resource",
    )

    def __init__(self, notifier: Notifier, dialog: Dialog, event: Event, resource: str) -> None:
        super().__init__()
        self.notifier = notifier
        self.dialog = dialog
        self.event = event
        self.resource = resource
        self.expires_at = 0.0
        self.over = False
        self._reason = ""
        self._unheard = self._waiting = False

    def takes(self, tag: str) -> bool:
        return tag == self.dialog.remote_tag

    def renew(
        self, transaction: ServerTransaction, message: Message, seconds: int, now: float, out: Outputs
    ) -> None:
        endpoint = self.notifier.ua.endpoint
        headers = f"Contact: {endpoint.contact(transaction.flow)}\r\nExpires: {seconds}\r\n"
        endpoint.respond(transaction, message, 200, now, out, headers=headers, to_tag=self.dialog.local_tag)
        self.expires_at = now + seconds
        if seconds:
            endpoint.deadlines.at(self, self.expires_at)
            self.tell(now, out)
        else:
            self.end("timeout", now, out)

    def receive_request(
        self, transaction: ServerTransaction, message: Message, flow: SipFlow, now: float, out: Outputs
    ) -> None:
        """A request of the watcher in its dialog: only SUBSCRIBE has a meaning."""
        endpoint = self.notifier.ua.endpoint
        if message.cseq <= self.dialog.remote_cseq:
            endpoint.respond(transaction, message, 500, now, out, reason="CSeq Out Of Order")
            return
        self.dialog.remote_cseq = message.cseq
        if message.method != "SUBSCRIBE":
            endpoint.respond(transaction, message, 405, now, out, headers="Allow: SUBSCRIBE\r\n")
        elif self.over or first(message, Event) != self.event:
            endpoint.respond(transaction, message, 481, now, out)
        else:
            seconds = self.notifier.seconds(transaction, message, self.event.package, now, out)
            if seconds is not None:
                self.dialog.refresh(message, flow)
                self.renew(transaction, message, seconds, now, out)

    def tell(self, now: float, out: Outputs) -> None:
        """Send the state as it is now, or as it will be once the NOTIFY before has been heard."""
        if self._unheard:
            self._waiting = True
            return
        self._unheard, self._waiting = True, False
        notifier = self.notifier
        endpoint = notifier.ua.endpoint
        left = max(int(self.expires_at - now), 0)
        state = f"terminated;reason={self._reason}" if self.over else f"active;expires={left}"
        headers = (
            f"Contact: {endpoint.contact(self.dialog.sip_flow)}\r\nEvent: {self.event}\r\n"
            f"Subscription-State: {state}\r\n"
        )
        Outgoing(
            endpoint,
            self.dialog,
            "NOTIFY",
            self._heard,
            headers=headers,
            body=notifier.state_of(self.resource, self.event.package),
            content_type=notifier.packages[self.event.package].content_type,
        ).send(now, out)
        if self.over:
            notifier.forget(self)

    def end(self, reason: str, now: float, out: Outputs) -> None:
        if not self.over:
            self.over, self._reason = True, reason
            self.deadline = NEVER
            self.tell(now, out)

    def expire(self, now: float, out: Outputs) -> None:
        self.end("timeout", now, out)

    def _heard(self, status: int, message: Message | None, now: float, out: Outputs) -> None:
        if status < 200:
            return
        self._unheard = False
        if status >= 300:
            # Whoever does not take a NOTIFY is not subscribed any more (§4.2.2).
            self.over = True
            self.deadline = NEVER
            self.notifier.forget(self)
        elif self._waiting:
            self.tell(now, out)


class Notifier:
    """All subscriptions to us. `state_of(resource, package)` makes the body of a NOTIFY when it is sent.

    The core authenticates and authorises a SUBSCRIBE, then hands it to `subscribe`.
    """

    def __init__(
        self,
        ua: UserAgent,
        packages: Mapping[str, Package],
        state_of: Callable[[str, str], bytes],
        *,
        most: int = 10_000,
        most_each: int = 100,
    ) -> None:
        self.ua = ua
        self.packages = packages
        self.state_of = state_of
        self.most = most
        self.most_each = most_each
        self.count = 0
        self._watches: dict[tuple[str, str], dict[Watch, None]] = {}

    def subscribe(
        self, transaction: ServerTransaction, message: Message, resource: str, now: float, out: Outputs
    ) -> Watch | None:
        """Answer a SUBSCRIBE outside of dialogs. None: it was refused (400, 406, 423, 489, 503)."""
        event = first(message, Event)
        package = self.packages.get(event.package) if event is not None else None
        if event is None or package is None:
            known = f"Allow-Events: {', '.join(self.packages)}\r\n"
            self.ua.respond(transaction, message, 489, now, out, headers=known)
            return None
        if not _accepts(message, package.content_type):
            self.ua.respond(transaction, message, 406, now, out)
            return None
        place = (resource, event.package)
        if self.count >= self.most or len(self._watches.get(place, ())) >= self.most_each:
            self.ua.respond(transaction, message, 503, now, out, headers="Retry-After: 60\r\n")
            return None
        seconds = self.seconds(transaction, message, event.package, now, out)
        if seconds is None:
            return None
        endpoint = self.ua.endpoint
        dialog = Dialog.from_request(message, transaction.flow, endpoint.token())
        watch = Watch(self, dialog, event, resource)
        endpoint.subscriptions[(dialog.sip_call_id, dialog.local_tag)] = watch
        self._watches.setdefault(place, {})[watch] = None
        self.count += 1
        watch.renew(transaction, message, seconds, now, out)
        return watch

    def changed(self, resource: str, package: str, now: float, out: Outputs) -> None:
        """Tell all who watch it."""
        for watch in list(self._watches.get((resource, package), ())):
            watch.tell(now, out)

    def remove(self, resource: str, package: str, reason: str, now: float, out: Outputs) -> None:
        """End all subscriptions to it: noresource, rejected, deactivated, giveup (RFC 6665 §4.1.3)."""
        for watch in list(self._watches.get((resource, package), ())):
            watch.end(reason, now, out)

    def seconds(
        self, transaction: ServerTransaction, message: Message, package: str, now: float, out: Outputs
    ) -> int | None:
        """How long a SUBSCRIBE may last; None if it has had 423. Raises BadMessage."""
        limits = self.packages[package]
        text = message.get("Expires")
        asked = limits.usual_s if text is None else decimal(text.strip(), EXPIRES_LIMIT)
        if asked < 0:
            raise BadMessage(400, "Bad Expires")
        if 0 < asked < limits.least_s:
            least = f"Min-Expires: {limits.least_s}\r\n"
            self.ua.respond(transaction, message, 423, now, out, headers=least)
            return None
        return min(asked, limits.longest_s)

    def forget(self, watch: Watch) -> None:
        place = (watch.resource, watch.event.package)
        watches = self._watches.get(place, {})
        if watch in watches:
            del watches[watch]
            self.count -= 1
            if not watches:
                del self._watches[place]
        self.ua.endpoint.subscriptions.pop((watch.dialog.sip_call_id, watch.dialog.local_tag), None)


def _accepts(message: Message, content_type: str) -> bool:
    if "Accept" not in message:
        return True
    kinds = [each.partition(";")[0].strip().lower() for each in message.all("Accept")]
    family = content_type.partition("/")[0]
    return any(each in (content_type, f"{family}/*", "*/*") for each in kinds)
