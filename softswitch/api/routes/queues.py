"""Queues now, who waits in them, and what is done with them."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from softswitch.api.models.queues import (
    Announcement,
    Closing,
    Heard,
    Overflow,
    QueueState,
    QueueTier,
    WaitingCaller,
)
from softswitch.api.parameters import QueueName
from softswitch.api.problem import ApiError
from softswitch.api.requests import Anybody, Here, Leading, Page, Pages, Reader, Sending, answer
from softswitch.api.routes.health import LIVE_AGE_S
from softswitch.config.errors import did_you_mean

router = APIRouter(tags=["queues"])

NO_REASON = Closing()


@router.get("/queue_states", response_model=Page[QueueState])
async def list_queue_states(services: Here, paging: Pages, caller: Anybody) -> Response:
    """Every queue now; at most a quarter of a second old."""
    state = await services.answers.read("status", max_age_s=LIVE_AGE_S)
    return paging.page([{"queue": name, **row} for name, row in state["queues"].items()])


@router.get("/queues/{name}/state", response_model=QueueState)
async def show_queue_state(name: QueueName, services: Here, caller: Anybody) -> Response:
    """One queue now."""
    queues = (await services.answers.read("status", max_age_s=LIVE_AGE_S))["queues"]
    if name not in queues:
        raise ApiError(404, f"there is no queue {name!r}", did_you_mean(name, queues))
    return answer({"queue": name, **queues[name]})


@router.get("/waiting", response_model=Page[WaitingCaller])
async def list_waiting(services: Here, paging: Pages, caller: Reader) -> Response:
    """Who waits in any queue, by queue and in the order of service."""
    return paging.page(await services.answers.read("waiting.list", max_age_s=LIVE_AGE_S))


@router.get("/queues/{name}/waiting", response_model=Page[WaitingCaller])
async def list_queue_waiting(name: QueueName, services: Here, paging: Pages, caller: Reader) -> Response:
    """Who waits in a queue, in the order of service."""
    return paging.page(await services.answers.read("waiting.list", {"name": name}, max_age_s=LIVE_AGE_S))


@router.post("/queues/{name}/close", response_model=QueueState)
async def close(name: QueueName, commands: Sending, caller: Leading, given: Closing = NO_REASON) -> Response:
    """Let nobody in until it is opened; callers go to its on_closed."""
    return await _carry_out("queue.close", {"name": name, "reason": given.reason}, commands, caller)


@router.post("/queues/{name}/open", response_model=QueueState)
async def open_again(name: QueueName, commands: Sending, caller: Leading) -> Response:
    """Let callers into a closed queue again. It stays closed while its calendar closes it."""
    return await _carry_out("queue.open", {"name": name}, commands, caller)


@router.post("/queues/{name}/overflow", response_model=QueueTier)
async def overflow(name: QueueName, given: Overflow, commands: Sending, caller: Leading) -> Response:
    """Ask agents up to this tier from the beginning. `POST /v1/actions/{action}/undo` takes it back."""
    return await _carry_out("queue.overflow", {"name": name, "tier": given.tier}, commands, caller)


@router.post("/queues/{name}/announce", response_model=Heard)
async def announce(name: QueueName, given: Announcement, commands: Sending, caller: Leading) -> Response:
    """Let all who wait in a queue hear a prompt now."""
    return await _carry_out("queue.announce", {"name": name, "prompt": given.prompt}, commands, caller)


@router.post("/queues/{name}/silence", response_model=Heard)
async def silence(name: QueueName, commands: Sending, caller: Leading) -> Response:
    """End what is being announced to those who wait."""
    return await _carry_out("queue.silence", {"name": name}, commands, caller)


async def _carry_out(command: str, args: dict[str, Any], commands: Sending, caller: Leading) -> Response:
    return answer(await commands.send(command, args, caller))
