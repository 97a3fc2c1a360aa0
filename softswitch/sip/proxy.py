"""A stateful proxy for requests other than INVITE (RFC 3261 §16): forked, answered once, never in circles."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from hashlib import blake2s
from typing import TYPE_CHECKING, NamedTuple

from softswitch.sip.flow import Outputs, SipFlow
from softswitch.sip.headers import decimal
from softswitch.sip.message import Message
from softswitch.sip.rewrite import CHALLENGES, relayed_request, relayed_response
from softswitch.sip.transaction import COOKIE, ServerTransaction
from softswitch.sip.uri import Address

if TYPE_CHECKING:
    from softswitch.sip.endpoint import Endpoint

USUAL_BREADTH = 60
"""Max-Breadth of a request that has none (RFC 5393 §5.3.3)."""
UDP_LIMIT = 1300
"""Longest request that goes over UDP (RFC 3261 §18.1.1, RFC 3428 §8); a proxy may not change to TCP."""
NOBODY_ANSWERED = 480
_BETWEEN = "!"
"""Allowed in the user part of a URI, but in no user's name."""
_PREFERRED = {401: 0, 407: 0, 415: 0, 420: 0, 484: 0, 486: 1, 408: 3}

Finished = Callable[[int, Outputs], None]


class ProxyTarget(NamedTuple):
    """Where a request goes on to: the new Request-URI and the way there."""

    uri: str
    sip_flow: SipFlow


class Proxy:
    """Forwards requests and their responses. Whom a request may reach is decided by who calls `forward`.

    `secret` keys the marks in branches and routes, so that only what this proxy wrote is taken for its own.
    """

    def __init__(self, endpoint: Endpoint, secret: bytes) -> None:
        self._endpoint = endpoint
        self._secret = secret

    def forward(
        self,
        transaction: ServerTransaction,
        message: Message,
        targets: Sequence[ProxyTarget],
        now: float,
        out: Outputs,
        *,
        routes: Sequence[str] = (),
        parties: Sequence[str] = (),
        without: frozenset[str] = frozenset(),
        finished: Finished = lambda status, out: None,
    ) -> None:
        """Send the request to all targets at once and give its sender the best answer, once.

        Refuses it itself with 440 (too many targets), 480 (none), 482 (a loop) or 483 (Max-Forwards).
        `routes` are what is left of its Route. With `parties`, the names of two users, it stays on the way of
        the dialog that comes of it. `without` are headers that were meant for us; `finished` hears the status
        that was answered.
        """
        status = self.refusal(message, len(targets))
        if status:
            self._endpoint.respond(transaction, message, status, now, out)
            finished(status, out)
            return
        context = _Context(self._endpoint, transaction, message, finished)
        share, rest = divmod(_breadth(message), len(targets))
        context.open = len(targets)
        mark = self._mark(message)
        for number, target in enumerate(targets):
            branch = f"{COOKIE}{self._endpoint.token()}.{mark}"
            data = relayed_request(
                message,
                target.uri,
                via=self._endpoint.via(target.sip_flow, branch),
                received=transaction.flow.remote,
                breadth=share + (number < rest),
                routes=routes,
                record_route=self._own_route(message, parties, target.sip_flow) if parties else "",
                without=without,
            )
            if len(data) > UDP_LIMIT and not target.sip_flow.reliable:
                context.answered(413, None, now, out)
                continue
            self._endpoint.transactions.request(
                message.method, branch, data, target.sip_flow, context.answered, now, out
            )

    def refusal(self, message: Message, targets: int) -> int:
        """The status with which a request is not forwarded to so many, or 0."""
        if message.max_forwards <= 0:
            return 483
        if self._loops(message):
            return 482
        if not targets:
            return NOBODY_ANSWERED
        return 440 if targets > _breadth(message) else 0

    def parties(self, message: Message) -> tuple[str, ...] | None:
        """The two users of the dialog that a request is in, by the Route that this proxy wrote into it."""
        routes = message.all("Route")
        user = Address.parse(routes[0]).uri.user if routes else ""
        mark, *parties = user.split(_BETWEEN)
        if len(parties) != 2:
            return None
        right = self._route_mark(message, parties)
        return tuple(parties) if hmac.compare_digest(mark.encode(), right.encode()) else None

    def _own_route(self, message: Message, parties: Sequence[str], flow: SipFlow) -> str:
        contact = Address.parse(self._endpoint.contact(flow)).uri
        host = f"[{contact.host.strip('[]')}]" if ":" in contact.host else contact.host
        place = f"{host}:{contact.port}" if contact.port else host
        transport = f";transport={flow.transport.lower()}" if flow.reliable else ""
        user = _BETWEEN.join((self._route_mark(message, parties), *parties))
        return f"<sip:{user}@{place}{transport};lr>"

    def _route_mark(self, message: Message, parties: Sequence[str]) -> str:
        """Nobody can make a route through us for another dialog than one that we have passed on."""
        text = "\n".join((message.sip_call_id, *parties)).encode()
        return blake2s(text, key=self._secret[:32], digest_size=12).hexdigest()

    def _loops(self, message: Message) -> bool:
        """Whether this very request was here before (RFC 5393 §4.2): it comes back with all that decides its
        way unchanged. A changed one is a spiral, which is well."""
        mark = f".{self._mark(message)};"
        return any(mark in f"{via};" for via in message.all("Via"))

    def _mark(self, message: Message) -> str:
        """A digest of everything that decides where a request goes."""
        parts = (
            message.method,
            message.uri,
            message.from_tag,
            message.to_tag,
            message.sip_call_id,
            str(message.cseq),
            *message.all("Route"),
            *message.all("Proxy-Require"),
        )
        text = "\n".join(parts).encode("utf-8", "replace")
        return blake2s(text, key=self._secret[:32], digest_size=8).hexdigest()


