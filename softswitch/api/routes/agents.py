"""What agents do now, and what is done with them."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from softswitch.api.callers import Caller
from softswitch.api.models.agents import (
    AgentQueues,
    AgentState,
    QueueMembership,
    SigningIn,
    SigningOut,
    StatusChange,
    WrapUpChange,
)
from softswitch.api.parameters import AgentName
from softswitch.api.problem import ApiError
from softswitch.api.requests import (
    Anybody,
    Commands,
    Here,
    Leading,
    Page,
    Pages,
    Reader,
    Sending,
    Steering,
    answer,
)
from softswitch.api.routes.health import LIVE_AGE_S
from softswitch.config.errors import did_you_mean

router = APIRouter(tags=["agents"])

OWN_PHONE, NO_REASON, OVER = SigningIn(), SigningOut(), WrapUpChange()


def own_agent(caller: Caller, name: str) -> None:
    """ApiError 403 for an agent who means somebody else."""
    if caller.role == "agent" and caller.agent != name:
        raise ApiError(403, f"{caller.name} is not the agent {name!r}", "agents steer themselves only")


def _row(name: str, known: dict[str, Any]) -> dict[str, Any]:
    """Without what is a time of the switch's own clock."""
    return {"agent": name, **{key: value for key, value in known.items() if key not in ("agent", "since")}}


@router.get("/agent_states", response_model=Page[AgentState])
async def list_agent_states(services: Here, paging: Pages, caller: Reader) -> Response:
    """What every agent does now; at most a quarter of a second old."""
    state = await services.answers.read("status", max_age_s=LIVE_AGE_S)
    return paging.page([_row(name, known) for name, known in state["agents"].items()])


@router.get("/agents/{name}/state", response_model=AgentState)
async def show_agent_state(name: AgentName, services: Here, caller: Anybody) -> Response:
    """What an agent does now; agents see themselves."""
    own_agent(caller, name)
    agents = (await services.answers.read("status", max_age_s=LIVE_AGE_S))["agents"]
    if name not in agents:
        raise ApiError(404, f"there is no agent {name!r}", did_you_mean(name, agents))
    return answer(_row(name, agents[name]))


@router.post("/agents/{name}/sign_in", response_model=AgentState)
async def sign_in(
    name: AgentName, commands: Sending, caller: Steering, given: SigningIn = OWN_PHONE
) -> Response:
    """Sign the agent in, as if by phone."""
    return await _carry_out("agent.sign_in", name, {"at": given.at}, commands, caller)


@router.post("/agents/{name}/sign_out", response_model=AgentState)
async def sign_out(
    name: AgentName, commands: Sending, caller: Steering, given: SigningOut = NO_REASON
) -> Response:
    """Sign the agent out; a call under way goes on."""
    return await _carry_out("agent.sign_out", name, {"reason": given.reason}, commands, caller)


@router.put("/agents/{name}/status", response_model=AgentState)
async def set_status(name: AgentName, given: StatusChange, commands: Sending, caller: Steering) -> Response:
    """Set the status of an agent."""
    args = {"status": given.status, "reason": given.reason}
    return await _carry_out("agent.status", name, args, commands, caller)


@router.post("/agents/{name}/wrap_up", response_model=AgentState)
async def wrap_up(
    name: AgentName, commands: Sending, caller: Steering, given: WrapUpChange = OVER
) -> Response:
    """End the wrap-up of an agent, or make it longer."""
    return await _carry_out("agent.wrap_up", name, {"extend_s": given.extend_s}, commands, caller)


@router.post("/agents/{name}/queues", response_model=AgentQueues)
async def set_queues(name: AgentName, given: QueueMembership, commands: Sending, caller: Leading) -> Response:
    """Move an agent between queues. `POST /v1/actions/{action}/undo` takes it back."""
    return answer(await commands.send("agent.queues", {"name": name, **given.model_dump()}, caller))


async def _carry_out(
    command: str, name: str, args: dict[str, Any], commands: Commands, caller: Caller
) -> Response:
    own_agent(caller, name)
    return answer(_row(name, await commands.send(command, {"name": name, **args}, caller)))
