"""How many messages wait for whom, and telling it to phones (message-summary, RFC 3842)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from softswitch.call.outputs import Fact, Keep
from softswitch.sip.notifier import Package
from softswitch.sip.outgoing import ignore_response

if TYPE_CHECKING:
    from softswitch.call.exchange import Exchange
    from softswitch.sip.notifier import Watch

SUMMARY = Package("application/simple-message-summary")
MOST = 99_999


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Voice messages of a user: not yet heard, and heard."""

    new: int = 0
    old: int = 0


class Mailboxes:
    """The counts by user. Who stores messages calls `set`; phones hear of it at the end of the turn."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._counts: dict[str, Mailbox] = {}

    def of(self, user: str) -> Mailbox:
        return self._counts.get(user, Mailbox())

    def all(self) -> dict[str, Mailbox]:
        return dict(self._counts)

    def set(self, user: str, new: int, old: int, out: list[Any]) -> None:
        """The user's mailbox has so many messages now."""
        if self.of(user) == Mailbox(new, old):
            return
        self._counts[user] = Mailbox(new, old)
        out.append(Fact("mailbox_changed", {"user": user, "new": new, "old": old}))
        out.append(Keep(f"mailbox/{user}", {"new": new, "old": old}))

    def forget(self, user: str, out: list[Any]) -> None:
        if self._counts.pop(user, None) is not None:
            out.append(Keep(f"mailbox/{user}", None))

    def restore(self, user: str, state: dict[str, Any]) -> None:
        self._counts[user] = Mailbox(state["new"], state["old"])

    # What phones are told

    def document(self, watch: Watch) -> bytes | None:
        """The body for a watcher; None if it knows the counts."""
        user = watch.resource.partition("/")[2]
        if watch.told == self.of(user):
            return None
        watch.told = self.of(user)
        watch.version += 1
        return self.summary(user)

    def summary(self, user: str) -> bytes:
        """The body of RFC 3842 §5; urgent messages are not told apart."""
        counts = self.of(user)
        return (
            f"Messages-Waiting: {'yes' if counts.new else 'no'}\r\n"
            f"Message-Account: {self._account(user)}\r\n"
            f"Voice-Message: {counts.new}/{counts.old} (0/0)\r\n"
        ).encode()

    def tell_unasked(self, user: str, now: float, out: list[Any]) -> None:
        """A NOTIFY without subscription to all phones of a user who is configured to have it."""
        exchange = self._exchange
        settings = exchange.centre.users.get(user)
        if settings is None or settings.message_waiting != "unsolicited":
            return
        account = self._account(user)
        for binding in exchange.registrar.contacts(user, now):
            exchange.ua.request(
                "NOTIFY",
                request_uri=binding.uri,
                from_=account,
                to=account,
                sip_flow=binding.sip_flow,
                on_final=ignore_response,
                now=now,
                out=out,
                headers=(
                    f"Contact: {exchange.ua.endpoint.contact(binding.sip_flow)}\r\nEvent: message-summary\r\n"
                    "Subscription-State: terminated;reason=noresource\r\n"
                ),
                body=self.summary(user),
                content_type=SUMMARY.content_type,
            )

    def _account(self, user: str) -> str:
        port = self._exchange.sip_port
        return f"sip:{user}@{self._exchange.sip_host}{f':{port}' if port else ''}"
