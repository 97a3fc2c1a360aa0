"""HTTP to servers of others, guarded: no inner addresses, no redirections, no cookies, no proxies, limits.

aiohttp is loaded with the first session, in a thread: it takes as long as ten frames of audio.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Collection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from softswitch.net.inner_addresses import is_inner

MOST_HEADER_BYTES = 8190
MOST_CONNECTIONS = 100
IDLE_CONNECTION_S = 30.0
MOST_SECRET_BYTES = 4096


class Refused(Exception):
    """The request was not sent, or its answer is not taken; `fault`: it speaks against the server."""

    def __init__(self, why: str, *, sent: bool = True, fault: bool = True) -> None:
        super().__init__(why)
        self.sent = sent
        self.fault = fault


class GuardedSessions:
    """One HTTP session for each name and its `inner_hosts`."""

    def __init__(self) -> None:
        self._sessions: dict[tuple[str, tuple[str, ...]], Any] = {}
        self._loading = asyncio.Lock()

    async def get(self, name: str, inner_hosts: tuple[str, ...]) -> Any:
        key = name, inner_hosts
        session = self._sessions.get(key)
        if session is None:
            async with self._loading:
                await asyncio.get_running_loop().run_in_executor(None, __import__, "aiohttp")
            session = self._sessions.get(key) or _new_session(frozenset(inner_hosts))
            self._sessions[key] = session
        return session

    async def close(self) -> None:
        for session in self._sessions.values():
            await session.close()


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


def check_literal(url: str, inner_hosts: Collection[str]) -> None:
    """An address that is written in a URL meets no resolver. Raises Refused."""
    host = urlsplit(url).hostname or ""
    if _is_address(host) and is_inner(host) and host not in inner_hosts:
        why = f"{host} is an inner address; inner_hosts does not name it"
        raise Refused(why, sent=False)


def _is_address(host: str) -> bool:
    try:
        socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
    except OSError:
        return False
    return True


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
