"""Who did what."""

from __future__ import annotations

import sqlite3
from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Response
from pydantic import Field

from softswitch.api.models.journal import AuditEntry
from softswitch.api.requests import Auditing, Here, Moment, Page, Places
from softswitch.api.routes.records import Name, Text
from softswitch.store.queries import Row, list_audit

router = APIRouter(tags=["audit"])


class AuditFilter(Places):
    """What of it is wanted; what is not given is not looked at."""

    since: Moment | None = Field(default=None, description="Done at or after this time.")
    until: Moment | None = Field(default=None, description="Done before this time.")
    type: Name | None = Field(default=None, description="Type of the fact, such as recording_played.")
    who: Text | None = Field(default=None, description="Who did it, such as api:wallboard.")
    subject: Text | None = Field(default=None, description="What it was done to.")
    call: Text | None = None


@router.get("/audit", response_model=Page[AuditEntry], name="list_audit")
async def audit(services: Here, wanted: Annotated[AuditFilter, Query()], caller: Auditing) -> Response:
    """What people and programs did, newest first: who heard, exported, kept or erased a recording,
    changed the configuration, steered agents and queues, supervised, signed in, forgot a number."""
    place = wanted.after(int) or (None,)
    filters = wanted.model_dump(exclude={"limit", "cursor"})

    def asked(db: sqlite3.Connection) -> list[Row]:
        rows = list_audit(db, **filters, older_than=place[0], limit=wanted.limit + 1)
        return [{**row, "data": orjson.loads(row["data"])} for row in rows]

    return wanted.page(await services.views(asked), "log_position")
