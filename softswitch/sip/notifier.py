"""Event subscriptions as the notifier (RFC 6665 §4.2): who watches what, how long, and what is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from softswitch.sip.dialog import RESTART_CSEQ_STEP, Dialog
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
KEPT_EVERY = RESTART_CSEQ_STEP // 2
"""After how many NOTIFYs a subscription is kept again: a new process skips more numbers than that."""
DEAF_S, DEAF_LONGEST_S = 60.0, 900.0
"""When who has not answered a NOTIFY is told again: after so long, then the double, up to the longest."""
RESTORED_EACH_S = 0.005
"""Time between the NOTIFYs of a new process to the watchers it has taken over."""


@dataclass(frozen=True, slots=True)
class Package:
    """An event package: what its NOTIFY carries, and for how many seconds one may subscribe."""

    content_type: str
    least_s: int = 60
    usual_s: int = 3600
    longest_s: int = 86_400


class Watch(Timed):
    """One subscription; `over` once its last NOTIFY is due, `closed` once that is heard, or given up. Of
    quick changes only the last is told. Who does not answer is left alone for a while, and then told the
    whole state: phones that were cut off do not subscribe anew, and would show for an hour what is over.

    `told` and `version` belong to who makes the bodies: what this watcher knows (None: nothing, so the whole
    state has to be told), and how many documents it has had.
    """

    __slots__ = (
        "_deaf",
        "_reason",
        "_unheard",
        "_waiting",
        "closed",
        "dialog",
        "event",
        "expires_at",
        "notifier",
        "over",
        "resource",
        "told",
        "version",
        "watcher",
    )

    def __init__(self, notifier: Notifier, dialog: Dialog, event: Event, resource: str, watcher: str) -> None:
        super().__init__()
        self.notifier = notifier
        self.dialog = dialog
        self.event = event
        self.resource = resource
        self.watcher = watcher
        self.told: Any = None
        self.version = 0
        self.expires_at = 0.0
        self.over = self.closed = False
        self._reason = ""
        self._unheard = self._waiting = False
        self._deaf = 0

    def takes(self, tag: str) -> bool:
        return tag == self.dialog.remote_tag

    def renew(
        self, transaction: ServerTransaction, message: Message, seconds: int, now: float, out: Outputs
    ) -> None:
        endpoint = self.notifier.ua.endpoint
        contact = endpoint.contact(transaction.flow, self.dialog.secure)
        headers = f"Contact: {contact}\r\nExpires: {seconds}\r\n"
        endpoint.respond(transaction, message, 200, now, out, headers=headers, to_tag=self.dialog.local_tag)
        self.expires_at = now + seconds
        self.told = None
        self._deaf = 0
        self.notifier.wake(self)
        if seconds:
            endpoint.deadlines.at(self, self.expires_at)
            self.notifier.kept(self, out)
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
        if self._unheard or (not self.over and self.notifier.rests(self)):
            self._waiting = True
            return
        notifier = self.notifier
        body = notifier.state_of(self)
        if body is None and not self.over:
            return
        self._unheard, self._waiting = True, False
        endpoint, last = notifier.ua.endpoint, self.over

        def heard(status: int, message: Message | None, now: float, out: Outputs) -> None:
            if status >= 200:
                self._heard(status, message, last, now, out)

        left = max(int(self.expires_at - now), 0)
        state = f"terminated;reason={self._reason}" if self.over else f"active;expires={left}"
        contact = endpoint.contact(self.dialog.sip_flow, self.dialog.secure)
        headers = f"Contact: {contact}\r\nEvent: {self.event}\r\nSubscription-State: {state}\r\n"
        Outgoing(
            endpoint,
            self.dialog,
            "NOTIFY",
            heard,
            headers=headers,
            body=body or b"",
            content_type=notifier.packages[self.event.package].content_type,
        ).send(now, out)
        if not self.over and self.dialog.local_cseq % KEPT_EVERY == 0:
            notifier.kept(self, out)

    def end(self, reason: str, now: float, out: Outputs) -> None:
        if not self.over:
            self.give_up(reason)
            self.deadline = NEVER
            self.notifier.forget(self, out)
            self.tell(now, out)

    def give_up(self, reason: str) -> None:
        """The next NOTIFY is the last, for this reason; '': it is not."""
        self.over, self._reason = bool(reason), reason

    def expire(self, now: float, out: Outputs) -> None:
        if self.over:
            self.tell(now, out)
            return
        if now >= self.expires_at:
            self.end("timeout", now, out)
            return
        self.notifier.ua.endpoint.deadlines.at(self, self.expires_at)
        self.call_again(now, out)

    def call_again(self, now: float, out: Outputs) -> None:
        """Tell the state, now that the watcher may be there again."""
        self.notifier.wake(self)
        self.tell(now, out)

    def _rest(self, now: float) -> None:
        self.told = None
        self.notifier.rest(self)
        pause = min(DEAF_S * 2**self._deaf, DEAF_LONGEST_S)
        self._deaf += 1
        self.notifier.ua.endpoint.deadlines.at(self, min(now + pause, self.expires_at))

    def _heard(self, status: int, message: Message | None, last: bool, now: float, out: Outputs) -> None:
        self._unheard = False
        if message is None and not self.over:
            self._rest(now)
            return
        self._deaf = 0
        if last or (status >= 300 and message is not None):
            # Whoever does not take a NOTIFY is not subscribed any more (§4.2.2).
            self.over = self.closed = True
            self.deadline = NEVER
            self.notifier.forget(self, out)
        elif self._waiting:
            self.tell(now, out)

    # Over a restart

    def to_state(self) -> dict[str, Any]:
        return {
            "dialog": self.dialog.to_state(),
            "event": str(self.event),
            "resource": self.resource,
            "watcher": self.watcher,
            "expires_at": self.expires_at,
            "version": self.version,
            "over": self._reason,
        }


class Notifier:
    """All subscriptions to us.

    `state_of(watch)` makes the body of a NOTIFY when it is sent; None: there is nothing this watcher does not
    know. `kept(watch, out)` is called with what has to outlive the process, and with a `closed` watch when
    it is gone. The core authenticates and authorises a SUBSCRIBE, then hands it to `subscribe`.
    """

    def __init__(
        self,
        ua: UserAgent,
        packages: Mapping[str, Package],
        state_of: Callable[[Watch], bytes | None],
        *,
        kept: Callable[[Watch, Outputs], None] = lambda watch, out: None,
        most: int = 10_000,
        most_each: int = 1000,
        most_by_one: int = 100,
    ) -> None:
        self.ua = ua
        self.packages = packages
        self.state_of = state_of
        self.kept = kept
        self.most = most
        self.most_each = most_each
        self.most_by_one = most_by_one
        self.count = self._restored = 0
        self._by_watcher: Counter[str] = Counter()
        self._watches: dict[tuple[str, str], dict[Watch, None]] = {}
        self._closing: dict[Watch, None] = {}
        self._resting: dict[str, dict[Watch, None]] = {}

    def subscribe(
        self,
        transaction: ServerTransaction,
        message: Message,
        resource: str,
        watcher: str,
        now: float,
        out: Outputs,
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
        if (
            self.count >= self.most
            or len(self._watches.get(place, ())) >= self.most_each
            or self._by_watcher[watcher] >= self.most_by_one
        ):
            self.ua.respond(transaction, message, 503, now, out, headers="Retry-After: 60\r\n")
            return None
        seconds = self.seconds(transaction, message, event.package, now, out)
        if seconds is None:
            return None
        endpoint = self.ua.endpoint
        dialog = Dialog.from_request(message, transaction.flow, endpoint.token())
        watch = Watch(self, dialog, event, resource, watcher)
        self._add(watch)
        watch.renew(transaction, message, seconds, now, out)
        return watch

    def restore(self, state: dict[str, Any], now: float, out: Outputs, *, refused: str = "") -> None:
        """Take up a subscription of a former process; its watcher is told the whole state soon, or that it is
        over: for the reason it was, or for that with which it is `refused` now."""
        dialog = Dialog.from_state(state["dialog"])
        dialog.local_cseq += RESTART_CSEQ_STEP
        watch = Watch(self, dialog, Event.parse(state["event"]), state["resource"], state["watcher"])
        watch.version = state["version"] + RESTART_CSEQ_STEP
        watch.expires_at = state["expires_at"]
        watch.give_up(state.get("over") or refused)
        if watch.over:
            self._closing[watch] = None
        else:
            self._add(watch)
        self.kept(watch, out)
        self._restored += 1
        soon = now + self._restored * RESTORED_EACH_S
        self.ua.endpoint.deadlines.at(watch, soon if watch.over else min(soon, max(watch.expires_at, now)))

    def watches(self) -> list[Watch]:
        """All there are."""
        return [watch for watches in self._watches.values() for watch in watches]

    def closing(self) -> list[Watch]:
        """Those whose last NOTIFY has not been heard yet."""
        return [*self._closing]

    def watched(self, resource: str, package: str) -> bool:
        return (resource, package) in self._watches

    def _add(self, watch: Watch) -> None:
        self.ua.endpoint.subscriptions[(watch.dialog.sip_call_id, watch.dialog.local_tag)] = watch
        self._watches.setdefault((watch.resource, watch.event.package), {})[watch] = None
        self._by_watcher[watch.watcher] += 1
        self.count += 1

    def is_back(self, watcher: str, flows: Mapping[str, SipFlow], now: float, out: Outputs) -> None:
        """A watcher who may not have answered can be reached again: `flows` by the URIs of contacts."""
        for watch in [*self._resting.get(watcher, ())]:
            flow = flows.get(watch.dialog.remote_target)
            if flow is not None and flow.reliable:
                watch.dialog.sip_flow = flow
            watch.call_again(now, out)

    def misses(self, watcher: str) -> bool:
        """Whether this watcher has not answered lately."""
        return watcher in self._resting

    def rests(self, watch: Watch) -> bool:
        return watch in self._resting.get(watch.watcher, ())

    def rest(self, watch: Watch) -> None:
        """Leave it alone for a while: nobody has answered."""
        self._resting.setdefault(watch.watcher, {})[watch] = None

    def wake(self, watch: Watch) -> None:
        resting = self._resting.get(watch.watcher, {})
        if resting.pop(watch, watch) is None and not resting:
            del self._resting[watch.watcher]

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

    def forget(self, watch: Watch, out: Outputs) -> None:
        self.wake(watch)
        place = (watch.resource, watch.event.package)
        watches = self._watches.get(place, {})
        if watch in watches:
            del watches[watch]
            self.count -= 1
            self._by_watcher[watch.watcher] -= 1
            if not self._by_watcher[watch.watcher]:
                del self._by_watcher[watch.watcher]
            if not watches:
                del self._watches[place]
        if watch.closed:
            self._closing.pop(watch, None)
        else:
            self._closing[watch] = None
        self.kept(watch, out)
        self.ua.endpoint.subscriptions.pop((watch.dialog.sip_call_id, watch.dialog.local_tag), None)


def _accepts(message: Message, content_type: str) -> bool:
    if "Accept" not in message:
        return True
    kinds = [each.partition(";")[0].strip().lower() for each in message.all("Accept")]
    family = content_type.partition("/")[0]
    return any(each in (content_type, f"{family}/*", "*/*") for each in kinds)
