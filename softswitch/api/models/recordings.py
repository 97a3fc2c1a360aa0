"""Finished recordings."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from softswitch.api.models.records import RecordingRecord, Text


class RecordingFound(RecordingRecord):
    """A recording with the numbers of its call."""

    from_number: Text = Field(description="Number of the caller.")
    to_number: Text = Field(description="Number that was called.")


class RecordingDetails(RecordingFound):
    """A recording, and whether its files are what they were."""

    state: str = Field(
        description="unfinished (it is being recorded, or lies on another machine), wav, flac or opus (what"
        " holds the sound now), with ', held' under legal hold; or erased."
    )
    problem: Text = Field(
        description="What is wrong with file, certificate or chain; empty: nothing; null: there is nothing to"
        " check."
    )
    sha256: Text = Field(description="Checksum of the WAV file as it was recorded.")
    retention: Text = Field(description="Retention class, if it was changed; null: that of its certificate.")
    held: bool = Field(description="Under legal hold: it is not erased.")


class Kept(BaseModel):
    """How long a recording is kept now."""

    recording: str
    retention: Text = Field(description="Retention class, if it was changed.")
    held: bool


class Erased(BaseModel):
    """A recording that is gone."""

    recording: str
    sha256: str = Field(description="Checksum of what was erased, which stays on record.")


class Certificate(BaseModel):
    """What the file holds and what it lacks (docs/recordings.md)."""

    recording: str
    certificate: dict[str, Any]


class WrongFile(BaseModel):
    """A file that is not what it was."""

    day: str
    file: str = Field(description="Empty: the chain of the day.")
    problem: str


class Verified(BaseModel):
    """What a check of the archive came to."""

    checked: int = Field(description="Recordings.")
    problems: list[WrongFile]
