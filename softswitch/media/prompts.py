"""Prompt files as samples: decoded, mixed to mono, resampled, and kept in memory.

A prompt is decoded once per rate and then shared by every leg that plays it, so playing costs one slice.
"""

from __future__ import annotations

import os
import stat
from collections import OrderedDict
from functools import lru_cache
from math import ceil, gcd
from typing import cast

import numpy as np
import soundfile

from softswitch.media.arrays import FloatSamples, Samples

MAX_SECONDS = 20 * 60
MAX_RATE_HZ = 192_000
MAX_CHANNELS = 8
_ZERO_CROSSINGS = 12
_KAISER_BETA = 7.0
_PASSBAND = 0.94


class PromptError(Exception):
    """The prompt cannot be played: missing, not audio, corrupt, or too long."""


class PromptCache:
    """Decoded prompts by path and rate, the least recently played dropped beyond `max_bytes`."""

    def __init__(self, max_bytes: int = 128 * 1024 * 1024) -> None:
        self.size_bytes = 0
        self._max_bytes = max_bytes
        self._kept: OrderedDict[tuple[str, int], tuple[tuple[int, int], Samples]] = OrderedDict()

    def load(self, path: str | os.PathLike[str], rate_hz: int) -> Samples:
        """The whole prompt as a read-only int16[n] at `rate_hz`.

        A file that was replaced since it was decoded is decoded again.
        Raises PromptError.
        """
        key = (os.fspath(path), rate_hz)
        identity = _identity(key[0])
        kept = self._kept.get(key)
        if kept is not None and kept[0] == identity:
            self._kept.move_to_end(key)
            return kept[1]
        samples = _decode(key[0], rate_hz)
        self._keep(key, identity, samples)
        return samples

    def _keep(self, key: tuple[str, int], identity: tuple[int, int], samples: Samples) -> None:
        former = self._kept.pop(key, None)
        if former is not None:
            self.size_bytes -= former[1].nbytes
        self._kept[key] = (identity, samples)
        self.size_bytes += samples.nbytes
        while self.size_bytes > self._max_bytes and len(self._kept) > 1:
            self.size_bytes -= self._kept.popitem(last=False)[1][1].nbytes


def _identity(path: str) -> tuple[int, int]:
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:
        raise PromptError(f"prompt {path!r}: {error}") from error
    if not stat.S_ISREG(status.st_mode):  # opening a FIFO would block the worker for ever
        raise PromptError(f"prompt {path!r}: not a regular file")
    return status.st_mtime_ns, status.st_size


def _decode(path: str, rate_hz: int) -> Samples:
    try:
        with soundfile.SoundFile(path) as file:
            _check_bounds(path, file)
            limit = MAX_SECONDS * file.samplerate
            frames: FloatSamples = file.read(limit, dtype="float32", always_2d=True)
            source_rate_hz = file.samplerate
    except (soundfile.SoundFileError, OSError, ValueError, TypeError) as error:
        raise PromptError(f"prompt {path!r}: {error}") from error
    if not len(frames):
        raise PromptError(f"prompt {path!r}: holds no audio")
    mono = frames[:, 0] if frames.shape[1] == 1 else frames.mean(axis=1, dtype=np.float32)
    samples = to_int16(resample(mono, source_rate_hz, rate_hz))
    samples.flags.writeable = False
    return samples


def _check_bounds(path: str, file: soundfile.SoundFile) -> None:
    """A few crafted bytes may claim hours or thousands of channels; memory stays bounded all the same."""
    if not 1000 <= file.samplerate <= MAX_RATE_HZ or not 1 <= file.channels <= MAX_CHANNELS:
        raise PromptError(f"prompt {path!r}: {file.samplerate} Hz, {file.channels} channels: out of range")
    if file.frames > MAX_SECONDS * file.samplerate:
        raise PromptError(f"prompt {path!r}: longer than {MAX_SECONDS} s")


def to_int16(samples: FloatSamples) -> Samples:
    """Float samples in -1…1 as int16, rounded, saturating; NaN becomes silence."""
    scaled = np.rint(np.nan_to_num(samples, nan=0.0) * np.float32(32768.0))
    return cast(Samples, np.clip(scaled, -32768, 32767).astype(np.int16))


def resample(samples: FloatSamples, from_hz: int, to_hz: int) -> FloatSamples:
    """float32[n] at `from_hz` as float32[ceil(n·to/from)] at `to_hz`: polyphase windowed sinc, no delay."""
    if from_hz == to_hz:
        return np.asarray(samples, dtype=np.float32)
    divisor = gcd(from_hz, to_hz)
    up, down = to_hz // divisor, from_hz // divisor
    taps = polyphase_taps(up, down)
    half = taps.shape[1] // 2
    count = ceil(len(samples) * up / down)
    padded = np.pad(np.asarray(samples, dtype=np.float32), (half - 1, half + down))
    windows = np.lib.stride_tricks.sliding_window_view(padded, taps.shape[1])
    out = np.empty(count, dtype=np.float32)
    for first in range(min(up, count)):
        start, phase = divmod(first * down, up)
        rows = len(range(first, count, up))
        out[first::up] = windows[start : start + (rows - 1) * down + 1 : down] @ taps[phase]
    return out


@lru_cache(maxsize=16)
def polyphase_taps(up: int, down: int) -> FloatSamples:
    """float32[up, width]: row p interpolates at p/up of a sample past the middle of its window."""
    cutoff = _PASSBAND * min(1.0, up / down)
    half = ceil(_ZERO_CROSSINGS / cutoff)
    offsets = np.arange(-half + 1, half + 1)[None, :] - np.arange(up)[:, None] / up
    window = np.i0(_KAISER_BETA * np.sqrt(np.clip(1 - (offsets / half) ** 2, 0, 1)))
    taps = np.sinc(offsets * cutoff) * window
    return np.asarray(taps / taps.sum(axis=1, keepdims=True), dtype=np.float32)
