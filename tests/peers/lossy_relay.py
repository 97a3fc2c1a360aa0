"""A bad network between a phone and its far end: seeded loss, jitter, reordering and duplicates of UDP.

Stands in the path as a media relay does: the phone's SDP names `outer`, the phone itself sends to `inner`.
What befalls the n-th packet of a direction depends on the seed alone, never on the machine.
"""

from __future__ import annotations

import random
import select
import socket
import threading
import time
from dataclasses import dataclass
from heapq import heappop, heappush

from tests.peers.ports import free_port

Address = tuple[str, int]
_TICK_S = 0.05


@dataclass(frozen=True, slots=True)
class Faults:
    """Shares are 0 … 1 of all packets. Each packet is held up by up to `jitter_s`, the share `overtaken` by
    `overtaken_s` instead, so that packets sent after them come before them."""

    loss: float = 0.0
    jitter_s: float = 0.0
    overtaken: float = 0.0
    overtaken_s: float = 0.03
    duplicates: float = 0.0

    def fate(self, chance: random.Random) -> tuple[float, ...]:
        """By how much each copy of the next packet is held up, seconds; nothing when it is lost."""
        lost, twice, held = (
            chance.random() < share for share in (self.loss, self.duplicates, self.overtaken)
        )
        first, second = (chance.uniform(0, self.jitter_s) for _ in range(2))
        if held:
            first = self.overtaken_s
        return () if lost else (first, second) if twice else (first,)


class LossyRelay:
    """Between one phone and one far end, in a thread of its own, until `close`.

    `outward` befalls what the phone sends, nothing what is sent to it. `fates` has how often each of the
    phone's packets was sent on, in the order in which it sent them.
    """

    def __init__(self, host: str, outward: Faults, seed: int) -> None:
        self.fates: list[int] = []
        self._outward, self._chance = outward, random.Random(seed)
        port = free_port(host)
        # RTCP for the port above must not reach somebody else.
        self._sockets = [_bound(host, each) for each in (0, port, port + 1)]
        self._near, self._far = self._sockets[:2]
        self.inner: Address = self._near.getsockname()
        self.outer: Address = self._far.getsockname()
        self._phone: Address | None = None
        self._remote: Address | None = None
        self._due: list[tuple[float, int, bytes]] = []
        self._order = 0
        self._running = True
        self._thread = threading.Thread(target=self._run, daemon=True, name=f"relay {port}")
        self._thread.start()

    def connect(self, phone: Address, remote: Address) -> None:
        self._phone, self._remote = phone, remote

    def close(self) -> None:
        """What is still held up is dropped."""
        self._running = False
        self._thread.join(5)
        for each in self._sockets:
            each.close()

    def _run(self) -> None:
        while self._running:
            wait_s = self._due[0][0] - time.monotonic() if self._due else _TICK_S
            for ready in select.select([self._near, self._far], [], [], max(0.0, min(wait_s, _TICK_S)))[0]:
                packet = ready.recv(2048)
                if ready is self._near:
                    self._delay(packet)
                elif self._phone is not None:
                    self._near.sendto(packet, self._phone)
            self._send_due()

    def _delay(self, packet: bytes) -> None:
        copies = self._outward.fate(self._chance)
        self.fates.append(len(copies))
        for held_s in copies:
            self._order += 1
            heappush(self._due, (time.monotonic() + held_s, self._order, packet))

    def _send_due(self) -> None:
        while self._due and self._due[0][0] <= time.monotonic():
            packet = heappop(self._due)[2]
            if self._remote is not None:
                self._far.sendto(packet, self._remote)


def _bound(host: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((host, port))
    return sock
