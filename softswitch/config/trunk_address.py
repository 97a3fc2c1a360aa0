"""Addresses of a trunk as settings: `host`, `host:port`, with `;priority=N` and `;weight=N` behind it."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, NamedTuple

from pydantic import AfterValidator

from softswitch.config.base import HOST_AND_PORT, split_host_port

_PARAMETER = re.compile(r"(priority|weight)=([0-9]{1,5})")
LARGEST = 65535


class WeightedAddress(NamedTuple):
    """`address` is host or host:port; the lowest priority is tried first, equal ones share by weight."""

    address: str
    priority: int
    weight: int = 1

    @classmethod
    def parse(cls, text: str, priority: int = 1) -> WeightedAddress:
        """`priority` holds where the text has none. Raises ValueError."""
        address, *parameters = (part.strip() for part in text.split(";"))
        split_host_port(address)
        found: dict[str, int] = {}
        for parameter in parameters:
            match = _PARAMETER.fullmatch(parameter)
            if match is None or match[1] in found or int(match[2]) > LARGEST:
                allowed = f";priority=N and ;weight=N, 0 to {LARGEST}"
                raise ValueError(f"has {parameter!r} behind the address; allowed: {allowed}")
            found[match[1]] = int(match[2])
        return cls(address, found.get("priority", priority), found.get("weight", 1))

    @property
    def place(self) -> tuple[str, int]:
        """Host without brackets, and port: 0 where the address has none."""
        match = HOST_AND_PORT.fullmatch(self.address)
        assert match is not None
        return match["host"].strip("[]"), int(match["port"] or 0)


def is_ip_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def uri_host(host: str, port: int) -> str:
    """As it stands in a URI; port 0 is none."""
    named = f"[{host}]" if ":" in host else host
    return f"{named}:{port}" if port else named


def _check(text: str) -> str:
    WeightedAddress.parse(text)
    return text


WeightedAddressText = Annotated[str, AfterValidator(_check)]
