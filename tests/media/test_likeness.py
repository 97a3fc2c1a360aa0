"""Speech that went through the media plane sounds like what was said."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from softswitch.media.prompts import PromptCache
from tests.media.likeness import aligned, difference_db
from tests.media.rig import WIDE, Rig

PROMPTS = Path(__file__).parents[2] / "ivr_prompts" / "en"
RATE_HZ = {True: 16_000, False: 8_000}


def speech(name: str, rate_hz: int = 8000) -> NDArray[np.int16]:
    return PromptCache().load(str(PROMPTS / f"{name}.flac"), rate_hz)


def narrow(samples: NDArray[np.int16], codec: str) -> NDArray[np.int16]:
    """At 8 kHz, by averaging what is at 16: good enough below 3.4 kHz for both sides of a comparison."""
    if codec not in WIDE:
        return samples
    pairs = samples[: len(samples) // 2 * 2].reshape(-1, 2)
    return pairs.mean(axis=1).astype(np.int16)


def said_and_heard(rig: Rig, spoken: str, listens: str, lossy: float = 0.0) -> float:
    """A speaks in one codec, B hears in another, C is there so that all is mixed."""
    words = speech("welcome", RATE_HZ[spoken in WIDE])
    a = rig.phone("a", words, codec=spoken)
    b = rig.phone("b", codec=listens)
    rig.phone("c")
    rig.bridge("a", "b", "c")
    seed = random.Random(3)
    frame = 320 if spoken in WIDE else 160
    waiting: list[tuple[int, bytes]] = []
    for wake in range(len(words) // frame * 4):
        if wake % 4 == 0:
            packet = a.packet(wake // 4)
            late = seed.randrange(0, 5) if lossy else 0
            if seed.random() >= lossy:
                waiting += [(wake + late, packet)] * (2 if seed.random() < lossy else 1)
        for due, packet in [each for each in waiting if each[0] <= wake]:
            waiting.remove((due, packet))
            rig.arrive(a, packet)
        rig.step()
    for _ in range(40):
        rig.step()
    return compared(narrow(words, spoken), narrow(b.heard(), listens))


def compared(said: NDArray[np.int16], heard: NDArray[np.int16]) -> float:
    inner = said[800:-1600]
    return difference_db(inner, aligned(inner, heard))


@pytest.mark.parametrize(
    ("spoken", "listens", "most_db"),
    [("PCMU", "PCMU", 0.4), ("PCMU", "PCMA", 0.4), ("PCMA", "G722", 0.8), ("G722", "PCMU", 0.8),
     ("OPUS", "PCMA", 1.5), ("PCMU", "OPUS", 1.5), ("L16", "PCMU", 0.8)],
)  # fmt: skip
def test_speech_through_the_mix_sounds_as_it_was_said(
    rig: Rig, spoken: str, listens: str, most_db: float
) -> None:
    assert said_and_heard(rig, spoken, listens) < most_db


@pytest.mark.parametrize(("lossy", "most_db"), [(0.01, 1.0), (0.03, 1.3), (0.1, 2.5)])
def test_loss_jitter_reordering_and_duplicates_are_hardly_heard(
    rig: Rig, lossy: float, most_db: float
) -> None:
    assert said_and_heard(rig, "PCMU", "PCMU", lossy) < most_db


def test_a_relayed_call_is_the_same(rig: Rig) -> None:
    rig.phone("a", speech("welcome"))
    b = rig.phone("b")
    rig.bridge("a", "b")
    rig.run(len(speech("welcome")) / 8000)
    assert compared(speech("welcome"), b.heard()) < 0.4


def test_the_measure_tells_other_speech_noise_and_silence_apart() -> None:
    words = speech("welcome")
    noise = np.random.default_rng(1).normal(0, 2000, len(words)).astype(np.int16)
    other = np.resize(speech("main_menu"), len(words))
    for heard in (other, noise, np.zeros_like(words), words[::-1].copy()):
        assert difference_db(words, heard) > 6
    assert difference_db(words, words) == 0
    half = (words // 2).astype(np.int16)
    assert 3 < difference_db(words, half) < 6.5, "6 dB quieter, less what is masked"


def test_the_recording_sounds_as_it_was_said(rig: Rig) -> None:
    """By both sides' packets with a prompt between them: what the tap has."""
    words = speech("welcome")
    rig.phone("a", words)
    rig.phone("b")
    rig.bridge("a", "b")
    rig.do("put_recorder", id="R", left="a", right="b", path="/r.wav")
    rig.run(len(words) / 8000 + 0.5)
    slot = rig.taps.find("R")
    assert slot is not None
    _, frames = slot.read(10 * 8000)
    assert compared(words, frames[:, 0]) < 0.4 and not frames[:, 1].any()
