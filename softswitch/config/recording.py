"""Which calls are recorded, how, and how long the files are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from softswitch.config.base import Model, Name, PositiveSeconds

ORDINARY = "ordinary"
Percent = Annotated[float, Field(ge=0, le=100)]
Days = Annotated[int, Field(ge=1, le=36_500)]


class RecordingRule(Model):
    """Whether calls of a kind are recorded; what is unset matches every call."""

    queue: Name | None = Field(default=None, description="Calls from this queue.")
    agent: Name | None = Field(default=None, description="Calls of this agent.")
    number: Annotated[str, Field(min_length=1, max_length=32)] | None = Field(
        default=None, description="How the caller's number or the dialled one begins."
    )
    direction: Literal["inbound", "outbound", "internal"] | None = Field(
        default=None, description="inbound: from a trunk; outbound: to a trunk; internal: between users."
    )
    percent: Percent = Field(
        default=100, description="Share of these calls that is recorded, drawn for each; 0: none."
    )
    retention: Name = Field(default=ORDINARY, description="Retention class of the files.")


class Recording(Model):
    """Recording of calls; each queue decides for itself with `record`, before it the rules."""

    enabled: bool = Field(default=True, description="false: nothing is recorded, whatever the queues say.")
    directory: Path = Field(default=Path("recordings"), description="Where the files go.")
    rules: tuple[RecordingRule, ...] = Field(
        default=(), description="The first rule that matches a call decides; none: its queue's record does."
    )
    beep: bool = Field(
        default=False,
        description="Both sides hear a short tone every 15 s while they are recorded. Such calls are mixed.",
    )
    silence_s: PositiveSeconds | None = Field(
        default=30, description="Nobody speaking for so long is told as a fact; null: never."
    )
    talk_over_s: PositiveSeconds | None = Field(
        default=5, description="Both sides speaking for so long is told as a fact; null: never."
    )
    retention_days: dict[Name, Days] = Field(
        default={ORDINARY: 30, "complaint": 90},
        description="Days after which files of a class are erased, by its name; those under legal hold stay.",
    )
    compress: Literal["none", "flac", "opus"] = Field(
        default="none",
        description="What finished WAV files become in the background, after a check. flac loses nothing,"
        " opus does.",
    )

    @model_validator(mode="after")
    def _classes_exist(self) -> Recording:
        known = ", ".join(sorted(self.retention_days))
        for named in (ORDINARY, *(rule.retention for rule in self.rules)):
            if named not in self.retention_days:
                raise ValueError(f"retention_days has no class {named!r}; it has {known}")
        return self
