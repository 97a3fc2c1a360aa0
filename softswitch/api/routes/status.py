"""How the node is, and stopping it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from softswitch.api.callers import Caller
from softswitch.api.requests import ADMIN, EVERYBODY, Here, Sending, answer, may
from softswitch.api.routes.health import LIVE_AGE_S

router = APIRouter(tags=["status"])


@router.get("/status")
async def status(services: Here, caller: Caller = may(*EVERYBODY)) -> dict[str, Any]:
    """Calls, media workers, trunks, alarms, queues and agents of the running switch; at most a quarter of a
    second old."""
    return answer(await services.answers.read("status", max_age_s=LIVE_AGE_S))  # type: ignore[return-value]


@router.post("/stop", status_code=202)
async def stop(commands: Sending, caller: Caller = may(*ADMIN)) -> Response:
    """Stop the whole system: calls under way end."""
    return answer(await commands.send("stop", {}, caller), 202)
