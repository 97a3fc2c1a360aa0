"""Commands to the switch over its control socket, many at a time, and answers that are used again."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path
from typing import Any

import orjson

from softswitch.api.problem import ApiError, unavailable
from softswitch.api.recent import Recent
from softswitch.control import ANSWER_S, MAX_LINE_BYTES, READ_ANSWER_S, CommandError, only_reads

CONNECTIONS = 8
CONNECT_S = 1.0
RESTARTING = "the switch is not answering: it is being started again, or stopped"
SENDABLE = "allowed are Unicode texts, whole numbers of 64 bits, and other values of JSON"
REPEAT = "repeat the request with the same Idempotency-Key: nothing is done twice"


class SwitchClient:
    """Connections to the control socket, made when needed and used by one command at a time.

    ApiError 503 when no switch answers, CommandError when a command is refused.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._turn = asyncio.Semaphore(CONNECTIONS)
        self._number = 0

    async def call(self, command: str, args: dict[str, Any] | None = None, *, key: str = "") -> Any:
        """The result of one command. With `key` it is carried out once, however often it is sent."""
        self._number += 1
        request = {"id": self._number, "command": command, "args": args or {}, "key": key or None}
        try:
            line = orjson.dumps(request) + b"\n"
        except TypeError as error:
            raise ApiError(422, f"what was sent cannot be told to the switch: {error}", SENDABLE) from None
        async with self._turn:
            reply = await self._exchange(line, READ_ANSWER_S if only_reads(command) else ANSWER_S)
        if not reply["ok"]:
            raise CommandError.from_json(reply["error"])
        return reply["result"]

    async def _exchange(self, line: bytes, timeout_s: float) -> dict[str, Any]:
        while self._idle:
            connection = self._idle.pop()
            # One that the former switch has left is known by now: what was not sent is sent again.
            if not connection[0].at_eof():
                return await self._ask(connection, line, timeout_s)
            connection[1].close()
        try:
            async with asyncio.timeout(CONNECT_S):
                connection = await asyncio.open_unix_connection(self._path, limit=MAX_LINE_BYTES)
        except (OSError, TimeoutError):
            raise unavailable(RESTARTING, REPEAT) from None
        return await self._ask(connection, line, timeout_s)

    async def _ask(
        self, connection: tuple[asyncio.StreamReader, asyncio.StreamWriter], line: bytes, timeout_s: float
    ) -> dict[str, Any]:
        reader, writer = connection
        try:
            async with asyncio.timeout(timeout_s):
                writer.write(line)
                await writer.drain()
                answer = await reader.readline()
        except BaseException as error:
            writer.close()
            if isinstance(error, OSError | TimeoutError | ValueError):
                raise unavailable(RESTARTING, REPEAT) from None
            raise
        if not answer.endswith(b"\n"):
            writer.close()
            raise unavailable(RESTARTING, REPEAT)
        self._idle.append(connection)
        reply: dict[str, Any] = orjson.loads(answer)
        return reply

    def close(self) -> None:
        for _, writer in self._idle:
            writer.close()
        self._idle.clear()


class Answers:
    """Answers of commands that only read: one question at a time, whoever asks, and not more often than
    `max_age_s` says. So a flood of readers costs the switch a few questions a second."""

    def __init__(self, switch: SwitchClient) -> None:
        self._switch = switch
        self._recent = Recent()

    async def read(self, command: str, args: dict[str, Any] | None = None, *, max_age_s: float) -> Any:
        """Do not change what is returned: others get it too."""
        wanted = (command, orjson.dumps(args, option=orjson.OPT_SORT_KEYS) if args else b"")
        return await self._recent.get(wanted, lambda: self._switch.call(command, args), max_age_s)

    def forget(self) -> None:
        """Something was changed: what was known before is asked again."""
        self._recent.forget()


def new_key() -> str:
    """For a request whose client has given none."""
    return secrets.token_hex(16)
