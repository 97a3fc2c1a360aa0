"""Where audio goes to and comes from: addresses of a description, and which of ours belongs beside them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from functools import lru_cache

from softswitch.sdp.description import Media

IPV4, IPV6 = 4, 6
Hosts = Mapping[int, str]
"""Our addresses by their family, the preferred one first."""
_RTCP = re.compile(r"([0-9]{1,5})( IN IP[46] ([0-9A-Fa-f.:]{2,45}))?")


class NotAcceptable(ValueError):
    """No audio can be agreed on (488); the text says why."""


def family_of(host: str) -> int:
    return IPV6 if ":" in host else IPV4


@lru_cache(maxsize=4096)
def plain(host: str) -> str:
    """The address; one of IPv4 written as IPv6 (RFC 4291 section 2.5.5.2) as what it means. A name is refused
    (looking it up would hold up everybody's audio), and multicast: raises NotAcceptable."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise NotAcceptable("media address is not an IP address") from None
    mapped = address.ipv4_mapped if address.version == 6 else None
    address = mapped or address
    if address.is_multicast or (address.version == 4 and address.is_reserved):
        raise NotAcceptable("media address is not one host's")
    return str(address) if mapped else host


@lru_cache(maxsize=4096)
def is_unspecified(host: str) -> bool:
    """Whether the address is the old sign for hold. Raises NotAcceptable."""
    return ipaddress.ip_address(plain(host)).is_unspecified


def same_host(media: str, signalling: str) -> bool:
    """Whether both are one address, or of different families: then nothing can be said."""
    if media == signalling or family_of(media) != family_of(signalling):
        return True
    try:
        return ipaddress.ip_address(media) == ipaddress.ip_address(signalling)
    except ValueError:
        return False


def beside(host: str, ours: Hosts) -> str:
    """Our address of the family of `host`; raises NotAcceptable where we have none."""
    family = family_of(plain(host))
    if family not in ours:
        raise NotAcceptable(f"audio over IPv{family}, and the media workers have no address of it")
    return ours[family]


def rtcp_address(host: str, media: Media) -> tuple[str, int] | None:
    """Where a=rtcp wants RTCP, if it says something that can be used, of the address family of the audio."""
    value = media.attribute("rtcp")
    match = _RTCP.fullmatch(value) if value else None
    if match is None or not 0 < int(match[1]) < 65536:
        return None
    to, port = match[3] or host, int(match[1])
    try:
        usable = not is_unspecified(to) and family_of(to) == family_of(host)
    except NotAcceptable:
        return None
    return (to, port) if usable and (to, port) != (host, media.port + 1) else None
