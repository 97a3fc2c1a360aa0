"""Users, agents, queues and everything else that is configured, made from the settings models."""

# Annotations here name models made at run time: they are looked up at once, not by name.
from collections.abc import Iterable
from typing import Annotated, Any, Optional

from fastapi import APIRouter, Body, Path, Response
from pydantic import BaseModel, ConfigDict, Field, create_model

from softswitch.api.callers import Caller
from softswitch.api.problem import ApiError
from softswitch.api.requests import Admin, Here, Page, Pages, Reader, Sending, answer
from softswitch.config import KINDS, Model
from softswitch.config.errors import did_you_mean

CONFIGURATION_AGE_S = 1.0
WRITE_ONLY = frozenset({"password", "pin", "ha1", "secret", "sha256"})

router = APIRouter(tags=["configuration"])
Settings = Annotated[dict[str, Any], Body()]
SCHEMAS: dict[str, Any] = {}
"""Of the bodies, by the name of the model."""
ObjectName = Annotated[str, Path(max_length=64, description="Its name.")]


class Difference(BaseModel):
    """One field that has changed."""

    field: str
    before: Any
    after: Any


class ChangeView(BaseModel):
    """One object that has changed."""

    kind: str
    name: str
    action: str = Field(description="add, change or remove.")
    fields: list[Difference]


class Changes(BaseModel):
    """What a request came to; empty: everything was so before."""

    changes: list[ChangeView]
    applied: bool


def _shown(kind: str, model: type[Model]) -> type[BaseModel]:
    """What is told of a stored object: no secret, hashed or not."""
    fields: dict[str, Any] = {
        name: (each.annotation, Field(description=each.description))
        for name, each in model.model_fields.items()
        if name not in WRITE_ONLY
    }
    fields["created_by"] = (str | None, Field(description="apply or command."))
    if kind == "user":
        fields["needs_password"] = (
            bool,
            Field(description="The realm has changed: give the password again."),
        )
    return create_model(f"{model.__name__}View", **fields)


def partial(model: type[Model], name: str, without: Iterable[str]) -> type[BaseModel]:
    """Any of the settings but those in `without`."""
    fields: dict[str, Any] = {
        each: (Optional[field.annotation], Field(default=None, description=field.description))  # noqa: UP045
        for each, field in model.model_fields.items()
        if each not in without
    }
    return create_model(name, __config__=ConfigDict(extra="forbid"), **fields)


def settings_body(model: type[Model], key: str = "") -> dict[str, Any]:
    """How the document tells a body of some of the settings. Its values are checked by the switch, which
    tells every mistake in the words of the settings."""
    settings = partial(model, f"{model.__name__}Settings", {key})
    schema = settings.model_json_schema(ref_template="#/components/schemas/{model}")
    SCHEMAS.update({**schema.pop("$defs", {}), settings.__name__: schema})
    content = {"schema": {"$ref": f"#/components/schemas/{settings.__name__}"}}
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


def _words(name: str) -> str:
    """A kind or group as people write it."""
    return {"voicemail": "voicemail box"}.get(name, name.replace("_", " ").replace("api", "API"))


def add_kind(kind: str) -> None:
    """The routes of one kind of object."""
    model, group, key = KINDS[kind]
    things = _words(group).replace("box", "boxes")
    thing = f"{'an' if kind[0] in 'aeio' else 'a'} {_words(kind)}"
    view, body = _shown(kind, model), settings_body(model, key)

    async def rows(services: Here) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = await services.answers.read(
            f"{kind}.list", max_age_s=CONFIGURATION_AGE_S
        )
        return found

    @router.get(f"/{group}", response_model=Page[view], name=f"list_{group}", summary=f"List the {things}")  # type: ignore[valid-type]
    async def list_objects(services: Here, paging: Pages, caller: Reader) -> Response:
        return paging.page(await rows(services))

    @router.get(f"/{group}/{{name}}", response_model=view, name=f"show_{kind}", summary=f"Show {thing}")
    async def show(name: ObjectName, services: Here, caller: Reader) -> Response:
        found = await rows(services)
        row = next((row for row in found if row[key] == name), None)
        if row is None:
            raise ApiError(
                404, f"there is no {kind} {name!r}", did_you_mean(name, [row[key] for row in found])
            )
        return answer(row)

    async def write(
        name: str, given: dict[str, Any], must: str | None, commands: Sending, caller: Caller
    ) -> Any:
        fields = {**given, key: name}
        return await commands.send(f"{kind}.set", {"fields": fields, "must": must}, caller)

    @router.post(
        f"/{group}/{{name}}", response_model=Changes, status_code=201, name=f"add_{kind}",
        summary=f"Add {thing}", openapi_extra=body,
    )  # fmt: skip
    async def add(name: ObjectName, given: Settings, commands: Sending, caller: Admin) -> Response:
        return answer(await write(name, given, "new", commands, caller), 201)

    @router.patch(
        f"/{group}/{{name}}", response_model=Changes, name=f"change_{kind}",
        summary=f"Change settings of {thing}; those not given stay", openapi_extra=body,
    )  # fmt: skip
    async def change(name: ObjectName, given: Settings, commands: Sending, caller: Admin) -> Response:
        return answer(await write(name, given, "exist", commands, caller))

    @router.delete(
        f"/{group}/{{name}}", response_model=Changes, name=f"remove_{kind}",
        summary=f"Remove {thing}; refused while something refers to it",
    )  # fmt: skip
    async def remove(name: ObjectName, commands: Sending, caller: Admin) -> Response:
        return answer(await commands.send(f"{kind}.remove", {"name": name}, caller))


for _kind in KINDS:
    add_kind(_kind)
