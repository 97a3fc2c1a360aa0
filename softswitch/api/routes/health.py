"""Whether this process lives, and whether the switch behind it serves."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from softswitch.api.problem import unavailable
from softswitch.api.requests import PROBLEMS, Here

LIVE_AGE_S = 0.25

router = APIRouter(tags=["operations"])


class Health(BaseModel):
    """How it is."""

    status: str = Field(description="ok")


@router.get("/health/live")
async def live() -> Health:
    """This process answers."""
    return Health(status="ok")


@router.get("/health/ready", responses={503: PROBLEMS[503]})
async def ready(services: Here) -> Health:
    """The switch takes calls: it answers, is not being stopped, and has a media worker."""
    state = await services.answers.read("status", max_age_s=LIVE_AGE_S)
    if state["draining"]:
        raise unavailable("the switch is being stopped")
    if not any(worker["connected"] and worker["free_ports"] for worker in state["media"]):
        raise unavailable("no media worker is ready")
    return Health(status="ok")
