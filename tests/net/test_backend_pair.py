"""A back-end of two real servers: one of them dies, hangs, lies and comes back, and no caller notices."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from softswitch.backend.engine import Backends
from softswitch.backend.events import OK, Answer, Attempt, AttemptEnded, Question, ServerChanged
from softswitch.config import Backend
from softswitch.net.backend_client import BackendClient

HOST = "127.0.0.95"
SETTINGS = {"health_path": "/health", "health_every_s": 0.05, "deadline_s": 1, "inner_hosts": [HOST]}


class Server:
    """One of the pair; `way` is what it does with a request."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.way = "well"
        self.asked = 0
        self._ways: dict[str, Callable[[], Awaitable[web.StreamResponse]]] = {
            "well": self._well,
            "broken": self._broken,
            "hangs": self._hangs,
            "lies": self._lies,
            "elsewhere": self._elsewhere,
        }

    async def start(self) -> str:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, HOST, 0)
        await site.start()
        assert site._server is not None
        port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        return f"http://{HOST}:{port}"

    async def stop(self) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.asked += request.path != "/health"
        return await self._ways[self.way]()

    async def _well(self) -> web.StreamResponse:
        return web.json_response({"from": self.name})

    async def _broken(self) -> web.StreamResponse:
        return web.Response(status=500)

    async def _hangs(self) -> web.StreamResponse:
        await asyncio.sleep(30)
        raise web.HTTPGatewayTimeout

    async def _lies(self) -> web.StreamResponse:
        return web.Response(text="<html>all is well</html>", content_type="text/html")

    async def _elsewhere(self) -> web.StreamResponse:
        raise web.HTTPFound("http://169.254.169.254/latest/meta-data")


class Pair:
    """The engine and its client on the running loop, as the switch has them."""

    def __init__(self) -> None:
        self.servers = [Server("one"), Server("two")]
        self.engine = Backends()
        self.client = BackendClient(self._ended)
        self.changes: asyncio.Queue[ServerChanged] = asyncio.Queue()
        self._waiting: dict[str, asyncio.Future[Answer]] = {}
        self._count = 0

    async def start(self, **settings: Any) -> None:
        urls = [await server.start() for server in self.servers]
        backend = Backend.model_validate({"name": "crm", "urls": urls, **SETTINGS, **settings})
        self.engine.configured("crm", backend, self._now())
        self._tick()

    async def stop(self) -> None:
        self._timer.cancel()
        await self.client.close()
        for server in self.servers:
            await server.stop()

    async def ask(self, count: int) -> Counter[str]:
        """Who answered so many questions, asked one after the other."""
        found: Counter[str] = Counter()
        for _ in range(count):
            self._count += 1
            id = f"q{self._count}"
            answered = self._waiting[id] = asyncio.get_running_loop().create_future()
            out: list[Any] = []
            self.engine.ask(Question(id, "crm", "GET", f"/c/{id}"), self._now(), out)
            self._carry_out(out)
            answer = await answered
            assert answer.outcome == OK, answer.why
            found[answer.value["from"]] += 1
        return found

    async def changed(self) -> bool:
        """Until a server is asked no more (False), or again."""
        async with asyncio.timeout(5):
            return (await self.changes.get()).healthy

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _tick(self) -> None:
        out: list[Any] = []
        self.engine.handle_timeout(self._now(), out)
        self._carry_out(out)
        self._timer = asyncio.get_running_loop().call_later(0.01, self._tick)

    def _ended(self, ended: AttemptEnded) -> None:
        out: list[Any] = []
        self.engine.ended(ended, self._now(), out)
        self._carry_out(out)

    def _carry_out(self, out: list[Any]) -> None:
        for each in out:
            if isinstance(each, Attempt):
                self.client.attempt(each)
            elif isinstance(each, Answer):
                self._waiting.pop(each.id).set_result(each)
            else:
                self.changes.put_nowait(each)


@asynccontextmanager
async def pair(**settings: Any) -> AsyncIterator[Pair]:
    found = Pair()
    await found.start(**settings)
    try:
        yield found
    finally:
        await found.stop()


@pytest.mark.parametrize("way", ["broken", "hangs", "lies", "elsewhere"])
def test_a_server_that_fails_is_left_out_and_comes_back(way: str) -> None:
    async def run() -> None:
        async with pair(deadline_s=0.4) as both:
            assert await both.ask(10) == {"one": 5, "two": 5}
            both.servers[0].way = way
            assert (await both.ask(4))["two"] == 4, "whoever asks has an answer, also until it is noticed"
            assert not await both.changed()
            asked = both.servers[0].asked
            assert await both.ask(10) == {"two": 10}
            assert both.servers[0].asked == asked
            both.servers[0].way = "well"
            assert await both.changed()
            assert await both.ask(10) == {"one": 5, "two": 5}

    asyncio.run(run())


def test_who_stands_by_has_the_questions_while_the_first_is_ill() -> None:
    async def run() -> None:
        async with pair(mode="active_standby") as both:
            assert await both.ask(5) == {"one": 5}
            both.servers[0].way = "broken"
            assert not await both.changed()
            assert await both.ask(5) == {"two": 5}
            both.servers[0].way = "well"
            assert await both.changed()
            assert await both.ask(5) == {"one": 5}

    asyncio.run(run())
