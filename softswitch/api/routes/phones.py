"""Phones that are registered, who is on the phone, and addresses that are not listened to."""

from __future__ import annotations

from fastapi import APIRouter, Response

from softswitch.api.models.phones import BanView, LiftedBan, Presence, RegistrationView
from softswitch.api.parameters import Address
from softswitch.api.requests import Admin, Anybody, Here, Leading, Page, Pages, Reader, Sending, answer
from softswitch.api.routes.health import LIVE_AGE_S

router = APIRouter(tags=["phones"])


@router.get("/registrations", response_model=Page[RegistrationView])
async def list_registrations(services: Here, paging: Pages, caller: Reader) -> Response:
    """The phones that are registered, by user."""
    return paging.page(await services.answers.read("registration.list", max_age_s=LIVE_AGE_S))


@router.get("/presence", response_model=Page[Presence])
async def list_presence(services: Here, paging: Pages, caller: Anybody) -> Response:
    """Which users can be reached, and who is on the phone. Agents are told the calls of their own user
    only."""
    rows = await services.answers.read("presence.list", max_age_s=LIVE_AGE_S)
    if caller.role == "agent":
        rows = [row if row["user"] == caller.user else {**row, "calls": []} for row in rows]
    return paging.page(rows)


@router.get("/bans", response_model=Page[BanView])
async def list_bans(services: Here, paging: Pages, caller: Leading) -> Response:
    """Addresses that guessed passwords or looked for victims: why, the how manieth time, how long yet."""
    return paging.page(await services.answers.read("ban.list", max_age_s=LIVE_AGE_S))


@router.delete("/bans/{address:path}", response_model=LiftedBan)
async def remove_ban(address: Address, commands: Sending, caller: Admin) -> Response:
    """Listen to an address again."""
    return answer(await commands.send("ban.remove", {"address": address}, caller))
