"""Customers who keep their place in a queue and are called back."""

from __future__ import annotations

from fastapi import APIRouter, Response

from softswitch.api.models.callbacks import (
    CallbackChange,
    CallbackDetails,
    CallbackView,
    CancelledCallback,
)
from softswitch.api.parameters import CallbackId
from softswitch.api.requests import Here, Leading, Page, Pages, Reader, Sending, answer
from softswitch.api.routes.health import LIVE_AGE_S

router = APIRouter(tags=["callbacks"])


@router.get("/callbacks", response_model=Page[CallbackView])
async def list_callbacks(services: Here, paging: Pages, caller: Reader) -> Response:
    """The callbacks that wait or are being made, in their order."""
    return paging.page(await services.answers.read("callback.list", max_age_s=LIVE_AGE_S))


@router.get("/callbacks/{callback}", response_model=CallbackDetails)
async def show(callback: CallbackId, services: Here, caller: Reader) -> Response:
    """Everything about a callback."""
    found = await services.answers.read("callback.show", {"callback": callback}, max_age_s=LIVE_AGE_S)
    return answer(found)


@router.patch("/callbacks/{callback}", response_model=CallbackDetails)
async def change(callback: CallbackId, given: CallbackChange, commands: Sending, caller: Leading) -> Response:
    """Change the number or the priority, or let it be tried again now."""
    return answer(
        await commands.send("callback.change", {"callback": callback, **given.model_dump()}, caller)
    )


@router.delete("/callbacks/{callback}", response_model=CancelledCallback)
async def cancel(callback: CallbackId, commands: Sending, caller: Leading) -> Response:
    """Give up a callback; whoever is being called for it is hung up."""
    return answer(await commands.send("callback.cancel", {"callback": callback}, caller))
