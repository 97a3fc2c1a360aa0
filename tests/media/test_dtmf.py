"""Telephone events, RFC 4733: in once a digit, out with the right marker, timestamp, durations and ends."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from softswitch.media.dtmf import DIGITS, event_payload
from softswitch.media.legs import BadCommand
from softswitch.media.tones import has_tone, tone
from tests.media.rig import FRAME, Packet, Phone, Rig, continuous, rtp


def press(rig: Rig, phone: Phone, digit: str, seq: int, ts: int, *, lost: set[int] | None = None) -> None:
    """Eight packets of one event, 20 ms apart, as a phone sends them."""
    event = DIGITS.index(digit)
    durations = [160, 320, 480, 640, 800, 800, 800, 800]
    for number, duration in enumerate(durations):
        payload = event_payload(event, duration, end=number >= 5)
        if number not in (lost or set()):
            rig.arrive(phone, rtp(seq + number, ts, phone.ssrc, payload, 101, marker=number == 0))
        for _ in range(4):
            rig.step()


def digits_of(rig: Rig) -> str:
    return "".join(event["digit"] for event in rig.events_of("digit"))


def test_each_digit_is_told_once_at_its_first_packet(rig: Rig) -> None:
    a = rig.phone("a")
    rig.arrive(a, rtp(0, 0, a.ssrc, event_payload(5, 160), 101, marker=True))
    rig.step()
    assert rig.events == [{"event": "digit", "leg": "a", "digit": "5"}]
    for number, digit in enumerate("0123456789*#ABCD"):
        press(rig, a, digit, 10 + number * 8, 8000 + number * 2000)
    assert digits_of(rig) == "50123456789*#ABCD"


def test_the_same_digit_twice_is_two_digits(rig: Rig) -> None:
    a = rig.phone("a")
    press(rig, a, "7", 0, 1000)
    press(rig, a, "7", 8, 3000)
    assert digits_of(rig) == "77"


@pytest.mark.parametrize("lost", [{0}, {0, 1, 2, 3, 4}, {5, 6, 7}, {0, 2, 4, 6}])
def test_lost_packets_lose_no_digit(rig: Rig, lost: set[int]) -> None:
    a = rig.phone("a")
    press(rig, a, "3", 0, 1000, lost=lost)
    press(rig, a, "4", 8, 3000, lost=lost)
    assert digits_of(rig) == "34"


def test_a_late_copy_of_an_old_event_is_no_digit(rig: Rig) -> None:
    a = rig.phone("a")
    press(rig, a, "1", 0, 2**32 - 500)  # the next event's timestamp is beyond the wrap
    press(rig, a, "2", 8, 1500)
    rig.arrive(a, rtp(5, 2**32 - 500, a.ssrc, event_payload(1, 800, end=True), 101))
    rig.step()
    assert digits_of(rig) == "12"


def test_short_and_unknown_events_are_ignored(rig: Rig) -> None:
    a = rig.phone("a")
    for number, payload in enumerate([b"\x05", b"\x05\0\0", b"\x10\x0a\0\xa0", b"\xff" * 4]):
        rig.arrive(a, rtp(number, number * 1000, a.ssrc, payload, 101))
        rig.step()
    assert not rig.events_of("digit")


def test_a_long_relayed_event_keeps_one_timestamp(rig: Rig) -> None:
    a, b = rig.phone("a", tone(400, 1, 8000)), rig.phone("b", dtmf_send=96)
    rig.bridge("a", "b")
    rig.run(0.2)
    a.says = None
    seq, ts = a.seq + a.at, a.ts + a.at * FRAME
    for number in range(50):  # a second
        rig.arrive(a, rtp(seq + number, ts, a.ssrc, event_payload(1, 160 * (number + 1)), 101))
        for _ in range(4):
            rig.step()
    events = [p for p in b.got if p.payload_type == 96]
    assert len(events) == 50 and len({p.ts for p in events}) == 1
    assert continuous(b.got)


def sent_events(phone: Phone) -> list[list[Packet]]:
    """Event packets by timestamp."""
    events: dict[int, list[Packet]] = {}
    for packet in phone.got:
        if packet.payload_type == 101:
            events.setdefault(packet.ts, []).append(packet)
    return list(events.values())


@pytest.mark.parametrize("bridged", [False, True])
def test_digits_are_sent_as_events_within_the_legs_stream(rig: Rig, bridged: bool) -> None:
    rig.phone("a", tone(400, 1, 8000))
    b = rig.phone("b", tone(700, 1, 8000))
    if bridged:
        rig.bridge("a", "b")
    rig.run(0.3)
    rig.do("send_digits", leg="b", digits="5#")
    rig.run(0.6)
    events = sent_events(b)
    assert [packets[0].payload[0] for packets in events] == [5, 11]
    for packets in events:
        assert [p.marker for p in packets] == [True] + [False] * 6
        assert [p.payload[1] >> 7 for p in packets] == [0, 0, 0, 0, 1, 1, 1]
        assert [int.from_bytes(p.payload[2:], "big") for p in packets] == [160, 320, 480, 640, 800, 800, 800]
        assert [y.clock - x.clock for x, y in pairwise(packets)] == [FRAME] * 6
    assert (events[1][0].ts - events[0][0].ts) & 0xFFFFFFFF == 10 * FRAME
    assert continuous(b.got)
    last = events[-1][-1].clock
    assert len([p for p in b.got if p.clock > last and p.payload_type == 0]) > 8
    assert has_tone(b.heard(last + 800), 400, 8000) == bridged


def test_digits_to_a_leg_without_telephone_events_are_refused(rig: Rig) -> None:
    rig.phone("a", dtmf_send=None)
    with pytest.raises(BadCommand, match="did not agree"):
        rig.do("send_digits", leg="a", digits="1")
    rig.phone("b")
    with pytest.raises(BadCommand, match="allowed are"):
        rig.do("send_digits", leg="b", digits="1x")


def test_digits_in_a_mix_are_not_heard_as_noise(rig: Rig) -> None:
    a, b = rig.phone("a"), rig.phone("b")
    rig.phone("c")
    rig.bridge("a", "b", "c")
    press(rig, a, "5", 0, 1000)
    assert not np.any(b.heard())
    assert digits_of(rig) == "5"
