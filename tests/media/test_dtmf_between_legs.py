"""Keys from one leg to the other where their packets cannot simply be passed on."""

from __future__ import annotations

import numpy as np
import pytest

from softswitch.media.dtmf import DIGITS, event_payload
from softswitch.media.inband import KEYS, key_frames
from softswitch.media.legs import BadCommand
from softswitch.media.tones import tone
from tests.media.keys import keys_in
from tests.media.rig import WIDE, Packet, Phone, Rig, continuous, rtp


def press(rig: Rig, phone: Phone, digit: str, payload_type: int = 101) -> None:
    """The key for 60 ms: three packets of one timestamp, then the end three times."""
    ts, said, phone.says = phone.ts + phone.at * 160, phone.says, None
    for number in range(6):
        payload = event_payload(DIGITS.index(digit), 160 * min(number + 1, 3), end=number >= 3)
        seq = phone.seq + phone.at
        rig.arrive(phone, rtp(seq, ts, phone.ssrc, payload, payload_type, marker=number == 0))
        phone.at += 1
        rig.run(0.02)
    phone.says = said


def keys(phone: Phone, payload_type: int = 101) -> str:
    """The keys that a phone is sent: one for each timestamp."""
    events = {p.ts: p.payload[0] for p in phone.got if p.payload_type == payload_type}
    return "".join(DIGITS[event] for _, event in sorted(events.items()))


def events_of(phone: Phone) -> list[Packet]:
    return [p for p in phone.got if p.payload_type == 101]


@pytest.mark.parametrize(
    "other", [{"codec": "G722"}, {"ptime_ms": 30}, {"codec": "PCMA", "ptime_ms": 40}], ids=str
)
def test_a_key_reaches_a_leg_that_gets_the_mix(rig: Rig, other: dict[str, object]) -> None:
    a = rig.phone("a", tone(400, 1, 8000))
    b = rig.phone("b", **other)  # type: ignore[arg-type]
    rig.bridge("a", "b")
    rig.run(0.3)
    for digit in "5#":
        press(rig, a, digit)
        rig.run(0.3)
    assert keys(b) == "5#" and not keys(a)
    assert [e["digit"] for e in rig.events_of("digit")] == ["5", "#"]
    assert [p.payload[1] >> 7 for p in events_of(b)] == [0, 0, 0, 0, 1, 1, 1] * 2
    assert continuous(b.got) and b.got[-1].payload_type != 101


def test_payload_types_are_those_of_each_side(rig: Rig) -> None:
    a, b = rig.phone("a", dtmf_receive=96), rig.phone("b", ptime_ms=30, dtmf_send=110)
    rig.bridge("a", "b")
    rig.run(0.1)
    press(rig, a, "7", 96)
    rig.run(0.3)
    assert keys(b, 110) == "7"


def test_a_relayed_key_is_not_sent_twice(rig: Rig) -> None:
    a, b = rig.phone("a", tone(400, 1, 8000)), rig.phone("b")
    rig.bridge("a", "b")
    rig.run(0.3)
    press(rig, a, "9")
    rig.run(0.3)
    assert keys(b) == "9" and len(events_of(b)) == 6


def test_in_a_conference_keys_stay_with_the_switch(rig: Rig) -> None:
    a, *others = (rig.phone(id, tone(400, 1, 8000)) for id in "abc")
    rig.bridge("a", "b", "c")
    rig.run(0.2)
    press(rig, a, "1")
    rig.run(0.3)
    assert len(rig.events_of("digit")) == 1 and not any(events_of(phone) for phone in others)


def test_a_leg_without_telephone_events_gets_no_key_and_goes_on(rig: Rig) -> None:
    a, b = rig.phone("a", tone(400, 1, 8000)), rig.phone("b", codec="G722", dtmf_send=None)
    rig.bridge("a", "b")
    rig.run(0.2)
    press(rig, a, "1")
    rig.run(0.2)
    assert {p.payload_type for p in b.got} == {9} and continuous(b.got)


def tones(phone: Phone, since: int) -> str:
    """The keys in the sound of what a phone is sent."""
    heard = phone.heard(since)
    if phone.codec in WIDE:
        heard = heard[::2]
    frames = heard[: len(heard) // 160 * 160].reshape(-1, 160)
    found = [KEYS[key // 4][key % 4] if key >= 0 else "" for key in keys_in(frames)]
    return "".join(key for key, before in zip(found, ["", *found], strict=False) if key and key != before)


@pytest.mark.parametrize("codec", ["PCMU", "PCMA", "G722", "OPUS"])
def test_telephone_events_become_tones_for_who_takes_no_others(rig: Rig, codec: str) -> None:
    a = rig.phone("a", tone(400, 1, 8000))
    b = rig.phone("b", codec=codec, dtmf_send=None, dtmf_receive=None, tones=True)
    rig.bridge("a", "b")
    began = rig.run(0.3)
    for digit in "5#":
        press(rig, a, digit)
        rig.run(0.4)
    assert tones(b, began) == "5#"
    assert not events_of(b) and continuous(b.got)


@pytest.mark.parametrize("codec", ["PCMU", "G722"])
def test_tones_become_telephone_events(rig: Rig, codec: str) -> None:
    frames = key_frames("7", 8000 if codec == "PCMU" else 16000)
    rig.phone("a", np.concatenate((frames * 0, frames)).ravel(), codec, dtmf_send=None, dtmf_receive=None)
    b = rig.phone("b")
    rig.bridge("a", "b")
    rig.run(0.5)
    assert keys(b).startswith("7") and set(keys(b)) == {"7"}
    assert continuous(b.got)


def test_tones_are_not_said_twice_to_who_hears_them(rig: Rig) -> None:
    plain = {"dtmf_send": None, "dtmf_receive": None, "tones": True}
    silence = np.zeros(8000, np.int16)
    a = rig.phone("a", np.concatenate((key_frames("7", 8000).ravel(), silence)), **plain)
    b = rig.phone("b", ptime_ms=30, **plain)
    rig.bridge("a", "b")
    began = rig.run(1.0)
    assert len(rig.events_of("digit")) == 1 and a.got is not None
    assert tones(b, began) == "7"


def test_tones_are_sent_when_asked_for_and_only_where_they_are_taken(rig: Rig) -> None:
    a = rig.phone("a", dtmf_send=None, tones=True)
    rig.phone("b", dtmf_send=None)
    rig.do("send_digits", leg="a", digits="12*")
    began = rig.run(0.8)
    assert tones(a, began) == "12*"
    with pytest.raises(BadCommand, match="takes no tones"):
        rig.do("send_digits", leg="b", digits="1")
