"""The registrar (RFC 3261 §10): which phones of which user can be reached where, and until when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from softswitch.call.outputs import Fact, Keep
from softswitch.sip.flow import SipFlow
from softswitch.sip.message import BadMessage
from softswitch.sip.uri import Address, Uri

if TYPE_CHECKING:
    from softswitch.acd.deadlines import Deadlines
    from softswitch.sip.message import Message
    from softswitch.sip.useragent import Credentials, UserAgent

DEFAULT_EXPIRES_S = 3600


@dataclass(frozen=True, slots=True)
class Binding:
    """A contact of an address of record. `expires_at` is monotonic; requests go over `sip_flow`."""

    aor: str
    uri: str
    sip_flow: SipFlow
    expires_at: float = 0.0
    sip_call_id: str = ""
    cseq: int = 0
    credentials: Credentials | None = None

    def to_state(self) -> dict[str, Any]:
        return {
            "aor": self.aor,
            "uri": self.uri,
            "sip_flow": [*self.sip_flow],
            "expires_at": self.expires_at,
            "sip_call_id": self.sip_call_id,
            "cseq": self.cseq,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Binding:
        transport, local, remote, _ = state["sip_flow"]
        flow = SipFlow(transport, tuple(local), tuple(remote))
        fields = (state["expires_at"], state["sip_call_id"], state["cseq"])
        binding = cls(state["aor"], state["uri"], flow, *fields)
        # A stream of the former process is gone with it.
        return binding.without_connection() if flow.reliable else binding

    def without_connection(self) -> Binding:
        """The stream is gone. The port that the phone called from takes no connections, its contact does,
        unless a NAT is between, which shows by another host."""
        contact, flow = Uri.parse(self.uri), self.sip_flow
        host, port = flow.remote
        remote = (host, contact.port or 5060) if contact.host == host else (host, port)
        return replace(self, sip_flow=flow._replace(remote=remote, connection=0))


class Refused(Exception):
    """A REGISTER that is answered with an error status."""

    def __init__(self, status: int, headers: str = "") -> None:
        super().__init__(status)
        self.status = status
        self.headers = headers


class Registrar:
    """Bindings by user name. `reachable(user, bool, now, out)` is called when the first contact of a user
    comes and when the last one goes."""

    def __init__(
        self,
        *,
        min_expires_s: int,
        max_expires_s: int,
        max_contacts: int,
        deadlines: Deadlines,
        reachable: Callable[[str, bool, float, list[Any]], None],
    ) -> None:
        self._min_expires_s = min_expires_s
        self._max_expires_s = max_expires_s
        self._max_contacts = max_contacts
        self._deadlines = deadlines
        self._reachable = reachable
        self._bindings: dict[str, dict[str, Binding]] = {}

    def contacts(self, user: str, now: float) -> list[Binding]:
        """Where the user can be reached, newest registration first."""
        found = [binding for binding in self._bindings.get(user, {}).values() if binding.expires_at > now]
        return found[::-1]

    def has_contacts(self, user: str) -> bool:
        return user in self._bindings

    def users(self) -> dict[str, list[Binding]]:
        return {user: list(bindings.values()) for user, bindings in self._bindings.items()}

    def register(
        self,
        ua: UserAgent,
        transaction: Any,
        message: Message,
        user: str,
        flow: SipFlow,
        now: float,
        out: list[Any],
    ) -> None:
        """Serve an authenticated REGISTER of `user`; all of it holds or none. Raises BadMessage."""
        try:
            changed = self._changed(message, user, flow, now)
        except Refused as refused:
            out.append(Fact("registration_refused", {"user": user, "status": refused.status}))
            ua.respond(transaction, message, refused.status, now, out, headers=refused.headers)
            return
        if changed is not None:
            self._store(user, changed, now, out)
        contacts = "".join(
            f"Contact: <{each.uri}>;expires={int(each.expires_at - now)}\r\n"
            for each in self.contacts(user, now)
        )
        ua.respond(transaction, message, 200, now, out, headers=contacts)

    def _changed(self, message: Message, user: str, flow: SipFlow, now: float) -> dict[str, Binding] | None:
        """The user's bindings after this REGISTER, or None when it only asks for them."""
        texts = message.all("Contact")
        if not texts:
            return None
        expires = _seconds(message.get("Expires"), DEFAULT_EXPIRES_S)
        old = {uri: each for uri, each in self._bindings.get(user, {}).items() if each.expires_at > now}
        if texts == ["*"]:
            if expires != 0:
                raise Refused(400)
            return {}
        for text in texts:
            self._apply(text, expires, message, user, flow, now, old)
        if len(old) > self._max_contacts:
            raise Refused(403)
        return old

    def _apply(
        self,
        text: str,
        expires: int,
        message: Message,
        user: str,
        flow: SipFlow,
        now: float,
        bindings: dict[str, Binding],
    ) -> None:
        contact = Address.parse(text)
        asked = _seconds(dict(contact.params).get("expires"), expires)
        uri = str(contact.uri)
        known = bindings.pop(uri, None)
        if known and known.sip_call_id == message.sip_call_id and message.cseq <= known.cseq:
            raise Refused(500)
        if asked == 0:
            return
        if asked < self._min_expires_s:
            raise Refused(423, f"Min-Expires: {self._min_expires_s}\r\n")
        aor = Address.parse(message.need("To")).uri
        bindings[uri] = Binding(
            f"sip:{user}@{_host(aor)}",
            uri,
            _way_to(contact.uri, message, flow),
            now + min(asked, self._max_expires_s),
            message.sip_call_id,
            message.cseq,
        )

    def _store(self, user: str, bindings: dict[str, Binding], now: float, out: list[Any]) -> None:
        before = self._bindings.pop(user, {})
        if bindings:
            self._bindings[user] = bindings
        for uri, binding in bindings.items():
            if uri not in before:
                out.append(
                    Fact(
                        "contact_registered",
                        {
                            "user": user,
                            "contact": uri,
                            "transport": binding.sip_flow.transport,
                            "expires_s": round(binding.expires_at - now),
                        },
                    )
                )
        for uri in before.keys() - bindings.keys():
            out.append(Fact("contact_removed", {"user": user, "contact": uri, "reason": "unregistered"}))
        self._keep(user, out)
        if bool(before) != bool(bindings):
            self._reachable(user, bool(bindings), now, out)

    def _keep(self, user: str, out: list[Any]) -> None:
        bindings = self._bindings.get(user, {})
        kept = {"bindings": [binding.to_state() for binding in bindings.values()]} if bindings else None
        out.append(Keep(f"binding/{user}", kept))
        if bindings:
            first = min(binding.expires_at for binding in bindings.values())
            self._deadlines.set(("binding", user), first)
        else:
            self._deadlines.cancel(("binding", user))

    def expire(self, user: str, now: float, out: list[Any]) -> None:
        """The deadline of the user's first contact has come."""
        bindings = self._bindings[user]
        for uri in [uri for uri, binding in bindings.items() if binding.expires_at <= now]:
            del bindings[uri]
            out.append(Fact("contact_removed", {"user": user, "contact": uri, "reason": "expired"}))
        if not bindings:
            del self._bindings[user]
        self._keep(user, out)
        if not bindings:
            self._reachable(user, False, now, out)

    def connection_lost(self, flow: SipFlow) -> None:
        """A stream is gone: who registered over it is called where its contact says."""
        for bindings in self._bindings.values():
            for uri, binding in bindings.items():
                if binding.sip_flow.connection and flow.carries(binding.sip_flow):
                    bindings[uri] = binding.without_connection()

    def remove_user(self, user: str, now: float, out: list[Any]) -> None:
        """Forget the contacts of a user who was taken out of the configuration."""
        if self._bindings.get(user):
            self._store(user, {}, now, out)

    def restore(self, user: str, state: dict[str, Any], out: list[Any]) -> None:
        """Take over the contacts of a former process; who listens to `reachable` kept that itself."""
        bindings = [Binding.from_state(each) for each in state["bindings"]]
        self._bindings[user] = {each.uri: each for each in bindings}
        self._keep(user, out)


def _way_to(contact: Uri, message: Message, flow: SipFlow) -> SipFlow:
    """Where requests to a contact go: to where its REGISTER came from, which leads through a NAT.

    A phone that says itself what it sends from has no NAT before it. Its contact holds then, even if that is
    another port: some phones send from one port and listen on another.
    """
    host, port = flow.remote
    named = [f"{host}:{port}", *([host] if port == 5060 else [])]
    if flow.reliable or message.sent_by not in named or contact.host != host:
        return flow
    return flow._replace(remote=(contact.host, contact.port or 5060))


def _seconds(text: str | None, default: int) -> int:
    if text is None:
        return default
    if not text.strip().isdigit():
        raise BadMessage(400, "Bad expires")
    return min(int(text), 2**31)


def _host(uri: Uri) -> str:
    host = f"[{uri.host}]" if ":" in uri.host and not uri.host.startswith("[") else uri.host
    return host if uri.port is None else f"{host}:{uri.port}"
