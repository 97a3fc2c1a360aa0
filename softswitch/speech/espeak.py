"""espeak-ng as a speech engine: a program of the system, a process for each text."""

from __future__ import annotations

import shutil
import subprocess
from functools import lru_cache
from pathlib import Path

from softswitch.config.speech import Speech

PROGRAM = "espeak-ng"
VOICES = {"en": "en-us", "zh": "cmn"}


class Espeak:
    """Formant synthesis: plain, but there for a hundred languages, and a text takes some 50 ms."""

    def __init__(self, settings: Speech) -> None:
        self._voices = {**VOICES, **{str(language): voice for language, voice in settings.voices.items()}}
        self._words_per_minute = settings.words_per_minute

    @staticmethod
    def installed() -> bool:
        return shutil.which(PROGRAM) is not None

    @property
    def identity(self) -> str:
        return f"{PROGRAM} {self._words_per_minute}"

    def voice(self, language: str) -> str:
        return self._voices.get(language, "")

    def synthesize(self, text: str, voice: str, path: Path, timeout_s: float) -> None:
        """As `Engine.synthesize`. The text goes over standard input, and what espeak-ng would read as
        phonemes ([[…]]) is taken apart: a caller's text is said, never obeyed."""
        if voice.partition("+")[0].lower() not in _known(timeout_s):
            # It would speak with another voice and tell nobody.
            raise OSError(f"{PROGRAM} has no voice {voice!r}; {PROGRAM} --voices lists those there are")
        command = [PROGRAM, "-v", voice, "-s", str(self._words_per_minute), "-b", "1", "-w", str(path)]
        subprocess.run(
            [*command, "--stdin"],
            input=text.replace("[[", "[ [").encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=timeout_s,
            check=True,
        )


@lru_cache(maxsize=1)
def _known(timeout_s: float) -> frozenset[str]:
    """Languages and names of the voices."""
    command = [PROGRAM, "--voices"]
    listed = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=True).stdout
    rows = (line.split() for line in listed.splitlines()[1:])
    return frozenset(name.lower() for row in rows if len(row) > 4 for name in (row[1], row[3], row[4]))
