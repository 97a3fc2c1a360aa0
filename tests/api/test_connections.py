"""Connections that would stay for ever, or be too many: all of them have an end."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from softswitch.api.http_connection import MOST_HEAD_BYTES, HttpConnection
from softswitch.config import Api
from softswitch.net.sockets import API_ENVIRONMENT, bind_api
from tests.net.certificates import Authority
from tests.peers.ports import free_port

ROOT = Path(__file__).absolute().parents[2]
WITHIN_S = 5.0
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
ANSWER = 16 << 20


class Impatient(HttpConnection):
    most = 3
    head_s = body_s = unread_s = 0.2
    over = 0

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        type(self).over += 1


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Reads the body; `/large` has an answer that no buffer holds."""
    while (message := await receive()).get("more_body"):
        pass
    if message["type"] == "http.disconnect":
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    body = bytes(ANSWER) if scope["path"] == "/large" else b"ok"
    await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
    await send({"type": "http.response.body", "body": body[len(body) // 2 :]})


def served(scene: Callable[[tuple[str, int]], Awaitable[None]]) -> None:
    """Run the scene while a server with short limits listens."""

    async def run() -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as sock:
            config = uvicorn.Config(
                application, http=Impatient, lifespan="off", log_config=None, timeout_keep_alive=60
            )
            server = uvicorn.Server(config)
            serving = asyncio.create_task(server.serve([sock]))
            while not server.started:
                await asyncio.sleep(0)
            try:
                async with asyncio.timeout(WITHIN_S):
                    await scene(sock.getsockname())
            finally:
                server.should_exit = True
                await serving

    asyncio.run(run())


async def ended(reader: asyncio.StreamReader) -> bytes:
    """All that comes until the connection is closed."""
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HTTP/1.1\r\nHo",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        # The second request of a connection has no more time than the first.
        REQUEST + b"GET / HT",
    ],
)
def test_half_requests_have_an_end(sent: bytes) -> None:
    async def scene(address: tuple[str, int]) -> None:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(sent)
        found = await ended(reader)
        assert found.count(b"200 OK") == sent.count(REQUEST)
        writer.close()

    served(scene)


def test_bytes_that_trickle_in_do_not_buy_time() -> None:
    async def scene(address: tuple[str, int]) -> None:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"GET / HTTP/1.1\r\n")
        over = asyncio.create_task(ended(reader))
        while not over.done():
            writer.write(b"X: y\r\n")
            await asyncio.wait([over], timeout=0.02)
        assert over.result() == b""
        writer.close()

    served(scene)


def test_who_does_not_read_is_hung_up() -> None:
    async def scene(address: tuple[str, int]) -> None:
        loop, Impatient.over = asyncio.get_running_loop(), 0
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.setblocking(False)
            await loop.sock_connect(client, address)
            await loop.sock_sendall(client, b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
            while not Impatient.over:
                await asyncio.sleep(0.01)

    served(scene)


def test_requests_one_after_the_other_are_no_half_ones() -> None:
    async def scene(address: tuple[str, int]) -> None:
        reader, writer = await asyncio.open_connection(*address)
        for _ in range(5):
            writer.write(REQUEST)
            assert (await reader.readuntil(b"0\r\n\r\n")).startswith(b"HTTP/1.1 200 OK")
            await asyncio.sleep(0.1)
        writer.write(REQUEST * 3)
        for _ in range(3):
            await reader.readuntil(b"0\r\n\r\n")
        writer.close()

    served(scene)


@pytest.mark.parametrize("part", [b"X: yyyyyyyy\r\n", b"y" * 100])
def test_a_head_without_end_is_refused(part: bytes) -> None:
    async def scene(address: tuple[str, int]) -> None:
        reader, writer = await asyncio.open_connection(*address)
        writer.write(b"GET / HTTP/1.1\r\nX: " + part * (MOST_HEAD_BYTES // len(part) + 1))
        assert (await ended(reader)).startswith(b"HTTP/1.1 431 ")
        writer.close()

    served(scene)


def test_more_connections_than_allowed_are_closed_and_the_others_served() -> None:
    async def scene(address: tuple[str, int]) -> None:
        there = [await asyncio.open_connection(*address) for _ in range(Impatient.most)]
        for reader, writer in there:
            writer.write(REQUEST)
            await reader.readuntil(b"0\r\n\r\n")
        reader, writer = await asyncio.open_connection(*address)
        assert await ended(reader) == b""
        there[0][1].write(REQUEST)
        assert (await there[0][0].readuntil(b"0\r\n\r\n")).startswith(b"HTTP/1.1 200 OK")
        for _, each in (*there, (reader, writer)):
            each.close()

    served(scene)


def test_tls_of_the_api_process_and_a_certificate_that_is_renewed(tmp_path: Path) -> None:
    first, second = Authority(tmp_path, "first"), Authority(tmp_path, "second")
    certificate, key = first.issue("localhost")
    api = Api(port=free_port(), certificate=certificate, key=key)
    config = tmp_path / "softswitch.yaml"
    config.write_text(f"api: {{port: {api.port}, certificate: {certificate}, key: {key}}}\n")
    with closing(bind_api(api)) as sock:
        process = subprocess.Popen(
            [sys.executable, "-m", "softswitch.api", str(config)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            env={**os.environ, API_ENVIRONMENT: str(sock.fileno())},
            pass_fds=[sock.fileno()],
        )
    try:
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"

        def live(authority: Authority) -> int:
            address = f"https://localhost:{api.port}/v1/health/live"
            return httpx.get(address, verify=authority.client(), timeout=10).status_code

        assert live(first) == 200
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            live(second)
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.get(f"http://localhost:{api.port}/v1/health/live", timeout=10)
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        old.load_verify_locations(first.file)
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"https://localhost:{api.port}/", verify=old, timeout=10)

        # The other one is of the same names: its files take the place of the former ones.
        second.issue("localhost")
        assert live(second) == 200
    finally:
        process.terminate()
        process.communicate(timeout=10)


def test_an_address_that_others_reach_needs_a_certificate() -> None:
    with pytest.raises(ValueError, match="give certificate, or set behind_proxy"):
        Api(host="192.0.2.1")
