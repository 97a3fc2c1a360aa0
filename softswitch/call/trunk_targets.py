"""The addresses of a trunk: which of them is tried first (the order of RFC 2782, as for SRV records)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from softswitch.config.trunk_address import WeightedAddress, is_ip_address, uri_host
from softswitch.sip.flow import DEFAULT_PORTS, SipFlow

if TYPE_CHECKING:
    from softswitch.config import Node, Trunk

UNSAID = 0
"""Port of a name that goes without: only such a name has SRV records (RFC 3263 §4.2)."""


@lru_cache(maxsize=1024)
def targets(addresses: tuple[str, ...]) -> tuple[WeightedAddress, ...]:
    """In the order of the settings; what says no priority comes after what stands before it."""
    return tuple(WeightedAddress.parse(text, place) for place, text in enumerate(addresses, 1))


def in_order(
    given: Sequence[WeightedAddress], down: Collection[str], draw: Callable[[], float]
) -> list[WeightedAddress]:
    """Those that are `down` last; the lowest priority first, and where that is equal by chance in proportion
    to weight. `draw` gives numbers from 0 to 1."""
    if len(given) < 2:
        return [*given]
    priorities = [target.priority for target in given]

    def rank(target: WeightedAddress) -> tuple[bool, int, float]:
        alone = priorities.count(target.priority) == 1
        share = 0.0 if alone else -(draw() ** (1 / (target.weight or 0.01)))
        return target.address in down, target.priority, share

    return sorted(given, key=rank)


def flow_to(trunk: Trunk, address: str, node: Node) -> SipFlow:
    """From our listener of the trunk's transport, the first one where there is none of it, to the peer.

    An address of IPv6 or IPv4 is reached from a listener of its kind.
    """
    host, port = WeightedAddress.parse(address).place
    fitting = [listen for listen in node.sip.listen if listen.transport == trunk.transport]
    if is_ip_address(host):
        fitting = [listen for listen in fitting if (":" in listen.host) == (":" in host)] or fitting
    local = (fitting or node.sip.listen)[0].address
    if not port and is_ip_address(host):
        port = DEFAULT_PORTS.get(trunk.transport, 5060)
    return SipFlow(trunk.transport, local, (host, port or UNSAID))


def uri_to(address: str, user: str = "") -> str:
    """The SIP URI of an address, with its port if it has one."""
    host = uri_host(*WeightedAddress.parse(address).place)
    return f"sip:{user}@{host}" if user else f"sip:{host}"
