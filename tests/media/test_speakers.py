"""Who speaks in a conference is told once, when it has lasted."""

from __future__ import annotations

import numpy as np

from softswitch.media.tones import tone
from tests.media.rig import Phone, Rig

SILENCE = np.zeros(8000, np.int16)
SPEECH = tone(400, 1, 8000)


def conference(rig: Rig, **more: bool) -> list[Phone]:
    phones = [rig.phone(name, SILENCE) for name in "ABC"]
    rig.do("put_bridge", id="K", members=["A", "B", "C"], edges=[], **more)
    rig.run(0.5)
    return phones


def told(rig: Rig) -> list[str]:
    assert {event["bridge"] for event in rig.events_of("active_speaker")} <= {"K"}
    return [event["leg"] for event in rig.events_of("active_speaker")]


def test_each_who_takes_the_floor_is_told_once(rig: Rig) -> None:
    a, b, _ = conference(rig, speaker=True)
    assert told(rig) == []
    a.says = SPEECH
    rig.run(0.6)
    assert told(rig) == ["A"]
    rig.run(1.0)
    a.says = SILENCE
    rig.run(1.0)
    assert told(rig) == ["A"], "silence takes the floor from nobody"
    b.says = SPEECH
    rig.run(0.8)
    assert told(rig) == ["A", "B"]


def test_a_cough_and_one_who_is_hardly_louder_do_not(rig: Rig) -> None:
    a, b, c = conference(rig, speaker=True)
    a.says = SPEECH // 2
    rig.run(0.8)
    b.says = SPEECH
    rig.run(0.16)
    b.says = SILENCE
    c.says = (SPEECH * 0.6).astype(np.int16)
    rig.run(1.0)
    assert told(rig) == ["A"]


def test_who_has_left_speaks_no_more_and_nobody_is_told_unasked(rig: Rig) -> None:
    a, b, _ = conference(rig)
    a.says = SPEECH
    rig.run(0.8)
    assert told(rig) == []
    rig.do("put_bridge", id="K", members=["A", "B", "C"], edges=[], speaker=True)
    rig.run(0.5)
    assert told(rig) == ["A"]
    rig.do("delete", kind="leg", id="A")
    rig.phone("D")
    rig.do("put_bridge", id="K", members=["B", "C", "D"], edges=[], speaker=True)
    b.says = SPEECH // 2
    rig.run(0.8)
    assert told(rig) == ["A", "B"]
