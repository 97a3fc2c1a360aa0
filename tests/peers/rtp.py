"""A plain RTP end in Python, for SIPp, which cannot tell what it hears: sends a tone, keeps what comes.

Every packet is kept with its arrival time, so that gaps and missing numbers can be counted afterwards.
G.711 u-law, 20 ms; telephone-events (RFC 4733) in payload type 101 both ways.
"""

from __future__ import annotations

import random
import socket
import struct
import threading
import time
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from tests.peers.audio import tone

FRAME = 160
FRAME_S = 0.02
EVENT_TYPE = 101
KEYS = "0123456789*#ABCD"
EVENT_FRAMES = 5
ROWS = dict(zip((697, 770, 852, 941), ("123A", "456B", "789C", "*0#D"), strict=True))
COLUMNS_HZ = (1209, 1336, 1477, 1633)
KEY_HZ = {key: (row, COLUMNS_HZ[at]) for row, keys in ROWS.items() for at, key in enumerate(keys)}


def mulaw_table() -> np.ndarray:
    """Linear value of each of the 256 codes (ITU-T G.711)."""
    code = ~np.arange(256, dtype=np.uint8)
    magnitude = (((code & 15).astype(int) * 2 + 33) << ((code >> 4) & 7)) - 33
    return (np.where(code & 128, -magnitude, magnitude) * 4).astype(np.int16)


DECODE = mulaw_table()


def mulaw_encode(samples: np.ndarray) -> bytes:
    """The nearest code for each sample."""
    order = np.argsort(DECODE, kind="stable")
    levels = DECODE[order].astype(int)
    at = np.clip(np.searchsorted((levels[1:] + levels[:-1]) / 2, samples), 0, 255)
    return order[at].astype(np.uint8).tobytes()


@dataclass(frozen=True, slots=True)
class Arrival:
    at: float
    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


def read_packet(packet: bytes, at: float) -> Arrival:
    first, second, sequence, timestamp, ssrc = struct.unpack_from("!BBHII", packet)
    return Arrival(at, second & 127, sequence, timestamp, ssrc, packet[12 + 4 * (first & 15) :])


