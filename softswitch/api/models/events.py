"""What an event stream tells."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from softswitch.api.models.statistics import Statistics


class EventView(BaseModel):
    """One fact."""

    log_position: int = Field(description="Position of the journal after it; `from` continues there.")
    type: str = Field(description="Such as call_started or agent_state_changed.")
    at: float = Field(description="UTC seconds.")
    id: str = Field(description="Of the fact; never given twice.")
    call: str | None = Field(default=None, description="The call that it is about, if any.")
    data: dict[str, Any]


class EventMessage(BaseModel):
    """One message of an event stream: events, or a position alone, or live statistics."""

    events: list[EventView] = Field(default=[], description="In the order of the journal.")
    position: int | None = Field(
        default=None, description="Everything before it has been told: connect with it as `from` next time."
    )
    statistics: Statistics | None = Field(default=None, description="Where statistics=true asked for them.")
