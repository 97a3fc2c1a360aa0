"""cdr list and recording list read the views of the store."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from softswitch.store.journal import Journal
from softswitch.store.process import Copier
from tests.cli.conftest import Run, refused
from tests.store.facts import answered_call


@pytest.fixture
def calls(centre: Path) -> Path:
    """Two finished calls in the views: c1 answered by alice, c2 by bob in another queue."""
    journal = Journal(centre / "state", node="node1")
    journal.append([*answered_call("c1"), *answered_call("c2", agent="bob", queue="support")])
    journal.close()
    copier = Copier(centre / "state")
    copier.turn()
    copier.close()
    return centre


def found(run: Run, *words: str) -> list[str]:
    result = run(*words[0].split(), *words[1:], "--json")
    assert result.exit_code == 0, result.output
    return sorted(row["call"] for row in json.loads(result.stdout))


def test_every_finished_call_is_listed_once(run: Run, calls: Path) -> None:
    assert found(run, "cdr list") == ["c1", "c2"]
    table = run("cdr list").stdout
    assert "from number" in table
    assert time.strftime("%Y-%m-%d") in table
    assert "30" in table


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("--queue support", ["c2"]),
        ("--agent alice", ["c1"]),
        ("--number 555", ["c1", "c2"]),
        ("--number 556", []),
        ("--outcome abandoned", []),
        ("--since 1h", ["c1", "c2"]),
        ("--until 1h", []),
        ("--since 2000-01-01 --until 2000-01-02T10:00", []),
    ],
)
def test_calls_are_chosen_by_what_they_have(run: Run, calls: Path, options: str, expected: list[str]) -> None:
    assert found(run, f"cdr list {options}") == expected


def test_a_damaged_database_is_told_in_one_line(run: Run, centre: Path) -> None:
    (centre / "state").mkdir(exist_ok=True)
    (centre / "state" / "softswitch.db").write_bytes(b"this is no database " * 500)
    assert "is damaged" in refused(run("cdr list"))


def test_a_page_damaged_later_is_told_in_one_line(run: Run, calls: Path) -> None:
    path = calls / "state" / "softswitch.db"
    with closing(sqlite3.connect(path)) as db:
        (size,) = db.execute("PRAGMA page_size").fetchone()
        (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'calls'").fetchone()
    content = bytearray(path.read_bytes())
    content[(page - 1) * size : page * size] = b"\xff" * size
    path.write_bytes(content)
    assert "cannot be read" in refused(run("cdr list"))


def test_a_limit_and_no_calls(run: Run, calls: Path) -> None:
    assert len(found(run, "cdr list --limit 1")) == 1
    assert "There are no such calls." in run("cdr list --number 556").stdout


def test_recordings_are_listed_with_their_files(run: Run, calls: Path) -> None:
    assert found(run, "recording list") == ["c1", "c2"]
    assert found(run, "recording list --call c2") == ["c2"]
    assert "/r/c1.wav" in run("recording list --agent alice").stdout
    assert "There are no such recordings." in run("recording list --agent nobody").stdout


def test_before_the_first_start_there_are_none(run: Run, centre: Path) -> None:
    message = run("cdr list").stderr
    assert "there are no call records in" in message
    assert "softswitch run" in refused(run("recording list"))


def test_the_facts_of_a_call(run: Run, calls: Path) -> None:
    told = json.loads(run("log show c2 --json").stdout)
    assert [fact["type"] for fact in told] == [fact["type"] for fact in answered_call("c2")]
    assert all("keep" not in fact and fact["data"]["call"] == "c2" for fact in told)
    shown = run("log show c2@peer").stdout
    assert "offer ended" not in shown and "offer_ended" in shown and "agent bob" in shown
    assert "the journal knows no call c9" in refused(run("log show c9"), 1)


def test_the_records_are_compared_with_the_journal(run: Run, calls: Path) -> None:
    assert "facts give the" in run("log verify").stdout
    with closing(sqlite3.connect(calls / "state" / "softswitch.db")) as db, db:
        db.execute("UPDATE calls SET agent = 'eve' WHERE call = 'c1'")
    result = run("log verify")
    assert result.exit_code == 1
    assert "calls: 1 rows only in the views, 1 missing" in result.stdout and "eve" in result.stdout
    assert json.loads(run("log verify --json").stdout)["good"] is False


def test_reports_as_table_csv_and_json(run: Run, calls: Path) -> None:
    rows = json.loads(run("report --json").stdout)
    assert [(row["queue"], row["answered"], row["service_level"]) for row in rows] == [
        ("sales", 1, 1.0),
        ("support", 1, 1.0),
    ]
    assert "100.0%" in run("report queues").stdout
    lines = run("report agents --format csv --by day").stdout.splitlines()
    assert lines[0].startswith("interval,agent,offers,answered")
    assert any(line.startswith(f"{time.strftime('%Y-%m-%d')},alice,1,1") for line in lines)
    for form, begins in (("png", b"\x89PNG"), ("svg", b"<?xml")):
        for by in ("", " --by hour"):
            plot = calls / f"plot.{form}"
            assert "written" in run(f"report queues --format {form} --output {plot}{by}").stdout
            assert plot.read_bytes().startswith(begins)
    assert "cannot be written" in refused(run(f"report --format png --output {calls}/none/x.png"), 1)
    assert "--output is for" in refused(run(f"report --output {calls}/x.csv"), 2)
    assert "There were no calls" in run("report reasons --from 2000-01-01 --to 2000-02-01").stdout
    assert "--from must be before --to" in refused(run("report --from 2000-02-01 --to 2000-01-01"), 2)
    assert "'quues' is not one of" in refused(run("report quues"), 2)


def test_backup_and_restore(run: Run, calls: Path) -> None:
    assert "Wrote b.tar.gz" in run("backup b.tar.gz").stdout
    assert "has a journal already" in refused(run("restore b.tar.gz"), 1)
    (calls / "state").rename(calls / "lost")
    assert "there is no file none.tar.gz" in refused(run("restore none.tar.gz"), 1)
    assert "Start it with: softswitch run" in run("restore b.tar.gz").stdout
    (calls / "lost" / "softswitch.db").rename(calls / "state" / "softswitch.db")
    assert "facts give the" in run("log verify").stdout
