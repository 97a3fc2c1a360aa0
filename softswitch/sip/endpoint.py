"""What everything inside a user agent shares: settings, names on the wire, tables and timers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from softswitch.sip.flow import Outputs, SipFlow
from softswitch.sip.message import Message, header_safe, respond
from softswitch.sip.timers import Deadlines, Wheel
from softswitch.sip.transaction import COOKIE, ServerTransaction, Transactions

if TYPE_CHECKING:
    from softswitch.sip.dialog import Dialog
    from softswitch.sip.refer import Referrals
    from softswitch.sip.reports import Reports
    from softswitch.sip.session import Session

METHODS = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "PRACK", "UPDATE", "INFO")
SUPPORTED = ("100rel", "timer")
USUAL_MIN_SE = 90
"""What a Min-SE that is not there means (RFC 4028 §5)."""


@dataclass(frozen=True, slots=True)
class SipSettings:
    """`advertised` maps (transport, local address) to host and port for Via and Contact, where these differ.

    `supported` are the option tags that a request may require, and the Supported header; `methods` is the
    Allow header. `session_expires_s` is how long a session may go without a refresh (RFC 4028), 0 asks for
    no such limit; `min_se_s` is the shortest that a peer may ask for.
    """

    user_agent: str = "softswitch"
    advertised: Mapping[tuple[str, tuple[str, int]], tuple[str, int]] = field(default_factory=dict)
    contact_user: str = "softswitch"
    supported: tuple[str, ...] = SUPPORTED
    methods: tuple[str, ...] = METHODS
    session_expires_s: int = 1800
    min_se_s: int = 90


@dataclass(frozen=True, slots=True)
class Credentials:
    """What to answer a digest challenge with. With a `realm` no other realm is answered.

    The secret is `password`, or its stored forms `ha1s` by algorithm. `belongs_to` says which hosts may have
    an answer, None: all; a dialog may lead to others than the one that was called.
    """

    username: str
    password: str = ""
    realm: str = ""
    ha1s: Mapping[str, str] | None = None
    belongs_to: Callable[[str], bool] | None = None

    def may_go_over(self, flow: SipFlow) -> bool:
        """Whether they may be sent over `flow`. A connection stays with whom it was opened to."""
        return self.belongs_to is None or flow.connection != 0 or self.belongs_to(flow.remote[0])

    def __repr__(self) -> str:
        return f"Credentials({self.username!r}, realm={self.realm!r})"


KeepReports = Callable[[str, "Reports | None", Outputs], None]
"""Called with the id of reports on a transfer, and them as they have to outlive the process; None: over."""


def _keep_nothing(id: str, reports: Reports | None, out: Outputs) -> None:
    return None


class EventDialog(Protocol):
    """A dialog of a subscription (RFC 6665), of either side."""

    dialog: Dialog

    def takes(self, tag: str) -> bool:
        """Whether a request with this From tag is in it."""

    def receive_request(
        self, transaction: ServerTransaction, message: Message, flow: SipFlow, now: float, out: Outputs
    ) -> None: ...


class Endpoint:
    """One user agent's identity and tables. Sessions are found by (Call-ID, our tag)."""

    __slots__ = (
        "_names",
        "allow",
        "deadlines",
        "entropy",
        "invite_lines",
        "min_se",
        "own_min_se",
        "referrals",
        "reports_kept",
        "server",
        "sessions",
        "settings",
        "subscriptions",
        "supported",
        "timer_lines",
        "timers",
        "transactions",
        "user_agent",
        "wheel",
    )

    def __init__(self, settings: SipSettings, entropy: Callable[[int], bytes]) -> None:
        self.settings = settings
        self.entropy = entropy
        self.deadlines = Deadlines()
        self.transactions = Transactions(self.deadlines)
        self.sessions: dict[tuple[str, str], Session] = {}
        self.reports_kept: KeepReports = _keep_nothing
        self.referrals: dict[tuple[str, str], Referrals] = {}
        self.subscriptions: dict[tuple[str, str], EventDialog] = {}
        name = header_safe(settings.user_agent)
        self.user_agent = f"User-Agent: {name}\r\n" if name else ""
        self.server = f"Server: {name}\r\n" if name else ""
        self.supported = frozenset(tag.lower() for tag in settings.supported)
        self.allow = f"Allow: {', '.join(settings.methods)}\r\n"
        if settings.supported:
            self.allow += f"Supported: {', '.join(settings.supported)}\r\n"
        self.timers = "timer" in self.supported
        self.min_se = f"Min-SE: {settings.min_se_s}\r\n" if self.timers else ""
        wanted = max(settings.session_expires_s, settings.min_se_s) if settings.session_expires_s else 0
        self.own_min_se = self.min_se if settings.min_se_s > USUAL_MIN_SE else ""
        self.timer_lines = f"Session-Expires: {wanted}\r\n{self.own_min_se}" if wanted and self.timers else ""
        self.invite_lines = self.allow + self.timer_lines
        self.wheel = Wheel(self.deadlines)
        self._names: dict[tuple[str, tuple[str, int]], tuple[str, str, str, str]] = {}

    def token(self) -> str:
        """A fresh text nobody can guess: tags, branches, Call-IDs."""
        return self.entropy(10).hex()

    def branch(self) -> str:
        return COOKIE + self.token()

    def via(self, flow: SipFlow, branch: str) -> str:
        names = self._written(flow)
        return f"{names[0]}{branch}{names[3]}"

    def contact(self, flow: SipFlow, secure: bool = False) -> str:
        """Our Contact header's value for a peer behind this flow; `secure`: a SIPS URI, if it can be one."""
        return self._written(flow)[2 if secure else 1]

    def _written(self, flow: SipFlow) -> tuple[str, str, str, str]:
        place = (flow.transport, flow.local)
        names = self._names.get(place)
        if names is None:
            host, port = self.settings.advertised.get(place, flow.local)
            shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            # WebSockets have one name in URIs, secure or not (RFC 7118 §5.2.3).
            named = "ws" if flow.transport == "WSS" else flow.transport.lower()
            transport = f";transport={named}" if flow.reliable else ""
            plain = f"<sip:{self.settings.contact_user}@{shown}{transport}>"
            # TLS is what SIPS means; its parameter is deprecated (RFC 3261 §26.2.2).
            sips = plain.replace("<sip:", "<sips:", 1).replace(";transport=tls", "")
            secured = flow.transport in ("TLS", "WSS")
            # Our connections carry requests of their peers too (RFC 5923 §5).
            asking = ";rport;alias" if flow.transport == "TLS" else ";rport"
            via = f"SIP/2.0/{flow.transport} {shown};branch="
            names = (via, plain, sips if secured else plain, asking)
            self._names[place] = names
        return names

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
        to_tag: str = "",
    ) -> bytes:
        """Answer a request over the flow it came on; returns the response's bytes.

        After a final response it sends nothing and returns b''.
        """
        data = respond(
            message,
            status,
            reason,
            to_tag=to_tag or (self.token() if status > 100 and not message.to_tag else ""),
            headers=f"{self.server}{headers}",
            body=body,
            content_type=content_type,
            received=transaction.flow.remote,
        )
        return data if self.transactions.respond(transaction, status, data, now, out) else b""
