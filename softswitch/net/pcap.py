"""Traced messages as a capture file (libpcap, raw IP): each one datagram, whichever transport carried it."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable, Mapping
from typing import BinaryIO

from softswitch.net.trace import Traced

_MAGIC, _VERSION, _SNAP, _LINK_RAW = 0xA1B2C3D4, (2, 4), 0x40000, 101
_UDP, _TTL = 17, 64
_UDP_HEADER = 8
# What fits in one IPv4 datagram; a longer message of a stream is cut off there.
MAX_MESSAGE = 65535 - 20 - _UDP_HEADER

Address = tuple[str, int]
Ip = ipaddress.IPv4Address | ipaddress.IPv6Address


def write_pcap(file: BinaryIO, messages: Iterable[Traced], addresses: Mapping[str, str]) -> int:
    """Write all of them; the number written. `addresses` tells where a host name or a wildcard is."""
    file.write(struct.pack("<IHHiIII", _MAGIC, *_VERSION, 0, 0, _SNAP, _LINK_RAW))
    count = 0
    for message in messages:
        packet = datagram(message, addresses)
        micros = round(message.at * 1e6)
        file.write(struct.pack("<IIII", micros // 1_000_000, micros % 1_000_000, len(packet), len(packet)))
        file.write(packet)
        count += 1
    return count


def datagram(message: Traced, addresses: Mapping[str, str]) -> bytes:
    """One message as an IP packet with a UDP header and right checksums."""
    local, remote = (_ip(host, addresses) for host, _ in (message.flow.local, message.flow.remote))
    if local.version != remote.version:
        # A name that nobody has resolved, or 0.0.0.0 beside an IPv6 peer.
        local, remote = (_v6(each) for each in (local, remote))
    near, far = (local, message.flow.local[1]), (remote, message.flow.remote[1])
    (source, from_port), (target, to_port) = (near, far) if message.sent else (far, near)
    data = message.data[:MAX_MESSAGE]
    length = _UDP_HEADER + len(data)
    pseudo = source.packed + target.packed + struct.pack("!IBBBB", length, 0, 0, 0, _UDP)
    header = struct.pack("!HHHH", from_port, to_port, length, 0)
    checksum = _checksum(pseudo + header + data) or 0xFFFF
    udp = header[:6] + struct.pack("!H", checksum) + data
    if source.version == 6:
        return struct.pack("!IHBB", 6 << 28, length, _UDP, _TTL) + source.packed + target.packed + udp
    fields = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 0, 0x4000, _TTL, _UDP, 0)
    checksum = _checksum(fields + source.packed + target.packed)
    return fields[:10] + struct.pack("!H", checksum) + source.packed + target.packed + udp


def _ip(host: str, addresses: Mapping[str, str]) -> Ip:
    try:
        return ipaddress.ip_address(addresses.get(host, host).partition("%")[0])
    except ValueError:
        return ipaddress.IPv4Address(0)


def _v6(address: Ip) -> Ip:
    return address if address.version == 6 else ipaddress.IPv6Address(f"::ffff:{address}")


def _checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
