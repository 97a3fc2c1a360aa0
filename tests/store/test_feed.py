"""The feed as a process: every fact once and in order, live statistics that are the reports'."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from softswitch.cli.main import main
from softswitch.store.feed import Feed
from softswitch.store.inotify import Inotify
from softswitch.store.live_statistics import statistics
from softswitch.store.process import Copier
from softswitch.store.queries import open_views
from softswitch.store.reports import REPORTS, Period
from tests.store.facts import answered_call, copy_all, journal
from tests.store.test_process import RunningStore
from tests.store.written import WALL, Play, examples

ROOT = Path(__file__).parents[2]


class RunningFeed:
    def __init__(self, state_dir: Path) -> None:
        # A short path: Unix sockets allow no more than 107 bytes.
        self.path = Path(tempfile.mkdtemp(prefix="ss-")) / "events.sock"
        command = [sys.executable, "-m", "softswitch.store.feed", "--state-dir", str(state_dir)]
        self.process = subprocess.Popen(
            [*command, "--socket", str(self.path)], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        assert self.process.stdout is not None and self.process.stdout.readline() == "ready\n"

    def subscribe(self, **wanted: Any) -> Iterator[dict[str, Any]]:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(str(self.path))
            connection.sendall(json.dumps(wanted).encode() + b"\n")
            with connection.makefile("rb") as lines:
                yield {}
                for line in lines:
                    yield json.loads(line)

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(10)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status


@pytest.fixture
def feed(tmp_path: Path) -> Iterator[RunningFeed]:
    log = journal(tmp_path)
    log.append(answered_call("c0"))
    log.close()
    running = RunningFeed(tmp_path)
    yield running
    assert running.end() == 0


def test_every_subscriber_has_every_fact_from_where_it_was(feed: RunningFeed, tmp_path: Path) -> None:
    log = journal(tmp_path, segment_bytes=3000)
    late = feed.subscribe(facts=True, **{"from": 0})
    next(late)
    assert next(late)["data"]["call"] == "c0"
    subscribers = [feed.subscribe(facts=True, **{"from": log.log_position}) for _ in range(5)]
    for each in subscribers:
        next(each)
    for number in range(1, 30):
        log.append(answered_call(f"c{number}"))
    for each in subscribers:
        found = [next(each) for _ in range(29 * 20)]
        assert [fact["type"] for fact in found] == [fact["type"] for fact in answered_call("c1")] * 29
        assert [fact["log_position"] for fact in found] == sorted({fact["log_position"] for fact in found})
        assert found[-1]["log_position"] == log.log_position
        assert not any("keep" in fact for fact in found)
    assert len([next(late) for _ in range(30 * 20 - 1)]) == 599
    log.close()


def test_who_comes_after_a_rest_has_what_is_asked_for_and_what_comes(
    feed: RunningFeed, tmp_path: Path
) -> None:
    log = journal(tmp_path)
    first = feed.subscribe(facts=True, **{"from": 0})
    assert [next(first).get("data", {}).get("call") for _ in range(21)] == [None, *["c0"] * 20]
    first.close()
    position = log.log_position
    log.append(answered_call("c1"))
    missed = feed.subscribe(facts=True, **{"from": position})
    new = feed.subscribe(facts=True, **{"from": log.log_position})
    assert [next(missed).get("data", {}).get("call") for _ in range(21)] == [None, *["c1"] * 20]
    next(new)
    log.append(answered_call("c2"))
    for each in (missed, new):
        assert [next(each)["data"]["call"] for _ in range(20)] == ["c2"] * 20
    log.close()


async def _unwatched(state_dir: Path) -> list[bytes]:
    feed, path = Feed(state_dir), Path(tempfile.mkdtemp(prefix="ss-")) / "events.sock"
    server = await asyncio.start_unix_server(feed.serve, path)
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(b'{"facts": true, "from": 0}\n')
    found = [await reader.readline() for _ in range(20)]
    log = journal(state_dir)
    log.append(answered_call("c1"))
    log.close()
    found += [await reader.readline() for _ in range(20)]
    writer.close()
    server.close()
    feed.stop()
    return found


def test_without_watches_of_the_kernel_it_looks_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    log = journal(tmp_path)
    log.append(answered_call("c0"))
    log.close()

    def refused() -> Inotify:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("softswitch.store.feed.Inotify", refused)
    assert len(set(asyncio.run(asyncio.wait_for(_unwatched(tmp_path), 10)))) == 40
    assert "feed_unwatched" in caplog.text


@pytest.mark.parametrize("request_", [b"nonsense\n", b'{"facts": true, "from": -1}\n', b"[]\n", b"x" * 9000])
def test_what_is_no_request_ends_the_connection(feed: RunningFeed, request_: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(feed.path))
        with contextlib.suppress(OSError):
            connection.sendall(request_)
            assert connection.recv(10) == b""


def test_who_does_not_read_is_dropped_and_the_others_go_on(feed: RunningFeed, tmp_path: Path) -> None:
    log = journal(tmp_path)
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.connect(str(feed.path))
        deaf.sendall(b'{"facts": true}\n')
        hearing = feed.subscribe(facts=True, **{"from": log.log_position})
        next(hearing)
        facts, count = answered_call("c1") * 50, 0
        while count < 60:
            log.append(facts)
            for _ in facts:
                next(hearing)
            count += 1
        deaf.settimeout(10)
        received = 0
        with contextlib.suppress(ConnectionResetError):
            while data := deaf.recv(1 << 20):
                received += len(data)
        assert 0 < received < count * 250_000
    log.close()


def test_statistics_are_pushed_when_the_views_change(feed: RunningFeed, tmp_path: Path) -> None:
    store = RunningStore(tmp_path)
    figures = feed.subscribe(statistics=True)
    next(figures)
    log = journal(tmp_path)
    log.append(answered_call("c1")[:5])
    waits = next(each for each in figures if any(row["waiting"] for row in each["statistics"]["queues"]))
    assert waits["statistics"]["queues"][0]["queue"] == "sales"
    log.append(answered_call("c1")[5:])
    (sales,) = next(each for each in figures if each["statistics"]["queues"][0].get("answered") == 2)[
        "statistics"
    ]["queues"]
    assert (sales["waiting"], sales["offered"], sales["service_level"]) == (0, 2, 1.0)
    log.close()
    assert store.end() == 0


def test_top_prints_what_the_feed_tells(feed: RunningFeed, tmp_path: Path) -> None:
    copy_all(tmp_path)
    (tmp_path / "softswitch.yaml").write_text(f"run_dir: {feed.path.parent}\nstate_dir: {tmp_path}\n")
    command = ["top", "--once", "-c", str(tmp_path / "softswitch.yaml")]
    shown = CliRunner().invoke(main, command)
    assert shown.exit_code == 0 and "sales" in shown.output and "100.0%" in shown.output, shown.output
    told = json.loads(CliRunner().invoke(main, [*command, "--json"]).output)
    assert told["queues"][0]["answered"] == 1
    (tmp_path / "softswitch.yaml").write_text(f"run_dir: {tmp_path}\nstate_dir: {tmp_path}\n")
    assert "softswitch run" in CliRunner().invoke(main, command).stderr


@pytest.mark.parametrize("seed", range(3))
def test_live_statistics_agree_with_the_reports_and_with_the_switch(tmp_path: Path, seed: int) -> None:
    """After each of many random steps: what is pushed, what a report says, and what the engines know."""
    chance = random.Random(seed)
    play = Play(tmp_path)
    world = play.world
    scenes = [scene for scene in examples() if "phone" not in scene.title]
    compared = 0
    copier = Copier(tmp_path)
    for scene in chance.sample(scenes, 5):
        for line in scene.steps:
            play.run(line)
            while copier.turn():
                pass
            db = open_views(tmp_path)
            now = WALL + world.now
            live = statistics(db, now)
            midnight = datetime.fromtimestamp(now).replace(hour=0, minute=0, second=0).timestamp()
            for name in ("queues", "agents", "trunks"):
                for row in REPORTS[name].run(db, Period(midnight, now, now=now)):
                    same = next(each for each in live[name] if each[name[:-1]] == row[name[:-1]])
                    assert {key: same[key] for key in row} == row
                    compared += 1
            snapshot = world.command("status")
            for each in live["queues"]:
                assert each["waiting"] == snapshot["queues"][each["queue"]]["waiting"]
            for each in live["agents"]:
                assert each["state"] == snapshot["agents"][each["agent"]]["state"]
            legs = sum(leg.party.kind == "trunk" for leg in world.legs())
            assert sum(each["legs_now"] for each in live["trunks"]) == legs
            db.close()
        play.clear()
    assert compared > 50
    copier.close()
    world.journal.close()
