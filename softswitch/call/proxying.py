"""Requests that the switch does not serve itself but passes on between its users (RFC 3261 §16).

From an authenticated user to the registered phones of a user, nowhere else: this is no open relay. MESSAGE
(RFC 3428) is one of them; trunks may send it where that is configured. Nothing is stored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from softswitch.call.outputs import Fact
from softswitch.call.routing import trunk_of_address
from softswitch.call.token_bucket import TokenBucket
from softswitch.call.watching import PACKAGES, called_name, resource_of
from softswitch.sip.message import BadMessage
from softswitch.sip.proxy import UDP_LIMIT, Finished, Proxy, ProxyTarget
from softswitch.sip.telephone import telephone
from softswitch.sip.uri import Address, Uri
from softswitch.sip.values import Event, first

if TYPE_CHECKING:
    from softswitch.call.exchange import Exchange
    from softswitch.sip.flow import SipFlow
    from softswitch.sip.message import Message

FOR_US = frozenset(("Authorization", "Proxy-Authorization"))
RETRY_AFTER_S = 5
MOST_BUCKETS = 10_000
SHOWN_TYPE = 80
"""So much of a content type is told in a fact."""


class Proxying:
    """Who may send what to whom; the forwarding itself is `softswitch.sip.proxy`."""

    def __init__(self, exchange: Exchange, secret: bytes) -> None:
        self._exchange = exchange
        self._rate = exchange.node.limits.max_messages_per_second
        self._buckets: dict[str, TokenBucket] = {}
        self.proxy = Proxy(exchange.ua.endpoint, secret)
        exchange.ua.within_dialog = self.within_dialog

    # Requests outside of dialogs

    def message(self, transaction: Any, message: Message, now: float, out: list[Any]) -> None:
        """A MESSAGE: to all phones of a user; the first that takes it answers for all."""
        sender = self._sender(transaction, message, now, out)
        if sender is None:
            return
        if len(message.body) > UDP_LIMIT and not transaction.flow.reliable:
            self._exchange.ua.respond(transaction, message, 413, now, out)
            return
        told = {
            "from": sender,
            "to": called_name(message),
            "content_type": (message.get("Content-Type") or "text/plain")[:SHOWN_TYPE],
            "bytes": len(message.body),
        }

        def finished(status: int, out: list[Any]) -> None:
            out.append(Fact("message_passed", {**told, "status": status}))

        self._to_user(transaction, message, sender, now, out, finished)

    def options(self, transaction: Any, message: Message, now: float, out: list[Any]) -> bool:
        """Whether this OPTIONS is dealt with here: a registered phone asks about another user.

        To all others, who may only want to know whether we live, every name is answered alike.
        """
        exchange, name = self._exchange, telephone(message.request_uri)
        resource = resource_of(exchange.centre, name) or ""
        sender = Address.parse(message.need("From")).uri.user
        contacts = exchange.registrar.contacts(sender, now)
        registered = any(each.sip_flow.remote == transaction.flow.remote for each in contacts)
        if not registered or not resource.startswith("user/") or message.max_forwards <= 0:
            return False
        if resource == f"user/{sender}":
            return False
        self.request(transaction, message, now, out)
        return True

    def request(self, transaction: Any, message: Message, now: float, out: list[Any]) -> None:
        """Any other request between users."""
        sender = self._sender(transaction, message, now, out)
        if sender is None:
            return
        if message.method == "PUBLISH":
            event = first(message, Event)
            if event is None or event.package in PACKAGES:
                self._exchange.ua.respond(transaction, message, 489, now, out)
                return
        self._to_user(transaction, message, sender, now, out)

    def subscription(
        self, transaction: Any, message: Message, sender: str, now: float, out: list[Any]
    ) -> None:
        """A SUBSCRIBE, by an authenticated user, to something that only the other's phone can tell."""
        if self._admitted(transaction, message, f"user:{sender}", now, out):
            self._to_user(transaction, message, f"user:{sender}", now, out, record_route=True)

    def _sender(self, transaction: Any, message: Message, now: float, out: list[Any]) -> str | None:
        """`user:NAME` or `trunk:NAME`; None after the request has been refused."""
        exchange = self._exchange
        trunk = trunk_of_address(exchange.centre, transaction.flow.remote[0])
        if trunk is None:
            user = exchange.authenticator.user(
                exchange.ua, transaction, message, transaction.flow, now, out, proxy=True
            )
            if user is None:
                return None
            trunk = next((each for each in exchange.centre.trunks.values() if each.user == user), None)
        if trunk is None:
            sender = f"user:{user}"
        elif message.method == "MESSAGE" and trunk.messages:
            sender = f"trunk:{trunk.name}"
        else:
            exchange.ua.respond(transaction, message, 403, now, out, reason="Not From A Trunk")
            return None
        return sender if self._admitted(transaction, message, sender, now, out) else None

    def _admitted(self, transaction: Any, message: Message, sender: str, now: float, out: list[Any]) -> bool:
        """The checks of §16.3 that are ours; whoever fails them has been answered."""
        kind, _, name = sender.partition(":")
        status, headers, reason = 0, "", ""
        extensions = message.all("Proxy-Require")
        if kind == "user" and Address.parse(message.need("From")).uri.user != name:
            status, reason = 403, "From Is Somebody Else"
        elif extensions:
            status, headers = 420, f"Unsupported: {', '.join(extensions)}\r\n"
        elif not self._take(sender, now):
            status, headers = 503, f"Retry-After: {RETRY_AFTER_S}\r\n"
        if status:
            self._exchange.ua.respond(transaction, message, status, now, out, headers=headers, reason=reason)
        return not status

    def _take(self, sender: str, now: float) -> bool:
        bucket = self._buckets.get(sender)
        if bucket is None:
            if len(self._buckets) >= MOST_BUCKETS:
                self._buckets.clear()
            bucket = self._buckets[sender] = TokenBucket(self._rate)
        return bucket.take(now)

    def _to_user(
        self,
        transaction: Any,
        message: Message,
        sender: str,
        now: float,
        out: list[Any],
        finished: Finished = lambda status, out: None,
        *,
        record_route: bool = False,
    ) -> None:
        """Pass it on to all phones of the user it is for, but the one it comes from."""
        exchange = self._exchange
        resource = resource_of(exchange.centre, called_name(message)) or ""
        kind, _, user = resource.partition("/")
        if kind != "user":
            exchange.ua.respond(transaction, message, 404, now, out)
            finished(404, out)
            return
        targets = [
            ProxyTarget(binding.uri, binding.sip_flow)
            for binding in exchange.registrar.contacts(user, now)
            if binding.sip_flow.remote != transaction.flow.remote
        ]
        parties = (sender.partition(":")[2], user)
        self.proxy.forward(
            transaction,
            message,
            targets,
            now,
            out,
            parties=parties if record_route else (),
            without=FOR_US,
            finished=finished,
        )

    # Requests within dialogs that we have made a way for

    def within_dialog(self, transaction: Any, message: Message, now: float, out: list[Any]) -> bool:
        """Pass on a request of a dialog between two users; False: it is none of those."""
        parties = self.proxy.parties(message)
        if parties is None:
            return False
        exchange = self._exchange
        if not self._take(f"dialog:{parties[0]}", now):
            exchange.ua.respond(
                transaction, message, 503, now, out, headers=f"Retry-After: {RETRY_AFTER_S}\r\n"
            )
            return True
        flow = self._way(message.request_uri, parties, now)
        if flow is None:
            exchange.ua.respond(transaction, message, 404, now, out)
            return True
        target = ProxyTarget(message.uri, flow)
        self.proxy.forward(transaction, message, [target], now, out, routes=message.all("Route")[1:])
        return True

    def _way(self, uri: Uri, parties: tuple[str, ...], now: float) -> SipFlow | None:
        """The way to a phone of theirs that has this contact. Others are not reached through us."""
        for user in parties:
            for binding in self._exchange.registrar.contacts(user, now):
                try:
                    known = Uri.parse(binding.uri)
                except BadMessage:
                    continue
                if (known.user, known.host, known.port) == (uri.user, uri.host, uri.port):
                    return binding.sip_flow
        return None
