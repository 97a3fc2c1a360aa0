"""Sends requests to back-ends: the driver of `softswitch.backend`. Trusts nothing that comes back."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from softswitch.backend.events import FAILED, OK, TIMEOUT, Attempt, AttemptEnded
from softswitch.net.inner_addresses import is_inner

MOST_HEADER_BYTES = 8190
MOST_CONNECTIONS = 100
IDLE_CONNECTION_S = 30.0
MOST_SECRET_BYTES = 4096

log = logging.getLogger(__name__)
Tell = Callable[[AttemptEnded], None]


class Refused(Exception):
    """The request was not sent, or its answer is not taken; `fault`: it speaks against the server."""

    def __init__(self, why: str, *, sent: bool = True, fault: bool = True) -> None:
        super().__init__(why)
        self.sent = sent
        self.fault = fault


class BackendClient:
    """One HTTP session for each back-end. aiohttp is loaded with the first request, in a thread: it takes
    as long as ten frames of audio."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._sessions: dict[tuple[str, tuple[str, ...]], Any] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._loading = asyncio.Lock()

    def attempt(self, attempt: Attempt) -> None:
        task = asyncio.get_running_loop().create_task(self._run(attempt))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        for task in [*self._tasks]:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for session in self._sessions.values():
            await session.close()

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
        _check_literal(attempt)
        session = await self._session(attempt)
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

    async def _session(self, attempt: Attempt) -> Any:
        key = attempt.backend, attempt.inner_hosts
        session = self._sessions.get(key)
        if session is None:
            async with self._loading:
                await asyncio.get_running_loop().run_in_executor(None, __import__, "aiohttp")
            session = self._sessions.get(key) or _new_session(frozenset(attempt.inner_hosts))
            self._sessions[key] = session
        return session


def _new_session(inner_hosts: frozenset[str]) -> Any:
    from aiohttp import ClientSession, DummyCookieJar, TCPConnector

    connector = TCPConnector(
        limit=MOST_CONNECTIONS,
        keepalive_timeout=IDLE_CONNECTION_S,
        use_dns_cache=False,
        resolver=_resolver(inner_hosts),
    )
    return ClientSession(
        connector=connector,
        cookie_jar=DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        max_line_size=MOST_HEADER_BYTES,
        max_field_size=MOST_HEADER_BYTES,
    )


def _resolver(inner_hosts: frozenset[str]) -> Any:
    """Looks names up and leaves out inner addresses unless the name may have them: what is checked is what is
    connected to, so that a second answer of DNS changes nothing."""
    from aiohttp.abc import AbstractResolver

    class Resolver(AbstractResolver):
        async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET) -> list[Any]:
            loop = asyncio.get_running_loop()
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)
            usable = [each for each in found if host in inner_hosts or not is_inner(str(each[4][0]))]
            if found and not usable:
                raise OSError(f"{host} is at an inner address; inner_hosts does not name it")
            return [
                {
                    "hostname": host,
                    "host": each[4][0],
                    "port": port,
                    "family": each[0],
                    "proto": each[2],
                    "flags": socket.AI_NUMERICHOST,
                }
                for each in usable
            ]

        async def close(self) -> None:
            return None

    return Resolver()


def _check_literal(attempt: Attempt) -> None:
    """An address that is written in a URL meets no resolver. Raises Refused."""
    host = urlsplit(attempt.url).hostname or ""
    if _is_address(host) and is_inner(host) and host not in attempt.inner_hosts:
        why = f"{host} is an inner address; inner_hosts does not name it"
        raise Refused(why, sent=False)


def _is_address(host: str) -> bool:
    try:
        socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
    except OSError:
        return False
    return True


def _headers(attempt: Attempt) -> dict[str, str]:
    """Raises Refused."""
    headers = dict(attempt.headers)
    headers |= {"Accept": "application/json", "Accept-Encoding": "identity"}
    if attempt.body is not None:
        headers["Content-Type"] = "application/json"
    for name, source in attempt.secret_headers:
        headers[name] = secret(name, source)
    return headers


def secret(header: str, source: str) -> str:
    """Read anew for each request, so that it can be changed under way. Never in a message or a log."""
    kind, _, place = source.partition(":")
    try:
        if kind == "env":
            value = os.environ[place]
        else:
            with Path(place).open(encoding="utf-8") as file:
                value = file.read(MOST_SECRET_BYTES).strip()
    except (KeyError, OSError, ValueError):
        raise Refused(
            f"the secret for {header} cannot be read from {source}", sent=False, fault=False
        ) from None
    if not value or not value.isprintable():
        raise Refused(f"the secret for {header} in {source} is no line of text", sent=False, fault=False)
    return value


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
