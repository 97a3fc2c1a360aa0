"""Telephone events, RFC 4733: digits in (once each, at their first packet) and out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from softswitch.media.legs import LegTable
from softswitch.media.packets import Indices, PacketBatch

DIGITS = "0123456789*#ABCD"
FRAME = 160
_TONE_FRAMES = 5
_END_PACKETS = 3
_PAUSE_FRAMES = 3
_VOLUME = 10  # -10 dBm0


class DigitDetector:
    """Tells each event of a leg once: an event is known by its RTP timestamp (RFC 4733 section 2.2.1)."""

    def __init__(self, legs: LegTable, on_digit: Callable[[int, str], None]) -> None:
        self._legs = legs
        self._on_digit = on_digit

    def receive(self, batch: PacketBatch, index: Indices, leg: Indices) -> None:
        for row, one in zip(index.tolist(), leg.tolist(), strict=True):
            event = int(batch.rows[row, batch.offset[row]])
            if batch.size[row] >= 4 and event < len(DIGITS) and self._is_new(one, int(batch.ts[row])):
                self._on_digit(one, DIGITS[event])

    def _is_new(self, leg: int, ts: int) -> bool:
        legs = self._legs
        ahead = (ts - int(legs.event_ts[leg])) & 0xFFFFFFFF
        if legs.event_seen[leg] and (ahead == 0 or ahead >= 0x80000000):
            return False
        legs.event_ts[leg], legs.event_seen[leg] = ts, True
        return True


class DigitSender:
    """The digits that one leg is being sent, a packet for each 20 ms.

    `next_packet` returns (marker, event payload, new) with `new` on an event's first packet, None in the
    pause between digits, and raises StopIteration at the end.
    """

    def __init__(self, digits: str, scale: int = 1) -> None:
        """`scale`: timestamp units for one sample at 8 kHz."""
        self._scale = scale
        self._waiting = deque(digits)
        self._packets = self._frames()

    def add(self, digits: str) -> None:
        self._waiting.extend(digits)

    def next_packet(self) -> tuple[bool, bytes, bool] | None:
        return next(self._packets)

    def _frames(self) -> Iterator[tuple[bool, bytes, bool] | None]:
        while self._waiting:
            event = DIGITS.index(self._waiting.popleft())
            for frame in range(1, _TONE_FRAMES):
                yield frame == 1, event_payload(event, frame * FRAME * self._scale), frame == 1
            for _ in range(_END_PACKETS):
                yield False, event_payload(event, _TONE_FRAMES * FRAME * self._scale, end=True), False
            yield from [None] * _PAUSE_FRAMES


def event_payload(event: int, duration: int, *, end: bool = False) -> bytes:
    """The four bytes of RFC 4733 section 2.3; duration in timestamp units."""
    return bytes((event, 0x80 * end | _VOLUME)) + duration.to_bytes(2, "big")
