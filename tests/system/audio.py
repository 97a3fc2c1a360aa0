"""RTP of one phone in a test, in which every packet counts.

A packet's arrival is stamped by the kernel, so that neither this process nor its threads can make a gap look
longer than it was.
"""

from __future__ import annotations

import os
import socket
import struct
from collections import deque
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from softswitch.phone.audio import tone_payload
from softswitch.sdp.negotiation import NegotiatedAudio
from tests.peers.lossy_relay import LossyRelay
from tests.peers.rtp import DECODE

FRAME, FRAME_S = 160, 0.02
_SILENCE = b"\xff" * FRAME
KEYS = "0123456789*#ABCD"
_SO_TIMESTAMPNS = 35
_STAMP = struct.Struct("@qq")
_HEADER = struct.Struct("!BBHII")


class Arrival(NamedTuple):
    """`at` is wall-clock time from the kernel, seconds."""

    at: float
    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


class Audio:
    """One RTP socket: sends a tone on the floor's clock, keeps every packet that comes. What it sends and is
    sent goes by way of `relay`, if there is one."""

    def __init__(self, host: str, tone_hz: int, relay: LossyRelay | None = None) -> None:
        self.sock, self._rtcp = _port_pair(host)
        self.sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self.port = int(self.sock.getsockname()[1])
        self.arrivals: list[Arrival] = []
        self.sent_at: list[float] = []
        self.digits = ""
        self._host, self._tone_hz = host, tone_hz
        self._payload = tone_payload(tone_hz, "PCMU")
        self._remote: tuple[str, int] | None = None
        self._relay = relay
        self._pattern: Sequence[bool] = (True,)
        self._dtmf = 101
        self._events: deque[tuple[int, int] | None] = deque()
        self._last_event: int | None = None
        self._sequence = int.from_bytes(os.urandom(2))
        self._timestamp = int.from_bytes(os.urandom(4))
        self._ssrc = int.from_bytes(os.urandom(4))

    def start(self, agreed: NegotiatedAudio) -> None:
        self._dtmf = agreed.dtmf_send or 101
        sends = agreed.direction in ("sendrecv", "sendonly")
        remote = agreed.remote_host, agreed.remote_port
        if self._relay is not None:
            self._relay.connect((self._host, self.port), remote)
            remote = self._relay.inner
        self._remote = remote if sends else None

    @property
    def remote(self) -> tuple[str, int]:
        """Where audio is sent: the media port of the system, or the relay before it."""
        assert self._remote is not None
        return self._remote

    @property
    def advertised_port(self) -> int:
        """What SDP names."""
        return self.port if self._relay is None else self._relay.outer[1]

    def beep(self, pattern: Sequence[bool]) -> None:
        """The tone in these of the packets, over and over, and silence in the others."""
        self._pattern = pattern

    def press(self, digits: str) -> None:
        for digit in digits:
            self._events.extend([(KEYS.index(digit), frame) for frame in range(8)] + [None] * 3)

    def close(self) -> None:
        self._remote = None
        self.sock.close()
        self._rtcp.close()

    # By the floor

    def send(self, now: float) -> None:
        if self._remote is None:
            return
        event = self._events.popleft() if self._events else None
        loud = self._pattern[len(self.sent_at) % len(self._pattern)]
        kind, timestamp, payload = 0, self._timestamp, self._payload if loud else _SILENCE
        if event is not None:
            key, frame = event
            kind, timestamp = self._dtmf | (0x80 if frame == 0 else 0), timestamp - frame * FRAME
            payload = struct.pack("!BBH", key, 0x80 * (frame > 4) | 10, min(frame + 1, 5) * FRAME)
        header = _HEADER.pack(0x80, kind, self._sequence & 0xFFFF, timestamp & 0xFFFFFFFF, self._ssrc)
        self.sock.sendto(header + payload, self._remote)
        self.sent_at.append(now)
        self._sequence += 1
        self._timestamp += FRAME

    def receive(self) -> None:
        while True:
            try:
                packet, stamps, _, _ = self.sock.recvmsg(2048, 64)
            except OSError:
                return
            if len(packet) < 12 or packet[0] >> 6 != 2:
                continue
            seconds, nanoseconds = _STAMP.unpack_from(stamps[0][2])
            _, kind, sequence, timestamp, ssrc = _HEADER.unpack_from(packet)
            arrival = Arrival(seconds + nanoseconds / 1e9, kind & 127, sequence, timestamp, ssrc, packet[12:])
            self.arrivals.append(arrival)
            if arrival.payload_type == self._dtmf and timestamp != self._last_event:
                self._last_event = timestamp
                self.digits += KEYS[arrival.payload[0]]

    # What came

    def since(self, at: float) -> list[Arrival]:
        return [each for each in [*self.arrivals] if each.at >= at]

    def gap(self, since: float) -> float:
        """The longest time between two packets in a row, seconds, until the last one."""
        return _longest([each.at for each in self.since(since)])

    def own_gap(self, since: float) -> float:
        """The longest time between two packets that we sent ourselves."""
        return _longest([at for at in [*self.sent_at] if at >= since])

    def missing(self, since: float = 0.0) -> int:
        """How many sequence numbers between the first and the last packet never came.

        A second source (ssrc) is a fault in itself and fails.
        """
        arrivals = self.since(since)
        assert len({each.ssrc for each in arrivals}) == 1, "not one source"
        first = arrivals[0].sequence
        numbers = [(each.sequence - first + 2**15) % 2**16 - 2**15 for each in arrivals]
        assert len(set(numbers)) == len(numbers), "a sequence number came twice"
        return max(numbers) - min(numbers) + 1 - len(numbers)

    def samples(self, since: float = 0.0) -> np.ndarray:
        """What was heard, in the order of arrival; int16 at 8000 Hz."""
        payloads = b"".join(each.payload for each in self.since(since) if each.payload_type == 0)
        return DECODE[np.frombuffer(payloads, np.uint8)]


def _longest(times: list[float]) -> float:
    return max((after - before for before, after in pairwise(times)), default=float("inf"))


def _port_pair(host: str) -> tuple[socket.socket, socket.socket]:
    """RTP on an even port, and the next one, so that RTCP does not reach somebody else."""
    while True:
        rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        rtp.setblocking(False)
        rtp.bind((host, 0))
        rtcp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            if rtp.getsockname()[1] % 2 == 0:
                rtcp.bind((host, rtp.getsockname()[1] + 1))
                return rtp, rtcp
        except OSError:
            pass
        rtp.close()
        rtcp.close()
