"""The sockets of a lane: a pair of UDP ports, RTP on the even one and RTCP on the one above it."""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import dataclass

from softswitch.media.addresses import FAMILIES, IPV4, IPV6, family_of

# By the family of a socket: where the kernel is told not to fragment, and to mark packets as voice.
_PATH_MTU = {IPV4: (socket.IPPROTO_IP, 10), IPV6: (socket.IPPROTO_IPV6, 23)}
_CLASS = {IPV4: (socket.IPPROTO_IP, socket.IP_TOS), IPV6: (socket.IPPROTO_IPV6, socket.IPV6_TCLASS)}
_PMTUDISC_DO = 2
_MOST_WAITING = 4096
_TOS_EXPEDITED = 0xB8
OWN = -1
"""Home of a pair from this worker's own ports; else the number of the worker that it was borrowed from."""


@dataclass(frozen=True, slots=True)
class PortPair:
    port: int
    rtp: socket.socket
    rtcp: socket.socket
    home: int = OWN

    @property
    def family(self) -> int:
        return IPV6 if self.rtp.family == socket.AF_INET6 else IPV4

    @classmethod
    def bind(cls, host: str, port: int) -> PortPair:
        """Raises OSError when either port is taken."""
        rtp = _bound(host, port)
        try:
            return cls(port, rtp, _bound(host, port + 1))
        except OSError:
            rtp.close()
            raise

    def discard(self) -> None:
        """Forgets what has arrived for whoever had this port before."""
        for sock in (self.rtp, self.rtcp):
            with suppress(BlockingIOError, ConnectionError):
                for _ in range(_MOST_WAITING):
                    sock.recv(1)

    def close(self) -> None:
        self.rtp.close()
        self.rtcp.close()


def _bound(host: str, port: int) -> socket.socket:
    family = family_of(host)
    sock = socket.socket(FAMILIES[family], socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        # Without fragmentation the kernel skips the choice of a packet id: up to a tenth of a send.
        sock.setsockopt(*_PATH_MTU[family], _PMTUDISC_DO)
        sock.setsockopt(*_CLASS[family], _TOS_EXPEDITED)
        if family == IPV6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock


def by_family(*hosts: str) -> dict[int, str]:
    """Addresses to bind on, each of its own family."""
    return {family_of(host): host for host in hosts}
