"""The registrar (RFC 3261 §10): which phones of which user can be reached where, and until when."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from softswitch.call.binding import Binding, device, host_of, path_of, preference, way_to
from softswitch.call.outputs import Fact, Keep
from softswitch.sip.message import BadMessage
from softswitch.sip.uri import Address, Uri

if TYPE_CHECKING:
    from softswitch.acd.deadlines import Deadlines
    from softswitch.sip.flow import SipFlow
    from softswitch.sip.message import Message
    from softswitch.sip.useragent import UserAgent

__all__ = ["Binding", "Registrar", "in_turn"]

DEFAULT_EXPIRES_S = 3600
FLOW_TIMER_S = {"UDP": 25}
"""How long a phone may be silent on a flow that it keeps (RFC 5626 §5.4): a NAT forgets datagrams early."""
OTHER_FLOW_TIMER_S = 120


Stream = tuple[str, tuple[str, int]]
"""Transport and remote address of a connection."""


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
        oldest_gives_way: bool = True,
        deadlines: Deadlines,
        reachable: Callable[[str, bool, float, list[Any]], None],
    ) -> None:
        self._min_expires_s = min_expires_s
        self._max_expires_s = max_expires_s
        self._max_contacts = max_contacts
        self._oldest_gives_way = oldest_gives_way
        self._deadlines = deadlines
        self._reachable = reachable
        self._bindings: dict[str, dict[str, Binding]] = {}
        # Users by the streams over which they registered, so that the loss of one costs no walk over all.
        self._users_over: dict[Stream, dict[str, None]] = {}
        self._streams_of: dict[str, list[Stream]] = {}

    def contacts(self, user: str, now: float) -> list[Binding]:
        """Where the user can be reached: the preferred first, of equals the newest; of several flows of one
        device the newest only (RFC 5626 §6)."""
        devices: set[str] = set()
        found = []
        for binding in reversed(self._bindings.get(user, {}).values()):
            if binding.expires_at <= now or (binding.reg_id and binding.instance in devices):
                continue
            devices.add(binding.instance)
            found.append(binding)
        return sorted(found, key=lambda binding: -binding.q)

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
        ua.respond(transaction, message, 200, now, out, headers=self._answer(message, user, flow, now))

    def _answer(self, message: Message, user: str, flow: SipFlow, now: float) -> str:
        """The headers of a 200: all contacts as they are now, and what was used of Path and Outbound."""
        bindings = [each for each in self._bindings.get(user, {}).values() if each.expires_at > now]
        lines = [f"Contact: {_shown(each, now)}\r\n" for each in reversed(bindings)]
        lines += [f"Path: {path}\r\n" for path in message.all("Path")]
        if any(each.reg_id and each.sip_call_id == message.sip_call_id for each in bindings):
            lines.append("Require: outbound\r\n")
            lines.append(f"Flow-Timer: {FLOW_TIMER_S.get(flow.transport, OTHER_FLOW_TIMER_S)}\r\n")
        if message.contains("Supported", "path") or message.contains("Supported", "outbound"):
            lines.append("Supported: path, outbound\r\n")
        return "".join(lines)

    def _changed(self, message: Message, user: str, flow: SipFlow, now: float) -> dict[str, Binding] | None:
        """The user's bindings after this REGISTER, or None when it only asks for them."""
        texts = message.all("Contact")
        if not texts:
            return None
        expires = _seconds(message.get("Expires"), DEFAULT_EXPIRES_S)
        old = {key: each for key, each in self._bindings.get(user, {}).items() if each.expires_at > now}
        if texts == ["*"]:
            if expires != 0:
                raise Refused(400)
            for each in old.values():
                _in_order(each, message)
            return {}
        contacts = [Address.parse(text) for text in texts]
        path = path_of(message)
        for contact in contacts:
            asked = _seconds(contact.param("expires"), expires)
            self._apply(contact, asked, path, message, user, flow, now, old)
        if len(contacts) > 1 and any(device(contact)[1] for contact in contacts):
            raise Refused(400)
        self._make_room(old, len(contacts))
        return old

    def _make_room(self, bindings: dict[str, Binding], fresh: int) -> None:
        """Where a user has too many phones, those that have registered longest ago go, if they may."""
        while len(bindings) > self._max_contacts:
            if not self._oldest_gives_way or fresh > self._max_contacts:
                raise Refused(403)
            del bindings[next(iter(bindings))]

    def _apply(
        self,
        contact: Address,
        asked: int,
        path: tuple[str, ...],
        message: Message,
        user: str,
        flow: SipFlow,
        now: float,
        bindings: dict[str, Binding],
    ) -> None:
        instance, reg_id = self._flow_of(contact, path, message)
        uri = str(contact.uri)
        binding = Binding(
            f"sip:{user}@{host_of(Address.parse(message.need('To')).uri)}",
            uri,
            flow if path else way_to(contact.uri, message, flow),
            now + min(asked, self._max_expires_s),
            message.sip_call_id,
            message.cseq,
            path=path,
            q=preference(contact),
            instance=instance,
            reg_id=reg_id,
        )
        for key, each in [*bindings.items()]:
            if (each.uri == uri and each.reg_id == reg_id) or binding.replaces(each):
                _in_order(each, message)
                del bindings[key]
        if asked == 0:
            return
        if asked < self._min_expires_s:
            raise Refused(423, f"Min-Expires: {self._min_expires_s}\r\n")
        bindings[_key(binding)] = binding

    def _flow_of(self, contact: Address, path: tuple[str, ...], message: Message) -> tuple[str, int]:
        """Device and number of the flow (RFC 5626 §6): a proxy before us must have said that it keeps it."""
        instance, reg_id = device(contact)
        if not reg_id or not message.contains("Supported", "outbound"):
            return instance, 0
        if path:
            direct = Uri.parse(path[-1].strip("<>")).param("ob") is not None
        else:
            direct = len(message.all("Via")) == 1
        if not direct:
            raise Refused(439)
        return instance, reg_id

    def _store(self, user: str, bindings: dict[str, Binding], now: float, out: list[Any]) -> None:
        before = self._bindings.pop(user, {})
        if bindings:
            self._bindings[user] = bindings
        for key, binding in bindings.items():
            uri = binding.uri
            if key not in before:
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
        held = {binding.uri for binding in bindings.values()}
        for binding in before.values():
            if binding.uri not in held:
                out.append(_removed(user, binding, "unregistered"))
        self._keep(user, out)
        if bool(before) != bool(bindings):
            self._reachable(user, bool(bindings), now, out)

    def _keep(self, user: str, out: list[Any]) -> None:
        bindings = self._bindings.get(user, {})
        self._index(user, bindings)
        kept = {"bindings": [binding.to_state() for binding in bindings.values()]} if bindings else None
        out.append(Keep(f"binding/{user}", kept))
        if bindings:
            first = min(binding.expires_at for binding in bindings.values())
            self._deadlines.set(("binding", user), first)
        else:
            self._deadlines.cancel(("binding", user))

    def expire(self, user: str, now: float, out: list[Any]) -> None:
        """The deadline of the user's first contact has come."""
        gone = [key for key, each in self._bindings[user].items() if each.expires_at <= now]
        self._drop(user, gone, "expired", now, out)

    def _drop(self, user: str, keys: list[str], reason: str, now: float, out: list[Any]) -> None:
        bindings = self._bindings[user]
        for key in keys:
            out.append(_removed(user, bindings.pop(key), reason))
        if not bindings:
            del self._bindings[user]
        self._keep(user, out)
        if not bindings:
            self._reachable(user, False, now, out)

    def _index(self, user: str, bindings: dict[str, Binding]) -> None:
        for stream in self._streams_of.pop(user, ()):
            users = self._users_over[stream]
            users.pop(user, None)
            if not users:
                del self._users_over[stream]
        flows = [each.sip_flow for each in bindings.values() if each.sip_flow.connection]
        if flows:
            streams = self._streams_of[user] = [*{(flow.transport, flow.remote): None for flow in flows}]
            for stream in streams:
                self._users_over.setdefault(stream, {})[user] = None

    def remove_silent(self, user: str, binding: Binding, now: float, out: list[Any]) -> None:
        """A phone does not answer any more: forget this contact, unless it has registered again since."""
        if self._bindings.get(user, {}).get(_key(binding)) is binding:
            self._drop(user, [_key(binding)], "no_answer_to_options", now, out)

    def connection_lost(self, flow: SipFlow, now: float, out: list[Any]) -> None:
        """A stream is gone: who registered over it is called where its contact says, or cannot be."""
        for user in [*self._users_over.get((flow.transport, flow.remote), ())]:
            bindings = self._bindings[user]
            over = [each for each in bindings.items() if each[1].sip_flow.connection]
            lost = [(key, each) for key, each in over if flow.carries(each.sip_flow)]
            if not lost:
                continue
            bindings.update((key, each.without_connection()) for key, each in lost)
            gone = [key for key, each in lost if each.needs_connection]
            self._drop(user, gone, "connection_lost", now, out)

    def remove_user(self, user: str, now: float, out: list[Any]) -> None:
        """Forget the contacts of a user who was taken out of the configuration."""
        if self._bindings.get(user):
            self._store(user, {}, now, out)

    def restore(self, user: str, state: dict[str, Any], out: list[Any]) -> None:
        """Take over the contacts of a former process; who listens to `reachable` kept that itself."""
        bindings = [Binding.from_state(each) for each in state["bindings"]]
        self._bindings[user] = {_key(each): each for each in bindings}
        self._keep(user, out)


