"""The switch's end of the control protocol against a worker's socket that the test plays."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from softswitch.media.client import MediaClient

Event = dict[str, Any]
TIMEOUT_S = 10


class Worker:
    """The worker's listening end; `lines` are the commands of all connections in order."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: asyncio.Queue[Event] = asyncio.Queue()
        self.connections: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
        self.opened: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Worker:
        self.server = await asyncio.start_unix_server(self._serve, self.path)
        return self

    async def __aexit__(self, *error: object) -> None:
        self.server.close()
        for writer in self.opened:
            writer.close()
            await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened.append(writer)
        await self.connections.put(writer)
        while line := await reader.readline():
            await self.lines.put(orjson.loads(line))

    async def command(self) -> Event:
        return await asyncio.wait_for(self.lines.get(), TIMEOUT_S)

    async def met(self, instance: str = "a") -> asyncio.StreamWriter:
        """Takes the next connection's hello and answers with a snapshot."""
        writer = await asyncio.wait_for(self.connections.get(), TIMEOUT_S)
        assert (await self.command())["do"] == "hello"
        say(writer, {"event": "snapshot", "instance": instance, "legs": []})
        return writer


def say(writer: asyncio.StreamWriter, *events: Event) -> None:
    writer.write(b"".join(orjson.dumps(event) + b"\n" for event in events))


class Switch:
    """Collects what the client delivers."""

    def __init__(self, path: Path, generation: int = 7) -> None:
        self.events: asyncio.Queue[Event] = asyncio.Queue()
        self.lost = 0
        self.client = MediaClient(path, self.events.put_nowait, generation, on_lost=self._lose)

    def _lose(self) -> None:
        self.lost += 1

    async def event(self) -> Event:
        return await asyncio.wait_for(self.events.get(), TIMEOUT_S)


def scenario(play: Callable[[Worker, Switch], Awaitable[None]], tmp_path: Path) -> None:
    async def run() -> None:
        async with Worker(tmp_path / "media-0.sock") as worker:
            switch = Switch(worker.path)
            switch.client.start()
            await play(worker, switch)
            await switch.client.close()

    asyncio.run(run())


def test_commands_of_one_turn_arrive_in_order_in_one_write(tmp_path: Path) -> None:
    async def play(worker: Worker, switch: Switch) -> None:
        await worker.met()
        assert (await switch.event())["event"] == "snapshot"
        for number in range(50):
            assert switch.client.send({"do": "delete", "kind": "leg", "id": f"L{number}"})
        assert [(await worker.command())["id"] for _ in range(50)] == [f"L{number}" for number in range(50)]

    scenario(play, tmp_path)


def test_hello_carries_the_generation(tmp_path: Path) -> None:
    async def play(worker: Worker, switch: Switch) -> None:
        assert await worker.command() == {"do": "hello", "version": 1, "generation": 7}

    scenario(play, tmp_path)


def test_numbered_events_are_acknowledged_in_one_batch_after_delivery(tmp_path: Path) -> None:
    async def play(worker: Worker, switch: Switch) -> None:
        writer = await worker.met()
        say(writer, *({"n": n, "event": "digit", "leg": "L1", "digit": str(n)} for n in (1, 2, 3)))
        events = [await switch.event() for _ in range(4)]
        assert [event.get("digit") for event in events] == [None, "1", "2", "3"]
        assert await worker.command() == {"do": "ack", "n": 3}

    scenario(play, tmp_path)


def test_events_sent_again_after_a_reconnect_come_once_and_are_acknowledged_again(tmp_path: Path) -> None:
    async def play(worker: Worker, switch: Switch) -> None:
        writer = await worker.met()
        say(writer, {"n": 1, "event": "digit", "digit": "1"}, {"n": 2, "event": "digit", "digit": "2"})
        assert await worker.command() == {"do": "ack", "n": 2}
        writer.close()
        writer = await worker.met()
        say(writer, {"n": 2, "event": "digit", "digit": "2"})
        assert await worker.command() == {"do": "ack", "n": 2}
        say(writer, {"n": 3, "event": "digit", "digit": "3"})
        assert await worker.command() == {"do": "ack", "n": 3}
        names = [await switch.event() for _ in range(5)]
        assert [event.get("n") for event in names] == [None, 1, 2, None, 3]
        assert switch.lost == 1

    scenario(play, tmp_path)


def test_a_new_worker_process_counts_from_the_start(tmp_path: Path) -> None:
    async def play(worker: Worker, switch: Switch) -> None:
        writer = await worker.met("first")
        say(writer, {"n": 9, "event": "digit", "digit": "9"})
        assert await worker.command() == {"do": "ack", "n": 9}
        writer.close()
        writer = await worker.met("second")
        say(writer, {"n": 1, "event": "digit", "digit": "1"})
        assert await worker.command() == {"do": "ack", "n": 1}
        assert [(await switch.event()).get("n") for _ in range(4)] == [None, 9, None, 1]

    scenario(play, tmp_path)


def test_waits_for_a_worker_that_is_not_there_yet(tmp_path: Path) -> None:
    async def run() -> None:
        switch = Switch(tmp_path / "media-0.sock")
        switch.client.start()
        await asyncio.sleep(0)
        assert not switch.client.send({"do": "ack", "n": 1})
        async with Worker(tmp_path / "media-0.sock") as worker:
            await worker.met()
            assert (await switch.event())["event"] == "snapshot"
            await switch.client.close()
            assert not switch.client.connected

    asyncio.run(run())


def test_a_refused_generation_stays_away(tmp_path: Path) -> None:
    async def play(worker: Worker, switch: Switch) -> None:
        writer = await asyncio.wait_for(worker.connections.get(), TIMEOUT_S)
        say(writer, {"event": "refused", "generation": 8})
        writer.close()
        assert (await switch.event())["event"] == "refused"
        assert switch.client._running is not None
        await asyncio.wait_for(switch.client._running, TIMEOUT_S)
        assert switch.client.refused and not switch.client.connected

    scenario(play, tmp_path)


@pytest.mark.parametrize("bad", [b"{not json}\n", b'{"n": 1}\n', b"[]\n", b"\n"])
def test_a_line_that_cannot_be_understood_costs_nothing_else(
    bad: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def play(worker: Worker, switch: Switch) -> None:
        writer = await worker.met()
        writer.write(bad)
        say(writer, {"n": 2, "event": "digit", "digit": "2"})
        while (await switch.event()).get("n") != 2:
            pass
        assert await worker.command() == {"do": "ack", "n": 2}

    scenario(play, tmp_path)


def test_a_line_may_arrive_in_any_pieces(tmp_path: Path) -> None:
    async def play(worker: Worker, switch: Switch) -> None:
        writer = await worker.met()
        await switch.event()
        line = orjson.dumps({"event": "load", "legs": 3}) + b"\n"
        for piece in (line[:1], line[1:10], line[10:] + line[:5], line[5:]):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        assert [(await switch.event())["legs"] for _ in range(2)] == [3, 3]

    scenario(play, tmp_path)


def test_close_sends_what_was_queued(tmp_path: Path) -> None:
    async def run() -> None:
        async with Worker(tmp_path / "media-0.sock") as worker:
            switch = Switch(worker.path)
            switch.client.start()
            await worker.met()
            await switch.event()
            switch.client.send({"do": "delete", "kind": "leg", "id": "L1"})
            await switch.client.close()
            assert (await worker.command())["id"] == "L1"

    asyncio.run(run())
