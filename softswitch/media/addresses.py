"""Addresses of peers as one number of 32 bits each, whatever the family: what legs and packets compare.

IPv4 is its own value. An IPv6 address has a number of class E, which no peer of IPv4 has, in a table of the
process (codecs/addresses.c). Strangers get one too, since they may have to be learned: `keep`
forgets those that no leg knows before the table is full.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softswitch.media import _codecs

IPV4, IPV6 = 4, 6
FAMILIES = {IPV4: socket.AF_INET, IPV6: socket.AF_INET6}
NOBODY = 0xFFFFFFFF
"""A source without a number; it is nobody's address."""
WIDE = 0xF0000000
"""From here on numbers stand for IPv6 addresses."""
PACKED = np.dtype((np.void, 20))
"""Item type of an IPv6 address with its scope, all zero for none: numbers mean nothing to other processes."""
_NONE = bytes(20)
_MAPPED = bytes(10) + b"\xff\xff"
_MANY = 4096
"""Numbers given out before it is looked which of them are needed; the table has four times as many."""


def family_of(host: str) -> int:
    """Of an address as text."""
    return IPV6 if ":" in host else IPV4


def number_of(host: str) -> int | None:
    """The number of a numeric address; None for the unspecified one. Raises ValueError."""
    family = FAMILIES[family_of(host)]
    try:
        packed = socket.inet_pton(family, host)
    except OSError:
        raise ValueError(f"{host!r} is no IPv4 or IPv6 address") from None
    if not any(packed):
        return None
    if packed[:12] == _MAPPED:
        raise ValueError(f"{host} is an IPv4 address in IPv6; write the IPv4 address")
    number = _codecs.wide_number(packed, 0) if len(packed) == 16 else int.from_bytes(packed, "big")
    if number == NOBODY or (len(packed) == 4 and number >= WIDE):
        raise ValueError(f"{host} cannot be a peer's address")
    return number


def is_wide(number: int) -> bool:
    return number >= WIDE


def number_of_source(source: tuple[Any, ...]) -> int:
    """Of what `recvfrom` says."""
    family = FAMILIES[family_of(source[0])]
    packed = socket.inet_pton(family, source[0].partition("%")[0])
    if len(packed) == 16:
        return _codecs.wide_number(packed, source[3])
    number = int.from_bytes(packed, "big")
    return number if number < WIDE else NOBODY


def target_of(number: int, port: int) -> tuple[Any, ...]:
    """What `sendto` wants. Raises OSError for a number that is no address any more."""
    if not is_wide(number):
        return socket.inet_ntop(socket.AF_INET, number.to_bytes(4, "big")), port
    found = _codecs.wide_address(number)
    if found is None:
        raise OSError("the address is not known any more")
    return socket.inet_ntop(socket.AF_INET6, found[0]), port, 0, found[1]


def pack(number: int) -> bytes:
    """An IPv6 address for other processes, in the layout of `PACKED`; zeros for one of IPv4."""
    found = _codecs.wide_address(number) if is_wide(number) else None
    return _NONE if found is None else found[0] + struct.pack("=I", found[1])


def unpack(packed: bytes) -> int | None:
    """The number here of what `pack` gave; None where it was no IPv6 address."""
    return None if packed == _NONE else _codecs.wide_number(packed[:16], struct.unpack("=I", packed[16:])[0])


def crowded() -> bool:
    """Whether it is time to forget numbers that nobody needs."""
    return _codecs.wide_keep() >= _MANY


def keep(numbers: Iterable[NDArray[np.uint32]]) -> None:
    """Forgets all other numbers."""
    _codecs.wide_keep(np.concatenate([*numbers]))
