"""Calls that are going on, and steering them."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Response

from softswitch.api.models.calls import (
    CallDataChange,
    CallDataView,
    CallDetails,
    CallInFlow,
    CallReference,
    CallView,
    ConferenceCall,
    Excursion,
    OriginatedCall,
    Origination,
    PrioritisedCall,
    Priority,
    RecordingChange,
    SupervisedCall,
    Supervising,
)
from softswitch.api.parameters import CallId
from softswitch.api.problem import ApiError
from softswitch.api.requests import Anybody, Here, Leading, Page, Pages, Sending, Steering, answer
from softswitch.api.routes.health import LIVE_AGE_S
from softswitch.api.routes.own_calls import carry_out, own

router = APIRouter(tags=["calls"])

OF_AGENTS = ("start", "pause", "resume")
"""What agents may do with the recordings of their calls."""


@router.get("/calls", response_model=Page[CallView])
async def list_calls(services: Here, paging: Pages, caller: Anybody) -> Response:
    """The calls going on, of agents their own; `GET /v1/cdrs` has the finished ones."""
    return paging.page(await services.answers.read("call.list", own(caller), max_age_s=LIVE_AGE_S))


@router.get("/calls/{call}", response_model=CallDetails)
async def show(call: CallId, services: Here, caller: Anybody) -> Response:
    """A call whole: legs, conversation, queue, flow, recording, data."""
    args = {"call": call, **own(caller)}
    return answer(await services.answers.read("call.show", args, max_age_s=LIVE_AGE_S))


@router.post("/calls", status_code=201, response_model=OriginatedCall)
async def originate(given: Origination, commands: Sending, caller: Steering) -> Response:
    """Ring the user's phones and connect whoever answers with the number, as if the user had dialled it."""
    args = {"user": given.user, "number": given.number, **own(caller)}
    return answer(await commands.send("call.originate", args, caller), 201)


@router.delete("/calls/{call}", response_model=CallReference)
async def hang_up(call: CallId, commands: Sending, caller: Steering) -> Response:
    """Hang up a call; agents as if their phones had done it."""
    return await carry_out("call.hang_up", call, {}, commands, caller)


@router.put("/calls/{call}/priority", response_model=PrioritisedCall)
async def set_priority(call: CallId, given: Priority, commands: Sending, caller: Leading) -> Response:
    """Give a waiting call another priority. `POST /v1/actions/{action}/undo` takes it back."""
    return await carry_out("call.priority", call, {"priority": given.priority}, commands, caller)


@router.post("/calls/{call}/flow", response_model=CallInFlow)
async def send_to_flow(call: CallId, given: Excursion, commands: Sending, caller: Steering) -> Response:
    """Send the caller of an agent through a flow and back; the agent hears music meanwhile."""
    return await carry_out("call.send_to_flow", call, {"flow": given.flow}, commands, caller)


@router.post("/calls/{call}/conference", response_model=ConferenceCall)
async def confer(call: CallId, commands: Sending, caller: Steering) -> Response:
    """Make one conference of a user's conversation and the one that the user has put on hold."""
    return await carry_out("call.conference", call, {}, commands, caller)


@router.post("/calls/{call}/supervise", response_model=SupervisedCall)
async def supervise(call: CallId, given: Supervising, commands: Sending, caller: Leading) -> Response:
    """Begin to supervise a conversation, or change who hears a supervisor."""
    args = {"mode": given.mode, "as": given.as_user}
    return await carry_out("call.supervise", call, args, commands, caller)


@router.patch("/calls/{call}/data", response_model=CallDataView)
async def change_data(call: CallId, given: CallDataChange, commands: Sending, caller: Steering) -> Response:
    """Put texts on a call, which stay with it through transfers and queues."""
    return await carry_out("call.data", call, given.model_dump(), commands, caller)


@router.post("/calls/{call}/recording/{action}", response_model=RecordingChange)
async def record(
    call: CallId,
    action: Literal["start", "pause", "resume", "segment", "stop"],
    commands: Sending,
    caller: Steering,
) -> Response:
    """Steer the recording of a conversation: start it, leave out what is said (pause), go on (resume), go on
    in a new file (segment), end it (stop). Agents may do what their phones can: start, pause and resume."""
    if caller.role == "agent" and action not in OF_AGENTS:
        raise ApiError(403, f"agents cannot {action} a recording; allowed: {', '.join(OF_AGENTS)}")
    return await carry_out(f"recording.{action}", call, {}, commands, caller)