class RtpEnd:
    """Listens from the start; `talk_to` begins to send the tone. Close it after use."""

    def __init__(self, host: str, tone_hz: float, seed: int = 1) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, 0))
        self.port = int(self._socket.getsockname()[1])
        self.arrivals: list[Arrival] = []
        self.digits: list[str] = []
        self._remote: tuple[str, int] | None = None
        self._tone = mulaw_encode(tone(tone_hz, 1.0))
        chance = random.Random(seed)
        self._ssrc, self._sequence, self._sent = chance.getrandbits(32), chance.getrandbits(16), 0
        self._first_timestamp = chance.getrandbits(32)
        self._events: list[tuple[int, int]] = []
        self._sounds: list[bytes] = []
        self._last_event = -1
        self._heard = threading.Condition()
        self._running = True
        self._thread = threading.Thread(target=self._run, daemon=True, name=f"rtp {self.port}")
        self._thread.start()

    def close(self) -> None:
        self._running = False
        self._thread.join(5)
        self._socket.close()

    def talk_to(self, host: str, port: int) -> None:
        self._remote = (host, port)

    def fall_silent(self) -> None:
        self._remote = None

    def press(self, digits: str) -> None:
        """Queues telephone-events of 100 ms; they replace the tone while they last."""
        for digit in digits:
            self._events += [(KEYS.index(digit), frame) for frame in range(EVENT_FRAMES + 3)]
            self._events += [(-1, 0)] * 3

    def sound(self, digits: str) -> None:
        """Queues keys as the two tones of each (ITU-T Q.23): 100 ms, with silence before and after."""
        silence = mulaw_encode(np.zeros(5 * FRAME))
        for digit in digits:
            low, high = KEY_HZ[digit]
            both = mulaw_encode(tone(low, 0.1, level=0.2) + tone(high, 0.1, level=0.2))
            whole = silence + both + silence
            self._sounds += [whole[at : at + FRAME] for at in range(0, len(whole), FRAME)]

    def wait_for_packets(self, count: int, deadline_s: float) -> None:
        with self._heard:
            assert self._heard.wait_for(lambda: len(self.arrivals) >= count, deadline_s), (
                f"{len(self.arrivals)} packets came in {deadline_s} s, not {count}"
            )

    def _run(self) -> None:
        due = time.monotonic()
        while self._running:
            now = time.monotonic()
            while due <= now:
                if self._remote:
                    self._socket.sendto(self._next_packet(), self._remote)
                due += FRAME_S
            self._socket.settimeout(max(due - now, 0.0005))
            try:
                packet = self._socket.recv(2048)
            except OSError:
                continue
            self._arrived(packet)

    def _next_packet(self) -> bytes:
        timestamp = self._first_timestamp + self._sent * FRAME
        event, frame = self._events.pop(0) if self._events else (-1, 0)
        payload_type, marker = 0, 0
        start = self._sent * FRAME % 8000
        payload = self._tone[start : start + FRAME]
        if self._sounds:
            payload = self._sounds.pop(0)
        if event >= 0:
            ends = frame >= EVENT_FRAMES - 1
            duration = min(frame + 1, EVENT_FRAMES) * FRAME
            payload_type, marker, timestamp = EVENT_TYPE, int(frame == 0), timestamp - frame * FRAME
            payload = struct.pack("!BBH", event, 0x80 * ends | 10, duration)
        header = struct.pack(
            "!BBHII",
            0x80,
            marker << 7 | payload_type,
            self._sequence & 0xFFFF,
            timestamp & 0xFFFFFFFF,
            self._ssrc,
        )
        self._sequence += 1
        self._sent += 1
        return header + payload

    def _arrived(self, packet: bytes) -> None:
        if len(packet) < 12 or packet[0] >> 6 != 2:
            return
        arrival = read_packet(packet, time.monotonic())
        with self._heard:
            self.arrivals.append(arrival)
            if arrival.payload_type == EVENT_TYPE and arrival.timestamp != self._last_event:
                self._last_event = arrival.timestamp
                self.digits.append(KEYS[arrival.payload[0]])
            self._heard.notify_all()

    # What came.

    def heard(self) -> np.ndarray:
        """The audio placed by its timestamps, silence where nothing came; int16 at 8000 Hz."""
        audio = [arrival for arrival in list(self.arrivals) if arrival.payload_type == 0]
        if not audio:
            return np.zeros(0, np.int16)
        offsets = [(arrival.timestamp - audio[0].timestamp + 2**31) % 2**32 - 2**31 for arrival in audio]
        first = min(offsets)
        samples = np.zeros(max(offsets) - first + FRAME, np.int16)
        for arrival, offset in zip(audio, offsets, strict=True):
            values = DECODE[np.frombuffer(arrival.payload, np.uint8)][: len(samples) - (offset - first)]
            samples[offset - first : offset - first + len(values)] = values
        return samples

    def longest_gap(self) -> float:
        """The longest time between two packets in a row, seconds."""
        times = [arrival.at for arrival in list(self.arrivals)]
        return max((after - before for before, after in pairwise(times)), default=0.0)

    def missing(self) -> int:
        """How many sequence numbers between the first and the last packet never came, summed over sources."""
        count = 0
        arrivals = list(self.arrivals)
        for ssrc in {arrival.ssrc for arrival in arrivals}:
            numbers = [arrival.sequence for arrival in arrivals if arrival.ssrc == ssrc]
            unwrapped = {(number - numbers[0] + 2**15) % 2**16 - 2**15 for number in numbers}
            count += max(unwrapped) - min(unwrapped) + 1 - len(unwrapped)
        return count
