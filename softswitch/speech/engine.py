"""What an engine is, and which one a node has.

An engine turns one text into one audio file and knows nothing of calls, caches or threads. Whatever comes
to turn speech into text belongs behind the same kind of interface: one blocking function with files and
texts, run by a driver outside the switch's loop, its outcome told to the exchange as an event.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from softswitch.config.speech import Speech
from softswitch.speech.espeak import Espeak
from softswitch.speech.piper import Piper

MOST_CHARACTERS = 1000
"""Of one text: what a caller gives may be in it."""
NO_ENGINE = "there is no speech engine: install espeak-ng (on Debian: apt-get install espeak-ng)"
SWITCHED_OFF = "there is no speech engine: speech.engine is none"


class SpeechError(Exception):
    """The text could not be spoken; the message says why and what to do."""


class Engine(Protocol):
    """`identity` tells this engine with these settings from every other, for the cache."""

    @property
    def identity(self) -> str: ...

    def voice(self, language: str) -> str:
        """The voice of a language ('en', 'zh'); '' where it has none."""
        ...

    def synthesize(self, text: str, voice: str, path: Path, timeout_s: float) -> None:
        """Write `text` (one line, MOST_CHARACTERS at most) as speech to a new WAV file at `path`; blocks.

        Raises OSError, or subprocess.SubprocessError: no such voice, out of time, the engine failed.
        """
        ...


def engine_of(settings: Speech) -> Engine | None:
    """The engine that is set and usable; None where there is none (`no_engine` says why)."""
    if settings.engine == "piper":
        return Piper(settings) if Piper.installed() else None
    if settings.engine != "none" and Espeak.installed():
        return Espeak(settings)
    return None


def no_engine(settings: Speech) -> str:
    """Why there is no engine and what to do about it; '' where there is one."""
    if engine_of(settings) is not None:
        return ""
    if settings.engine == "piper":
        return "there is no speech engine: install piper (pip install 'softswitch[speech]')"
    return SWITCHED_OFF if settings.engine == "none" else NO_ENGINE
