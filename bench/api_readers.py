"""The readers of `python -m bench api`: connections that ask, wait for the answer, and ask the next thing.

python -m bench.api_readers HOST PORT TOKEN CONNECTIONS PATH… Prints `ready`. A line `go` lets them ask,
a line `stop` makes them rest, any line is answered with one JSON object: answers and failures so far.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import cast

import orjson
import uvloop

NICE = 19
"""Readers are other machines: what they do themselves should not be in the way of the system."""


class Reader(asyncio.Protocol):
    """One connection that is kept."""

    answers = failures = 0
    going = False

    def __init__(self, requests: list[bytes], first: int) -> None:
        self._requests = requests
        self._next = first
        self._data = b""
        self._waits = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def ask(self) -> None:
        if not self._waits:
            self._waits = True
            self._transport.write(self._requests[self._next % len(self._requests)])
            self._next += 1

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, blank, body = self._data.partition(b"\r\n\r\n")
        if not blank or len(body) < _length(head):
            return
        self._data = b""
        self._waits = False
        Reader.answers += 1
        Reader.failures += not head.startswith(b"HTTP/1.1 200 ")
        if Reader.going:
            self.ask()

    def connection_lost(self, exc: Exception | None) -> None:
        Reader.failures += 1


def _length(head: bytes) -> int:
    at = head.lower().index(b"content-length:")
    return int(head[at + 15 :].split(b"\r\n", 1)[0])


async def run(host: str, port: int, token: str, count: int, paths: list[str]) -> None:
    loop = asyncio.get_running_loop()
    headers = f"Host: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
    requests = [f"GET {path} HTTP/1.1\r\n{headers}".encode() for path in paths]
    readers: list[Reader] = []

    async def keep(place: int) -> Reader:
        return (await loop.create_connection(lambda: Reader(requests, place), host, port))[1]

    print("ready", flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        Reader.going = line == "go\n" or (Reader.going and line != "stop\n")
        if Reader.going and not readers:
            # Only now: connections on which nothing is asked are closed.
            readers = [await keep(place) for place in range(count)]
        if Reader.going:
            for each in readers:
                each.ask()
        told = {"answers": Reader.answers, "failures": Reader.failures}
        print(orjson.dumps(told).decode(), flush=True)
        if not Reader.going:
            readers = []


if __name__ == "__main__":
    os.nice(NICE)
    host, port, token, count, *paths = sys.argv[1:]
    uvloop.run(run(host, int(port), token, int(count), paths))
