"""Who sends this request: digest authentication of registered users (RFC 3261 §22, RFC 8760)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from softswitch.call.bans import UNANSWERED
from softswitch.sip.digest import Digest

if TYPE_CHECKING:
    from softswitch.acd.deadlines import Deadlines
    from softswitch.call.bans import Bans
    from softswitch.sip.flow import SipFlow
    from softswitch.sip.message import Message
    from softswitch.sip.useragent import UserAgent

MOST_DELAYED = 1000
Listener = tuple[str, tuple[str, int]]


class Authenticator:
    """Checks Authorization and challenges, with the algorithms of the listener that took the request.

    Which algorithms are offered never depends on the user named, which would tell who exists.
    """

    def __init__(
        self,
        realm: str,
        secret: bytes,
        lifetime_s: float,
        algorithms: Mapping[Listener, Sequence[str]],
        ha1_of: Callable[[str, str], str | None],
        entropy: Callable[[int], bytes],
        bans: Bans,
        deadlines: Deadlines,
    ) -> None:
        self._bans = bans
        self._deadlines = deadlines
        self.delayed: dict[str, Callable[[float, list[Any]], None]] = {}
        self._count = 0
        self._ha1_of = ha1_of
        self._entropy = entropy
        self._digests: dict[tuple[str, ...], Digest] = {}
        self._by_listener: dict[Listener, Digest] = {}
        for listener, names in algorithms.items():
            key = tuple(names)
            if key not in self._digests:
                self._digests[key] = Digest(realm, secret, key, nonce_lifetime_s=lifetime_s)
            self._by_listener[listener] = self._digests[key]
        self._default = next(iter(self._digests.values()))

    def user(
        self,
        ua: UserAgent,
        transaction: Any,
        message: Message,
        flow: SipFlow,
        now: float,
        out: list[Any],
        *,
        proxy: bool = False,
    ) -> str | None:
        """The authenticated user, or None after 401 has been answered, or 407 to what is passed on."""
        digest = self._by_listener.get((flow.transport, flow.local), self._default)
        name = "Proxy-Authorization" if proxy else "Authorization"
        result = digest.verify(message, name, self._ha1_of, now)
        host = flow.remote[0]
        if result.outcome == "ok":
            self._bans.succeeded(host, now)
            return result.username
        delay_s = 0.0
        if result.outcome == "wrong":
            delay_s = self._bans.failed(host, now, out)
        elif result.outcome == "missing":
            self._bans.failed(host, now, out, UNANSWERED)
        # A phone that does not count its nonce up is told to take a new one, not to ask for the password.
        stale = result.outcome in ("stale", "replayed")
        name, status = ("Proxy-Authenticate", 407) if proxy else ("WWW-Authenticate", 401)
        headers = "".join(f"{name}: {value}\r\n" for value in digest.challenge(now, self._entropy, stale))

        def refuse(now: float, out: list[Any]) -> None:
            ua.respond(transaction, message, status, now, out, headers=headers)

        if delay_s and len(self.delayed) < MOST_DELAYED:
            self._delay(refuse, now + delay_s)
        else:
            refuse(now, out)
        return None

    def _delay(self, refuse: Callable[[float, list[Any]], None], when: float) -> None:
        """Who guesses passwords waits for every answer longer."""
        self._count += 1
        id = str(self._count)
        self.delayed[id] = refuse
        self._deadlines.set(("refusal", id), when)

    def refuse_delayed(self, id: str, now: float, out: list[Any]) -> None:
        self.delayed.pop(id)(now, out)
