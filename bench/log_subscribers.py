"""The subscribers of `python -m bench log`: many connections to one feed, in one process.

python -m bench.log_subscribers SOCKET COUNT. Prints `ready` when all are subscribed; at the end of standard
input one JSON object: facts that each had (fewest, most), frames, and quantiles of the time from the fact to
its arrival.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import ClassVar, cast

import orjson
import uvloop

from bench.figures import quantile

REST_S = 0.5


class Subscriber(asyncio.Protocol):
    """Counts facts, and notes how old each was when it came."""

    known: ClassVar[dict[bytes, list[float]]] = {}
    """When the facts of a frame were made: the same frame comes to everybody and is read once."""
    ages: ClassVar[list[float]] = []

    def __init__(self) -> None:
        self.facts = self.frames = 0
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).write(b'{"facts": true}\n')

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        whole, _, self._rest = (self._rest + data).rpartition(b"\n")
        if not whole:
            return
        made = self.known.get(whole)
        if made is None:
            made = self.known[whole] = [orjson.loads(line)["mono"] for line in whole.split(b"\n")]
        self.frames += 1
        self.facts += len(made)
        self.ages.extend(now - at for at in made)


async def run(path: Path, count: int) -> None:
    loop = asyncio.get_running_loop()
    subscribers = []
    for _ in range(count):
        _, subscriber = await loop.create_unix_connection(Subscriber, path)
        subscribers.append(subscriber)
    await asyncio.sleep(REST_S)
    print("ready", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    await asyncio.sleep(REST_S)
    facts = [each.facts for each in subscribers]
    ages = Subscriber.ages
    told = {
        "fewest": min(facts),
        "most": max(facts),
        "frames": max(each.frames for each in subscribers),
        "p50": quantile(ages, 0.5),
        "p99": quantile(ages, 0.99),
    }
    print(orjson.dumps(told).decode(), flush=True)


if __name__ == "__main__":
    uvloop.run(run(Path(sys.argv[1]), int(sys.argv[2])))
