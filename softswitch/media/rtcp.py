"""RTCP of a leg (RFC 3550 section 6): sender and receiver reports with CNAME out, the peer's reports in.

Terminated here, never forwarded: the streams on both sides of a bridge are different ones.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

_SR, _RR, _SDES, _BYE = 200, 201, 202, 203
_NTP_EPOCH = 2_208_988_800


@dataclass(frozen=True, slots=True)
class Sent:
    """What has been sent: for the sender report."""

    rtp_timestamp: int
    packets: int
    octets: int


@dataclass(frozen=True, slots=True)
class Heard:
    """What has come in, for a report block. `last_report` is (middle of its NTP time, age in s)."""

    ssrc: int
    fraction_lost: float
    lost: int
    highest: int
    jitter: int
    last_report: tuple[int, float] | None = None


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """What a peer says of a stream it hears: `lost` since its beginning, `jitter` in timestamp units.

    `last_report` is the middle of our report's NTP time, 0 if it had none; `delay_s` how long ago that was.
    """

    ssrc: int
    fraction_lost: float
    lost: int
    jitter: int
    last_report: int
    delay_s: float


@dataclass(frozen=True, slots=True)
class PeerReport:
    """The useful part of a peer's compound packet. `ntp_middle` is 0 without a sender report."""

    ssrc: int
    ntp_middle: int
    blocks: tuple[ReportBlock, ...]


def ntp_middle(utc: float) -> int:
    """The middle 32 bits of the NTP time."""
    return int((utc + _NTP_EPOCH) * 65536) & 0xFFFFFFFF


def pack_report(ssrc: int, utc: float, cname: str, sent: Sent | None, heard: Heard | None) -> bytes:
    """One compound packet: SR (or RR where nothing was sent) and SDES."""
    blocks = b"" if heard is None else _block(heard)
    count = 0 if heard is None else 1
    if sent is None:
        report = _packet(_RR, count, struct.pack(">I", ssrc) + blocks)
    else:
        seconds = int(utc)
        ntp = ((seconds + _NTP_EPOCH) & 0xFFFFFFFF, int((utc - seconds) * 2**32) & 0xFFFFFFFF)
        fields = (ssrc, *ntp, sent.rtp_timestamp, sent.packets & 0xFFFFFFFF, sent.octets & 0xFFFFFFFF)
        report = _packet(_SR, count, struct.pack(">6I", *fields) + blocks)
    text = cname.encode()[:255]
    items = struct.pack(">IBB", ssrc, 1, len(text)) + text + b"\0"
    return report + _packet(_SDES, 1, items + b"\0" * (-len(items) % 4))


def pack_bye(ssrc: int) -> bytes:
    """An empty receiver report and BYE, as a stream's end."""
    return _packet(_RR, 0, struct.pack(">I", ssrc)) + _packet(_BYE, 1, struct.pack(">I", ssrc))


def _packet(kind: int, count: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0x80 | count, kind, len(body) // 4) + body


def _block(heard: Heard) -> bytes:
    middle, age = heard.last_report or (0, 0.0)
    lost = max(-0x800000, min(heard.lost, 0x7FFFFF)) & 0xFFFFFF
    fraction = max(0, min(255, int(heard.fraction_lost * 256)))
    return struct.pack(
        ">6I",
        heard.ssrc,
        fraction << 24 | lost,
        heard.highest & 0xFFFFFFFF,
        heard.jitter & 0xFFFFFFFF,
        middle,
        int(age * 65536) & 0xFFFFFFFF,
    )


def parse_report(packet: bytes) -> PeerReport | None:
    """The first report of a compound packet; None for anything malformed."""
    if len(packet) < 8 or packet[0] >> 6 != 2 or packet[1] not in (_SR, _RR):
        return None
    blocks_at = 28 if packet[1] == _SR else 8
    if len(packet) < blocks_at + 24 * (packet[0] & 31):
        return None
    ssrc = int.from_bytes(packet[4:8], "big")
    middle = int.from_bytes(packet[10:14], "big") if packet[1] == _SR else 0
    starts = range(blocks_at, blocks_at + 24 * (packet[0] & 31), 24)
    return PeerReport(ssrc, middle, tuple([_read_block(packet[start : start + 24]) for start in starts]))


def _read_block(block: bytes) -> ReportBlock:
    ssrc, losses, _, jitter, last_report, delay = struct.unpack(">6I", block)
    lost = (losses & 0xFFFFFF) - (losses << 1 & 0x1000000)  # 24 bits, signed
    return ReportBlock(ssrc, (losses >> 24) / 256, lost, jitter, last_report, delay / 65536)
