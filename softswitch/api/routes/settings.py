"""The groups of settings of which there is one, and the configuration as a whole."""

# Annotations here name models made at run time: they are looked up at once, not by name.
from fastapi import APIRouter, Response
from pydantic import Field, create_model

from softswitch.api.models.settings import Applying
from softswitch.api.requests import Admin, Auditing, Here, Reader, Sending, answer
from softswitch.api.routes.configuration import (
    CONFIGURATION_AGE_S,
    WRITE_ONLY,
    Changes,
    Settings,
    partial,
    settings_body,
)
from softswitch.config import KINDS, SINGLES

router = APIRouter(tags=["configuration"])


class Applied(Changes):
    """What an apply has changed, or would."""

    left: list[str] = Field(description="Kind/name of what is no longer in `centre` and was kept.")


CentreView = create_model(
    "CentreView",
    __doc__="The groups of centre.yaml, without secrets and without what is at its default.",
    **{  # type: ignore[call-overload]
        kind.group: (
            dict[str, partial(kind.model, f"Stored{kind.model.__name__}", {*WRITE_ONLY, kind.key})],  # type: ignore[misc]
            Field(default={}),
        )
        for kind in KINDS.values()
    },
    **{group: (partial(model, f"Stored{model.__name__}", ()), None) for group, model in SINGLES.items()},
)


@router.get("/centre", response_model=CentreView)
async def show_centre(services: Here, caller: Auditing) -> Response:
    """The whole configuration, without secrets: to apply what is told here would remove them."""
    return answer(await services.answers.read("centre.show", max_age_s=CONFIGURATION_AGE_S))


@router.post("/apply", response_model=Applied)
async def apply(given: Applying, commands: Sending, caller: Admin) -> Response:
    """Make the stored configuration hold what `centre` says: all of it or nothing. What commands created is
    never removed."""
    return answer(await commands.send("apply", given.model_dump(), caller))


def add_group(group: str) -> None:
    """The routes of one group."""
    model = SINGLES[group]

    @router.get(
        f"/settings/{group}", response_model=model, name=f"show_{group}", summary=f"Show the settings {group}"
    )
    async def show(services: Here, caller: Reader) -> Response:
        settings = await services.answers.read("settings.list", max_age_s=CONFIGURATION_AGE_S)
        return answer(settings[group])

    @router.patch(
        f"/settings/{group}",
        response_model=Changes,
        name=f"change_{group}",
        summary=f"Change the settings {group}; those not given stay",
        openapi_extra=settings_body(model),
    )
    async def change(given: Settings, commands: Sending, caller: Admin) -> Response:
        return answer(await commands.send("settings.set", {"group": group, "fields": given}, caller))


for _group in SINGLES:
    add_group(_group)
