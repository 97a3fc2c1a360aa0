"""The event stream, a WebSocket, and live statistics."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response, WebSocket
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from softswitch.api.callers import Caller
from softswitch.api.event_socket import STREAM
from softswitch.api.events import Subscriber, serve
from softswitch.api.models.events import EventMessage
from softswitch.api.models.statistics import Statistics
from softswitch.api.problem import ApiError, invalid
from softswitch.api.requests import PROBLEMS, Anybody, Here, answer, caller_of, token_of
from softswitch.api.rights import meant
from softswitch.api.routes.configuration import SCHEMAS
from softswitch.api.services import Services
from softswitch.api.view import View
from softswitch.config.api_key import hash_of
from softswitch.config.errors import message_of
from softswitch.store.live_statistics import statistics

SUBPROTOCOL = "softswitch.v1"
BEARER = "bearer."
STATISTICS_AGE_S = 1.0
Words = Annotated[list[str], Field(max_length=100)]

router = APIRouter(tags=["events"])
_schema = EventMessage.model_json_schema(ref_template="#/components/schemas/{model}")
SCHEMAS.update({**_schema.pop("$defs"), "EventMessage": _schema})


class Wanted(BaseModel):
    """What a subscriber asks for; lists are parameters that are repeated, or have commas."""

    model_config = ConfigDict(extra="forbid")

    since: int | None = Field(
        default=None, alias="from", ge=0, lt=1 << 63,
        description="Position of the journal: everything after it comes first. Unset: from now on.",
    )  # fmt: skip
    types: Words = Field(default=[], description="Only these types; `call_*` means all that begin so.")
    queues: Words = Field(default=[], description="Only what concerns these queues, or calls in them.")
    agents: Words = Field(default=[], description="Only what concerns these agents, or calls of theirs.")
    call: str = Field(default="", max_length=64, description="Only this call.")
    statistics: bool = Field(default=False, description="Live statistics, too.")

    @field_validator("types", "queues", "agents", mode="before")
    @classmethod
    def _words(cls, given: list[str]) -> list[str]:
        return [word.strip() for each in given for word in each.split(",") if word.strip()]

    def view(self, caller: Caller) -> View:
        """ApiError 422 for types of which this caller sees none."""
        for pattern in self.types:
            if not meant(caller.role, pattern):
                raise ApiError(422, f"types: the role {caller.role} sees no facts of the type {pattern!r}")
        return View.of(
            caller,
            types=tuple(sorted(set(self.types))),
            queues=frozenset(self.queues),
            agents=frozenset(f"agent:{name}" for name in self.agents),
            call=self.call,
            statistics=self.statistics,
        )


@router.get(
    "/events",
    status_code=426,
    responses={426: {**PROBLEMS[401], "description": "Not asked for as a WebSocket."}},
    response_class=Response,
    openapi_extra={"x-messages": {"$ref": "#/components/schemas/EventMessage"}},
)
async def upgrade(wanted: Annotated[Wanted, Query()], caller: Anybody) -> Response:
    """The event stream, a WebSocket: each message is an EventMessage (`x-messages`). Browsers give the token
    as a subprotocol: `softswitch.v1, bearer.TOKEN`."""
    detail, hint = "this is a WebSocket", "connect with the scheme ws or wss"
    headers = {"Upgrade": "websocket", "Connection": "Upgrade"}
    return ApiError(426, detail, hint, headers=headers).response()


@router.websocket("/events")
async def stream(websocket: WebSocket) -> None:
    """Refusals come before the upgrade, as for any request."""
    services: Services = websocket.app.state.services
    offered: list[str] = websocket.scope["subprotocols"]
    token = token_of(websocket) or next(
        (each.removeprefix(BEARER) for each in offered if each.startswith(BEARER)), ""
    )
    try:
        caller = await caller_of(websocket, token)
        wanted = _wanted(websocket)
        view = wanted.view(caller)
        services.events.admit()
    except ApiError as error:
        return await websocket.send_denial_response(error.response())
    await websocket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
    subscriber = Subscriber(websocket.scope["extensions"][STREAM], view, caller, hash_of(token))
    await serve(services.events, subscriber, wanted.since, websocket.receive)


def _wanted(websocket: WebSocket) -> Wanted:
    given: dict[str, Any] = {}
    for name, value in websocket.query_params.multi_items():
        if name in ("types", "queues", "agents"):
            given.setdefault(name, []).append(value)
        else:
            given[name] = value
    try:
        return Wanted.model_validate(given)
    except ValidationError as error:
        raise invalid(
            (each["loc"], message_of(Wanted, each["loc"], each, "parameter")) for each in error.errors()
        ) from None


@router.get("/statistics", response_model=Statistics)
async def live_statistics(services: Here, caller: Anybody) -> Response:
    """What queues, agents and trunks are doing, and what the day came to since midnight; at most a second
    old. An agent sees its own figures."""
    found = await services.read_views("statistics", lambda db: statistics(db, time.time()), STATISTICS_AGE_S)
    return answer(View.of(caller).narrowed(found))
