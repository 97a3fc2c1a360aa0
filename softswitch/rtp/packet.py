"""RTP packets (RFC 3550 §5.1) and telephone-events (RFC 4733 §2.3)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

HEADER_BYTES = 12
DIGITS = "0123456789*#ABCD"

_HEADER = struct.Struct("!BBHII")
_EXTENSION = struct.Struct("!HH")
_EVENT = struct.Struct("!BBH")


class BadPacket(ValueError):
    """Bytes that are not an RTP packet of version 2, or not a telephone-event."""


class RtpPacket:
    """One packet. `sequence` has 16 bits, `timestamp` and `ssrc` 32; `payload` is without padding. CSRC list
    and header extension are skipped when reading and not written."""

    __slots__ = ("marker", "payload", "payload_type", "sequence", "ssrc", "timestamp")

    def __init__(
        self,
        payload_type: int,
        sequence: int,
        timestamp: int,
        ssrc: int,
        payload: bytes,
        marker: bool = False,
    ) -> None:
        self.payload_type = payload_type
        self.sequence = sequence
        self.timestamp = timestamp
        self.ssrc = ssrc
        self.payload = payload
        self.marker = marker

    @staticmethod
    def parse(received: bytes) -> RtpPacket:
        """Read a datagram; raises BadPacket."""
        if len(received) < HEADER_BYTES:
            raise BadPacket("shorter than a header")
        flags, kind, sequence, timestamp, ssrc = _HEADER.unpack_from(received)
        if flags >> 6 != 2:
            raise BadPacket("not version 2")
        start = HEADER_BYTES + 4 * (flags & 0x0F)
        if flags & 0x10:
            start += _extension_bytes(received, start)
        end = len(received)
        if flags & 0x20:
            end -= received[-1] or end
        if start > end:
            raise BadPacket("header or padding longer than the packet")
        return RtpPacket(kind & 0x7F, sequence, timestamp, ssrc, received[start:end], kind >= 0x80)

    def pack(self) -> bytes:
        """The datagram; sequence and timestamp wrap around."""
        kind = self.payload_type | 0x80 if self.marker else self.payload_type
        header = _HEADER.pack(0x80, kind, self.sequence & 0xFFFF, self.timestamp & 0xFFFFFFFF, self.ssrc)
        return header + self.payload

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RtpPacket) and self.pack() == other.pack()

    def __hash__(self) -> int:
        return hash(self.pack())

    def __repr__(self) -> str:
        return (
            f"RtpPacket({self.payload_type}, {self.sequence}, {self.timestamp}, {self.ssrc:#x}, "
            f"{len(self.payload)} bytes{', marker' if self.marker else ''})"
        )


def _extension_bytes(received: bytes, start: int) -> int:
    if len(received) < start + _EXTENSION.size:
        raise BadPacket("header extension cut off")
    words: int = _EXTENSION.unpack_from(received, start)[1]
    return _EXTENSION.size + 4 * words


@dataclass(frozen=True, slots=True)
class TelephoneEvent:
    """The payload of one event packet. `event` 0–15 are the digits, `volume` is −dBm0 (0–63), `duration`
    counts timestamp units since the event began (the packet's timestamp)."""

    event: int
    end: bool
    volume: int
    duration: int

    @staticmethod
    def parse(payload: bytes) -> TelephoneEvent:
        """Read a payload, of several events the first; raises BadPacket."""
        if len(payload) < _EVENT.size:
            raise BadPacket("shorter than a telephone-event")
        event, flags, duration = _EVENT.unpack_from(payload)
        return TelephoneEvent(event, flags >= 0x80, flags & 0x3F, duration)

    def pack(self) -> bytes:
        """The four bytes of the payload."""
        return _EVENT.pack(self.event, (0x80 if self.end else 0) | self.volume & 0x3F, self.duration)

    @property
    def digit(self) -> str:
        """The key that was pressed, '' for an event that is not a digit (hook flash, fax tones …)."""
        return DIGITS[self.event] if self.event < len(DIGITS) else ""


def event_of(digit: str) -> int:
    """The event number of a key 0–9, *, #, A–D; raises ValueError for anything else."""
    event = DIGITS.find(digit.upper()) if len(digit) == 1 else -1
    if event < 0:
        raise ValueError(f"not a DTMF digit: {digit!r}")
    return event
