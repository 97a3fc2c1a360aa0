"""Whatever is changed in a mix is heard within a tick, and no sample jumps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from softswitch.media.routing import plan_cohort
from softswitch.media.tones import tone
from tests.media.rig import FRAME, Phone, Rig

HZ = 430
LOUDEST = 8000
"""Amplitude of the tones."""
STEEPEST = 1.15 * LOUDEST * 2 * np.pi * HZ / 8000
"""Between two samples of the tone; μ-law is exact to about a fifteenth."""


def listening(rig: Rig, codec: str = "PCMU") -> tuple[Phone, Phone]:
    """A hears B and music that is a tone too; C and D make it a conference."""
    rig.prompts["/music"] = np.zeros(8000, np.int16)
    ear, mouth = rig.phone("A", codec=codec), rig.phone("B", tone(HZ, 1, 8000), codec="PCMU")
    rig.phone("C")
    rig.phone("D")
    rig.prompts["/tone"] = tone(HZ, 1, 8000)
    rig.do("put_player", id="music", legs=[], items=["/tone"], loop=True)
    conference(rig)
    rig.run(0.6)
    return ear, mouth


def conference(rig: Rig, *edges: list[Any]) -> None:
    rig.bridge("A", "B", "C", "D", edges=[*edges])


CHANGES: dict[str, Callable[[Rig], None]] = {
    "louder": lambda rig: conference(rig, ["A", "B", 1.5]),
    "quieter": lambda rig: conference(rig, ["A", "B", 0.3]),
    "muted": lambda rig: conference(rig, ["A", "B", 0.0]),
    "music instead": lambda rig: rig.bridge("C", "D", edges=[["A", "music", 0.7]]),
    "thrown out": lambda rig: rig.bridge("B", "C", "D"),
    "the other hangs up": lambda rig: rig.do("delete", kind="leg", id="B"),
}


def steepest(samples: NDArray[np.int16], scale: int = 1) -> float:
    return float(np.abs(np.diff(samples.astype(np.int32))).max()) * scale


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("after_ms", [0, 5, 10, 15])
def test_no_change_clicks(rig: Rig, change: str, after_ms: int) -> None:
    ear, _ = listening(rig)
    rig.run(after_ms / 1000)
    began = rig.engine.clock
    before = ear.heard()[-10 * FRAME :]
    CHANGES[change](rig)
    rig.run(0.2)
    heard = np.concatenate((before, ear.heard(began)))
    factor = 1.5 if change == "louder" else 1.0
    assert steepest(heard) < factor * STEEPEST
    assert np.abs(before.astype(np.int32)).max() > 0.5 * LOUDEST
    after = np.abs(heard[11 * FRAME + FRAME :].astype(np.int32)).max()
    expected = {"louder": 1.5, "quieter": 0.3, "music instead": 0.7}.get(change, 0.0)
    assert abs(after - expected * LOUDEST) < 0.06 * LOUDEST, "full effect two frames later"


def test_a_change_is_heard_in_the_next_frame(rig: Rig) -> None:
    ear, _ = listening(rig)
    began = rig.engine.clock
    CHANGES["muted"](rig)
    rig.run(0.05)
    frames = ear.heard(began).reshape(-1, FRAME)
    assert abs(int(frames[0][-1])) < LOUDEST / 100 and np.abs(frames[0]).max() > LOUDEST / 2
    assert not frames[1].any()


def test_a_deleted_player_fades(rig: Rig) -> None:
    ear, _ = listening(rig)
    rig.bridge("C", "D", edges=[["A", "music", 1.0]])
    rig.run(0.2)
    began = rig.engine.clock
    rig.do("delete", kind="player", id="music")
    rig.do("put_player", id="other", legs=[], items=["/music"], loop=True)
    rig.run(0.2)
    heard = ear.heard(began)
    assert heard[:FRAME].any() and not heard[FRAME:].any()
    assert steepest(heard) < STEEPEST


def test_wide_ears_fade_too(rig: Rig) -> None:
    ear, _ = listening(rig, "L16")
    began = rig.engine.clock
    before = ear.heard()[-10 * FRAME :]
    CHANGES["muted"](rig)
    rig.run(0.1)
    heard = np.concatenate((before, ear.heard(began)))
    assert steepest(heard, 2) < STEEPEST and not heard[-FRAME:].any()


def test_several_changes_between_two_ticks_are_one(rig: Rig) -> None:
    ear, _ = listening(rig)
    began = rig.engine.clock
    CHANGES["muted"](rig)
    rig.engine._routing.refresh()
    CHANGES["louder"](rig)
    rig.engine._routing.refresh()
    conference(rig)
    rig.run(0.1)
    heard = ear.heard(began)
    assert steepest(heard) < STEEPEST
    assert np.abs(heard.astype(np.int32)).reshape(-1, FRAME).max(axis=1).min() > 0.9 * LOUDEST


def test_of_a_leg_that_is_gone_nothing_is_left_to_fade(rig: Rig) -> None:
    listening(rig)
    rig.do("delete", kind="leg", id="A")
    assert rig.engine.legs.index["B"] in rig.engine._routing.replaced
    rig.run(0.02)
    assert not rig.engine._routing.replaced


def test_a_thousand_who_wait_are_mixed_and_encoded_once(tmp_path: Any) -> None:
    rig = Rig(tmp_path, legs=1024)
    rig.prompts["/tone"] = tone(HZ, 1, 8000)
    rig.do("put_player", id="music", legs=[], items=["/tone"], loop=True)
    names = [f"W{number}" for number in range(1000)]
    for name in names:
        rig.phone(name)
    rig.do("put_bridge", id="all", members=[], edges=[[name, "music", 1.0] for name in names])
    rig.run(0.1)
    for cohort in range(4):
        plan = plan_cohort(rig.engine.legs, rig.engine._routing.rows, cohort)
        assert len(plan.ears) == 250 and len(plan.law) == 1
    heard = {phone.got[-1].payload for phone in rig.phones.values()}
    assert len(heard) <= 4, "one frame a cohort"


def test_a_hundred_in_a_conference_hear_all_others(tmp_path: Any) -> None:
    rig = Rig(tmp_path, legs=128)
    names = [f"M{number}" for number in range(100)]
    for name in names:
        rig.phone(name)
    rig.phones["M0"].says = tone(HZ, 1, 8000)
    rig.phones["M99"].says = np.zeros(8000, np.int16)
    rig.bridge(*names)
    began = rig.run(0.6) + 4000
    for name in names[1:]:
        assert np.abs(rig.phones[name].heard(began).astype(np.int32)).max() > 0.9 * LOUDEST
    assert not rig.phones["M0"].heard(began).any()
