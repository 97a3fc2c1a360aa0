"""What agents do, and what is done with them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, Field

from softswitch.api.callers import Caller
from softswitch.api.problem import ApiError
from softswitch.api.requests import Sending, Steering, answer

router = APIRouter(tags=["agents"])

AgentName = Annotated[str, Path(max_length=64, description="Name of the agent.")]


class SigningIn(BaseModel):
    """Where the agent sits."""

    at: str | None = Field(
        default=None, max_length=64, description="A user, or one of the agent's outside_numbers; unset: the"
        " agent's own user.",
    )  # fmt: skip


def own_agent(caller: Caller, name: str) -> None:
    """ApiError 403 for an agent who means somebody else."""
    if caller.role == "agent" and caller.agent != name:
        raise ApiError(403, f"{caller.name} is not the agent {name!r}", "agents steer themselves only")


@router.post("/agents/{name}/sign_in", response_model=dict[str, Any])
async def sign_in(name: AgentName, given: SigningIn, commands: Sending, caller: Steering) -> Response:
    """Sign the agent in, as if by phone."""
    own_agent(caller, name)
    return answer(await commands.send("agent.sign_in", {"name": name, "at": given.at}, caller))
