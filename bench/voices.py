"""The audio of all callers and agents: sends G.711 at 50 packets/s a call and counts what is heard.

`python -m bench.voices CALLERS AGENTS COUNT` binds COUNT even UDP ports from BASE_PORT on at each of the two
addresses. A stream begins when a first packet is heard: it is answered to where it came from, until
nothing has been heard for a while. Each side has a sound of its own, known byte by byte, so that every packet
of the other side's voice is recognised. At the end of standard input one JSON object is printed: for each
side the streams and packets; and of this process itself, how many packets it was too slow to read and how
long it stood still at most.
"""

from __future__ import annotations

import json
import os
import select
import socket
import struct
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

BASE_PORT = 20000
PCMA = 8
PACKET_S = 0.02
WAKE_S = 0.005
SILENCE_S = 0.2
FORGET_S = 4.0
SAMPLES = 160
_HEADER = struct.Struct("!BBHII")
_RECEIVE_BUFFER_BYTES = 4 * 2**20
# Any bytes are some sound in A-law; these two are periodic, and neither prompts nor music look like them.
VOICES = {"callers": bytes(range(0x50, 0x64)) * 8, "agents": bytes(range(0xD0, 0xE4)) * 8}

Address = tuple[str, int]


@dataclass(slots=True)
class Heard:
    """Packets of one stream by their sequence numbers, carried on beyond 16 bits."""

    first: int
    highest: int
    last_at: float
    received: int = 1
    voice: int = 0
    gap_s: float = 0.0

    def packet(self, sequence: int, now: float) -> None:
        self.gap_s = max(self.gap_s, now - self.last_at)
        self.last_at = now
        self.highest = max(self.highest, self.highest + _signed16(sequence - self.highest))
        self.received += 1

    @property
    def lost(self) -> int:
        return max(0, self.highest - self.first + 1 - self.received)


class Stream:
    """One party: what it hears, and what it says meanwhile."""

    def __init__(self, ssrc: int, sequence: int, now: float, number: int) -> None:
        self.heard_ssrc = ssrc
        self.heard = Heard(sequence, sequence, now)
        self.next_at = now
        self.sent = 0
        self._ssrc = 0x5000_0000 + number

    def hear(self, sequence: int, now: float) -> None:
        """One more packet; after a silence the answers go on from now, without making up for it."""
        if now - self.heard.last_at > SILENCE_S:
            self.next_at = now
        self.heard.packet(sequence, now)

    def speaks(self, now: float) -> bool:
        """Whether it is time for its next packet."""
        return self.next_at <= now and now - self.heard.last_at <= SILENCE_S

    def packet(self, voice: bytes) -> bytes:
        header = _HEADER.pack(0x80, PCMA, self.sent & 0xFFFF, self.sent * SAMPLES & 0xFFFFFFFF, self._ssrc)
        self.sent += 1
        self.next_at += PACKET_S
        return header + voice


@dataclass(slots=True)
class SideCounts:
    """What one side heard and said. `two_way`: streams that heard the other side's voice.

    `gap_s` is the longest time without a packet within a stream.
    """

    streams: int = 0
    two_way: int = 0
    sent: int = 0
    received: int = 0
    lost: int = 0
    gap_s: float = 0.0

    def add(self, stream: Stream) -> None:
        self.streams += 1
        self.two_way += stream.heard.voice > 0
        self.sent += stream.sent
        self.received += stream.heard.received
        self.lost += stream.heard.lost
        self.gap_s = max(self.gap_s, stream.heard.gap_s)


class Side:
    """All parties at one address."""

    def __init__(self, host: str, count: int, voice: bytes, other: bytes) -> None:
        self.counts = SideCounts()
        self._voice = voice
        self._other = other
        self._sockets = [_bound(host, BASE_PORT + 2 * number) for number in range(count)]
        self._streams: dict[tuple[socket.socket, Address], Stream] = {}
        self._number = 0

    def receive(self, now: float) -> None:
        for sock in self._sockets:
            try:
                while True:
                    packet, remote = sock.recvfrom(2048)
                    self._heard(sock, remote, packet, now)
            except BlockingIOError:
                continue

    def _heard(self, sock: socket.socket, remote: Address, packet: bytes, now: float) -> None:
        if len(packet) < _HEADER.size or packet[0] >> 6 != 2:
            return
        _, _, sequence, _, ssrc = _HEADER.unpack_from(packet)
        stream = self._streams.get((sock, remote))
        if stream is None or stream.heard_ssrc != ssrc:
            self._end(self._streams.pop((sock, remote), None))
            self._number += 1
            stream = self._streams[sock, remote] = Stream(ssrc, sequence, now, self._number)
        else:
            stream.hear(sequence, now)
        stream.heard.voice += packet[_HEADER.size :] == self._other

    def speak(self, now: float) -> None:
        for (sock, remote), stream in self._streams.items():
            if stream.speaks(now):
                sock.sendto(stream.packet(self._voice), remote)
        over = [key for key, each in self._streams.items() if now - each.heard.last_at > FORGET_S]
        for key in over:
            self._end(self._streams.pop(key))

    def close(self) -> int:
        """End every stream; packets that the kernel dropped because they were not read in time."""
        for stream in self._streams.values():
            self._end(stream)
        self._streams.clear()
        dropped = _dropped(os.fstat(sock.fileno()).st_ino for sock in self._sockets)
        for sock in self._sockets:
            sock.close()
        self._sockets.clear()
        return dropped

    def _end(self, stream: Stream | None) -> None:
        if stream is not None:
            self.counts.add(stream)


def _bound(host: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
    sock.bind((host, port))
    return sock


def _signed16(difference: int) -> int:
    return (difference + 0x8000 & 0xFFFF) - 0x8000


def _dropped(inodes: Iterable[int]) -> int:
    wanted = {str(inode) for inode in inodes}
    rows = (line.split() for line in Path("/proc/net/udp").read_text().splitlines()[1:])
    return sum(int(row[-1]) for row in rows if row[9] in wanted)


def serve(callers: Side, agents: Side) -> float:
    """Speak and listen until standard input ends; the longest time (s) from one wake-up to the next."""
    stopping = False
    stall_s, before = 0.0, time.monotonic()
    while not stopping:
        now = time.monotonic()
        stall_s, before = max(stall_s, now - before), now
        for side in (callers, agents):
            side.receive(now)
            side.speak(now)
        pause = max(0.0, now + WAKE_S - time.monotonic())
        stopping = bool(select.select([sys.stdin], [], [], pause)[0])
    return stall_s


def main(arguments: list[str]) -> None:
    """Entry point of the process."""
    hosts, count = arguments[:2], int(arguments[2])
    mine, others = VOICES["callers"], VOICES["agents"]
    callers, agents = Side(hosts[0], count, mine, others), Side(hosts[1], count, others, mine)
    print("ready", flush=True)
    stall_s = serve(callers, agents)
    dropped = callers.close() + agents.close()
    sides = {"callers": asdict(callers.counts), "agents": asdict(agents.counts)}
    print(json.dumps({**sides, "dropped": dropped, "stall_s": stall_s}))


if __name__ == "__main__":
    main(sys.argv[1:])
