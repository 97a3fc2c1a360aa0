"""Questions that take much processor time.

Each is answered by a process of its own (softswitch.api.questions): neither other requests nor calls notice.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import orjson

from softswitch.api.problem import ApiError, unavailable
from softswitch.api.questions import PROBLEM

AT_ONCE = 2
MOST_WAITING = 8
LONGEST_S = 120.0
PROGRAM = "softswitch.api.questions"


class Aside:
    """The asking side."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0

    async def ask(self, question: str, *, longest_s: float = LONGEST_S, **args: Any) -> bytes:
        """The answer, JSON. ApiError as the question says, 422 when it takes too long, 503 when too many
        wait."""
        if self._waiting >= MOST_WAITING:
            raise unavailable("too many long questions wait for their turn")
        self._waiting += 1
        try:
            async with self._turn:
                return await self._answer(orjson.dumps({"question": question, "args": args}), longest_s)
        finally:
            self._waiting -= 1

    async def _answer(self, question: bytes, longest_s: float) -> bytes:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", PROGRAM, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        try:
            async with asyncio.timeout(longest_s):
                answer, _ = await process.communicate(question)
        except TimeoutError:
            raise ApiError(422, f"this takes longer than {longest_s:g} s", "ask for less") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode == PROBLEM:
            raise ApiError(**orjson.loads(answer))
        if process.returncode:
            raise ApiError(500, "the API failed to answer this", "its log says why")
        return answer
