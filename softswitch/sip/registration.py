"""Keeping one address registered at a registrar, as a client (RFC 3261 §10.2): trunks, simulated phones."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from softswitch.sip.dialog import bare_uri, usable
from softswitch.sip.endpoint import Credentials
from softswitch.sip.flow import NEVER, Outputs, SipFlow
from softswitch.sip.headers import decimal
from softswitch.sip.message import Message
from softswitch.sip.timers import Timed

if TYPE_CHECKING:
    from softswitch.sip.useragent import UserAgent

_EXPIRES = re.compile(r"; *expires *= *([0-9]+)", re.IGNORECASE)
FIRST_RETRY = 2.0
LONGEST_RETRY = 300.0
MAX_EXPIRES = 86_400
# Left of a registration when it is refreshed, so that a refresh that times out can be tried again in time.
REFRESH_BEFORE = 40.0


class Registration(Timed):
    """REGISTER with digest, refreshed in time, tried again after 2 s doubling to 5 min when it fails.

    `registered` and `status` (of the last response; 408 or 503 if there was none) tell how it stands;
    `on_change` is called after each final response. A Retry-After is respected, up to 5 min.
    """

    __slots__ = (
        "aor",
        "credentials",
        "dialog",
        "expires_s",
        "failures",
        "on_change",
        "pending",
        "registered",
        "status",
        "ua",
        "wanted",
    )

    def __init__(
        self,
        ua: UserAgent,
        *,
        registrar: str,
        aor: str,
        sip_flow: SipFlow,
        credentials: Credentials | None,
        on_change: Callable[[Registration, float, Outputs], None],
        expires_s: int = 3600,
    ) -> None:
        """`registrar` is the Request-URI (`sip:example.com`), `aor` what to register (`sip:a@b.example`)."""
        super().__init__()
        self.ua = ua
        self.aor = aor
        self.credentials = credentials
        self.on_change = on_change
        self.expires_s = expires_s
        self.dialog = ua.new_dialog(registrar, aor, aor, sip_flow)
        self.registered = False
        self.status = 0
        self.failures = 0
        self.pending = False
        self.wanted = False

    def start(self, now: float, out: Outputs) -> None:
        """Register now, or refresh now if that has been done."""
        self.wanted = True
        self._send(now, out)

    def stop(self, now: float, out: Outputs) -> None:
        """Remove the registration; `on_change` tells when the registrar has confirmed it."""
        self.wanted = False
        self.deadline = NEVER
        if self.registered or self.pending:
            self._send(now, out)

    def expire(self, now: float, out: Outputs) -> None:
        self._send(now, out)

    def _send(self, now: float, out: Outputs) -> None:
        """One REGISTER at a time (§10.2); what comes in between is done after the response."""
        if self.pending:
            return
        self.pending = True
        self.deadline = NEVER
        expires = self.expires_s if self.wanted else 0
        contact = self.ua.endpoint.contact(self.dialog.sip_flow)

        def final(status: int, message: Message | None, now: float, out: Outputs) -> None:
            self._final(expires, status, message, now, out)

        self.ua.request(
            "REGISTER",
            request_uri="",
            from_="",
            to="",
            sip_flow=self.dialog.sip_flow,
            headers=f"Contact: {contact};expires={expires}\r\nExpires: {expires}\r\n",
            credentials=self.credentials,
            dialog=self.dialog,
            on_final=final,
            now=now,
            out=out,
        )

    def _final(self, expires: int, status: int, message: Message | None, now: float, out: Outputs) -> None:
        self.pending = False
        self.status = status
        self.registered = 200 <= status < 300 and expires > 0
        if self.registered and message is not None:
            self.failures = 0
            granted = self._granted(message, expires)
            left = REFRESH_BEFORE if granted > 2 * REFRESH_BEFORE else granted / 2
            self._again(now + granted - left)
        elif self.wanted and expires > 0:
            self._retry(status, message, now)
        if self.wanted != (expires > 0):
            self._send(now, out)
        self.on_change(self, now, out)

    def _again(self, when: float) -> None:
        if self.wanted:
            self.ua.endpoint.deadlines.at(self, when)

    def _retry(self, status: int, message: Message | None, now: float) -> None:
        least = decimal(message.get("Min-Expires") or "", MAX_EXPIRES) if message is not None else -1
        if status == 423 and least > self.expires_s:
            self.expires_s = least
            self._again(now)
            return
        asked = (message.get("Retry-After") or "") if message is not None else ""
        pause = min(FIRST_RETRY * 2**self.failures, LONGEST_RETRY)
        pause = max(pause, decimal(asked.partition(";")[0].partition("(")[0].strip(), int(LONGEST_RETRY)))
        self.failures = min(self.failures + 1, 10)
        # Up to a quarter more, lest all that a restarted registrar has lost come back at the same time.
        self._again(now + pause * (1 + self.ua.endpoint.entropy(1)[0] / 1024))

    def _granted(self, message: Message, asked: int) -> float:
        """Seconds the registrar has granted to our contact (§10.2.4), not less than one."""
        ours = bare_uri(self.ua.endpoint.contact(self.dialog.sip_flow))
        text = message.get("Expires")
        for contact in message.all("Contact"):
            if usable(contact) and bare_uri(contact) == ours:
                found = _EXPIRES.search(contact, contact.find(">"))
                text = found[1] if found is not None else text
        seconds = decimal(text or "", MAX_EXPIRES)
        return float(max(seconds if seconds >= 0 else asked, 1))
