"""Sign in and out of the API as a user."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from softswitch.api.callers import Caller
from softswitch.api.models.base import RequestBody
from softswitch.api.problem import ApiError
from softswitch.api.requests import Anybody, Here
from softswitch.call.access import LOCKED_S
from softswitch.config.errors import BUSY
from softswitch.control import CommandError

router = APIRouter(tags=["session"])


class SignIn(RequestBody):
    """A user who has a role, and the password of the user's phones."""

    user: str = Field(min_length=1, max_length=64)
    password: str = Field(min_length=1, max_length=128, repr=False)


class CallerView(BaseModel):
    """Who asks."""

    name: str
    role: str
    tenant: str
    user: str = Field(description="The user as whom an agent acts; empty: nobody.")
    agent: str

    @classmethod
    def of(cls, caller: Caller) -> CallerView:
        return cls(
            name=caller.name, role=caller.role, tenant=caller.tenant, user=caller.user, agent=caller.agent
        )


class Session(BaseModel):
    """A session that has begun."""

    token: str = Field(description="For Authorization: Bearer.")
    expires_at: datetime
    caller: CallerView


@router.post("/session", status_code=201)
async def sign_in(given: SignIn, services: Here, request: Request) -> Session:
    """Begin a session. The token is told here only."""
    address = request.client.host if request.client else ""
    services.rates.sign_in(address)
    args = {"user": given.user, "password": given.password, "address": address}
    try:
        who = await services.switch.call("api.login", args)
    except CommandError as error:
        if error.code == BUSY:
            headers = {"Retry-After": f"{LOCKED_S:.0f}"}
            raise ApiError(429, error.message, error.hint, headers=headers) from None
        raise ApiError(401, error.message, error.hint) from None
    token, until, caller = services.callers.sign_in(who)
    return Session(token=token, expires_at=datetime.fromtimestamp(until, UTC), caller=CallerView.of(caller))


@router.get("/session")
async def show(caller: Anybody) -> CallerView:
    """Who I am and what I may do."""
    return CallerView.of(caller)


@router.delete("/session", status_code=204)
async def sign_out(request: Request, services: Here, caller: Anybody) -> Response:
    """End the session of this token; API keys are not sessions and stay."""
    services.callers.sign_out(request.headers["authorization"].partition(" ")[2].strip())
    return Response(status_code=204)
