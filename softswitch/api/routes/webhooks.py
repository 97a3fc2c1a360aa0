"""Webhooks beside their settings: how they go, dead letters, tests."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, Field

from softswitch.api.models.base import RequestBody
from softswitch.api.problem import ApiError
from softswitch.api.requests import Admin, Auditing, Here, Page, Pages, answer
from softswitch.api.services import Services
from softswitch.config.errors import did_you_mean

CONFIGURATION_AGE_S = 1.0
MOST_EVENTS = 10_000

router = APIRouter(tags=["webhooks"])

EventId = Annotated[str, Field(max_length=200, pattern=r"^[A-Za-z0-9_-]+$")]
WebhookName = Annotated[str, Path(max_length=64, description="Name of the webhook.")]


class DeadLetterView(BaseModel):
    """An event that is tried no more. What it says is in the journal only."""

    webhook: str
    event: str = Field(description="Id of the event.")
    type: str = Field(description="Type of the event.")
    subject: str = Field(description="call:ID, agent:NAME, queue:NAME, trunk:NAME or empty.")
    at: float = Field(description="When it happened, UTC seconds.")
    attempts: int = Field(description="How often it was sent.")
    why: str = Field(description="What came of the last attempt.")
    died_at: float = Field(description="When it was given up, UTC seconds.")
    position: int = Field(description="The log position after it.")
    replay: bool = Field(description="It is about to be sent again.")


class WebhookState(BaseModel):
    """How a webhook goes; counts since the start of the API process."""

    webhook: str
    delivered: int = Field(description="Events delivered.")
    failed: int = Field(description="Attempts that failed.")
    died: int = Field(description="Events that became dead letters.")
    waiting: int = Field(description="Events in memory that are not delivered yet.")
    behind_bytes: int = Field(description="Octets of the journal that are not read yet.")
    dead: int = Field(description="Dead letters that there are.")
    circuit: str = Field(
        description="closed: it gets everything; open: it is left alone; trial: one event tries it."
    )


class Chosen(RequestBody):
    """Which dead letters are meant."""

    events: list[EventId] | None = Field(
        default=None, max_length=MOST_EVENTS, description="Ids of events; null: all dead letters."
    )


class Counted(BaseModel):
    """How many dead letters it were."""

    count: int


class TestResult(BaseModel):
    """What came of a test event."""

    status: int = Field(description="HTTP status of the receiver; 0: no answer.")
    why: str = Field(description="What went wrong; empty: nothing.")
    seconds: float = Field(description="How long it took.")


async def _known(name: str, services: Services) -> None:
    """ApiError 404 for a webhook that there is not."""
    rows = await services.answers.read("webhook.list", max_age_s=CONFIGURATION_AGE_S)
    names = [row["name"] for row in rows]
    if name not in names:
        raise ApiError(404, f"there is no webhook {name!r}", did_you_mean(name, names))


@router.get("/webhook_states", response_model=Page[WebhookState])
async def list_webhook_states(services: Here, paging: Pages, caller: Auditing) -> Response:
    """How all webhooks go."""
    return paging.page(services.webhooks.counts())


@router.get("/webhooks/{name}/dead_letters", response_model=Page[DeadLetterView])
async def list_dead_letters(name: WebhookName, services: Here, paging: Pages, caller: Auditing) -> Response:
    """Events that could not be delivered, the oldest first."""
    await _known(name, services)
    start = paging.start()
    rows = await services.webhooks.dead_letters(name, start, paging.limit + 1)
    return paging.part(rows[: paging.limit], start, more=len(rows) > paging.limit)


@router.post("/webhooks/{name}/replay", response_model=Counted)
async def replay(name: WebhookName, given: Chosen, services: Here, caller: Admin) -> Response:
    """Send dead letters again, as if they had happened now."""
    await _known(name, services)
    return answer({"count": await services.webhooks.replay(name, given.events)})


@router.post("/webhooks/{name}/drop", response_model=Counted)
async def drop(name: WebhookName, given: Chosen, services: Here, caller: Admin) -> Response:
    """Forget dead letters."""
    await _known(name, services)
    return answer({"count": await services.webhooks.drop(name, given.events)})


@router.post("/webhooks/{name}/test", response_model=TestResult)
async def test(name: WebhookName, services: Here, caller: Admin) -> Response:
    """Send a test event (`webhook_test`) now and tell what came of it."""
    await _known(name, services)
    found: dict[str, Any] = await services.webhooks.test(name)
    return answer(found)
