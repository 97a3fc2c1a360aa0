"""What a phone has heard in a call."""

from __future__ import annotations

import asyncio
from array import array
from collections import deque

from softswitch.phone import g711

# Five minutes; of a longer call the end is kept.
LONGEST_PACKETS = 15_000
AUDIBLE_PEAK = 500


class Heard:
    """The payloads of a call with the time at which each came, in the order they came."""

    def __init__(self) -> None:
        self._packets: deque[tuple[float, str, bytes]] = deque(maxlen=LONGEST_PACKETS)
        self.packets = 0
        self.audible_packets = 0
        self._wanted = 0
        self._enough = asyncio.Event()

    def add(self, now: float, encoding: str, payload: bytes) -> None:
        self._packets.append((now, encoding, payload))
        self.packets += 1
        if g711.peak(payload, encoding) >= AUDIBLE_PEAK:
            self.audible_packets += 1
            if self.audible_packets >= self._wanted:
                self._enough.set()

    async def audible(self, packets: int) -> None:
        """Return as soon as so many more packets with sound have come."""
        self._wanted = self.audible_packets + packets
        self._enough.clear()
        await self._enough.wait()

    def samples(self, since: float = 0.0, until: float = float("inf")) -> array[int]:
        """The samples, at 8000 Hz, of the packets that came between two times of the event loop's clock."""
        heard = array("h")
        for now, encoding, payload in self._packets:
            if since <= now <= until:
                heard.extend(g711.decode(payload, encoding))
        return heard

    def clear(self) -> None:
        self._packets.clear()
