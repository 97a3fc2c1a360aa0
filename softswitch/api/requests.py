"""What the routes share: who asks and may they, the key of a command, pages of lists, answers as JSON."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Generic, TypeVar

import orjson
from fastapi import Depends, Header, Query, Request, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from starlette.requests import HTTPConnection

from softswitch.api.callers import ROLES, Caller, allowed_roles, unauthorized
from softswitch.api.observed import CALLER
from softswitch.api.problem import ApiError
from softswitch.api.services import Services
from softswitch.api.switch import new_key
from softswitch.store.moments import FORMS, moment

T = TypeVar("T")
EVERYBODY = ROLES
READERS = ("supervisor", "quality", "admin", "auditor")
"""Who may see what all others do."""
STEERING = ("agent", "supervisor", "admin")
"""Who may steer calls; agents their own."""
LEADING = ("supervisor", "admin")
ADMIN = ("admin",)
AUDIT = ("admin", "auditor")
MOST_ROWS = 1000
MOST_POSITION = 1 << 62


class Page(BaseModel, Generic[T]):
    """A part of a list."""

    items: list[T]
    next: str | None = Field(default=None, description="cursor of the next page; null: this is the last one.")


def services_of(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


async def caller_of(request: HTTPConnection, token: str = "") -> Caller:
    """Who asks, within the rate that is allowed; by `token` if it is not in the header Authorization."""
    services: Services = request.app.state.services
    token = token or token_of(request)
    if not token:
        raise unauthorized("there is no token in this request")
    try:
        caller = await services.callers.find(token)
    except ApiError as error:
        if error.status != 401:
            raise
        services.rates.failure(request.client.host if request.client else "")
        # It may be a key that has just been made.
        caller = await services.callers.find(token, max_age_s=0)
    request.scope[CALLER] = caller.name
    services.rates.request(caller.by)
    return caller


def token_of(request: HTTPConnection) -> str:
    """Of Authorization: Bearer TOKEN; empty: there is none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def may(*roles: str) -> Any:
    """The dependency that gives the caller, if it has one of these roles."""
    check = allowed_roles(roles)

    async def allowed(request: Request) -> Caller:
        caller = await caller_of(request)
        check(caller)
        return caller

    allowed.roles = roles  # type: ignore[attr-defined]
    return Depends(allowed)


Anybody = Annotated[Caller, may(*EVERYBODY)]
Reader = Annotated[Caller, may(*READERS)]
Steering = Annotated[Caller, may(*STEERING)]
Leading = Annotated[Caller, may(*LEADING)]
Admin = Annotated[Caller, may(*ADMIN)]
Auditing = Annotated[Caller, may(*AUDIT)]

IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        max_length=64,
        pattern=r"^[A-Za-z0-9._:-]*$",
        description="A command that is sent again with the same key is not carried out twice.",
    ),
]


class Commands:
    """Sends commands for one request, as its caller and with its key."""

    def __init__(self, request: Request, key: str) -> None:
        self._services = services_of(request)
        self._key = key

    async def send(self, command: str, args: Mapping[str, Any], caller: Caller) -> Any:
        """The result; arguments that are None are left out."""
        given = {name: value for name, value in args.items() if value is not None}
        key = f"{caller.by}/{self._key or new_key()}"
        try:
            return await self._services.switch.call(command, {**given, "by": caller.by}, key=key)
        finally:
            self._services.answers.forget()


async def _commands(request: Request, idempotency_key: IdempotencyKey = "") -> Commands:
    return Commands(request, idempotency_key)


Sending = Annotated[Commands, Depends(_commands)]


async def _services(request: Request) -> Services:
    """A coroutine: FastAPI sends plain functions to a thread."""
    return services_of(request)


Here = Annotated[Services, Depends(_services)]


class Question(BaseModel):
    """What is asked for; a name that is not known is a mistake, not a filter that does nothing."""

    model_config = ConfigDict(extra="forbid")


class Paging(Question):
    """Which part of a list is wanted."""

    limit: int = Field(default=100, ge=1, le=MOST_ROWS, description="Most rows.")
    cursor: str = Field(default="", max_length=200, description="`next` of the page before.")

    def start(self) -> int:
        """Where the page begins. ApiError 422 for a cursor that was not given out."""
        if not self.cursor:
            return 0
        try:
            start = int(base64.urlsafe_b64decode(self.cursor.encode()))
        except (ValueError, binascii.Error):
            start = -1
        if start < 0:
            raise ApiError(422, f"cursor {self.cursor!r} is none", "take it from `next` of the page before")
        return start

    def page(self, rows: Sequence[Any]) -> Response:
        """That part of all rows."""
        start = self.start()
        return self.part(rows[start : start + self.limit], start, more=len(rows) > start + self.limit)

    def part(self, rows: Sequence[Any], start: int, *, more: bool) -> Response:
        """These rows, which begin at `start`."""
        after = base64.urlsafe_b64encode(str(start + self.limit).encode()).decode() if more else None
        return answer({"items": rows, "next": after})


Pages = Annotated[Paging, Query()]

Moment = Annotated[
    float,
    BeforeValidator(lambda given: moment(given) if isinstance(given, str) else given),
    WithJsonSchema({"type": "string", "description": f"Such as {FORMS}; without a zone: local time there."}),
]
"""A point of time in a query; UTC seconds."""


class Places(Question):
    """Which part is wanted of a list that is sorted: what comes newly to its beginning moves nothing."""

    limit: int = Field(default=100, ge=1, le=MOST_ROWS, description="Most rows.")
    cursor: str = Field(default="", max_length=400, description="`next` of the page before.")

    def after(self, *kinds: type) -> tuple[Any, ...] | None:
        """Behind which row the page begins: its columns that the list is sorted by, of these types. ApiError
        422 for a cursor that was not given out."""
        if not self.cursor:
            return None
        try:
            place = orjson.loads(base64.urlsafe_b64decode(self.cursor.encode()))
        except (ValueError, binascii.Error):
            place = None
        known = isinstance(place, list) and [type(each) for each in place] == [*kinds]
        if not known or any(isinstance(each, int) and each >= MOST_POSITION for each in place):
            raise ApiError(422, f"cursor {self.cursor!r} is none", "take it from `next` of the page before")
        return tuple(place)

    def page(self, rows: Sequence[Mapping[str, Any]], *columns: str) -> Response:
        """These rows, of which one more was asked for than `limit`; the list is sorted by `columns`."""
        found, after = rows[: self.limit], None
        if len(rows) > self.limit:
            place = orjson.dumps([found[-1][column] for column in columns])
            after = base64.urlsafe_b64encode(place).decode()
        return answer({"items": found, "next": after})


def answer(found: Any, status: int = 200) -> Response:
    """Plain values as JSON. What the switch and the views tell is not checked a second time on its way; that
    it is what the OpenAPI document says is for the tests."""
    return Response(orjson.dumps(found, default=str), status, media_type="application/json")


PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": text,
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}},
    }
    for status, text in {
        401: "No token, or one that is not known.",
        403: "Not for this role.",
        404: "There is no such thing.",
        409: "Not in this state.",
        422: "What was sent has mistakes; each is told.",
        429: "Too many requests; see Retry-After.",
        503: "The switch is being started again; see Retry-After.",
    }.items()
}
