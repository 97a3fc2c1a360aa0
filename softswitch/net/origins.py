"""Which web pages may open a WebSocket: a browser names the page as Origin."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence

from softswitch.config import Listen

_ORIGIN = re.compile(r"(https?)://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]{1,5})?")


class Origins:
    """The origins that one listener admits: those configured, else pages of the host that it is on itself.

    The Host header does not count: it says what the page's author wants (DNS rebinding).
    """

    def __init__(self, listen: Listen) -> None:
        self._configured = frozenset(origin.lower() for origin in listen.origins)
        self._schemes = ("https",) if listen.secure else ("http", "https")
        self._hosts = {listen.host.lower(), listen.advertised_address[0].lower()}

    def admit(self, origins: Sequence[str], local: str) -> bool:
        """Whether a handshake with these Origin headers, come in at the address `local`, may go on.

        No browser, no origin: what is no browser can be no page's tool.
        """
        if not origins:
            return True
        if len(origins) > 1:
            return False
        origin = origins[0].lower()
        if self._configured:
            return origin in self._configured
        match = _ORIGIN.fullmatch(origin)
        return match is not None and match[1] in self._schemes and self._own(match[2].strip("[]"), local)

    def _own(self, host: str, local: str) -> bool:
        return host in self._hosts or host == local or (host == "localhost" and _is_loopback(local))


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback
