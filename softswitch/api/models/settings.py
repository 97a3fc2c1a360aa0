"""Configuration beside the objects that have names of their own."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from softswitch.api.models.base import RequestBody


class Applying(RequestBody):
    """A whole centre.yaml, as values."""

    centre: dict[str, Any] = Field(description="The groups of centre.yaml.")
    prune: bool = Field(
        default=False, description="Remove what an earlier apply created and `centre` no longer has."
    )
    dry_run: bool = Field(default=False, description="Tell the difference and change nothing.")
