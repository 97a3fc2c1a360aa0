"""Call progress tones by country, as data and as sound (ITU-T E.180 Supplement 2, E.182)."""

from __future__ import annotations

import math
import os
import struct
import wave
import zlib
from pathlib import Path
from typing import Final

from softswitch.config.node import ToneCountry

USUAL: Final[ToneCountry] = "DE"
Section = tuple[tuple[int, ...], int]
"""Frequencies in Hz that sound together (none: silence), and for how many ms."""

RATE_HZ = 8000
RMS_DBFS = -24.0
RAMP_S = 0.004
"""How fast a tone rises and falls: an edge would click."""


def _cadence(text: str) -> tuple[Section, ...]:
    """`440+480/2000 0/4000` as sections; 0 is silence."""
    sections = []
    for part in text.split():
        frequencies, _, ms = part.partition("/")
        sections.append((tuple(int(each) for each in frequencies.split("+") if each != "0"), int(ms)))
    return tuple(sections)


_SIT = "950/330 1400/330 1800/330 0/1000"
# Ringing, busy, congestion, special information. 384+416 is 400 Hz modulated with 16 Hz, 375+425 with 25 Hz.
_TABLE: Final[dict[ToneCountry, tuple[str, str, str, str]]] = {
    "AT": ("420/1000 0/5000", "420/400 0/400", "420/200 0/200", _SIT),
    "AU": (
        "400+450/400 0/200 400+450/400 0/2000",
        "425/375 0/375",
        "425/375 0/375",
        "425/2500 0/500",
    ),
    "BR": ("425/1000 0/4000", "425/250 0/250", "425/250 0/250 425/750 0/250", _SIT),
    "CH": ("425/1000 0/4000", "425/500 0/500", "425/200 0/200", _SIT),
    "CN": (
        "450/1000 0/4000",
        "450/350 0/350",
        "450/700 0/700",
        "450/100 0/100 450/100 0/100 450/100 0/100 450/400 0/400",
    ),
    "DE": ("425/1000 0/4000", "425/480 0/480", "425/240 0/240", _SIT),
    "ES": ("425/1500 0/3000", "425/200 0/200", "425/200 0/200 425/200 0/200 425/200 0/600", _SIT),
    "FR": ("440/1500 0/3500", "440/500 0/500", "440/250 0/250", _SIT),
    "GB": (
        "400+450/400 0/200 400+450/400 0/2000",
        "400/375 0/375",
        "400/400 0/350 400/225 0/525",
        _SIT,
    ),
    "IN": ("375+425/400 0/200 375+425/400 0/2000", "400/750 0/750", "400/250 0/250", _SIT),
    "IT": ("425/1000 0/4000", "425/500 0/500", "425/200 0/200", _SIT),
    "JP": ("384+416/1000 0/2000", "400/500 0/500", "400/500 0/500", _SIT),
    "NL": ("425/1000 0/4000", "425/500 0/500", "425/250 0/250", _SIT),
    "US": ("440+480/2000 0/4000", "480+620/500 0/500", "480+620/250 0/250", _SIT),
}
RECORD_BEEP: Final = "record_beep"
_BEEP = _cadence("0/1000 1400/200 0/13800")
"""Tells that the call is recorded: 1400 Hz every 15 s, as the rules of the FCC (47 CFR 64.501) had it."""
SUPERVISION_BEEP: Final = "supervision_beep"
_TWO_BEEPS = _cadence("1400/100 0/100 1400/100")
"""Tells who is supervised that somebody listens from now on."""
NAMES: Final = ("ringback", "busy", "congestion", "special_information")
CADENCES: Final[dict[ToneCountry, dict[str, tuple[Section, ...]]]] = {
    country: dict(zip(NAMES, map(_cadence, texts), strict=True)) for country, texts in _TABLE.items()
}


def samples(sections: tuple[Section, ...]) -> list[int]:
    """One round of a cadence at RATE_HZ, to be repeated; 16-bit samples."""
    sound: list[int] = []
    for frequencies, ms in sections:
        count = ms * RATE_HZ // 1000
        if not frequencies:
            sound += [0] * count
            continue
        peak = 32767 * 10 ** (RMS_DBFS / 20) * math.sqrt(2 / len(frequencies))
        steps = [2 * math.pi * each / RATE_HZ for each in frequencies]
        ramp = int(RAMP_S * RATE_HZ)
        for n in range(count):
            level = peak * min(1.0, n / ramp, (count - n) / ramp)
            sound.append(round(level * sum([math.sin(step * n) for step in steps])))
    return sound


def tone_files(directory: Path, country: ToneCountry) -> dict[str, str]:
    """Paths of the country's tones by name, made in `directory` unless they are there. Raises OSError."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    named = {name: CADENCES[country][name] for name in NAMES}
    files = {name: str(_file(directory, country, name, cadence)) for name, cadence in named.items()}
    everywhere = {RECORD_BEEP: _BEEP, SUPERVISION_BEEP: _TWO_BEEPS}
    return files | {name: str(_file(directory, "any", name, cadence)) for name, cadence in everywhere.items()}


def _file(directory: Path, country: str, name: str, sections: tuple[Section, ...]) -> Path:
    """A file named by what is in it, so that another version of the data makes another one."""
    path = directory / f"{country}-{name}-{zlib.crc32(repr((sections, RMS_DBFS)).encode()):08x}.wav"
    if not path.exists():
        sound = samples(sections)
        unfinished = path.with_suffix(f".{os.getpid()}")
        with wave.open(str(unfinished), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE_HZ)
            file.writeframes(struct.pack(f"<{len(sound)}h", *sound))
        unfinished.replace(path)
    return path
