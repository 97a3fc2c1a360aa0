"""Facts, from the journal to whoever wants them: the store, the feed and the reports as processes.

event_ms_p50/_p99: from a fact to a subscriber; 200 facts a second, each a turn of its own, to 500 subscribers
who receive everything; none may be missing. frames_per_s: how many each had.
events_per_s: the highest of several rates at which facts of calls, five a turn, were written and the views
were never more than a second behind; the writer is killed with SIGKILL: all it had accepted must be there.
views_behind_s: the most they were behind at that rate.
report_month_s: softswitch report queues --by hour over a month of 3 million calls in 20 queues, a process of
its own. The sums that the report is made of are filled in directly; the calls themselves are not there.
mib_per_100k_calls: the database after a checkpoint, by calls of a centre (menu, queue, an offer missed, an
agent, a recording); journal_mib_per_100k_calls: the journal beside it. facts_per_call.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

from bench.figures import Figures, Round
from bench.harness import Progress, Result, measure
from bench.log_facts import FACTS_PER_CALL, interleaved
from bench.options import count_option
from softswitch.store.histogram import COLUMNS, bucket
from softswitch.store.journal import Journal
from softswitch.store.process import Copier
from softswitch.store.queries import NoViews, log_position, open_views
from softswitch.store.reader import read_facts
from softswitch.store.rollups import INTERVAL_S, add
from softswitch.store.schema import database_path, open_for_writing
from softswitch.store.segments import complete_end, journal_directory

SUMMARY = "facts: to subscribers, into the views, reports over a month, size of the database"
EVENTS_PER_S, EVENTS_S, SUBSCRIBERS = 200, 10.0, 500
RATES, RATE_S, BEHIND_S = (5000, 7500, 10_000), 6.0, 1.0
MONTH_CALLS, MONTH_QUEUES = 3_000_000, 20
SIZE_CALLS = 3000
START_S = 20.0
MEBIBYTE = 1 << 20
ROOT = Path(__file__).parent.parent


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=count_option, default=1, help="rounds (default 1)")


def run(options: argparse.Namespace, progress: Progress) -> Result:
    """Everything, `--rounds` times."""
    return measure("log", {"softswitch": _round}, options.rounds, progress)


def _round() -> Round:
    figures: Figures = {"facts_per_call": FACTS_PER_CALL}
    problems: list[str] = []
    for part in (_events, _throughput, _month, _size):
        # A short path: Unix sockets allow no more than 107 bytes.
        with tempfile.TemporaryDirectory(prefix="ss-log-") as directory:
            problems += part(Path(directory), figures)
    return Round(figures, problems=tuple(problems))


@contextlib.contextmanager
def _process(module: str, *arguments: Any, ready: bool = True) -> Iterator[subprocess.Popen[str]]:
    """A process of Python, terminated in the end."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    process = subprocess.Popen(
        command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        if ready and process.stdout.readline() != "ready\n":
            raise RuntimeError(f"{module} did not start")
        yield process
    finally:
        process.terminate()
        process.wait(START_S)
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()


def _events(directory: Path, figures: Figures) -> list[str]:
    path = directory / "events.sock"
    with (
        _process("softswitch.store.feed", "--state-dir", directory, "--socket", path),
        _process("bench.log_subscribers", path, SUBSCRIBERS) as subscribers,
    ):
        journal, facts = Journal(directory, node="bench"), interleaved(1_000_000)
        began = time.monotonic()
        for number in range(count := int(EVENTS_PER_S * EVENTS_S)):
            journal.append([next(facts)])
            time.sleep(max(0.0, began + (number + 1) / EVENTS_PER_S - time.monotonic()))
        assert subscribers.stdin is not None and subscribers.stdout is not None
        subscribers.stdin.close()
        told = json.loads(subscribers.stdout.readline())
        journal.close()
    figures["event_ms_p50"], figures["event_ms_p99"] = told["p50"] * 1e3, told["p99"] * 1e3
    figures["frames_per_s"] = told["frames"] / EVENTS_S
    if (told["fewest"], told["most"]) != (count, count):
        return [f"of {count} facts a subscriber had {told['fewest']}, another {told['most']}"]
    return []


def _throughput(directory: Path, figures: Figures) -> list[str]:
    for rate in RATES:
        state_dir = directory / str(rate)
        state_dir.mkdir()
        reached, behind_s, problems = _at_rate(state_dir, rate)
        if problems:
            return problems
        if behind_s > BEHIND_S or reached < 0.98 * rate:
            break
        figures["events_per_s"], figures["views_behind_s"] = reached, behind_s
    if "events_per_s" not in figures:
        return [f"at {RATES[0]} facts/s the views were {behind_s:.1f} s behind, {reached:.0f}/s were written"]
    return []


