"""How trunks and back-ends stand."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Response

from softswitch.api.models.peers import BackendServer, TrunkState
from softswitch.api.problem import ApiError
from softswitch.api.requests import Here, Page, Pages, Reader, answer
from softswitch.api.routes.health import LIVE_AGE_S
from softswitch.config.base import NAME
from softswitch.config.errors import did_you_mean

router = APIRouter(tags=["trunks and back-ends"])

TrunkName = Annotated[str, Path(max_length=64, pattern=NAME, description="Name of the trunk.")]


def _row(name: str, state: dict[str, Any]) -> dict[str, Any]:
    return {"trunk": name, "registered": None, "status": None, **state}


@router.get("/trunk_states", response_model=Page[TrunkState])
async def list_trunk_states(services: Here, paging: Pages, caller: Reader) -> Response:
    """What goes over each trunk, and which of its addresses answer."""
    state = await services.answers.read("status", max_age_s=LIVE_AGE_S)
    return paging.page([_row(name, each) for name, each in state["trunks"].items()])


@router.get("/trunks/{name}/state", response_model=TrunkState)
async def show_trunk_state(name: TrunkName, services: Here, caller: Reader) -> Response:
    """What goes over a trunk, and which of its addresses answer."""
    trunks = (await services.answers.read("status", max_age_s=LIVE_AGE_S))["trunks"]
    if name not in trunks:
        raise ApiError(404, f"there is no trunk {name!r}", did_you_mean(name, trunks))
    return answer(_row(name, trunks[name]))


@router.get("/backend_servers", response_model=Page[BackendServer])
async def list_backend_servers(services: Here, paging: Pages, caller: Reader) -> Response:
    """Which servers of the back-ends are asked, and which are left alone."""
    return paging.page((await services.answers.read("status", max_age_s=LIVE_AGE_S))["backends"])
