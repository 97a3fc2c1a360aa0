"""What a party of a call does: hold, transfer, consult, join, answer, note what came of it; and what is heard
in a call."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from softswitch.api.models.calls import (
    Answering,
    AskedPhones,
    Consultation,
    Consulting,
    Digits,
    DispositionNote,
    HeldParty,
    JoinedCall,
    Joining,
    NotedDisposition,
    Party,
    Playback,
    Playing,
    SentDigits,
    StoppedPlayback,
    TransferredCall,
    Transferring,
)
from softswitch.api.parameters import CallId
from softswitch.api.problem import ApiError
from softswitch.api.requests import Here, Sending, Steering
from softswitch.api.routes.own_calls import carry_out
from softswitch.api.routes.records import find

router = APIRouter(tags=["calls"])

ONLY_USER = Party()
RINGING_USER = Answering()


@router.post("/calls/{call}/answer", response_model=AskedPhones)
async def answer(
    call: CallId, commands: Sending, caller: Steering, given: Answering = RINGING_USER
) -> Response:
    """Ask the phones that ring to answer; most desk phones can (NOTIFY with Event: talk)."""
    return await carry_out("call.answer", call, given.model_dump(), commands, caller)


@router.post("/calls/{call}/hold", response_model=HeldParty)
async def hold(call: CallId, commands: Sending, caller: Steering, given: Party = ONLY_USER) -> Response:
    """Put the other party on hold, as the user's phone would: they hear music."""
    return await carry_out("call.hold", call, given.model_dump(), commands, caller)


@router.post("/calls/{call}/resume", response_model=HeldParty)
async def resume(call: CallId, commands: Sending, caller: Steering, given: Party = ONLY_USER) -> Response:
    """Come back from hold."""
    return await carry_out("call.resume", call, given.model_dump(), commands, caller)


@router.post("/calls/{call}/transfer", response_model=TransferredCall)
async def transfer(call: CallId, given: Transferring, commands: Sending, caller: Steering) -> Response:
    """Send the other party to a number or target, with the permissions of this one."""
    return await carry_out("call.transfer", call, given.model_dump(), commands, caller)


@router.post("/calls/{call}/consult", status_code=201, response_model=Consultation)
async def consult(call: CallId, given: Consulting, commands: Sending, caller: Steering) -> Response:
    """Hold, and call a number from the same phone, before a transfer or conference."""
    done = await carry_out("call.consult", call, given.model_dump(), commands, caller)
    done.status_code = 201
    return done


@router.post("/calls/{call}/complete_transfer", response_model=JoinedCall)
async def complete_transfer(
    call: CallId, commands: Sending, caller: Steering, given: Party = ONLY_USER
) -> Response:
    """Join the other party with that of the user's newest second call."""
    return await carry_out("call.complete_transfer", call, given.model_dump(), commands, caller)


@router.post("/calls/{call}/join", response_model=JoinedCall)
async def join(call: CallId, given: Joining, commands: Sending, caller: Steering) -> Response:
    """Make one call of two calls of a user, who is out of it then."""
    return await carry_out("call.join", call, given.model_dump(by_alias=True), commands, caller)


@router.post("/calls/{call}/play", status_code=202, response_model=Playback)
async def play(call: CallId, given: Playing, commands: Sending, caller: Steering) -> Response:
    """Play a prompt or speak a text into a conversation."""
    begun = await carry_out("call.play", call, given.model_dump(), commands, caller)
    begun.status_code = 202
    return begun


@router.post("/calls/{call}/stop_playing", response_model=StoppedPlayback)
async def stop_playing(call: CallId, commands: Sending, caller: Steering) -> Response:
    """Stop what is played into a conversation."""
    return await carry_out("call.stop_playing", call, {}, commands, caller)


@router.post("/calls/{call}/digits", response_model=SentDigits)
async def send_digits(call: CallId, given: Digits, commands: Sending, caller: Steering) -> Response:
    """Send keys to a party, the way that it takes them."""
    return await carry_out("call.send_digits", call, given.model_dump(), commands, caller)


@router.put("/calls/{call}/disposition", response_model=NotedDisposition)
async def note_disposition(
    call: CallId, given: DispositionNote, services: Here, commands: Sending, caller: Steering
) -> Response:
    """Note what came of a call, while the agent has it or wraps it up; the last note of an agent counts."""
    agent = given.agent or caller.agent
    if not agent:
        raise ApiError(422, "agent: is missing; whose note is it?")
    args: dict[str, Any] = {"agent": agent, "disposition": given.disposition, "note": given.note}
    if given.late:
        record = await find(services, call)
        call, args = record["call"], {**args, "late": True, "queue": record["queue"] or None}
    return await carry_out("disposition.set", call, args, commands, caller)