def _at_rate(state_dir: Path, rate: int) -> tuple[float, float, list[str]]:
    """Facts a second, how far the views were behind at most, and what is missing after the kill."""
    with (
        _process("softswitch.store.process", "--state-dir", state_dir),
        _process("bench.log_writer", state_dir, rate, 5, ready=False) as writer,
    ):
        assert writer.stdout is not None
        first = _told(writer)
        began, reached, behind_s = time.monotonic(), first, 0.0
        waiting: list[tuple[int, float]] = []
        while time.monotonic() - began < RATE_S:
            reached = _told(writer)
            waiting.append(reached[1:])
            shown, now = _shown(state_dir), time.monotonic()
            waiting = [each for each in waiting if each[0] > shown]
            behind_s = max([behind_s, *(now - at for _, at in waiting)])
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait(START_S)
        problems = _missing(state_dir, reached)
    speed = (reached[0] - first[0]) / (reached[2] - first[2])
    return speed, behind_s, problems


def _told(writer: subprocess.Popen[str]) -> tuple[int, int, float]:
    assert writer.stdout is not None
    count, position, at = writer.stdout.readline().split()
    return int(count), int(position), float(at)


def _shown(state_dir: Path) -> int:
    try:
        with contextlib.closing(open_views(state_dir)) as db:
            return log_position(db)
    except NoViews:
        return 0


def _missing(state_dir: Path, reached: tuple[int, int, float]) -> list[str]:
    """What the killed writer had accepted is in the journal, and soon in the views."""
    count = sum(1 for _ in read_facts(state_dir))
    if count < reached[0]:
        return [f"{reached[0] - count} facts were lost with the writer"]
    end, until = complete_end(journal_directory(state_dir)), time.monotonic() + START_S
    while _shown(state_dir) < end:
        if time.monotonic() > until:
            return [f"the views did not come to the end of the journal within {START_S:.0f} s"]
        time.sleep(0.05)
    return []


def _month(directory: Path, figures: Figures) -> list[str]:
    begin = datetime(2026, 1, 1).timestamp()
    _fill_month(directory, int(begin))
    (directory / "softswitch.yaml").write_text(f"state_dir: {directory}\nrun_dir: {directory}\n")
    command = [sys.executable, "-m", "softswitch", "report", "queues", "--by", "hour", "--json"]
    command += ["--from", "2026-01-01", "--to", "2026-01-31", "-c", str(directory / "softswitch.yaml")]
    began = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    figures["report_month_s"] = time.monotonic() - began
    if done.returncode:
        return [done.stderr.decode().strip()]
    rows = json.loads(done.stdout)
    calls = sum(row["offered"] for row in rows)
    if calls != MONTH_CALLS or len(rows) != 30 * 24 * MONTH_QUEUES:
        return [f"the report has {calls} calls in {len(rows)} rows"]
    return []


def _fill_month(directory: Path, begin: int) -> None:
    """The sums of 30 days: for each queue and quarter as many calls, their waiting drawn at random."""
    random, quarters = Random(1), 30 * 86400 // INTERVAL_S
    cells = quarters * MONTH_QUEUES
    db = open_for_writing(directory)
    db.execute("BEGIN")
    for cell in range(cells):
        at, queue = begin + cell // MONTH_QUEUES * INTERVAL_S, f"queue{cell % MONTH_QUEUES}"
        calls = MONTH_CALLS * (cell + 1) // cells - MONTH_CALLS * cell // cells
        waits = [random.expovariate(1 / 25) for _ in range(calls)]
        counts: dict[str, Any] = {
            "offered": calls, "answered": calls, "in_time": sum(wait <= 20 for wait in waits),
            "waited_s": sum(waits), "answer_s": sum(waits), "wait_max_s": max(waits, default=0.0),
        }  # fmt: skip
        for wait in waits:
            counts[COLUMNS[bucket(wait)]] = counts.get(COLUMNS[bucket(wait)], 0) + 1
        add(db, "queue_intervals", {"interval_at": at, "queue": queue}, counts)
        for agent in range(5):
            key = {"interval_at": at, "agent": f"agent{agent}", "queue": queue}
            add(db, "agent_intervals", key, {"answered": calls // 5, "talk_s": 180.0 * (calls // 5)})
    db.execute("COMMIT")
    db.close()


def _size(directory: Path, figures: Figures) -> list[str]:
    journal = Journal(directory, node="bench")
    facts = [*interleaved(SIZE_CALLS)]
    for start in range(0, len(facts), 5):
        journal.append(facts[start : start + 5])
    written = journal.log_position
    journal.close()
    copier = Copier(directory)
    while copier.turn():
        pass
    copier.close()
    with contextlib.closing(open_for_writing(directory)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    per_call = 100_000 / SIZE_CALLS / MEBIBYTE
    figures["mib_per_100k_calls"] = database_path(directory).stat().st_size * per_call
    figures["journal_mib_per_100k_calls"] = written * per_call
    return []
