"""Ports for peers and systems under test that must know their port before they open it."""

from __future__ import annotations

import os
import random
import socket
from contextlib import ExitStack
from pathlib import Path

# Below the range from which a kernel picks ports for those who name none: nobody gets one of these by chance.
_RANGE = range(10000, 32000)
_next = random.Random(os.getpid()).choice(_RANGE[::2])


def free_port(host: str = "127.0.0.1") -> int:
    """An even port, free for datagrams and streams as is the one above it; never the same one twice."""
    return free_ports(2, host).start


def free_ports(count: int, host: str = "127.0.0.1") -> range:
    """So many ports in a row, from an even one on, that nobody holds and that are given to nobody else."""
    global _next
    while True:
        first = _next if _next + count <= _RANGE.stop else _RANGE.start
        _next = first + count + count % 2
        if _free(host, range(first, first + count)):
            return range(first, first + count)


def is_open(port: int) -> bool:
    """Whether somebody waits on the port, as the kernel tells it: to try would be to take it away."""
    tables = (("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07"))
    for table, waits in tables:
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            _, local, _, state, *_ = line.split()
            if state == waits and int(local.rpartition(":")[2], 16) == port:
                return True
    return False


def _free(host: str, ports: range) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with ExitStack() as probes:
        for port in ports:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                probe = probes.enter_context(socket.socket(family, kind))
                try:
                    probe.bind((host, port))
                except OSError:
                    return False
    return True
