"""Where a SIP message came from or goes to, and the one output of the SIP engines: a message to send."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

# One list is passed down through all engines of a turn; the layers above append outputs of their own to it.
Outputs = list[Any]

T1: Final = 0.5
"""Estimate of the round trip, in seconds (RFC 3261 §17.1.1.1)."""
T2: Final = 4.0
"""Longest interval between retransmissions, in seconds."""
GIVE_UP: Final = 64 * T1
"""How long a request, a final response or a 2xx is repeated before it is given up, in seconds."""
NEVER: Final = float("inf")


DEFAULT_PORTS: Final = {"TLS": 5061, "WS": 80, "WSS": 443}
"""Where a URI without port leads, by transport; 5060 for others (RFC 3261 §19.1.2, RFC 7118 §5.2.3)."""


class SipFlow(NamedTuple):
    """Transport ('UDP', 'TCP', …), our address and theirs; `connection` is the driver's number of a stream.

    Port 0 of theirs is that of a name whose port is not said. `connection` 0 on a stream transport means:
    reuse a connection to `remote`, or open one.
    """

    transport: str
    local: tuple[str, int]
    remote: tuple[str, int]
    connection: int = 0

    @property
    def reliable(self) -> bool:
        return self.transport != "UDP"

    @property
    def lost_for_good(self) -> bool:
        """Whether its loss leaves no way: nothing could be opened, or only the peer can open one."""
        return self.connection == 0 or self.transport in ("WS", "WSS")

    @property
    def default_port(self) -> int:
        return DEFAULT_PORTS.get(self.transport, 5060)

    def carries(self, other: SipFlow) -> bool:
        """Whether what was sent to `other` went over this flow."""
        return (
            self.transport == other.transport
            and self.remote == other.remote
            and other.connection in (0, self.connection)
        )

    def to_state(self) -> list[Any]:
        return [self.transport, list(self.local), list(self.remote)]

    @classmethod
    def from_state(cls, state: list[Any]) -> SipFlow:
        """The flow of a former process; its streams are gone, so `connection` is 0."""
        transport, local, remote = state[:3]
        return cls(transport, (local[0], local[1]), (remote[0], remote[1]))


class Send:
    """Output: one whole message for `flow`."""

    __slots__ = ("data", "flow")

    def __init__(self, flow: SipFlow, data: bytes) -> None:
        self.flow = flow
        self.data = data

    def __repr__(self) -> str:
        return f"Send({self.flow!r}, {self.data[:60]!r}…)"
