"""Making tones and finding them again. Knows nothing of the product: this is the ear that judges it.

Samples are int16 arrays of shape (n,), rates in Hz.
"""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

BLOCK_S = 0.05


def tone(frequency_hz: float, seconds: float, rate_hz: int = 8000, level: float = 0.3) -> np.ndarray:
    """A sine of `level` (1.0 is full scale)."""
    at = np.arange(round(seconds * rate_hz)) / rate_hz
    return (level * 32767 * np.sin(2 * np.pi * frequency_hz * at)).astype(np.int16)


def write_wav(path: Path, samples: np.ndarray, rate_hz: int = 8000) -> Path:
    """Mono or, from shape (n, channels), several channels, 16 bit."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(np.ascontiguousarray(samples, dtype="<i2").tobytes())
    return path


def read_wav(path: Path) -> tuple[np.ndarray, int]:
    """Samples, (n,) or (n, channels), and rate of a 16-bit file; a truncated last frame is left out."""
    with wave.open(str(path), "rb") as file:
        channels, rate_hz = file.getnchannels(), file.getframerate()
        assert file.getsampwidth() == 2, f"{path} is not 16 bit"
        raw = file.readframes(file.getnframes())
    whole = len(raw) // (2 * channels) * 2 * channels
    samples = np.frombuffer(raw[:whole], dtype="<i2")
    return (samples if channels == 1 else samples.reshape(-1, channels)), rate_hz


def shares(samples: np.ndarray, rate_hz: int, frequency_hz: float) -> np.ndarray:
    """Share (0..1) of each 50 ms block's energy that lies within 40 Hz of the frequency; 0 for silence."""
    size = round(BLOCK_S * rate_hz)
    blocks = samples[: len(samples) // size * size].reshape(-1, size).astype(np.float64)
    power = np.abs(np.fft.rfft(blocks * np.hanning(size), axis=1)) ** 2
    near = np.abs(np.fft.rfftfreq(size, 1 / rate_hz) - frequency_hz) <= 40
    total = power[:, 1:].sum(axis=1)
    loud = np.sqrt((blocks**2).mean(axis=1)) > 100
    return np.where(loud, power[:, near].sum(axis=1) / np.maximum(total, 1), 0.0)


def seconds_of(samples: np.ndarray, rate_hz: int, frequency_hz: float, share: float = 0.2) -> float:
    """For how long the tone was heard, other sounds beside it allowed (`share` of the energy suffices)."""
    return float((shares(samples, rate_hz, frequency_hz) > share).sum() * BLOCK_S)


def longest_break(samples: np.ndarray, rate_hz: int, frequency_hz: float) -> float:
    """The longest time without the tone between its first and its last block, seconds (in steps of 50 ms)."""
    heard = np.flatnonzero(shares(samples, rate_hz, frequency_hz) > 0.2)
    return float((np.diff(heard).max(initial=1) - 1) * BLOCK_S)


def loudest(samples: np.ndarray, rate_hz: int) -> float:
    """The frequency that carries the most energy of the whole piece; 0.0 for silence."""
    if len(samples) == 0 or np.abs(samples).max() < 100:
        return 0.0
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    return float(np.fft.rfftfreq(len(samples), 1 / rate_hz)[power.argmax()])
