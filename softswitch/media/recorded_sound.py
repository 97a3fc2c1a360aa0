"""A recording's sound in another form, and whether it is still the same."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import soundfile

from softswitch.media.recording_file import wav_header

_FORMATS = {"flac": ("FLAC", "PCM_16"), "opus": ("OGG", "OPUS")}
_BLOCK = 1 << 16
_MOST_DIFFERENCE_DB = 3.0
_FLOOR = 50.0


SoundError = soundfile.SoundFileError
"""The file is no sound, or cannot be read or written as such."""


class NotTheSame(Exception):
    """What was compressed does not sound as before; the text says in what."""


def sha256_of(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def wav_sha256(path: Path) -> str:
    """The checksum that the WAV file had from which this lossless file was made."""
    digest = hashlib.sha256()
    with soundfile.SoundFile(path) as file:
        digest.update(wav_header(file.samplerate, file.frames))
        for block in file.blocks(_BLOCK, dtype="int16", always_2d=True):
            digest.update(block.tobytes())
    return digest.hexdigest()


def to_wav(source: Path, target: Path) -> None:
    """Raises SoundError, OSError."""
    with soundfile.SoundFile(source) as coded:
        fresh = soundfile.SoundFile(target, "w", coded.samplerate, coded.channels, "PCM_16", format="WAV")
        with fresh:
            for block in coded.blocks(_BLOCK, dtype="int16", always_2d=True):
                fresh.write(block)


def compress(source: Path, target: Path, form: str) -> None:
    """Writes `target` and checks it. Raises NotTheSame, OSError, SoundError."""
    container, subtype = _FORMATS[form]
    with (
        soundfile.SoundFile(source) as original,
        soundfile.SoundFile(
            target, "w", original.samplerate, original.channels, subtype, format=container
        ) as fresh,
    ):
        for block in original.blocks(_BLOCK, dtype="int16", always_2d=True):
            fresh.write(block)
    with open(target, "rb") as file:
        os.fsync(file.fileno())
    if form == "flac":
        if wav_sha256(target) != sha256_of(source):
            raise NotTheSame("its samples differ")
    else:
        sounds_alike(source, target)


def sounds_alike(source: Path, target: Path) -> None:
    """Compares length, to the sample, and the level of each side in every stretch. Raises NotTheSame."""
    with soundfile.SoundFile(source) as one, soundfile.SoundFile(target) as other:
        if one.frames != other.frames or one.samplerate != other.samplerate:
            raise NotTheSame(f"{other.frames} frames instead of {one.frames}")
        blocks = zip(one.blocks(_BLOCK, always_2d=True), other.blocks(_BLOCK, always_2d=True), strict=True)
        for before, after in blocks:
            levels = [np.sqrt(np.mean((each * 32768.0) ** 2, axis=0)) + _FLOOR for each in (before, after)]
            if np.abs(20 * np.log10(levels[0] / levels[1])).max() > _MOST_DIFFERENCE_DB:
                raise NotTheSame("a side is louder or quieter than it was")
