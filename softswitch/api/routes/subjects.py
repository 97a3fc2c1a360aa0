"""Telephone numbers as personal data: what is known of them, and forgetting it."""

from __future__ import annotations

import sqlite3
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Response

from softswitch.api.models.subjects import SubjectErased, SubjectKnown
from softswitch.api.requests import Admin, Here, Sending, answer
from softswitch.api.routes.recordings import Reason
from softswitch.api.services import Services
from softswitch.store.erasure import known_of, texts_of

router = APIRouter(tags=["subjects"])
Number = Annotated[
    str,
    Path(pattern=r"^\+?[0-9]{1,32}$", description="The number, in any of the forms in which it is written."),
]


@router.get("/subjects/{number}", response_model=SubjectKnown)
async def export(number: Number, services: Here, caller: Admin) -> Response:
    """Everything that is known of the calls from and to a number."""
    return answer(await _known(services, number))


@router.delete("/subjects/{number}", response_model=SubjectErased)
async def erase(number: Number, reason: Reason, services: Here, commands: Sending, caller: Admin) -> Response:
    """Forget a number for good: in the records, and with the recordings of its calls. The journal, its chain
    and all counts stay as they are. Refused while a call or the configuration has the number, and while a
    recording is under legal hold. `still_in` names files that have it still."""
    known = await _known(services, number)
    archive = await services.archive()
    recordings = await archive.erase_all(known["recordings"], caller, reason)
    erased = await commands.send("subject.erase", {"number": number}, caller)
    node = services.node
    left = await services.aside.ask(
        "files_with",
        number=number,
        state_dir=str(node.state_dir),
        trace=str(node.trace_path),
        recordings=str(node.recording.directory),
    )
    return answer({"subjects": erased["subjects"], "recordings": recordings, "still_in": orjson.loads(left)})


async def _known(services: Services, number: str) -> dict[str, list[Any]]:
    def asked(db: sqlite3.Connection) -> dict[str, list[Any]]:
        texts = texts_of(services.node.state_dir, number)
        return {"numbers": texts, **known_of(db, texts)}

    return await services.views(asked, slow=True)
