"""Sends requests to back-ends: the driver of `softswitch.backend`. Trusts nothing that comes back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import orjson

from softswitch.backend.events import FAILED, OK, TIMEOUT, Attempt, AttemptEnded
from softswitch.net.guarded_http import GuardedSessions, Refused, check_literal, secret

log = logging.getLogger(__name__)
Tell = Callable[[AttemptEnded], None]


class BackendClient:
    """One HTTP session for each back-end."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._sessions = GuardedSessions()
        self._tasks: set[asyncio.Task[None]] = set()

    def attempt(self, attempt: Attempt) -> None:
        task = asyncio.get_running_loop().create_task(self._run(attempt))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        for task in [*self._tasks]:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._sessions.close()

    async def _run(self, attempt: Attempt) -> None:
        outcome, why, value, sent, fault = FAILED, "", None, True, True
        try:
            async with asyncio.timeout(attempt.timeout_s):
                value = await self._request(attempt)
                outcome = OK
        except TimeoutError:
            outcome, why = TIMEOUT, f"no answer within {attempt.timeout_s:.3g} s"
        except Refused as refused:
            why, sent, fault = str(refused), refused.sent, refused.fault
        except Exception as error:
            log.exception("request to back-end %s", attempt.backend)
            why = type(error).__name__
        ended = AttemptEnded(
            attempt.id, attempt.number, attempt.backend, attempt.server, outcome, why, value, sent, fault
        )
        self._tell(ended)

    async def _request(self, attempt: Attempt) -> Any:
        """The JSON value of the answer. Raises Refused."""
        check_literal(attempt.url, attempt.inner_hosts)
        session = await self._sessions.get(attempt.backend, attempt.inner_hosts)
        from aiohttp import ClientConnectorError, ClientError, InvalidURL

        try:
            async with session.request(
                attempt.method,
                attempt.url,
                data=attempt.body,
                headers=_headers(attempt),
                allow_redirects=False,
            ) as response:
                return await _value(response, attempt.max_bytes)
        except ClientConnectorError as error:
            raise Refused(f"no connection: {error.os_error}", sent=False) from None
        except InvalidURL as error:
            raise Refused(str(error), sent=False) from None
        except ClientError as error:
            raise Refused(f"{type(error).__name__}: {error}") from None


def _headers(attempt: Attempt) -> dict[str, str]:
    """Raises Refused."""
    headers = dict(attempt.headers)
    headers |= {"Accept": "application/json", "Accept-Encoding": "identity"}
    if attempt.body is not None:
        headers["Content-Type"] = "application/json"
    for name, source in attempt.secret_headers:
        headers[name] = secret(name, source)
    return headers


async def _value(response: Any, max_bytes: int) -> Any:
    """Raises Refused for anything but 200 to 299 with JSON of a moderate size."""
    status = response.status
    if 300 <= status < 400:
        raise Refused(f"status {status}: redirections are not followed")
    if not 200 <= status < 300:
        raise Refused(f"status {status}", fault=status >= 500 or status == 429)
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if status != 204 and kind != "application/json" and not kind.endswith("+json"):
        raise Refused(f"the answer is {kind[:64] or 'of no type'}, not application/json")
    body = b""
    async for chunk in response.content.iter_chunked(16_384):
        body += chunk
        if len(body) > max_bytes:
            raise Refused(f"the answer has more than {max_bytes} bytes")
    if not body:
        return None
    try:
        return orjson.loads(body)
    except ValueError:
        raise Refused("the answer is no JSON") from None
