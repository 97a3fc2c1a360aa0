"""What was done to agents, queues and waiting calls, and taking it back."""

from __future__ import annotations

from fastapi import APIRouter, Response

from softswitch.api.models.actions import ActionView
from softswitch.api.parameters import ActionId
from softswitch.api.requests import Here, Leading, Page, Pages, Reader, Sending, answer
from softswitch.api.routes.health import LIVE_AGE_S

router = APIRouter(tags=["actions"])


@router.get("/actions", response_model=Page[ActionView])
async def list_actions(services: Here, paging: Pages, caller: Reader) -> Response:
    """The latest 200 actions that can be taken back, the newest first."""
    return paging.page(await services.answers.read("action.list", max_age_s=LIVE_AGE_S))


@router.post("/actions/{action}/undo", response_model=ActionView)
async def undo(action: ActionId, commands: Sending, caller: Leading) -> Response:
    """Restore what was there before an action. The answer is the action that is taken back."""
    return answer(await commands.send("action.undo", {"action": action}, caller))
