"""A contact of an address of record, and how a REGISTER tells it (RFC 3261 §10, RFC 3327, RFC 5626)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from softswitch.sip.flow import SipFlow
from softswitch.sip.message import BadMessage
from softswitch.sip.uri import Address, Uri

if TYPE_CHECKING:
    from softswitch.sip.message import Message
    from softswitch.sip.useragent import Credentials

MOST_PATHS = 8
_Q = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")
_INSTANCE = re.compile(r'"<([A-Za-z0-9:._%-]{1,128})>"')
_REG_ID = re.compile(r"[0-9]{1,10}")


@dataclass(frozen=True, slots=True)
class Binding:
    """A contact of an address of record. `expires_at` is monotonic; requests go over `sip_flow`.

    `path` are the proxies between us and the phone, the next one first. `q` is how much the phone wants to
    be preferred. `instance` names the device over restarts; `reg_id` is not 0 where it keeps several flows.
    """

    aor: str
    uri: str
    sip_flow: SipFlow
    expires_at: float = 0.0
    sip_call_id: str = ""
    cseq: int = 0
    credentials: Credentials | None = None
    path: tuple[str, ...] = ()
    q: float = 1.0
    instance: str = ""
    reg_id: int = 0

    def to_state(self) -> dict[str, Any]:
        state: dict[str, Any] = {
            "aor": self.aor,
            "uri": self.uri,
            "sip_flow": [*self.sip_flow],
            "expires_at": self.expires_at,
            "sip_call_id": self.sip_call_id,
            "cseq": self.cseq,
        }
        if self.path:
            state["path"] = self.path
        if self.q != 1.0:
            state["q"] = self.q
        if self.instance:
            state |= {"instance": self.instance, "reg_id": self.reg_id}
        return state

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Binding:
        transport, local, remote, _ = state["sip_flow"]
        flow = SipFlow(transport, tuple(local), tuple(remote))
        binding = cls(
            state["aor"],
            state["uri"],
            flow,
            state["expires_at"],
            state["sip_call_id"],
            state["cseq"],
            path=tuple(state.get("path", ())),
            q=state.get("q", 1.0),
            instance=state.get("instance", ""),
            reg_id=state.get("reg_id", 0),
        )
        # A stream of the former process is gone with it.
        return binding.without_connection() if flow.reliable else binding

    def without_connection(self) -> Binding:
        """The stream is gone. The port that the phone called from takes no connections, its contact does,
        unless a NAT is between, which shows by another host."""
        contact, flow = Uri.parse(self.path[0].strip("<>") if self.path else self.uri), self.sip_flow
        host, port = flow.remote
        remote = (host, contact.port or flow.default_port) if contact.host == host else (host, port)
        return replace(self, sip_flow=flow._replace(remote=remote, connection=0))

    @property
    def needs_connection(self) -> bool:
        """Whether only the phone can open the connection that this contact is reached over."""
        return self.sip_flow.transport in ("WS", "WSS") or self.reg_id > 0

    def replaces(self, other: Binding) -> bool:
        """Whether a device has told with this contact that the other one of its contacts is gone."""
        if self.instance and self.instance == other.instance:
            return self.reg_id == other.reg_id and (self.reg_id > 0 or self.sip_call_id != other.sip_call_id)
        lost = other.sip_flow.reliable and not other.sip_flow.connection
        return lost and self.sip_call_id == other.sip_call_id and self.uri != other.uri


def preference(contact: Address) -> float:
    """The q value of a contact, 0 to 1; the highest where it has none. Raises BadMessage."""
    text = contact.param("q")
    if text is None:
        return 1.0
    if _Q.fullmatch(text) is None:
        raise BadMessage(400, "Bad q")
    return float(text)


def device(contact: Address) -> tuple[str, int]:
    """Instance and number of the flow of a contact, '' and 0 where it tells none. Raises BadMessage."""
    named = _INSTANCE.fullmatch(contact.param("+sip.instance") or "")
    instance = named[1] if named is not None else ""
    text = contact.param("reg-id")
    if text is None or not instance:
        return instance, 0
    if _REG_ID.fullmatch(text) is None or not 0 < int(text) < 2**31:
        raise BadMessage(400, "Bad reg-id")
    return instance, int(text)


def path_of(message: Message) -> tuple[str, ...]:
    """The Path of a REGISTER, the proxy next to us first. Raises BadMessage."""
    values = message.all("Path")
    if len(values) > MOST_PATHS:
        raise BadMessage(400, "Too Many Paths")
    return tuple(f"<{Address.parse(value).uri}>" for value in values)


def way_to(contact: Uri, message: Message, flow: SipFlow) -> SipFlow:
    """Where requests to a contact go: to where its REGISTER came from, which leads through a NAT.

    A phone that says itself what it sends from has no NAT before it. Its contact holds then, even if that is
    another port: some phones send from one port and listen on another.
    """
    host, port = flow.remote
    named = [f"{host}:{port}", *([host] if port == 5060 else [])]
    if flow.reliable or message.sent_by not in named or contact.host != host:
        return flow
    return flow._replace(remote=(contact.host, contact.port or 5060))


def host_of(uri: Uri) -> str:
    host = f"[{uri.host}]" if ":" in uri.host and not uri.host.startswith("[") else uri.host
    return host if uri.port is None else f"{host}:{uri.port}"
