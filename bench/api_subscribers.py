"""The subscribers of `python -m bench api`: many event streams of one API, in one process.

python -m bench.api_subscribers HOST PORT TOKEN COUNT. Prints `ready` when all are subscribed. A line, which
says how many facts there were, is answered with one JSON object: how many each had (fewest, most), frames,
and quantiles of the time from the fact (`by`) to its arrival.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import ClassVar, cast

import orjson
import uvloop

from bench.figures import quantile

REST_S, LATEST_S = 0.2, 5.0


class Subscriber(asyncio.Protocol):
    """Counts facts, and notes how old each was when it came."""

    known: ClassVar[dict[bytes, list[float]]] = {}
    """When the facts of a frame were made: the same frame comes to everybody and is read once."""
    ages: ClassVar[list[float]] = []

    def __init__(self, request: bytes) -> None:
        self.facts = self.frames = 0
        self.begun = asyncio.get_running_loop().create_future()
        self._request = request
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).write(self._request)

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        self._data += data
        if not self.begun.done():
            _, blank, rest = self._data.partition(b"\r\n\r\n")
            if not blank:
                return
            self._data = rest
            self.begun.set_result(None)
        while (frame := _frame(self._data)) is not None:
            payload, length = frame
            self._data = self._data[length:]
            self._take(payload, now)

    def _take(self, payload: bytes, now: float) -> None:
        made = self.known.get(payload)
        if made is None:
            events = orjson.loads(payload).get("events", ())
            made = self.known[payload] = [
                float(each["data"]["by"]) for each in events if each["type"] == "recording_played"
            ]
        self.frames += 1
        self.facts += len(made)
        self.ages.extend([now - at for at in made])


def _frame(data: bytes) -> tuple[bytes, int] | None:
    """The payload of the first frame, and the length of all of it (RFC 6455 section 5.2)."""
    if len(data) < 2:
        return None
    begin = {126: 4, 127: 10}.get(data[1], 2)
    length = begin + (data[1] if begin == 2 else int.from_bytes(data[2:begin], "big"))
    if len(data) < length:
        return None
    return (data[begin:length] if data[0] == 0x81 else b"{}"), length


async def run(host: str, port: int, token: str, count: int) -> None:
    loop = asyncio.get_running_loop()
    request = (
        f"GET /v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    ).encode()
    subscribers = []
    for _ in range(count):
        _, subscriber = await loop.create_connection(lambda: Subscriber(request), host, port)
        subscribers.append(subscriber)
        await subscriber.begun
    await asyncio.sleep(REST_S)
    print("ready", flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        until = loop.time() + LATEST_S
        while min(each.facts for each in subscribers) < int(line) and loop.time() < until:
            await asyncio.sleep(REST_S)
        facts, ages = [each.facts for each in subscribers], Subscriber.ages or [0.0]
        told = {
            "fewest": min(facts),
            "most": max(facts),
            "frames": max(each.frames for each in subscribers),
            "p50": quantile(ages, 0.5),
            "p99": quantile(ages, 0.99),
        }
        print(orjson.dumps(told).decode(), flush=True)


if __name__ == "__main__":
    host, port, token, count = sys.argv[1:]
    uvloop.run(run(host, int(port), token, int(count)))
