"""Trunks as peers: where their numbers are reached, and our registrations with those that want one."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from softswitch.call.outputs import Fact
from softswitch.call.registrar import Binding
from softswitch.config.base import split_host_port
from softswitch.sip.flow import SipFlow
from softswitch.sip.registration import Registration
from softswitch.sip.uri import Uri
from softswitch.sip.useragent import Credentials

if TYPE_CHECKING:
    from softswitch.config import Node, Trunk
    from softswitch.sip.useragent import UserAgent


def bindings(trunk: Trunk, number: str, registered: list[Binding], node: Node) -> list[list[Binding]]:
    """Where a number is reached over a trunk: its addresses, one tried after the other, then the contacts
    with which it is registered here."""
    groups = []
    for address in trunk.addresses:
        uri = f"sip:{number}@{_uri_host(address)}"
        groups.append([Binding(uri, uri, _flow(trunk, address, node), credentials=credentials(trunk))])
    for contact in registered:
        uri = str(replace(Uri.parse(contact.uri), user=number))
        groups.append([Binding(uri, uri, contact.sip_flow, credentials=credentials(trunk))])
    return groups


def credentials(trunk: Trunk) -> Credentials | None:
    """What the peer's challenge is answered with; None where the trunk needs no password."""
    if not trunk.username or trunk.password is None:
        return None
    return Credentials(trunk.username, trunk.password, realm=trunk.realm)


class Trunks:
    """Keeps us registered with every trunk that has a `registrar`, and counts the legs on each."""

    def __init__(self, ua: UserAgent, node: Node) -> None:
        self._ua = ua
        self._node = node
        self._registrations: dict[str, Registration] = {}
        self._legs: Counter[str] = Counter()

    def configured(self, name: str, trunk: Trunk | None, now: float, out: list[Any]) -> None:
        """Take up a new, changed or removed trunk."""
        former = self._registrations.pop(name, None)
        if former is not None:
            former.stop(now, out)
        if trunk is None or trunk.registrar is None:
            return
        registrar = _uri_host(trunk.registrar)
        registration = self._registrations[name] = Registration(
            self._ua,
            registrar=f"sip:{registrar}",
            aor=f"sip:{trunk.username}@{registrar}",
            sip_flow=_flow(trunk, trunk.registrar, self._node),
            credentials=credentials(trunk),
            on_change=lambda changed, now, out: _tell(name, changed, out),
        )
        registration.start(now, out)

    def taken(self, name: str) -> None:
        self._legs[name] += 1

    def released(self, name: str) -> None:
        self._legs[name] -= 1

    def has_room(self, trunk: Trunk, legs: int) -> bool:
        """Whether the trunk may carry `legs` more (0: whether those that it carries are not too many)."""
        return trunk.max_calls is None or self._legs[trunk.name] + legs <= trunk.max_calls

    def snapshot(self) -> dict[str, dict[str, Any]]:
        """Calls on each trunk, and how our registration with it stands."""
        rows: dict[str, dict[str, Any]] = {
            name: {"calls": count} for name, count in self._legs.items() if count
        }
        for name, each in self._registrations.items():
            rows.setdefault(name, {"calls": 0}).update(registered=each.registered, status=each.status)
        return rows


def _tell(name: str, registration: Registration, out: list[Any]) -> None:
    told = {"trunk": name, "registered": registration.registered, "status": registration.status}
    out.append(Fact("trunk_registration", told))


def _flow(trunk: Trunk, address: str, node: Node) -> SipFlow:
    """From our listener of the trunk's transport, the first one where there is none of it, to the peer."""
    of_transport = [listen for listen in node.sip.listen if listen.transport == trunk.transport]
    local = (of_transport or node.sip.listen)[0].address
    return SipFlow(trunk.transport, local, split_host_port(address))


def _uri_host(address: str) -> str:
    host, port = split_host_port(address)
    named = f"[{host}]" if ":" in host else host
    return named if port == 5060 else f"{named}:{port}"
