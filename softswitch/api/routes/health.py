"""Whether this process lives, and whether the switch behind it serves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from softswitch.api.problem import unavailable
from softswitch.api.requests import PROBLEMS, Here

LIVE_AGE_S = 0.25
BEHIND_S = 10.0
"""Views that are longer behind are told: calls go on, but records and reports lack the latest."""

router = APIRouter(tags=["operations"])


class Health(BaseModel):
    """How it is."""

    status: str = Field(description="ok")


class Readiness(BaseModel):
    """The switch takes calls."""

    status: str = Field(description="ok, or degraded: calls go on, but something is missing.")
    missing: list[str] = Field(description="What is missing.")


@router.get("/health/live")
async def live() -> Health:
    """This process answers."""
    return Health(status="ok")


@router.get("/health/ready", responses={503: PROBLEMS[503]})
async def ready(services: Here) -> Readiness:
    """The switch takes calls: it answers, is not being stopped, and has a media worker. What else is missing
    is told."""
    state = await services.answers.read("status", max_age_s=LIVE_AGE_S)
    if state["draining"]:
        raise unavailable("the switch is being stopped")
    if not any(worker["connected"] and worker["free_ports"] for worker in state["media"]):
        raise unavailable("no media worker is ready")
    lacks = [*missing(state, await services.figures.lag_s())]
    return Readiness(status="degraded" if lacks else "ok", missing=lacks)


def missing(state: Mapping[str, Any], lag_s: float) -> Iterator[str]:
    """What others lack while calls go on."""
    for worker in state["media"]:
        if not worker["connected"]:
            yield f"media worker {worker['worker']} is not connected"
        elif not worker["free_ports"]:
            yield f"media worker {worker['worker']} has no free ports"
    if lag_s >= BEHIND_S:
        yield f"records and reports are {lag_s:.0f} s behind: the store does not keep up, or is not there"
