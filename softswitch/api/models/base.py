"""What the bodies of requests share."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class RequestBody(BaseModel):
    """A body in which every field is known and of its own type: text is no number, 1 is not true."""

    model_config = ConfigDict(extra="forbid", strict=True)
