"""Trunks as peers: where their numbers are reached, how much they may carry, and our registrations."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from softswitch.call.outputs import Fact, Keep
from softswitch.call.registrar import Binding
from softswitch.call.token_bucket import TokenBucket
from softswitch.call.trunk_health import TrunkHealth
from softswitch.call.trunk_statistics import TrunkStatistics
from softswitch.call.trunk_targets import flow_to, in_order, targets, uri_to
from softswitch.config.base import split_host_port
from softswitch.config.trunk_address import is_ip_address, uri_host
from softswitch.sip.registration import Registration
from softswitch.sip.uri import Uri
from softswitch.sip.useragent import Credentials

if TYPE_CHECKING:
    from softswitch.acd.deadlines import Deadlines
    from softswitch.call.leg import Leg
    from softswitch.config import Node, Trunk
    from softswitch.sip.useragent import UserAgent


def credentials(trunk: Trunk) -> Credentials | None:
    """What the peer's challenge is answered with; None where the trunk needs no password."""
    if not trunk.username or trunk.password is None:
        return None
    belongs_to = partial(is_peer, trunk)
    return Credentials(trunk.username, trunk.password, realm=trunk.realm, belongs_to=belongs_to)


def is_peer(trunk: Trunk, host: str) -> bool:
    """Whether the settings name this host as the trunk's, or its network."""
    named = [target.place[0] for target in targets(trunk.addresses)]
    if trunk.registrar is not None:
        named.append(split_host_port(trunk.registrar)[0])
    if trunk.user is not None or host in named:
        return True
    return is_ip_address(host) and any(
        ipaddress.ip_address(host) in ipaddress.ip_network(each, strict=False) for each in trunk.allow_from
    )


class Trunks:
    """Keeps us registered with every trunk that has a `registrar`, and watches what goes over each."""

    def __init__(
        self, ua: UserAgent, node: Node, deadlines: Deadlines, entropy: Callable[[int], bytes]
    ) -> None:
        self._ua = ua
        self._node = node
        self._entropy = entropy
        self.health = TrunkHealth(ua, node, deadlines)
        self._registrations: dict[str, Registration] = {}
        self._legs: Counter[str] = Counter()
        self._statistics: dict[str, TrunkStatistics] = {}
        self._buckets: dict[str, TokenBucket] = {}

    def configured(self, name: str, trunk: Trunk | None, now: float, out: list[Any]) -> None:
        """Take up a new, changed or removed trunk."""
        former = self._registrations.pop(name, None)
        if former is not None:
            former.stop(now, out)
        self.health.configured(name, trunk, now)
        self._buckets.pop(name, None)
        if trunk is None:
            if self._statistics.pop(name, None) is not None:
                out.append(Keep(_kept_at(name), None))
            return
        self._statistics.setdefault(name, TrunkStatistics())
        if trunk.max_calls_per_s is not None:
            self._buckets[name] = TokenBucket(trunk.max_calls_per_s)
        if trunk.registrar is not None:
            self._register(name, trunk, trunk.registrar, now, out)

    def _register(self, name: str, trunk: Trunk, registrar: str, now: float, out: list[Any]) -> None:
        host, port = split_host_port(registrar)
        registration = self._registrations[name] = Registration(
            self._ua,
            registrar=uri_to(registrar),
            aor=f"sip:{trunk.username}@{uri_host(host, 0 if port == 5060 else port)}",
            sip_flow=flow_to(trunk, registrar, self._node),
            credentials=credentials(trunk),
            on_change=lambda changed, now, out: _tell(name, changed, out),
        )
        registration.start(now, out)

    # Calls

    def bindings(self, trunk: Trunk, number: str, registered: list[Binding]) -> list[list[Binding]]:
        """Where a number is reached over a trunk, one after the other: its addresses, those that are down
        last, then the contacts with which it is registered here."""
        groups = []
        for target in in_order(targets(trunk.addresses), self.health.down(trunk.name), self._draw):
            uri = uri_to(target.address, number)
            flow = flow_to(trunk, target.address, self._node)
            groups.append([Binding(uri, uri, flow, credentials=credentials(trunk))])
        for contact in registered:
            uri = str(replace(Uri.parse(contact.uri), user=number))
            groups.append([Binding(uri, uri, contact.sip_flow, credentials=credentials(trunk))])
        return groups

    def _draw(self) -> float:
        return int.from_bytes(self._entropy(4), "big") / 2**32

    def taken(self, name: str) -> None:
        self._legs[name] += 1

    def restore(self, name: str, kept: dict[str, Any]) -> None:
        """Take over the figures of a former process."""
        if name in self._statistics:
            self._statistics[name].restore(kept)

    def released(self, leg: Leg, out: list[Any]) -> None:
        """A leg on a trunk ends, in the state that it has."""
        name = leg.party.name
        self._legs[name] -= 1
        statistics = self._statistics.get(name)
        if statistics is not None:
            statistics.ended(leg.direction, leg.state == "answered", leg.final_status or 487)
            out.append(Keep(_kept_at(name), statistics))

    def has_room(self, trunk: Trunk, legs: int) -> bool:
        """Whether the trunk may carry `legs` more (0: whether those that it carries are not too many)."""
        return trunk.max_calls is None or self._legs[trunk.name] + legs <= trunk.max_calls

    def admits(self, trunk: Trunk, legs: int, now: float) -> bool:
        """Whether a call may begin now, which is one of the calls per second; `legs` as in `has_room`."""
        bucket = self._buckets.get(trunk.name)
        return self.has_room(trunk, legs) and (bucket is None or bucket.take(now))

    def snapshot(self) -> dict[str, dict[str, Any]]:
        """By trunk: calls now, what became of those before, its addresses, how our registration stands."""
        rows: dict[str, dict[str, Any]] = {
            name: {"calls": self._legs[name], **each.snapshot(), "targets": self.health.snapshot(name)}
            for name, each in self._statistics.items()
        }
        for name, registration in self._registrations.items():
            rows[name].update(registered=registration.registered, status=registration.status)
        return rows


def _kept_at(name: str) -> str:
    return f"trunk_statistics/{name}"


def _tell(name: str, registration: Registration, out: list[Any]) -> None:
    told = {"trunk": name, "registered": registration.registered, "status": registration.status}
    out.append(Fact("trunk_registration", told))
