"""How the node is, and stopping it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from softswitch.api.models.status import Status, Stopping
from softswitch.api.requests import Admin, Anybody, Here, Sending, answer
from softswitch.api.routes.health import LIVE_AGE_S

router = APIRouter(tags=["status"])

NOT_FOR_AGENTS: dict[str, Any] = {"media": [], "alarms": [], "trunks": {}, "backends": []}


@router.get("/status", response_model=Status)
async def show_status(services: Here, caller: Anybody) -> Response:
    """Calls, media workers, trunks, alarms, queues and agents of the running switch; at most a quarter of a
    second old. Agents are told the queues and themselves."""
    told = await services.answers.read("status", max_age_s=LIVE_AGE_S)
    if caller.role == "agent":
        own = {name: row for name, row in told["agents"].items() if name == caller.agent}
        told = {**told, **NOT_FOR_AGENTS, "agents": own}
    return answer(told)


@router.post("/stop", status_code=202, response_model=Stopping)
async def stop(commands: Sending, caller: Admin) -> Response:
    """Stop the whole system: calls under way end."""
    return answer(await commands.send("stop", {}, caller), 202)
