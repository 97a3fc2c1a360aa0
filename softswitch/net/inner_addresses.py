"""Addresses that nobody outside may make the switch connect to."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def is_inner(text: str) -> bool:
    """Whether an address is no public unicast one: private, loopback, link-local, shared, multicast, or an
    IPv6 address that stands for such an IPv4 one (RFC 4291 §2.5.5, RFC 3056, RFC 4380, RFC 6052). What is
    no address counts as inner."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return True
    return any(not each.is_global or each.is_multicast or each.is_reserved for each in _meant(address))


def _meant(address: Address) -> Iterator[Address]:
    """The address itself, if it does not stand for another one, or those that it leads to."""
    if isinstance(address, ipaddress.IPv4Address):
        yield address
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    elif address.sixtofour is not None:
        yield address.sixtofour
    elif address.teredo is not None:
        yield from address.teredo
    elif address in _NAT64:
        yield ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    else:
        yield address
