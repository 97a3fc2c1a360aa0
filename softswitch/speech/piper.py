"""Piper as a speech engine: neural voices, from the package piper-tts (an extra), in a process of its own."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

from softswitch.config.speech import Speech


class Piper:
    """Each text loads the voice anew, which takes a second or two: for texts that are known before a call."""

    def __init__(self, settings: Speech) -> None:
        self._voices = {str(language): voice for language, voice in settings.voices.items()}

    @staticmethod
    def installed() -> bool:
        return importlib.util.find_spec("piper") is not None

    @property
    def identity(self) -> str:
        return "piper"

    def voice(self, language: str) -> str:
        return self._voices.get(language, "")

    def synthesize(self, text: str, voice: str, path: Path, timeout_s: float) -> None:
        """As `Engine.synthesize`; the voice is the path of an .onnx file with its .onnx.json beside it."""
        subprocess.run(
            [sys.executable, "-m", "piper", "--model", voice, "--output-file", str(path)],
            input=text.encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=timeout_s,
            check=True,
        )
