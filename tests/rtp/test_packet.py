"""RTP packets and telephone-events as bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.rtp.packet import DIGITS, BadPacket, RtpPacket, TelephoneEvent, event_of

HEADER = bytes.fromhex("80 88 0102 00000a00 deadbeef")


def test_a_packet() -> None:
    packet = RtpPacket.parse(HEADER + b"audio")
    assert (packet.payload_type, packet.marker, packet.sequence) == (8, True, 0x0102)
    assert (packet.timestamp, packet.ssrc, packet.payload) == (2560, 0xDEADBEEF, b"audio")
    assert packet.pack() == HEADER + b"audio"


def test_contributors_extension_and_padding_are_skipped() -> None:
    flags = bytes([0x80 | 0x20 | 0x10 | 2])
    extension = bytes.fromhex("bede 0002") + bytes(8)
    padded = flags + HEADER[1:] + bytes(8) + extension + b"audio" + b"\0\0\x03"
    assert RtpPacket.parse(padded).payload == b"audio"


def test_counters_wrap() -> None:
    packet = RtpPacket.parse(RtpPacket(0, 65536 + 5, 2**32 + 6, 1, b"").pack())
    assert (packet.sequence, packet.timestamp, packet.payload) == (5, 6, b"")


@pytest.mark.parametrize(
    "received",
    [
        b"",
        HEADER[:11],
        b"\x40" + HEADER[1:],
        b"\x8f" + HEADER[1:] + bytes(59),
        b"\x90" + HEADER[1:] + bytes(3),
        b"\x90" + HEADER[1:] + bytes.fromhex("bede ffff") + bytes(40),
        b"\xa0" + HEADER[1:] + b"\0",
        b"\xa0" + HEADER[1:] + b"\x05",
        b"\xa0" + HEADER[1:-1] + b"\x0d",
    ],
)
def test_not_packets(received: bytes) -> None:
    with pytest.raises(BadPacket):
        RtpPacket.parse(received)


@given(
    st.integers(0, 127),
    st.integers(0, 65535),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
    st.binary(max_size=200),
    st.booleans(),
)
def test_round_trip(
    payload_type: int, sequence: int, timestamp: int, ssrc: int, payload: bytes, marker: bool
) -> None:
    packet = RtpPacket(payload_type, sequence, timestamp, ssrc, payload, marker)
    read = RtpPacket.parse(packet.pack())
    assert read == packet and hash(read) == hash(packet)
    assert (read.payload_type, read.marker, read.payload) == (payload_type, marker, payload)


@given(st.binary(max_size=80))
def test_junk_never_crashes(junk: bytes) -> None:
    for received in (junk, b"\x80" + junk, b"\xbf" + junk):
        try:
            packet = RtpPacket.parse(received)
        except BadPacket:
            continue
        assert len(packet.payload) <= len(received) - 12


def test_a_telephone_event() -> None:
    event = TelephoneEvent.parse(bytes.fromhex("0b8a0320"))
    assert event == TelephoneEvent(11, True, 10, 800)
    assert event.digit == "#"
    assert event.pack() == bytes.fromhex("0b8a0320")


def test_several_events_in_a_packet_and_none() -> None:
    assert TelephoneEvent.parse(bytes.fromhex("010a00a0 020a00a0")).digit == "1"
    with pytest.raises(BadPacket):
        TelephoneEvent.parse(bytes(3))


@pytest.mark.parametrize(("event", "digit"), [*enumerate(DIGITS), (16, ""), (255, "")])
def test_digits(event: int, digit: str) -> None:
    assert TelephoneEvent(event, False, 10, 0).digit == digit
    if digit:
        assert event_of(digit) == event_of(digit.lower()) == event


@pytest.mark.parametrize("text", ["", "12", "E", "é", "٣"])
def test_not_digits(text: str) -> None:
    with pytest.raises(ValueError, match="not a DTMF digit"):
        event_of(text)


@given(st.integers(0, 255), st.booleans(), st.integers(0, 63), st.integers(0, 65535))
def test_event_round_trip(event: int, end: bool, volume: int, duration: int) -> None:
    value = TelephoneEvent(event, end, volume, duration)
    assert TelephoneEvent.parse(value.pack()) == value