def _seconds(text: str | None, default: int) -> int:
    if text is None:
        return default
    if not text.strip().isdigit():
        raise BadMessage(400, "Bad expires")
    return min(int(text), 2**31)


def in_turn(bindings: Sequence[Binding]) -> list[list[Binding]]:
    """Contacts in the order of `Registrar.contacts`, those together that are to ring together."""
    return [list(group) for _, group in groupby(bindings, key=lambda binding: binding.q)]


def _key(binding: Binding) -> str:
    """What a binding is found by: one contact may stand for several flows of a device."""
    return f"{binding.instance} {binding.reg_id}" if binding.reg_id else binding.uri


def _in_order(known: Binding, message: Message) -> None:
    """Refuse what was sent before what is known of a contact (RFC 3261 §10.3)."""
    if known.sip_call_id == message.sip_call_id and message.cseq <= known.cseq:
        raise Refused(500)


def _shown(binding: Binding, now: float) -> str:
    text = f"<{binding.uri}>;expires={int(binding.expires_at - now)}"
    if binding.q != 1.0:
        text = f"{text};q={binding.q:g}"
    if binding.instance:
        text = f'{text};+sip.instance="<{binding.instance}>"'
    return f"{text};reg-id={binding.reg_id}" if binding.reg_id else text


def _removed(user: str, binding: Binding, reason: str) -> Fact:
    return Fact("contact_removed", {"user": user, "contact": binding.uri, "reason": reason})
