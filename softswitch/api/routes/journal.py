"""The journal: facts, what they say of a call, why a call went where it went, and its SIP messages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import Field

from softswitch.api.models.journal import CallDecisions, CallFacts, CallTrace, FactPage
from softswitch.api.problem import ApiError
from softswitch.api.requests import MOST_ROWS, Auditing, Here, Question, Reader, answer
from softswitch.api.routes.records import CallName
from softswitch.store.reader import JournalGap, JournalReader, type_in

router = APIRouter(tags=["journal"])
MOST_BATCHES = 8
"""Mebibytes of journal that one request looks through."""
WIDEST = 400


class FactQuery(Question):
    """Which facts are wanted."""

    position: int = Field(
        default=0, ge=0, lt=1 << 62, alias="from", description="Position in the journal: those after it."
    )
    types: str = Field(
        default="", max_length=1000, pattern=r"^[a-z_,]*$", description="Only these, with commas between."
    )
    limit: int = Field(default=100, ge=1, le=MOST_ROWS, description="Most facts.")


@router.get("/facts", response_model=FactPage)
async def list_facts(services: Here, wanted: Annotated[FactQuery, Query()], caller: Auditing) -> Response:
    """Facts from a position on. One request looks through 8 MiB of journal at most: `items` may be empty
    while there is `more`."""
    types = frozenset(each.encode() for each in wanted.types.split(",") if each)
    try:
        found = await services.thread(
            lambda: _read(services.node.state_dir, wanted.position, types, wanted.limit)
        )
    except JournalGap as error:
        raise ApiError(404, str(error), "begin there") from None
    return answer(found)


def _read(state_dir: Path, position: int, types: frozenset[bytes], limit: int) -> dict[str, Any]:
    reader = JournalReader(
        state_dir, position, wanted=(lambda line: type_in(line) in types) if types else None
    )
    items: list[dict[str, Any]] = []
    try:
        for _ in range(MOST_BATCHES):
            before, batch = reader.position, reader.read()
            for after, fact in batch:
                fact.pop("keep", None)
                items.append({"log_position": after, **fact})
                if len(items) == limit:
                    return {"items": items, "next": after, "more": True}
            if reader.position == before:
                return {"items": items, "next": reader.position, "more": False}
        return {"items": items, "next": reader.position, "more": True}
    finally:
        reader.close()


@router.get("/calls/{call}/facts", response_model=CallFacts)
async def list_call_facts(call: CallName, services: Here, caller: Auditing) -> Response:
    """All facts about a call, in their order. The whole journal is searched."""
    found = await services.aside.ask("facts_of_call", state_dir=str(services.node.state_dir), call=call)
    return Response(found, media_type="application/json")


@router.get("/calls/{call}/decisions", response_model=CallDecisions)
async def decisions(call: CallName, services: Here, caller: Reader) -> Response:
    """Each choice of an agent for a call: all agents considered, and the one rule that left each out. Of a
    callback those for all of its calls. The journal is read from its beginning."""
    found = await services.aside.ask("decisions", state_dir=str(services.node.state_dir), call=call)
    return Response(found, media_type="application/json")


@router.get("/calls/{call}/trace", response_model=CallTrace)
async def trace(
    call: CallName,
    services: Here,
    caller: Auditing,
    width: Annotated[int, Query(ge=40, le=WIDEST, description="Of the drawing, in characters.")] = 110,
) -> Response:
    """The SIP messages of all legs of a call, and a drawing of them. The switch keeps the last ones only;
    what became no call is found by a Call-ID or a number."""
    settings = services.node.trace
    found = await services.aside.ask(
        "trace",
        state_dir=str(services.node.state_dir),
        trace=str(services.node.trace_path),
        call=call,
        hours=settings.hours,
        mask_digits=settings.mask_digits,
        width=width,
    )
    return Response(found, media_type="application/json")
