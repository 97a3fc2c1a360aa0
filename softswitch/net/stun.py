"""STUN binding requests on the SIP port: a phone's keep-alive that tells its own address (RFC 5626 §3.5.2).

Only what RFC 5389 asks of a server without authentication: requests are answered, the rest is not.
"""

from __future__ import annotations

import ipaddress
import struct

MAGIC = 0x2112A442
BINDING_REQUEST, BINDING_SUCCESS, BINDING_ERROR = 0x0001, 0x0101, 0x0111
XOR_MAPPED_ADDRESS, ERROR_CODE, UNKNOWN_ATTRIBUTES = 0x0020, 0x0009, 0x000A
FIRST_OPTIONAL = 0x8000
MAX_REQUEST = 548
_KNOWN = frozenset({0x0001, 0x0003, 0x0006, 0x0008, 0x0014, 0x0015, XOR_MAPPED_ADDRESS})
_HEADER = struct.Struct("!HHI12s")
_UNKNOWN_TEXT = b"Unknown Attribute"


def answer(datagram: bytes, remote: tuple[str, int]) -> bytes | None:
    """The response to a binding request from `remote`; None if it is none, or a broken one."""
    if not _HEADER.size <= len(datagram) <= MAX_REQUEST:
        return None
    kind, size, magic, transaction = _HEADER.unpack_from(datagram)
    if kind != BINDING_REQUEST or magic != MAGIC or size % 4 or size != len(datagram) - _HEADER.size:
        return None
    unknown = _unknown_attributes(datagram)
    if unknown is None:
        return None
    if unknown:
        code = struct.pack("!HBB", 0, 4, 20) + _UNKNOWN_TEXT
        types = struct.pack(f"!{len(unknown)}H", *unknown)
        return _message(
            BINDING_ERROR, transaction, _attribute(ERROR_CODE, code) + _attribute(UNKNOWN_ATTRIBUTES, types)
        )
    return _message(
        BINDING_SUCCESS, transaction, _attribute(XOR_MAPPED_ADDRESS, _mapped(remote, transaction))
    )


def _unknown_attributes(datagram: bytes) -> list[int] | None:
    """The attributes that we would have to understand; None where they do not fit into the message."""
    unknown, at = [], _HEADER.size
    while at < len(datagram):
        if at + 4 > len(datagram):
            return None
        kind, size = struct.unpack_from("!HH", datagram, at)
        at += 4 + size + -size % 4
        if kind < FIRST_OPTIONAL and kind not in _KNOWN and kind not in unknown:
            unknown.append(kind)
    return unknown if at == len(datagram) else None


def _mapped(remote: tuple[str, int], transaction: bytes) -> bytes:
    address = ipaddress.ip_address(remote[0].partition("%")[0])
    mask = struct.pack("!I", MAGIC) + transaction
    masked = bytes(a ^ b for a, b in zip(address.packed, mask, strict=False))
    family = 1 if address.version == 4 else 2
    return struct.pack("!BBH", 0, family, remote[1] ^ (MAGIC >> 16)) + masked


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def _message(kind: int, transaction: bytes, attributes: bytes) -> bytes:
    return _HEADER.pack(kind, len(attributes), MAGIC, transaction) + attributes
