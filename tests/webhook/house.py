"""A journal with its feed, a receiver that listens, and the driver between them, all real."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from softswitch.api.webhooks import Webhooks
from softswitch.config import Node
from softswitch.store.feed import Feed
from softswitch.store.journal import Journal
from tests.webhook.world import SECRET

HOST = "127.0.0.95"
DEADLINE_S = 20.0
Respond = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def well(request: web.Request) -> web.StreamResponse:
    return web.Response(status=204)


class House:
    """`requests` are what the receiver got: headers, body and event. `respond` answers them."""

    def __init__(self) -> None:
        # A short path: Unix sockets allow no more than 107 bytes.
        self.directory = Path(tempfile.mkdtemp(prefix="ss-"))
        self.node = Node(state_dir=self.directory / "state", run_dir=self.directory)
        self.journal = Journal(self.node.state_dir, node="n1")
        self.requests: list[tuple[dict[str, str], bytes, dict[str, Any]]] = []
        self.respond: Respond = well
        self.arrived = asyncio.Event()
        self.port = 0

    def webhook(self, **settings: Any) -> dict[str, Any]:
        url = f"http://{HOST}:{self.port}/events"
        return {
            "name": "crm", "url": url, "secret": SECRET, "inner_hosts": [HOST], "events": ["*"], **settings
        }  # fmt: skip

    def tell(self, type: str, **data: Any) -> None:
        self.journal.append([{"type": type, "data": data, "keep": {"call/x": "not told"}}])

    def events(self) -> list[dict[str, Any]]:
        return [event for _, _, event in self.requests]

    async def until(self, reached: Callable[[], Any]) -> Any:
        """What is reached with a request, or by what the driver does every half a second."""
        async with asyncio.timeout(DEADLINE_S):
            while not (found := reached()):
                self.arrived.clear()
                try:
                    async with asyncio.timeout(0.05):
                        await self.arrived.wait()
                except TimeoutError:
                    continue
        return found

    async def _received(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        answer = await self.respond(request)
        if answer.status < 300:
            self.requests.append((dict(request.headers), body, orjson.loads(body)))
        self.arrived.set()
        return answer


@asynccontextmanager
async def house() -> AsyncIterator[House]:
    made = House()
    feed = Feed(made.node.state_dir)
    server = await asyncio.start_unix_server(feed.serve, made.node.events_path)
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", made._received)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, HOST, 0)
    await site.start()
    made.port = runner.addresses[0][1]
    try:
        yield made
    finally:
        server.close()
        feed.stop()
        await runner.cleanup()
        made.journal.close()
        shutil.rmtree(made.directory)


@asynccontextmanager
async def delivering(
    made: House, *webhooks: dict[str, Any], driver_of: Callable[[Node], Webhooks] = Webhooks
) -> AsyncIterator[Webhooks]:
    driver = driver_of(made.node)
    await driver.start()
    try:
        await driver.configure(webhooks or [made.webhook()])
        yield driver
    finally:
        await driver.close()
