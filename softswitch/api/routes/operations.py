"""Looking after a node, and new tokens for keys."""

from __future__ import annotations

from fastapi import APIRouter, Response

from softswitch.api.models.operations import Examination, Findings, RotatedKey
from softswitch.api.parameters import ApiKeyName
from softswitch.api.requests import Admin, Sending, answer
from softswitch.config.api_key import hash_of, new_token

router = APIRouter(tags=["operations"])

MENDING = Examination()


@router.post("/doctor", response_model=Findings)
async def doctor(commands: Sending, caller: Admin, given: Examination = MENDING) -> Response:
    """Whether all holds that must hold of a running switch. What is wrong is mended where that hangs up on
    nobody, and named with what to do where it is not."""
    rows = await commands.send("doctor", {"mend": given.mend}, caller)
    return answer({"findings": rows, "left": sum(not row["mended"] for row in rows)})


@router.post("/api_keys/{name}/rotate", response_model=RotatedKey)
async def rotate(name: ApiKeyName, commands: Sending, caller: Admin) -> Response:
    """Give a key a new token, which is told here only; the former one is refused from now on. Do not repeat
    it with the same Idempotency-Key: the token that was lost is not known any more."""
    token = new_token()
    fields = {"name": name, "sha256": hash_of(token)}
    await commands.send("api_key.set", {"fields": fields, "must": "exist"}, caller)
    return answer({"name": name, "token": token})
