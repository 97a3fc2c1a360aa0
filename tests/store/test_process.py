from __future__ import annotations

import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from softswitch.store.livestate import load_snapshot, snapshot_directory
from softswitch.store.process import Copier, StoreProcess
from softswitch.store.queries import NoViews, count_calls, log_position, open_views, wait_until_current
from softswitch.store.schema import POSITION_TABLE, database_path, open_for_writing
from softswitch.store.segments import journal_directory, segment_path
from tests.store.facts import answered_call, copy_all, fact, journal, rows

ROOT = Path(__file__).parents[2]


class RunningStore:
    """The real store process, its alarms collected."""

    def __init__(self, state_dir: Path, *options: str, **settings: Any) -> None:
        command = [sys.executable, "-m", "softswitch.store.process", "--state-dir", str(state_dir), *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        cwd=ROOT, **settings)
        self.alarms: list[str] = []
        self._told = threading.Condition()
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()
        assert self.process.stdout is not None and self.process.stdout.readline() == "ready\n"

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._told:
                self.alarms.append(line.partition(" alarm ")[2].partition(":")[0])
                self._told.notify_all()

    def wait_for_alarm(self, code: str, count: int = 1) -> None:
        with self._told:
            assert self._told.wait_for(lambda: self.alarms.count(code) >= count, timeout=10), self.alarms

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        status = self.process.wait(15)
        self._listener.join(5)
        assert self.process.stdout is not None and self.process.stderr is not None
        self.process.stdout.close()
        self.process.stderr.close()
        return status


@pytest.fixture
def stores() -> Iterator[list[RunningStore]]:
    started: list[RunningStore] = []
    yield started
    for store in started:
        if store.process.poll() is None:
            store.end(signal.SIGKILL)


def test_it_follows_the_journal_and_stops_caught_up(tmp_path: Path, stores: list[RunningStore]) -> None:
    log = journal(tmp_path)
    log.append([*answered_call("c1"), fact("x", {"kept": 1})])
    stores.append(store := RunningStore(tmp_path))
    assert wait_until_current(tmp_path)
    for number in range(2, 200):
        log.append(answered_call(f"c{number}"))
    assert store.end() == 0 and store.alarms == []
    assert len(rows(tmp_path)["calls"]) == 199
    snapshot = load_snapshot(tmp_path)
    assert (snapshot.values, snapshot.position) == ({"kept": 1}, log.log_position)
    assert database_path(tmp_path).stat().st_mode & 0o777 == 0o600
    log.close()


def test_killed_at_any_point_every_row_appears_once(tmp_path: Path, stores: list[RunningStore]) -> None:
    chance = random.Random(8)
    log = journal(tmp_path, segment_bytes=200_000)
    for number in range(400):
        log.append(answered_call(f"c{number}"))
    for number in range(400, 406):
        stores.append(store := RunningStore(tmp_path))
        # The kill falls into the copying of what this appends meanwhile.
        wanted = chance.randrange(log.log_position)
        while copied_position(tmp_path) < wanted:
            log.append(answered_call(f"busy{log.log_position}"))
        store.end(signal.SIGKILL)
        log.append(answered_call(f"c{number}"))
    stores.append(store := RunningStore(tmp_path))
    assert wait_until_current(tmp_path) and store.end() == 0
    incremental = rows(tmp_path)
    assert sum(row[0].startswith("c") for row in incremental["calls"]) == 406
    copy_all(tmp_path, rebuild=True)
    assert rows(tmp_path) == incremental
    log.close()


def copied_position(state_dir: Path) -> int:
    """How far the copying is, looked at as any reader does; 0 while there is nothing to read yet."""
    try:
        db = open_views(state_dir)
    except NoViews:
        return 0
    try:
        return log_position(db)
    finally:
        db.close()


def test_a_locked_database_delays_the_rows_only(tmp_path: Path, stores: list[RunningStore]) -> None:
    log = journal(tmp_path)
    log.append(answered_call("c1"))
    copy_all(tmp_path)
    blocker = sqlite3.connect(database_path(tmp_path), isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    stores.append(store := RunningStore(tmp_path))
    log.append(answered_call("c2"))
    store.wait_for_alarm("views_behind")
    assert not wait_until_current(tmp_path, timeout_s=0)
    blocker.execute("ROLLBACK")
    blocker.close()
    assert wait_until_current(tmp_path)
    store.wait_for_alarm("views_behind", count=2)
    assert store.end() == 0
    assert [row[0] for row in rows(tmp_path)["calls"]] == ["c1", "c2"]
    log.close()


def test_a_lost_database_is_built_again(tmp_path: Path, stores: list[RunningStore]) -> None:
    log = journal(tmp_path)
    log.append(answered_call("c1"))
    stores.append(store := RunningStore(tmp_path))
    assert wait_until_current(tmp_path)
    database_path(tmp_path).unlink()
    store.wait_for_alarm("database_lost")
    log.append(answered_call("c2"))
    assert wait_until_current(tmp_path) and store.end() == 0
    assert [row[0] for row in rows(tmp_path)["calls"]] == ["c1", "c2"]
    log.close()


def test_a_damaged_database_is_set_aside_and_built_again(tmp_path: Path, stores: list[RunningStore]) -> None:
    log = journal(tmp_path)
    log.append(answered_call("c1"))
    database_path(tmp_path).write_bytes(b"this is no database, and it is long enough to tell " * 200)
    stores.append(store := RunningStore(tmp_path))
    store.wait_for_alarm("database_damaged")
    assert wait_until_current(tmp_path) and store.end() == 0
    assert [row[0] for row in rows(tmp_path)["calls"]] == ["c1"]
    assert (tmp_path / "softswitch.db.damaged").exists()
    log.close()


def test_a_full_disk_delays_the_rows_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = journal(tmp_path)
    log.append(answered_call("c0"))
    copier = Copier(tmp_path)
    process = StoreProcess(tmp_path, copier)
    assert process.attempt() is True
    log.append([each for number in range(1, 300) for each in answered_call(f"c{number}")])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))
    assert [process.attempt() for _ in range(3)] == [None] * 3
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    outcomes = [process.attempt()]
    while outcomes[-1]:
        outcomes.append(process.attempt())
    assert outcomes == [True] * (len(outcomes) - 1) + [False]
    copier.close()
    assert caplog.text.count("alarm views_behind: ") == 2
    db = open_views(tmp_path)
    assert (count_calls(db), log_position(db)) == (300, log.log_position)
    db.close()
    log.close()


