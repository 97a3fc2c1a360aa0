"""Keys in the sound: all sixteen in noise, at the edges of what phones do, and none in speech."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from softswitch.media import _codecs
from softswitch.media.inband import _BASIS, KEYS
from softswitch.media.prompts import PromptCache
from tests.media.keys import FRAME, keys_in
from tests.media.keys import TONES_HZ as EIGHT_HZ
from tests.media.rig import Rig

TONES_HZ = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
ALL = "".join(KEYS)
SPEECH = sorted((Path(__file__).parents[2] / "ivr_prompts").rglob("*.flac"))


def key(
    digit: str, ms: int = 80, *, level: float = 4000.0, wrong: float = 0.0, twist_db: float = 0.0
) -> NDArray[np.float64]:
    row, column = divmod(ALL.index(digit), 4)
    at = np.arange(ms * 8) / 8000
    low = np.sin(2 * np.pi * TONES_HZ[0][row] * (1 + wrong) * at)
    return level * (low + 10 ** (twist_db / 20) * np.sin(2 * np.pi * TONES_HZ[1][column] * (1 + wrong) * at))


def dialled(digits: str, pause_ms: int = 80, **how: float) -> NDArray[np.int16]:
    pause = np.zeros(pause_ms * 8)
    pieces = [piece for digit in digits for piece in (key(digit, **how), pause)]  # type: ignore[arg-type]
    return np.concatenate([pause, *pieces])


def heard(rig: Rig, samples: NDArray[np.float64], **fields: object) -> str:
    rig.phone("a", samples.astype(np.int16), **{"dtmf_receive": None, **fields})  # type: ignore[arg-type]
    rig.run(len(samples) / 8000 + 0.1)
    return "".join(event["digit"] for event in rig.events_of("digit"))


def test_all_keys(rig: Rig) -> None:
    assert heard(rig, dialled(ALL)) == ALL


def test_the_same_key_again_and_again(rig: Rig) -> None:
    assert heard(rig, dialled("5555")) == "5555"


def test_a_long_key_is_one_key(rig: Rig) -> None:
    assert heard(rig, np.concatenate([np.zeros(800), key("8", 900), np.zeros(1600)])) == "8"


@pytest.mark.parametrize("wrong", [-0.012, 0.012])
def test_tones_that_are_off(rig: Rig, wrong: float) -> None:
    assert heard(rig, dialled(ALL, wrong=wrong)) == ALL


@pytest.mark.parametrize("twist_db", [-6.0, 4.0])
def test_tones_of_unequal_level(rig: Rig, twist_db: float) -> None:
    assert heard(rig, dialled("159D", twist_db=twist_db)) == "159D"


def test_faint_keys_in_noise(rig: Rig) -> None:
    samples = dialled(ALL, level=400.0)
    noise = np.random.default_rng(2).normal(0, 60, len(samples))
    assert heard(rig, samples + noise) == ALL


def test_single_tones_and_other_pairs_are_no_keys(rig: Rig) -> None:
    at = np.arange(3200) / 8000
    pairs = [(697, 0), (0, 1336), (440, 480), (350, 440), (697, 770), (1209, 1336), (941, 2500)]
    sounds = [4000 * (np.sin(2 * np.pi * a * at) + np.sin(2 * np.pi * b * at)) for a, b in pairs]
    assert heard(rig, np.concatenate(sounds)) == ""


def test_speech_holds_no_keys(rig: Rig) -> None:
    cache = PromptCache()
    speech = np.concatenate([cache.load(path, 8000) for path in SPEECH])
    assert len(speech) > 60 * 8000
    assert heard(rig, speech[: 240 * 8000].astype(float)) == ""


def test_a_leg_with_telephone_events_is_not_listened_to(rig: Rig) -> None:
    assert heard(rig, dialled("12"), dtmf_receive=101) == ""
    assert not rig.engine.legs.in_ring.any()


def test_the_ring_is_given_back(rig: Rig) -> None:
    heard(rig, dialled("1"))
    rig.do("delete", kind="leg", id="a")
    assert not rig.engine.legs.in_ring.any()


def test_a_key_in_the_sound_reaches_the_other_leg_as_an_event(rig: Rig) -> None:
    other = rig.phone("b", ptime_ms=30)
    rig.bridge("a", "b")
    assert heard(rig, dialled("7")) == "7"
    rig.run(0.2)
    assert {p.payload[0] for p in other.got if p.payload_type == 101} == {7}


def test_the_kernel_finds_the_keys_that_numpy_finds_and_tells_each_once() -> None:
    rng = np.random.default_rng(8)
    at = np.arange(FRAME) / 8000
    low, high = (EIGHT_HZ[part][rng.integers(0, 4, 3000)] for part in (slice(4), slice(4, 8)))
    loudness, twist = 10 ** rng.uniform(1.5, 4, 3000), 10 ** rng.uniform(-0.5, 0.5, 3000)
    tones = [np.sin(2 * np.pi * hertz[:, None] * at + rng.uniform(0, 6, (3000, 1))) for hertz in (low, high)]
    sound = loudness[:, None] * (tones[0] + twist[:, None] * tones[1])
    sound += rng.normal(0, 1, sound.shape) * (loudness * rng.uniform(0, 0.9, 3000))[:, None]
    frames = np.clip(sound, -32000, 32000).astype(np.int16)
    expected = keys_in(frames)
    n = len(frames)
    leg, told = np.arange(n, dtype=np.int32), np.zeros(n, np.int32)
    heard, was_told, run = np.full(n, -1, np.int8), np.full(n, -1, np.int8), np.zeros(n, np.int32)
    counts = [_codecs.keys(frames, _BASIS, leg, heard, was_told, run, told) for _ in range(3)]
    assert (heard == expected).all() and (was_told == expected).all() and (run >= 3).all()
    assert counts == [0, (expected >= 0).sum(), 0] and 500 < counts[1] < 2500
    _codecs.keys(np.zeros_like(frames), _BASIS, leg, heard, was_told, run, told)
    assert (heard == -1).all() and (was_told == expected).all() and (run[expected >= 0] == 1).all()
