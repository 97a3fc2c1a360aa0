"""Text to speech: which engine speaks, with which voices, and what is kept of it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from softswitch.config.acd import Language
from softswitch.config.base import Line, Model, PositiveSeconds


class Speech(Model):
    """Text to speech, for `text` in flows."""

    engine: Literal["auto", "espeak-ng", "piper", "none"] = Field(
        default="auto",
        description="What speaks texts. auto: espeak-ng where it is installed; piper: the package piper-tts,"
        " which needs a voice for each language; none: texts must be prompts of the manifest.",
    )
    voices: dict[Language, Line] = Field(
        default={},
        description="Voice by language: a name that espeak-ng knows (en-us, cmn), or the file of a piper"
        " voice (.onnx).",
    )
    words_per_minute: int = Field(default=160, ge=80, le=400, description="How fast espeak-ng speaks.")
    cache_mebibytes: int = Field(
        default=200,
        ge=1,
        le=100_000,
        description="Room for spoken texts in state_dir/speech; the least recently heard make way.",
    )
    timeout_s: PositiveSeconds = Field(
        default=10, description="How long an engine may take for one text; then it is left out."
    )