class _Context:
    """The response context of one request (§16.2): what its targets have answered so far."""

    __slots__ = (
        "best",
        "challenges",
        "endpoint",
        "finished",
        "message",
        "open",
        "rank",
        "status",
        "transaction",
    )

    def __init__(
        self, endpoint: Endpoint, transaction: ServerTransaction, message: Message, finished: Finished
    ) -> None:
        self.endpoint = endpoint
        self.transaction = transaction
        self.message = message
        self.finished = finished
        self.open = 0
        self.best: Message | None = None
        self.challenges: list[str] = []
        self.status = 0
        self.rank = (9, 0, 0)

    def answered(self, status: int, message: Message | None, now: float, out: Outputs) -> None:
        """A response, or the end of a transaction without one (408, 503)."""
        if status <= 100 or not self.transaction.open:
            return
        if status < 300:
            self._pass_on(status, message, now, out)
            return
        self.open -= 1
        if message is not None and status in (401, 407):
            self.challenges += [f"{name}: {each}\r\n" for name in CHALLENGES for each in message.all(name)]
        if rank(status) < self.rank:
            self.rank, self.status, self.best = rank(status), status, message
        if not self.open:
            self._pass_on(self.status, self.best, now, out)

    def _pass_on(self, status: int, message: Message | None, now: float, out: Outputs) -> None:
        """Nobody hears 408 (RFC 4320 §4.1) or 503 of one phone (§16.7), which would mean all of us."""
        if message is None or status in (408, 503):
            status = 413 if status == 413 else NOBODY_ANSWERED
            self.endpoint.respond(self.transaction, self.message, status, now, out)
        else:
            # All that were asked for a password are told to the sender at once (§16.7 step 7).
            data = relayed_response(message, self.challenges if status in (401, 407) else ())
            self.endpoint.transactions.respond(self.transaction, status, data, now, out)
        if status >= 200:
            self.finished(status, out)


def rank(status: int) -> tuple[int, int, int]:
    """Of several failures the least is the best (§16.7 step 6): 6xx, then the lowest class; in it what the
    sender can mend, then that somebody is busy, whatever came first."""
    return (0 if status >= 600 else status // 100), _PREFERRED.get(status, 2), status


def _breadth(message: Message) -> int:
    text = message.get("Max-Breadth")
    breadth = USUAL_BREADTH if text is None else decimal(text.strip(), 2**31)
    return min(max(breadth, 0), USUAL_BREADTH)
