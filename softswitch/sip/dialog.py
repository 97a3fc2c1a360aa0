"""Dialogs (RFC 3261 §12): what both sides of a session have to remember to address each other."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import Any

from softswitch.sip.flow import SipFlow
from softswitch.sip.message import BadMessage, Message, request
from softswitch.sip.uri import Uri

RESTART_CSEQ_STEP = 100
"""A new process skips this many numbers: the former one may have used some that were not stored."""


_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')


def bare_uri(text: str) -> str:
    """The URI of a name-addr or addr-spec as it stands, without header parameters; raises BadMessage.

    What it has outside of ASCII is escaped: it comes back as a Request-URI.
    """
    display = _QUOTED.match(text) if text[:1] == '"' else None
    start = display.end() if display is not None else 0
    left = text.find("<", start)
    if left >= 0 and ":" not in text[start:left]:
        uri = text[left + 1 :].partition(">")[0]
    else:
        uri = text.partition(";")[0].strip()
    parsed = Uri.parse(uri)
    return uri if uri.isascii() else str(parsed)


def usable(text: str) -> bool:
    """Whether `bare_uri` can read it."""
    try:
        bare_uri(text)
    except BadMessage:
        return False
    return True


@lru_cache(maxsize=4096)
def _unreachable(host: str, seen: str) -> bool:
    """Whether a peer seen at address `seen` cannot be meant to be reached at `host`.

    True for names (the flow is as good, and needs no DNS), for inner addresses of a peer that comes from
    outside (NAT), and for addresses nobody may point us to (loopback from elsewhere, multicast, 0.0.0.0).
    """
    try:
        target, source = ipaddress.ip_address(host), ipaddress.ip_address(seen)
    except ValueError:
        return True
    if target.version != source.version or target.is_multicast or target.is_unspecified:
        return True
    if target.is_loopback != source.is_loopback:
        return True
    return source.is_global and not target.is_global


def host_and_port(sent_by: str) -> tuple[str, int]:
    """`host:port` of a Via, brackets of IPv6 removed, port 5060 if there is none."""
    host, colon, port = sent_by.rpartition(":")
    if not colon or sent_by.endswith("]"):
        host, port = sent_by, "5060"
    return host.strip("[]"), int(port)


class Dialog:
    """One side's view. `local` and `remote` are whole From/To values with tags once these are known.

    `sip_flow` is where requests go. A `pinned` dialog (NAT, a stream, an outbound proxy) uses the flow its
    peer was last seen on; otherwise the route set or the remote target decides where they say so by address.
    `remote_cseq` is -1 until the peer has sent a request.
    """

    __slots__ = (
        "local",
        "local_cseq",
        "local_tag",
        "pinned",
        "remote",
        "remote_cseq",
        "remote_tag",
        "remote_target",
        "routes",
        "sip_call_id",
        "sip_flow",
    )

    def __init__(
        self,
        *,
        sip_call_id: str,
        local: str,
        local_tag: str,
        remote: str,
        remote_target: str,
        sip_flow: SipFlow,
    ) -> None:
        self.sip_call_id = sip_call_id
        self.local = local
        self.local_tag = local_tag
        self.remote = remote
        self.remote_tag = ""
        self.remote_target = remote_target
        self.routes: list[str] = []
        self.local_cseq = 0
        self.remote_cseq = -1
        self.sip_flow = sip_flow
        self.pinned = sip_flow.reliable

    @classmethod
    def from_request(cls, message: Message, flow: SipFlow, local_tag: str) -> Dialog:
        """The callee's dialog from an INVITE (§12.1.1). Raises BadMessage without a usable Contact."""
        dialog = cls(
            sip_call_id=message.sip_call_id,
            local=f"{message.need('To')};tag={local_tag}",
            local_tag=local_tag,
            remote=message.need("From"),
            remote_target=bare_uri(message.need("Contact")),
            sip_flow=flow,
        )
        dialog.remote_tag = message.from_tag
        dialog.remote_cseq = message.cseq
        dialog.routes = message.all("Record-Route")
        for route in dialog.routes:
            bare_uri(route)
        host, port = host_and_port(message.sent_by)
        behind_nat = (host, port) != flow.remote and not _is_name(host)
        dialog.pinned = flow.reliable or behind_nat
        dialog.seen_on(flow)
        return dialog

    @classmethod
    def from_response(cls, message: Message, flow: SipFlow) -> Dialog:
        """The caller's dialog from nothing but a 2xx, for a call that is not wanted any more."""
        dialog = cls(
            sip_call_id=message.sip_call_id,
            local=message.need("From"),
            local_tag=message.from_tag,
            remote=message.need("To"),
            remote_target="",
            sip_flow=flow,
        )
        dialog.local_cseq = message.cseq
        dialog.learn(message, flow)
        return dialog

    def learn(self, message: Message, flow: SipFlow) -> None:
        """Take tag, target and route set of a response to our INVITE that makes a dialog (§12.1.2).

        What cannot be used is passed over: the call exists at the other end and has to be ended there.
        """
        self.remote = message.need("To")
        self.remote_tag = message.to_tag
        routes = message.all("Record-Route")[::-1]
        if all(usable(route) for route in routes):
            self.routes = routes
        self.refresh(message, flow)

    def refresh(self, message: Message, flow: SipFlow) -> None:
        """Take the remote target of a target refresh request or its 2xx (§12.2), if it can be used."""
        contact = message.get("Contact")
        if contact is not None and usable(contact):
            self.remote_target = bare_uri(contact)
        self.seen_on(flow)

    @property
    def secure(self) -> bool:
        """Whether a SIPS URI leads to the peer, who must be told one of ours then (RFC 3261 §12.1.1)."""
        first = self.routes[0].lstrip("<") if self.routes else self.remote_target
        return first[:5].lower() == "sips:" or self.remote_target[:5].lower() == "sips:"

    def seen_on(self, flow: SipFlow) -> None:
        """The peer has been heard on `flow`: set where our requests go."""
        if self.pinned or flow.reliable:
            self.sip_flow = flow
            return
        remote = self._next_hop(flow)
        self.sip_flow = flow if remote == flow.remote else flow._replace(remote=remote)

    def connection_lost(self) -> None:
        """The stream is gone. What a peer called us from takes no connections: the next request opens one to
        where the peer says it can be reached (§12.2.1.1)."""
        self.sip_flow = self.sip_flow._replace(connection=0, remote=self._next_hop(self.sip_flow))

    def _next_hop(self, flow: SipFlow) -> tuple[str, int]:
        """Address of the first route or the remote target; that of the flow where this cannot be meant."""
        uri = Uri.parse(bare_uri(self.routes[0]) if self.routes else self.remote_target)
        if _unreachable(uri.host, flow.remote[0]):
            return flow.remote
        return uri.host, uri.port or flow.default_port

    def request(
        self,
        method: str,
        cseq: int,
        via: str,
        headers: str = "",
        body: bytes = b"",
        content_type: str = "application/sdp",
        max_forwards: int = 70,
    ) -> bytes:
        """The bytes of a request within the dialog, routed as §12.2.1.1 says."""
        uri, routes = self.remote_target, self.routes
        if routes and ";lr" not in routes[0]:
            # A strict router takes the Request-URI for itself and the target from the last Route.
            uri, routes = bare_uri(routes[0]), [*routes[1:], f"<{uri}>"]
        return request(
            method,
            uri,
            via=via,
            from_=self.local,
            to=self.remote,
            sip_call_id=self.sip_call_id,
            cseq=cseq,
            max_forwards=max_forwards,
            routes=routes,
            headers=headers,
            body=body,
            content_type=content_type,
        )

    def pin_to_route(self) -> None:
        """A flow that leads elsewhere than the URI says (NAT, an outbound proxy) was chosen on purpose."""
        uri = Uri.parse(self.remote_target)
        elsewhere = not _is_name(uri.host) and (uri.host, uri.port or 5060) != self.sip_flow.remote
        self.pinned = self.sip_flow.reliable or elsewhere

    def to_state(self) -> dict[str, Any]:
        return {
            "sip_call_id": self.sip_call_id,
            "local": self.local,
            "local_tag": self.local_tag,
            "remote": self.remote,
            "remote_tag": self.remote_tag,
            "remote_target": self.remote_target,
            "routes": self.routes,
            "local_cseq": self.local_cseq,
            "remote_cseq": self.remote_cseq,
            "sip_flow": self.sip_flow.to_state(),
            "pinned": self.pinned,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Dialog:
        """The same dialog in a new process; numbering is left to the caller (RESTART_CSEQ_STEP)."""
        dialog = cls(
            sip_call_id=state["sip_call_id"],
            local=state["local"],
            local_tag=state["local_tag"],
            remote=state["remote"],
            remote_target=state["remote_target"],
            sip_flow=SipFlow.from_state(state["sip_flow"]),
        )
        dialog.remote_tag = state["remote_tag"]
        dialog.routes = list(state["routes"])
        dialog.local_cseq = state["local_cseq"]
        dialog.remote_cseq = state["remote_cseq"]
        dialog.pinned = state["pinned"]
        if dialog.sip_flow.reliable:
            dialog.connection_lost()
        return dialog


def _is_name(host: str) -> bool:
    return not host.replace(".", "").isdecimal() and ":" not in host
