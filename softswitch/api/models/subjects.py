"""What is known of a telephone number."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

Rows = list[dict[str, Any]]


class SubjectKnown(BaseModel):
    """Every row of the calls from or to a number, by table, with the columns of docs/database.md."""

    numbers: list[str] = Field(description="The ways in which the number is written in the records.")
    calls: Rows
    legs: Rows
    queue_calls: Rows
    offers: Rows
    segments: Rows
    flow_steps: Rows
    recordings: Rows
    surveys: Rows
    dispositions: Rows


class SubjectErased(BaseModel):
    """What was forgotten."""

    subjects: list[str] = Field(description="Ids that stand in the records in place of the number.")
    recordings: list[str] = Field(description="Recordings whose files are gone.")
    still_in: list[str] = Field(
        description="Files in which the number stands still, such as journals of former versions; softswitch"
        " log migrate writes these anew."
    )
