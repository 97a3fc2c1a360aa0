"""Commands about one call; agents may touch their own calls only."""

from __future__ import annotations

from typing import Any

from fastapi import Response

from softswitch.api.callers import Caller
from softswitch.api.problem import ApiError
from softswitch.api.requests import Commands, answer


def own(caller: Caller) -> dict[str, str]:
    """Arguments by which the switch lets an agent see and steer its own calls only. ApiError 403 for one who
    is no user."""
    if caller.role == "agent" and not caller.user:
        hint = "give the key a user, or an agent who has one"
        raise ApiError(403, f"{caller.name} is no user and has no calls of its own", hint)
    return caller.own


async def carry_out(
    command: str, call: str, args: dict[str, Any], commands: Commands, caller: Caller
) -> Response:
    return answer(await commands.send(command, {"call": call, **args, **own(caller)}, caller))
