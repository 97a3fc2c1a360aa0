"""Looking after a node."""

from __future__ import annotations

from pydantic import BaseModel, Field

from softswitch.api.models.base import RequestBody


class Examination(RequestBody):
    """Whether what is wrong is mended."""

    mend: bool = Field(default=True, description="false: only look.")


class BrokenInvariant(BaseModel):
    """Something that must hold of a running switch and does not."""

    invariant: str
    subject: str = Field(default="", description="What it is about, such as an agent or a call.")
    message: str
    mend: str = Field(description="How it is mended, or what to do.")
    mended: bool


class Findings(BaseModel):
    """What was found; empty: everything holds."""

    findings: list[BrokenInvariant]
    left: int = Field(description="How many are not mended.")


class RotatedKey(BaseModel):
    """A key with a new token."""

    name: str
    token: str = Field(description="For Authorization: Bearer; stored nowhere.")
