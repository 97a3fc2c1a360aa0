"""How the node is, and stopping it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from softswitch.api.requests import Admin, Anybody, Here, Sending, answer
from softswitch.api.routes.health import LIVE_AGE_S

router = APIRouter(tags=["status"])


@router.get("/status", response_model=dict[str, Any])
async def status(services: Here, caller: Anybody) -> Response:
    """Calls, media workers, trunks, alarms, queues and agents of the running switch; at most a quarter of a
    second old."""
    return answer(await services.answers.read("status", max_age_s=LIVE_AGE_S))


@router.post("/stop", status_code=202, response_model=dict[str, bool])
async def stop(commands: Sending, caller: Admin) -> Response:
    """Stop the whole system: calls under way end."""
    return answer(await commands.send("stop", {}, caller), 202)
