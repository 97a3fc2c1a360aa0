"""The ears that count lost audio must themselves be right."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator

import pytest

from bench.voices import BASE_PORT, FORGET_S, PACKET_S, SILENCE_S, VOICES, Heard, Side

HOST = "127.63.9.1"


@pytest.fixture
def side() -> Iterator[Side]:
    side = Side(HOST, 2, VOICES["callers"], VOICES["agents"])
    yield side
    side.close()


@pytest.fixture
def phone() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.63.9.2", 0))
        sock.settimeout(2)
        yield sock


def rtp(sequence: int, payload: bytes = b"x" * 160, ssrc: int = 7) -> bytes:
    return struct.pack("!BBHII", 0x80, 8, sequence & 0xFFFF, 0, ssrc) + payload


def say(phone: socket.socket, side: Side, now: float, *packets: bytes) -> None:
    for packet in packets:
        phone.sendto(packet, (HOST, BASE_PORT))
    side.receive(now)


@pytest.mark.parametrize(
    ("sequences", "lost"),
    [
        ([1, 2, 3], 0),
        ([1, 3], 1),
        ([1, 3, 2], 0),
        ([65534, 65535, 0, 1], 0),
        ([65534, 1], 2),
        ([65535, 0, 65534], 0),
        ([5], 0),
    ],
)
def test_lost_packets_by_sequence_number(sequences: list[int], lost: int) -> None:
    heard = Heard(sequences[0], sequences[0], 0.0)
    for sequence in sequences[1:]:
        heard.packet(sequence, 0.0)
    assert heard.lost == lost


def test_stream_is_answered_and_counted(side: Side, phone: socket.socket) -> None:
    now = time.monotonic()
    other = VOICES["agents"]
    say(phone, side, now, rtp(10), rtp(11, other), rtp(13, other))
    side.speak(now)
    side.speak(now + PACKET_S / 2)
    side.speak(now + PACKET_S)
    answers = [phone.recv(2048) for _ in range(2)]
    assert [answer[12:] for answer in answers] == [VOICES["callers"]] * 2
    assert [struct.unpack_from("!H", answer, 2)[0] for answer in answers] == [0, 1]
    side.close()
    counts = side.counts
    assert (counts.streams, counts.two_way, counts.received, counts.lost) == (1, 1, 3, 1)
    assert counts.sent == 2


def test_longest_gap() -> None:
    heard = Heard(1, 1, 0.0)
    for sequence, now in enumerate((0.02, 0.04, 0.13, 0.15), 2):
        heard.packet(sequence, now)
    assert heard.gap_s == pytest.approx(0.09)


def test_silence_is_answered_with_silence(side: Side, phone: socket.socket) -> None:
    now = time.monotonic()
    say(phone, side, now, rtp(1))
    side.speak(now + SILENCE_S + 0.01)
    say(phone, side, now + 1, rtp(3))
    side.speak(now + 1)
    side.speak(now + 1.001)
    side.close()
    assert (side.counts.streams, side.counts.sent, side.counts.lost) == (1, 1, 1)
    assert side.counts.gap_s == pytest.approx(1.0)


def test_stream_is_over_after_a_long_silence(side: Side, phone: socket.socket) -> None:
    now = time.monotonic()
    say(phone, side, now, rtp(1))
    side.speak(now + FORGET_S + 0.01)
    assert (side.counts.streams, side.counts.two_way, side.counts.sent) == (1, 0, 0)


def test_new_source_is_a_new_stream(side: Side, phone: socket.socket) -> None:
    now = time.monotonic()
    say(phone, side, now, rtp(100, ssrc=1), rtp(9000, ssrc=2))
    side.close()
    assert (side.counts.streams, side.counts.lost) == (2, 0)


def test_other_packets_are_no_audio(side: Side, phone: socket.socket) -> None:
    say(phone, side, time.monotonic(), b"", b"short", b"\x00" * 172)
    side.close()
    assert side.counts.streams == 0


def test_nothing_was_dropped_here(side: Side, phone: socket.socket) -> None:
    say(phone, side, time.monotonic(), rtp(1))
    assert side.close() == 0


def test_voices_differ() -> None:
    assert {len(voice) for voice in VOICES.values()} == {160}
    assert VOICES["callers"] != VOICES["agents"]
