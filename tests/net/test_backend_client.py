"""Requests to back-ends over real sockets: servers that are slow, wrong, huge, redirecting, inner, dead."""

from __future__ import annotations

import asyncio
import gzip
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from softswitch.backend.events import FAILED, OK, TIMEOUT, Attempt, AttemptEnded
from softswitch.net.backend_client import BackendClient
from softswitch.net.inner_addresses import is_inner

HOST = "127.0.0.94"
JSON = "Content-Type: application/json\r\n"
Serve = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


def answer(body: str | bytes, head: str = JSON, status: str = "200 OK") -> Serve:
    async def serve(request: bytes, writer: asyncio.StreamWriter) -> None:
        content = body.encode() if isinstance(body, str) else body
        writer.write(f"HTTP/1.1 {status}\r\n{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
        await writer.drain()

    return serve


def attempt(port: int, **more: Any) -> Attempt:
    fields: dict[str, Any] = {
        "id": "q1",
        "number": 1,
        "backend": "crm",
        "server": 0,
        "url": f"http://{HOST}:{port}/customers?number=%2B49",
        "method": "GET",
        "body": None,
        "headers": (("X-Tenant", "one"),),
        "secret_headers": (),
        "inner_hosts": (HOST,),
        "timeout_s": 5.0,
        "max_bytes": 1000,
    }
    return Attempt(**{**fields, **more})


def ask(serve: Serve, **more: Any) -> tuple[AttemptEnded, list[bytes]]:
    """What came of one request to a server of our own, and the requests that it got."""
    requests: list[bytes] = []
    told: list[AttemptEnded] = []

    async def run() -> None:
        done = asyncio.Event()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
                size = next((int(line[15:]) for line in head.split(b"\r\n") if b"Content-Length" in line), 0)
                requests.append(head + await reader.readexactly(size))
                await serve(requests[-1], writer)
            except (ConnectionError, asyncio.IncompleteReadError):
                return
            finally:
                writer.close()

        def tell(ended: AttemptEnded) -> None:
            told.append(ended)
            done.set()

        server = await asyncio.start_server(connected, HOST, 0)
        client = BackendClient(tell)
        client.attempt(attempt(server.sockets[0].getsockname()[1], **more))
        async with asyncio.timeout(20):
            await done.wait()
        await client.close()
        server.close()

    asyncio.run(run())
    (ended,) = told
    return ended, requests


def test_an_answer_and_what_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRM_TOKEN", "Bearer top-secret")
    (tmp_path / "key").write_text("file-secret\n")
    secrets = (("Authorization", "env:CRM_TOKEN"), ("X-Key", f"file:{tmp_path}/key"))
    ended, (request,) = ask(answer('{"name": "Ann"}'), method="POST", body='{"a": 1}', secret_headers=secrets)
    assert (ended.outcome, ended.value, ended.id, ended.number) == (OK, {"name": "Ann"}, "q1", 1)
    assert request.startswith(b"POST /customers?number=%2B49 HTTP/1.1\r\n")
    for line in (b"Authorization: Bearer top-secret", b"X-Key: file-secret", b"X-Tenant: one"):
        assert line in request
    assert request.endswith(b'{"a": 1}')


def test_secrets_are_in_no_message(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAD", "two\nlines")
    with caplog.at_level(logging.DEBUG):
        ended, requests = ask(answer("{}"), secret_headers=(("Authorization", "env:BAD"),))
        missing, _ = ask(answer("{}"), secret_headers=(("Authorization", "env:NOT_THERE"),))
    assert not requests
    assert "no line of text" in ended.why and "env:NOT_THERE" in missing.why
    assert not ended.fault and not ended.sent
    assert "two" not in ended.why + caplog.text


async def says_nothing(request: bytes, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


async def trickles(request: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(f"HTTP/1.1 200 OK\r\n{JSON}Content-Length: 900\r\n\r\n".encode())
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)


async def floods(request: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(f"HTTP/1.1 200 OK\r\n{JSON}\r\n".encode())
    while True:
        writer.write(b" " * 65_536)
        await writer.drain()


async def hangs_up(request: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Le")


async def heads_without_end(request: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 100_000 + b"\r\n\r\n{}")


async def trickles_heads(request: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(f"HTTP/1.1 200 OK\r\n{JSON}X-Long: ".encode())
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("serve", [says_nothing, trickles, trickles_heads])
def test_slow_servers_are_given_up(serve: Serve) -> None:
    ended, _ = ask(serve, timeout_s=0.3)
    assert (ended.outcome, ended.why) == (TIMEOUT, "no answer within 0.3 s")


@pytest.mark.parametrize(
    ("serve", "words"),
    [
        (answer("{"), "no JSON"),
        (answer("NaN"), "no JSON"),
        (answer("[" * 900 + "]" * 900 * 0), "no JSON"),
        (answer("<html>", "Content-Type: text/html\r\n"), "text/html"),
        (answer("{}", ""), "no type"),
        (answer('"' + "x" * 2000 + '"'), "more than 1000 bytes"),
        (answer(gzip.compress(b"{}"), JSON + "Content-Encoding: gzip\r\n"), "no JSON"),
        (floods, "more than 1000 bytes"),
        (hangs_up, ""),
        (heads_without_end, ""),
        (answer("{}", JSON, "500 No"), "status 500"),
    ],
)
def test_what_is_no_answer(serve: Serve, words: str) -> None:
    ended, _ = ask(serve)
    assert ended.outcome == FAILED
    assert ended.fault
    assert words in ended.why


def test_what_speaks_against_the_question_only() -> None:
    ended, _ = ask(answer("{}", JSON, "404 Not Found"))
    assert (ended.outcome, ended.why, ended.fault) == (FAILED, "status 404", False)


@pytest.mark.parametrize(
    "place", ["http://169.254.169.254/latest/meta-data", "/elsewhere", f"http://{HOST}/"]
)
def test_redirections_are_not_followed(place: str) -> None:
    ended, requests = ask(answer("", f"Location: {place}\r\n", "302 Found"))
    assert (ended.outcome, len(requests)) == (FAILED, 1)
    assert "redirections are not followed" in ended.why


@pytest.mark.parametrize(
    ("url", "inner_hosts"),
    [
        (f"http://{HOST}:{{port}}/", ()),
        ("http://localhost:{port}/", (HOST,)),
        ("http://127.1:{port}/", ()),
        ("http://2130706433:{port}/", ()),
        ("http://0x7f000001:{port}/", ()),
        ("http://[::1]:{port}/", ()),
        ("http://[::ffff:127.0.0.1]:{port}/", ("127.0.0.1",)),
    ],
)
def test_inner_addresses_are_not_connected_to(url: str, inner_hosts: tuple[str, ...]) -> None:
    requests: list[bytes] = []

    async def run() -> AttemptEnded:
        told: asyncio.Future[AttemptEnded] = asyncio.get_running_loop().create_future()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            requests.append(await reader.read(10))
            writer.close()

        server = await asyncio.start_server(connected, "0.0.0.0", 0)
        port = server.sockets[0].getsockname()[1]
        client = BackendClient(told.set_result)
        client.attempt(attempt(port, url=url.format(port=port), inner_hosts=inner_hosts))
        async with asyncio.timeout(20):
            ended = await told
        await client.close()
        server.close()
        return ended

    ended = asyncio.run(run())
    assert not requests
    assert (ended.outcome, ended.sent) == (FAILED, False)
    assert "inner" in ended.why or "not a canonical" in ended.why


def test_a_dead_server() -> None:
    ended, _ = ask(answer("{}"), url=f"http://{HOST}:1/")
    assert (ended.outcome, ended.sent, ended.fault) == (FAILED, False, True)
    assert "no connection" in ended.why


@pytest.mark.parametrize(
    "address",
    "127.0.0.1 10.1.2.3 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0 224.0.0.1 255.255.255.255"
    " ::1 :: fe80::1 fd00::1 ff02::1 ::ffff:10.0.0.1 64:ff9b::a00:1 2002:a00:1::1 2001:0:1:2:3:4:f5ff:fffe"
    " fe80::1%eth0 crm.example".split(),
)
def test_what_is_inner(address: str) -> None:
    assert is_inner(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "64:ff9b::5db8:d822"])
def test_what_is_not_inner(address: str) -> None:
    assert not is_inner(address)