def test_views_ahead_of_the_journal_are_built_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = journal(tmp_path)
    end = log.append(answered_call("c1"))
    log.append(answered_call("c2"))
    log.close()
    copy_all(tmp_path)
    os.truncate(segment_path(journal_directory(tmp_path), 0), end)
    log = journal(tmp_path)
    log.append(answered_call("c3"))
    copy_all(tmp_path)
    assert [row[0] for row in rows(tmp_path)["calls"]] == ["c1", "c3"]
    assert "alarm views_rebuilt: " in caplog.text
    log.close()


def test_views_of_another_version_are_built_again(tmp_path: Path) -> None:
    log = journal(tmp_path)
    log.append(answered_call("c1"))
    copy_all(tmp_path)
    right = rows(tmp_path)
    db = open_for_writing(tmp_path)
    db.execute(f"UPDATE {POSITION_TABLE} SET views_version = views_version - 1")
    db.execute("UPDATE calls SET outcome = 'as an older version had it'")
    db.close()
    copy_all(tmp_path)
    assert rows(tmp_path) == right
    log.close()


def test_snapshots_while_running(tmp_path: Path) -> None:
    log = journal(tmp_path)
    told = [fact("x", {"last": number}, text="x" * 1_000_000) for number in range(20)]
    log.append(told[:6])
    copy_all(tmp_path)
    assert load_snapshot(tmp_path).values == {"last": 5}
    copier = Copier(tmp_path)
    for each in told[6:]:
        log.append([each])
        while copier.turn():
            pass
    copier.close()
    assert len(list(snapshot_directory(tmp_path).iterdir())) == 2
    assert log.log_position - load_snapshot(tmp_path).position < 5 << 20
    log.close()


def test_a_second_store_process_is_refused(tmp_path: Path, stores: list[RunningStore]) -> None:
    stores.append(store := RunningStore(tmp_path))
    command = [sys.executable, "-m", "softswitch.store.process", "--state-dir", str(tmp_path)]
    second = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=20, check=False)
    assert second.returncode == 1
    assert f"process {store.process.pid};" in second.stderr and "Traceback" not in second.stderr


def test_rebuild_from_the_command_line(tmp_path: Path, stores: list[RunningStore]) -> None:
    log = journal(tmp_path)
    log.append(answered_call("c1"))
    copy_all(tmp_path)
    db = open_for_writing(tmp_path)
    db.execute("UPDATE calls SET outcome = 'wrong'")
    db.close()
    stores.append(store := RunningStore(tmp_path, "--rebuild"))
    assert store.end() == 0
    db = sqlite3.connect(database_path(tmp_path))
    assert db.execute("SELECT outcome FROM calls").fetchall() == [("answered",)]
    db.close()
    log.close()


def test_a_hanging_store_delays_the_rows_only(tmp_path: Path, stores: list[RunningStore]) -> None:
    """The writer never waits for it, and the feed of facts neither: nothing is lost."""
    log = journal(tmp_path)
    stores.append(RunningStore(tmp_path))
    log.append(answered_call("c1"))
    assert wait_until_current(tmp_path, 10)
    os.kill(stores[0].process.pid, signal.SIGSTOP)
    began = time.monotonic()
    for number in range(2, 200):
        log.append(answered_call(f"c{number}"))
    assert time.monotonic() - began < 2
    assert not wait_until_current(tmp_path, 0.3)
    os.kill(stores[0].process.pid, signal.SIGCONT)
    assert wait_until_current(tmp_path, 10)
    db = open_views(tmp_path)
    assert count_calls(db) == 199
    db.close()
    log.close()


def test_a_clock_set_back_an_hour_loses_and_lengthens_nothing(tmp_path: Path) -> None:
    at, mono = [1_800_000_000.0], [100.0]
    log = journal(tmp_path, wall=lambda: at[0], monotonic=lambda: mono[0])
    facts = answered_call("c1")
    for number, each in enumerate(facts):
        at[0] += -3600.0 if number == 14 else 1.0
        mono[0] += 1.0
        log.append([each])
    log.close()
    copy_all(tmp_path)
    views = rows(tmp_path)
    (call,) = views["calls"]
    assert call[0] == "c1"
    db = sqlite3.connect(database_path(tmp_path))
    told = db.execute("SELECT kind, ended_at - started_at < 0, seconds FROM segments").fetchall()
    assert told == [("ring", 0, 1.0), ("talk", 1, 2.0)]
    states = db.execute("SELECT until_at - from_at, seconds FROM agent_states WHERE until_at").fetchall()
    assert states == [(-3596.0, 5.0)]
    db.close()
    copy_all(tmp_path, rebuild=True)
    assert rows(tmp_path) == views
