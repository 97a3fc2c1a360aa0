"""Who sends this request: digest authentication of registered users (RFC 3261 §22, RFC 8760)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from softswitch.sip.digest import Digest

if TYPE_CHECKING:
    from softswitch.sip.flow import SipFlow
    from softswitch.sip.message import Message
    from softswitch.sip.useragent import UserAgent

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
    ) -> None:
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
        self, ua: UserAgent, transaction: Any, message: Message, flow: SipFlow, now: float, out: list[Any]
    ) -> str | None:
        """The authenticated user, or None after 401 (or 403) has been answered."""
        digest = self._by_listener.get((flow.transport, flow.local), self._default)
        result = digest.verify(message, "Authorization", self._ha1_of, now)
        if result.outcome == "ok":
            return result.username
        # A phone that does not count its nonce up is told to take a new one, not to ask for the password.
        stale = result.outcome in ("stale", "replayed")
        headers = "".join(
            f"WWW-Authenticate: {value}\r\n" for value in digest.challenge(now, self._entropy, stale)
        )
        ua.respond(transaction, message, 401, now, out, headers=headers)
        return None
