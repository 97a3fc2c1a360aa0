"""What is on record of calls and agents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, Field

from softswitch.api.callers import Caller
from softswitch.api.models.records import (
    AgentInterval,
    CallHistory,
    CallRecord,
    Disposition,
    FlowStep,
    LegRecord,
    Offer,
    QueueVisit,
    RecordingRecord,
    Segment,
    SupervisionRecord,
    Survey,
)
from softswitch.api.problem import ApiError
from softswitch.api.requests import Anybody, Here, Moment, Page, Places, Reader, answer
from softswitch.api.services import Services
from softswitch.store.queries import Row, find_calls, list_agent_states, list_calls, parts_of_call

router = APIRouter(tags=["records"])
OWN = "own"
Name = Annotated[str, Field(max_length=64)]
Text = Annotated[str, Field(max_length=128)]
CallName = Annotated[
    str,
    Path(
        max_length=256,
        description="The call's id, a SIP Call-ID of it, or a number, of which the newest call is taken.",
    ),
]
PARTS: dict[str, tuple[str, type[BaseModel]]] = {
    "legs": ("legs", LegRecord),
    "segments": ("segments", Segment),
    "queue_visits": ("queue_calls", QueueVisit),
    "offers": ("offers", Offer),
    "flow_steps": ("flow_steps", FlowStep),
    "recorded": ("recordings", RecordingRecord),
    "supervisions": ("supervisions", SupervisionRecord),
    "surveys": ("surveys", Survey),
    "dispositions": ("dispositions", Disposition),
}
"""Of a call's history: the table of the views that each part is from, and what is told of its rows."""


class CallFilter(Places):
    """Which finished calls are wanted; what is not given is not looked at."""

    since: Moment | None = Field(default=None, description="Started at or after this time.")
    until: Moment | None = Field(default=None, description="Started before this time.")
    queue: Name | None = None
    agent: Name | None = Field(default=None, description=f"{OWN}: the agent who asks.")
    number: Text | None = Field(default=None, description="The caller's number or the dialled one.")
    outcome: Name | None = Field(default=None, description="Such as answered or abandoned.")
    reason: Name | None = Field(default=None, description="End reason.")
    direction: Name | None = Field(default=None, description="inbound, outbound or internal.")


class StateFilter(Places):
    """Which part of the timeline is wanted."""

    since: Moment | None = Field(default=None, description="Began at or after this time.")
    until: Moment | None = Field(default=None, description="Began before this time.")


@router.get("/cdrs", response_model=Page[CallRecord])
async def list_cdrs(services: Here, wanted: Annotated[CallFilter, Query()], caller: Anybody) -> Response:
    """Finished calls, newest first. Agents see their own, `agent=own`, and not who withheld the number."""
    place = wanted.after(float, str)
    filters = wanted.model_dump(exclude={"limit", "cursor"}) | {"agent": agent_asked(caller, wanted.agent)}
    told = caller.role != "agent"
    rows = await services.views(
        lambda db: list_calls(db, **filters, limit=wanted.limit + 1, older_than=place, withheld=told)
    )
    return wanted.page(rows if told else [*map(without_caller, rows)], "started_at", "call")


def without_caller(row: Row) -> Row:
    """A call as agents see it: not who called, where the number was withheld."""
    return {**row, "from_number": None, "source": None} if row["withheld"] else row


def agent_asked(caller: Caller, agent: str | None) -> str | None:
    """Whose calls are wanted. ApiError 403 for an agent who asks for more than the own ones, 422 where
    nobody is meant by `own`."""
    if agent == OWN or (caller.role == "agent" and agent == caller.agent):
        if caller.agent:
            return caller.agent
        raise ApiError(422, f"{caller.name} is no agent", "name an agent, or use the key of one")
    if caller.role == "agent":
        raise ApiError(403, "agents see their own calls only", f"ask for agent={OWN}")
    return agent


@router.get("/cdrs/{call}", response_model=CallHistory)
async def show_cdr(call: CallName, services: Here, caller: Reader) -> Response:
    """One call, finished or not, with its legs, segments, visits to queues, offers, steps of flows,
    recordings, surveys and dispositions."""
    found = await find(services, call)
    parts = await services.views(lambda db: parts_of_call(db, found["call"]))
    told = {name: only(model, parts[table]) for name, (table, model) in PARTS.items()}
    return answer({**found, **told})


async def find(services: Services, call: str) -> Row:
    """The newest call that is called so. ApiError 404."""
    calls = await services.views(lambda db: find_calls(db, call, 1))
    if not calls:
        raise ApiError(404, f"the records have no call {call!r}", "GET /v1/cdrs has the calls")
    return calls[0]


def only(model: type[BaseModel], rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Of rows what the model tells."""
    return [{name: row[name] for name in model.model_fields} for row in rows]


@router.get("/agents/{name}/history", response_model=Page[AgentInterval])
async def show_agent_history(
    name: Annotated[str, Path(max_length=64, description="Name of the agent.")],
    services: Here,
    wanted: Annotated[StateFilter, Query()],
    caller: Anybody,
) -> Response:
    """What an agent did, stretch by stretch, in order; the last one is the present."""
    if caller.role == "agent" and caller.agent != name:
        raise ApiError(403, f"{caller.name} is not the agent {name!r}", "agents see their own history only")
    place = wanted.after(int) or (None,)
    rows = await services.views(
        lambda db: list_agent_states(
            db, name, since=wanted.since, until=wanted.until, after=place[0], limit=wanted.limit + 1
        )
    )
    return wanted.page(rows, "log_position")
