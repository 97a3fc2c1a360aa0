"""Trunks and back-ends as they are now."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class TrunkRow(BaseModel):
    """A trunk now; what is counted is counted from its first call."""

    calls: int = Field(description="Calls over it now.")
    inbound: int = Field(description="Calls that came over it and are over.")
    inbound_answered: int
    outbound: int = Field(description="Calls that went over it and are over.")
    outbound_answered: int
    asr_percent: float | None = Field(
        description="Answered of those that went over it (answer-seizure ratio); null before the first."
    )
    failures: dict[str, int] = Field(description="Calls that failed, by SIP status.")
    targets: dict[str, Literal["up", "down", "unknown"]] = Field(description="Addresses that are asked.")
    registered: bool | None = Field(default=None, description="Our registration; null: there is none.")
    status: int | None = Field(
        default=None, description="SIP status of the last answer to it; null: there is none."
    )


class TrunkState(TrunkRow):
    """A trunk now, and which one it is."""

    trunk: str


class BackendServer(BaseModel):
    """A server of a back-end now."""

    backend: str
    url: str
    circuit: Literal["closed", "open", "trial"] = Field(
        description="closed: it is asked; open: it is left alone; trial: one question finds out."
    )
    under_way: int = Field(description="Questions to the back-end that are not answered yet.")
