"""Who is in conferences, and muting."""

from __future__ import annotations

from fastapi import APIRouter, Response

from softswitch.api.models.conferences import ConferenceMember, MutedMember, Muting
from softswitch.api.parameters import LegId
from softswitch.api.requests import Here, Leading, Page, Pages, Reader, Sending, answer
from softswitch.api.routes.health import LIVE_AGE_S

router = APIRouter(tags=["conferences"])


@router.get("/conference_members", response_model=Page[ConferenceMember])
async def list_members(services: Here, paging: Pages, caller: Reader) -> Response:
    """Who is in a conference now."""
    return paging.page(await services.answers.read("conference.show", max_age_s=LIVE_AGE_S))


@router.patch("/conference_members/{leg}", response_model=MutedMember)
async def mute(leg: LegId, given: Muting, commands: Sending, caller: Leading) -> Response:
    """Let the others not hear a member, or hear them again."""
    return answer(await commands.send("conference.mute", {"leg": leg, "muted": given.muted}, caller))
