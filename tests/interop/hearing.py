"""Judging by ear what a phone heard over a whole call: prompt, music, then the other one's voice.

The prompt and the music are found by comparing with the files themselves, voices by their tone.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import soundfile

from tests.peers.audio import BLOCK_S, seconds_of, shares
from tests.peers.phone import Phone

RATE_HZ = 8000
SOUNDS = Path(__file__).parents[2] / "ivr_prompts"
WELCOME, MUSIC = "en/welcome.flac", "music/hold.flac"
FIRST_S, PIECE_S = 0.15, 0.5
ALIKE = 0.4
TALK_S = 1.0
# How long before the agent's voice there must have been music.
MUSIC_S = 0.8


def at_8000(samples: np.ndarray, rate_hz: int) -> np.ndarray:
    """Mono samples at 8000 Hz; from higher rates by averaging, good enough to recognise a sound."""
    if rate_hz == RATE_HZ:
        return samples
    step = rate_hz // RATE_HZ
    assert step * RATE_HZ == rate_hz, rate_hz
    averages: np.ndarray = samples[: len(samples) // step * step].reshape(-1, step).mean(axis=1)
    return averages.astype(np.int16)


@cache
def sound(file: str) -> np.ndarray:
    samples, rate_hz = soundfile.read(SOUNDS / file, dtype="int16")
    return at_8000(samples, rate_hz)


def cut(samples: np.ndarray, start_s: float, seconds: float) -> np.ndarray:
    return samples[round(start_s * RATE_HZ) :][: round(seconds * RATE_HZ)]


def likeness(samples: np.ndarray, piece: np.ndarray) -> np.ndarray:
    """Correlation (0..1) of the piece with the samples, for each place where it could begin."""
    wanted = piece - piece.mean()
    wanted /= max(float(np.linalg.norm(wanted)), 1.0)
    heard = samples.astype(float)
    size = 1 << (len(heard) + len(wanted)).bit_length()
    products = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(wanted, size)), size)
    energy = np.concatenate([[0.0], np.cumsum(heard**2)])
    places = max(len(heard) - len(wanted) + 1, 0)
    norms = np.sqrt(energy[len(wanted) :][:places] - energy[:places])
    floor = 100 * np.sqrt(len(wanted))
    return np.asarray(np.abs(products[:places]) / np.maximum(norms, floor))


def prompt_at(samples: np.ndarray) -> float | None:
    """When the prompt begins, seconds at 8000 Hz; None if it is not there."""
    alike = likeness(samples, cut(sound(WELCOME), FIRST_S, PIECE_S))
    return float(alike.argmax() / RATE_HZ) if alike.max(initial=0) > ALIKE else None


def is_music(samples: np.ndarray) -> bool:
    """Whether this is a piece of the music, which is at any place when a caller comes to hear it."""
    return bool(likeness(sound(MUSIC), samples).max(initial=0) > ALIKE)


def talk(samples: np.ndarray, rate_hz: int, other_hz: float) -> np.ndarray:
    """From the first to the last moment at which the other one is heard."""
    heard = np.flatnonzero(shares(samples, rate_hz, other_hz) > 0.5)
    assert len(heard), f"{other_hz} Hz is never heard"
    size = round(BLOCK_S * rate_hz)
    return samples[heard[0] * size : (heard[-1] + 1) * size]


def hears_the_other(samples: np.ndarray, rate_hz: int, own_hz: float, other_hz: float) -> None:
    """The other one's tone and nothing beside it, neither music nor the own one."""
    spoken = talk(samples, rate_hz, other_hz)
    pure_s = seconds_of(spoken, rate_hz, other_hz, share=0.9)
    own_s = seconds_of(spoken, rate_hz, own_hz)
    assert pure_s >= TALK_S, f"only {pure_s:.2f} s of {other_hz} Hz"
    assert pure_s > 0.9 * len(spoken) / rate_hz, f"{pure_s:.2f} s of {len(spoken) / rate_hz:.2f} s"
    assert own_s == 0, f"{own_s:.2f} s of its own {own_hz} Hz"


def both_hear(one: Phone, other: Phone) -> None:
    hears_the_other(*one.heard(), one.tone_hz, other.tone_hz)
    hears_the_other(*other.heard(), other.tone_hz, one.tone_hz)


def agent_hears_the_caller(agent: Phone, caller: Phone) -> None:
    """The caller from the first moment, and nothing of what the caller heard while waiting."""
    samples, rate_hz = agent.heard()
    hears_the_other(samples, rate_hz, agent.tone_hz, caller.tone_hz)
    assert prompt_at(at_8000(samples, rate_hz)) is None, "the agent hears the caller's prompt"


def caller_hears_the_way(caller: Phone, agent: Phone) -> None:
    """The prompt, then the music without the prompt, then the agent and nobody else."""
    samples, rate_hz = caller.heard()
    hears_the_other(samples, rate_hz, caller.tone_hz, agent.tone_hz)
    heard = at_8000(samples, rate_hz)
    prompt_s = prompt_at(heard)
    talk_s = float(np.flatnonzero(shares(heard, RATE_HZ, agent.tone_hz) > 0.5)[0] * BLOCK_S)
    assert prompt_s is not None, "no prompt"
    assert prompt_s < talk_s - MUSIC_S
    waiting = cut(heard, talk_s - MUSIC_S, MUSIC_S)
    assert is_music(cut(waiting, 0.1, PIECE_S)), "no music before the agent answers"
    assert prompt_at(waiting) is None, "the prompt is mixed into the music"
