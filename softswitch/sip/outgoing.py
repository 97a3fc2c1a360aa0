"""A request of ours on its way through digest challenges to its final response (RFC 3261 §8.1.3.5, §22)."""

from __future__ import annotations

from typing import Any

from softswitch.sip.dialog import Dialog
from softswitch.sip.digest import authorize
from softswitch.sip.endpoint import Credentials, Endpoint
from softswitch.sip.flow import Outputs, Send
from softswitch.sip.message import Message, parse, request
from softswitch.sip.refresh import raised
from softswitch.sip.sequence import Sequence
from softswitch.sip.transaction import ClientTransaction, OnResponse

MAX_AUTHORIZED_TRIES = 2
MAX_RAISES = 3


class Outgoing:
    """One request within a dialog, or with the names of one that does not exist (yet).

    Reports provisional responses, and one final one: 401 and 407 are answered with `credentials` at most
    twice, and reported if that does not help. Each try takes the next CSeq of the dialog.
    """

    __slots__ = (
        "authorization",
        "body",
        "branch",
        "client",
        "content_type",
        "credentials",
        "cseq",
        "dialog",
        "endpoint",
        "headers",
        "max_forwards",
        "method",
        "on_response",
        "raises",
        "sent_to",
        "sequence",
        "tries",
        "withdrawn",
    )

    client: ClientTransaction

    def __init__(
        self,
        endpoint: Endpoint,
        dialog: Dialog,
        method: str,
        on_response: OnResponse,
        *,
        headers: str = "",
        body: bytes = b"",
        content_type: str = "application/sdp",
        credentials: Credentials | None = None,
        max_forwards: int = 70,
    ) -> None:
        self.endpoint = endpoint
        self.dialog = dialog
        self.method = method
        self.on_response = on_response
        self.headers = headers
        self.body = body
        self.content_type = content_type
        self.credentials = credentials
        self.max_forwards = max_forwards
        self.authorization = ""
        self.branch = ""
        self.cseq = 0
        self.sent_to = ("", "", "")
        self.tries = self.raises = 0
        self.sequence: Sequence | None = None
        self.withdrawn = False

    def send(self, now: float, out: Outputs) -> None:
        endpoint, dialog = self.endpoint, self.dialog
        dialog.local_cseq += 1
        self.cseq = dialog.local_cseq
        self.branch = endpoint.branch()
        via = endpoint.via(dialog.sip_flow, self.branch)
        # A response changes what the dialog knows of these; a CANCEL has to say them as they were.
        self.sent_to = dialog.remote_target, via, dialog.remote
        data = dialog.request(
            self.method,
            self.cseq,
            via,
            f"{self.headers}{self._authorization()}{endpoint.user_agent}",
            self.body,
            self.content_type,
            self.max_forwards,
        )
        self.client = endpoint.transactions.request(
            self.method, self.branch, data, dialog.sip_flow, self.received, now, out
        )

    def received(self, status: int, message: Message | None, now: float, out: Outputs) -> None:
        if status in (401, 407) and message is not None and not self.withdrawn and self._authorize(message):
            self.send(now, out)
            return
        if status == 422 and message is not None and not self.withdrawn and self._raise_interval(message):
            self.send(now, out)
            return
        self.on_response(status, message, now, out)
        if self.sequence is not None:
            self.sequence.heard(self, now, out)

    def cancel(self, now: float, out: Outputs, headers: str = "") -> None:
        """Ask for the INVITE to be given up (§9.1); only after a provisional response."""
        self.withdraw(now)
        sent = parse(self.client.data)
        data = request(
            "CANCEL",
            sent.uri,
            via=sent.need("Via"),
            from_=sent.need("From"),
            to=sent.need("To"),
            sip_call_id=sent.sip_call_id,
            cseq=sent.cseq,
            routes=sent.all("Route"),
            headers=f"{headers}{self.endpoint.user_agent}",
        )
        transactions = self.endpoint.transactions
        transactions.request("CANCEL", self.branch, data, self.client.flow, ignore_response, now, out)

    def withdraw(self, now: float) -> None:
        """No longer wanted: no more tries, and the final response is awaited no longer than 64·T1."""
        self.withdrawn = True
        if self.branch:
            self.endpoint.transactions.limit(self.client, now)

    def acknowledge(self, now: float, out: Outputs, sdp: bytes = b"") -> None:
        """ACK a 2xx to this INVITE, and every repetition of it (§13.2.2.4); `sdp` answers its offer."""
        dialog = self.dialog
        send = acknowledgement(self.endpoint, dialog, self.cseq, self._authorization(), sdp)
        out.append(send)
        self.endpoint.transactions.keep(success_key(dialog, self.cseq), send, now)

    def to_state(self) -> dict[str, Any]:
        """What a CANCEL, and the ACK to a late response, need of this INVITE, which begins its dialog."""
        uri, via, to = self.sent_to
        return {"branch": self.branch, "uri": uri, "via": via, "to": to, "cseq": self.cseq}

    def take_over(self, state: dict[str, Any], now: float) -> None:
        """Wait for the response to the INVITE of a former process, without sending it again."""
        dialog = self.dialog
        self.branch, self.cseq = state["branch"], state["cseq"]
        self.sent_to = state["uri"], state["via"], state["to"]
        data = request(
            "INVITE",
            state["uri"],
            via=state["via"],
            from_=dialog.local,
            to=state["to"],
            sip_call_id=dialog.sip_call_id,
            cseq=self.cseq,
        )
        transactions = self.endpoint.transactions
        self.client = transactions.take_over(self.branch, data, dialog.sip_flow, self.received, now)

    def _raise_interval(self, message: Message) -> bool:
        """Ask for the session interval that somebody on the way wants at least (RFC 4028 §7.3)."""
        headers = raised(self.headers, message) if self.raises < MAX_RAISES else None
        if headers is None:
            return False
        self.headers = headers
        self.raises += 1
        return True

    def _authorization(self) -> str:
        """The header lines of what has been answered, unless the dialog has moved to somebody else's host."""
        if self.authorization and self.credentials is not None:
            return self.authorization if self.credentials.may_go_over(self.dialog.sip_flow) else ""
        return self.authorization

    def _authorize(self, message: Message) -> bool:
        """Take up the challenge. False: no credentials for it, or they were refused before."""
        credentials = self.credentials
        if credentials is None or self.tries >= MAX_AUTHORIZED_TRIES:
            return False
        if not credentials.may_go_over(self.dialog.sip_flow):
            return False
        proxy = message.status == 407
        answer = authorize(
            message.all("Proxy-Authenticate" if proxy else "WWW-Authenticate"),
            method=self.method,
            uri=parse(self.client.data).uri,
            username=credentials.username,
            password=credentials.password,
            ha1s=credentials.ha1s,
            realm=credentials.realm or None,
            cnonce=self.endpoint.token(),
        )
        if answer is None:
            return False
        self.tries += 1
        name = "Proxy-Authorization" if proxy else "Authorization"
        # A proxy and the server behind it may both ask: keep the other one's answer.
        others = [line for line in self.authorization.splitlines(True) if not line.startswith(f"{name}:")]
        self.authorization = f"{''.join(others)}{name}: {answer}\r\n"
        return True


def success_key(dialog: Dialog, cseq: int) -> str:
    """What all copies of one 2xx to an INVITE have in common."""
    return f"2 {dialog.sip_call_id} {dialog.local_tag} {dialog.remote_tag} {cseq}"


def acknowledgement(
    endpoint: Endpoint, dialog: Dialog, cseq: int, headers: str = "", sdp: bytes = b""
) -> Send:
    """The ACK to a 2xx: a request of its own in the dialog, outside of any transaction."""
    via = endpoint.via(dialog.sip_flow, endpoint.branch())
    return Send(dialog.sip_flow, dialog.request("ACK", cseq, via, f"{headers}{endpoint.user_agent}", sdp))


def ignore_response(status: int, message: Message | None, now: float, out: Outputs) -> None:
    """For requests whose outcome changes nothing: CANCEL, BYE."""
