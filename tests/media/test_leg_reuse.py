"""A row of the leg table that is used again: the next leg's samples are its own, call after call."""

from __future__ import annotations

import pytest

from softswitch.media.tones import has_tone, tone, tone_power
from tests.media.rig import Rig

LEFT_HZ, RIGHT_HZ = (400, 950, 1150), (700, 1450, 1900)


def recorded_call(rig: Rig, number: int, first_to_leave: str) -> None:
    """A bridged and recorded call that ends the way the switch ends it: bridge, recorder, leg by leg."""
    a, b, recorder = f"a{number}", f"b{number}", f"r{number}"
    left_hz, right_hz = LEFT_HZ[number], RIGHT_HZ[number]
    rig.phone(a, tone(left_hz, 1, 8000))
    rig.phone(b, tone(right_hz, 1, 8000))
    rig.bridge(a, b)
    rig.do("put_recorder", id=recorder, left=a, right=b, path=f"/rec/{recorder}.wav")
    rig.run(2.0)
    rig.do("delete", kind="recorder", id=recorder)
    rig.do("delete", kind="bridge", id="B")
    for leg in sorted((a, b), reverse=first_to_leave == "b"):
        rig.do("delete", kind="leg", id=leg)
        rig.phones.pop(leg)
    slot = rig.taps.find(recorder)
    assert slot is not None
    left, right = slot.read(16_000)[1][1600:].T
    assert has_tone(left, left_hz, 8000), f"call {number}, left"
    assert has_tone(right, right_hz, 8000), f"call {number}, right"
    assert tone_power(left, right_hz, 8000) < 0.01 and tone_power(right, left_hz, 8000) < 0.01


@pytest.mark.parametrize("first_to_leave", ["a", "b"])
def test_every_call_has_its_own_recording(rig: Rig, first_to_leave: str) -> None:
    for number in range(len(LEFT_HZ)):
        recorded_call(rig, number, first_to_leave)


def test_a_leg_that_leaves_under_a_bridge_leaves_nobody_counted(rig: Rig) -> None:
    for number in range(3):
        a, b = rig.phone(f"a{number}", tone(400, 1, 8000)), rig.phone(f"b{number}")
        rig.bridge(a.id, b.id)
        rig.run(0.1)
        rig.do("delete", kind="leg", id=a.id)
        rig.do("delete", kind="leg", id=b.id)
        rig.phones.clear()
    mixed = rig.phone("m", tone(950, 1, 8000))
    ear = rig.phone("ear")
    rig.bridge(edges=[[ear.id, mixed.id, 0.5]])
    rig.run(1.0)
    assert has_tone(ear.heard(since=800), 950, 8000)
