"""recording search, verify, play, export, keep and erase on an archive of finished calls."""

from __future__ import annotations

import json
import shlex
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from softswitch.media.recorded_sound import sha256_of
from softswitch.media.recording_chain import append
from softswitch.media.recording_file import write_certificate
from softswitch.media.tones import tone
from softswitch.store.journal import Journal
from softswitch.store.process import Copier
from softswitch.store.reader import read_facts
from tests.cli.conftest import Run, refused
from tests.store.facts import answered_call

DAY = "2026-01-31"


@pytest.fixture
def recorded(centre: Path) -> Path:
    """Two recorded calls, c1 of alice and c2 of bob; gives the directory of the files."""
    day = centre / "recordings" / DAY
    day.mkdir(parents=True)
    facts: list[dict[str, Any]] = []
    for call, agent in (("c1", "alice"), ("c2", "bob")):
        path = day / f"{call}.r1.wav"
        soundfile.write(path, np.stack([tone(440, 1, 8000)] * 2, axis=1), 8000, subtype="PCM_16")
        content = {"sha256": sha256_of(path), "about": {"retention": "ordinary"}}
        sealed = write_certificate(path, content)
        append(day, "recorded", path.name, sha256=content["sha256"], certificate=sealed)
        for fact in answered_call(call, agent=agent):
            if fact["data"].get("recording"):
                fact["data"]["path"] = str(path)
            facts.append(fact)
    tell(centre, facts)
    return day


def tell(centre: Path, facts: list[dict[str, Any]]) -> None:
    journal = Journal(centre / "state", node="node1")
    journal.append(facts)
    journal.close()
    copier = Copier(centre / "state")
    copier.turn()
    copier.close()


def facts_of(centre: Path, recording: str) -> list[str]:
    """Types of the facts about a recording since it was finished."""
    told = [fact for _, fact in read_facts(centre / "state")]
    return [fact["type"] for fact in told if fact["data"].get("recording") == recording][2:]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", ["c1", "c2"]),
        ("--agent alice", ["c1"]),
        ("--number 55", ["c1", "c2"]),
        ("--number 10", ["c1", "c2"]),
        ("--number 5_", []),
        ("--from 555 --to 100 --direction inbound --source trunk:carrier --outcome answered", ["c1", "c2"]),
        ("--from 100", []),
        ("--flow main --ended-by caller --reason normal_hang_up_caller --node node1", ["c1", "c2"]),
        ("--longer 30 --shorter 31", ["c1", "c2"]),
        ("--longer 31", []),
        ("--call c2 --queue sales", ["c2"]),
        ("--recording c1.r1", ["c1"]),
        ('--number "\' OR 1=1 --"', []),
    ],
)
def test_recordings_are_found_by_every_field(
    run: Run, recorded: Path, options: str, expected: list[str]
) -> None:
    result = run("recording", "search", *shlex.split(options), "--json")
    assert sorted(row["call"] for row in json.loads(result.stdout)) == expected


def test_verify_tells_what_is_wrong_by_its_status(run: Run, recorded: Path) -> None:
    assert run("recording verify").stdout == "2 recordings checked, 0 with problems.\n"
    (recorded / "c1.r1.wav").write_bytes(b"RIFF")
    result = run(f"recording verify --json --day {DAY}")
    assert result.exit_code == 1
    problem = {"day": DAY, "file": "c1.r1.wav", "problem": "the file was changed"}
    assert json.loads(result.stdout) == {"checked": 2, "problems": [problem]}
    assert "no recordings of '2000-01-01'" in refused(run("recording verify --day 2000-01-01"))


def test_an_export_is_whole_on_record_and_overwrites_nothing(
    run: Run, recorded: Path, tmp_path: Path
) -> None:
    result = run(f"recording export c1.r1 --to {tmp_path / 'out'}")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out" / "c1.r1.wav").read_bytes() == (recorded / "c1.r1.wav").read_bytes()
    assert (tmp_path / "out" / "c1.r1.wav.json").exists()
    assert facts_of(tmp_path, "c1.r1") == ["recording_exported"]
    again = run(f"recording export c1.r1 --to {tmp_path / 'out'}")
    assert again.exit_code == 1 and "is there already" in again.stderr.splitlines()[-1]
    assert "there is no recording 'c9'" in run("recording export c9 --to out").stderr


def test_play_without_a_player_says_so(
    run: Run, recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "install one of" in refused(run("recording play c1.r1"))
    assert facts_of(tmp_path, "c1.r1") == ["recording_played"]


def test_hold_class_and_erasure_are_on_record(run: Run, recorded: Path, tmp_path: Path) -> None:
    assert "there is no retention class 'x'" in refused(run("recording keep c1.r1 --class x"))
    assert "nothing to change" in refused(run("recording keep c1.r1"))
    assert run("recording keep c1.r1 --class complaint --hold").exit_code == 0
    assert "legal hold" in run("recording erase c1.r1 --reason asked").stderr.splitlines()[-1]
    kept = json.loads(run("recording keep c1.r1 --release --json").stdout)
    assert kept == {"recording": "c1.r1", "retention": "complaint", "held": False}
    assert run("recording erase c1.r1 --reason asked").exit_code == 0
    assert not list(recorded.glob("c1*"))
    assert facts_of(tmp_path, "c1.r1") == [
        "recording_classified", "recording_held", "recording_released", "recording_erased",
    ]  # fmt: skip
    assert run("recording play c1.r1").stderr.splitlines()[-1].endswith("c1.r1.wav: erased")
    assert run("recording verify").exit_code == 0


def test_a_path_of_the_records_that_leads_elsewhere_is_refused(
    run: Run, recorded: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret.wav").write_bytes(b"secret")
    started = {"call": "c3", "recording": "c3.r1", "path": f"{recorded}/../../secret.wav"}
    tell(tmp_path, [{"type": "recording_started", "data": started}])
    assert "outside of the recording directory" in refused(run("recording export c3.r1 --to out"))
    assert not (tmp_path / "out").exists()


def test_control_needs_a_switch(run: Run, centre: Path) -> None:
    assert "running" in refused(run("recording pause c1"))


def test_with_a_subject_go_the_recordings_of_its_calls(run: Run, recorded: Path, centre: Path) -> None:
    tell(centre, [
        {"type": "call_started", "data": {"call": "c3", "from_number": "+493012345678", "to_number": "100"}},
        {"type": "recording_started", "data": {"call": "c3", "recording": "c1.r1"}},
        {"type": "call_ended", "data": {"call": "c3", "outcome": "answered"}, "keep": {}},
    ])  # fmt: skip
    with closing(sqlite3.connect(centre / "state" / "softswitch.db")) as db, db:
        db.execute("UPDATE recordings SET call = 'c3' WHERE recording = 'c1.r1'")
    erase = ("subject", "erase", "+493012345678", "--reason", "asked")
    assert run("recording keep c1.r1 --hold").exit_code == 0
    assert "legal hold: c1.r1" in refused(run(*erase))
    assert (recorded / "c1.r1.wav").exists()
    assert run("recording keep c1.r1 --release").exit_code == 0
    result = run(*erase, "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["recordings"] == ["c1.r1"]
    assert not (recorded / "c1.r1.wav").exists() and not (recorded / "c1.r1.wav.json").exists()
    assert (recorded / "c2.r1.wav").exists()
    assert run("recording verify").exit_code == 0
