"""python -m bench, as a developer runs it."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.__main__ import BENCHES, main
from bench.call import Profile, window_of
from bench.evidence import Evidence
from bench.harness import CannotMeasure
from bench.sipp import APT_LINE, CallCounts, elapsed_ms, read_marks

ROOT = Path(__file__).resolve().parents[2]
GOOD = CallCounts(created=1, successful=1, failed=0, retransmitted=0)
SIDE = {"streams": 1, "two_way": 1, "sent": 75, "received": 80, "lost": 0, "gap_s": 0.03}
EVIDENCE = Evidence(
    callers=GOOD,
    agents=GOOD,
    heard={"callers": SIDE, "agents": SIDE, "dropped": 0, "stall_s": 0.01},
    records=[{"outcome": "answered", "ended_at": 5.0}],
    recordings=[{"finished_at": 6.0, "error": None}],
    setup_ms=[1.0],
    digit_to_ring_ms=[2.0],
    complaints="",
    quiet=True,
    views_current=True,
)


def bench(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_calls_through_a_running_system() -> None:
    done = bench("call", "--json", "--calls=40", "--rate=10", "--rounds=1", "--menu=0.2", "--talk=0.6")
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads(done.stdout.splitlines()[-1])
    assert (document["bench"], document["failed"]) == ("call", 0)
    assert {"cpu", "cores", "kernel", "python"} <= document["machine"].keys()
    figures = document["figures"]
    assert all(type(value) in (int, float) for value in figures.values())
    assert (figures["calls"], figures["rtp_lost"]) == (40, 0)
    assert figures["calls_per_second"] == pytest.approx(10, abs=2)
    roles = ("", "_media", "_recorder", "_store", "_feed", "_parent")
    parts = [figures[f"cpu_ms_per_call{role}"] for role in roles]
    assert figures["cpu_ms_per_call_all"] == pytest.approx(sum(parts), rel=0.01)
    assert figures["cpu_ms_per_call"] > 0.1
    # 1 s of audio at the caller's ear, 0.6 s at the agent's.
    assert figures["rtp_received"] == pytest.approx(40 * 50 * 1.6, rel=0.15)
    assert 0 < figures["setup_ms_median"] <= figures["setup_ms_p99"]
    assert 0 < figures["digit_to_ring_ms_median"] <= figures["digit_to_ring_ms_p99"]


def test_missing_sipp_names_the_package() -> None:
    done = bench("call", "--json", PATH="")
    assert (done.returncode, done.stdout) == (2, "")
    assert APT_LINE in done.stderr
    assert "Traceback" not in done.stderr


def test_too_few_calls_say_how_many(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["call", "--calls", "5"]) == 2
    assert "--calls 74" in capsys.readouterr().err


def test_list_names_every_bench(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["LIST"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line]
    assert {*BENCHES} <= {*listed}


@pytest.mark.parametrize("name", sorted(BENCHES))
def test_every_bench_says_what_it_does(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0 and f"bench {name}" in capsys.readouterr().out


def test_help_says_what_each_bench_is_for(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0 and "more than 25 % dearer" in " ".join(capsys.readouterr().out.split())


def test_peer_must_be_a_source_tree(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["call", "--against", "/nowhere"])
    assert ended.value.code == 2
    assert "no source tree" in capsys.readouterr().err


def test_window_begins_when_calls_end_as_fast_as_they_begin() -> None:
    profile = Profile(calls=100, rate=10.0, menu_s=0.5, ring_s=0.5, talk_s=2.0, record=True)
    assert window_of(profile) == (3.5, 10.0)
    with pytest.raises(CannotMeasure, match="--calls 45"):
        window_of(dataclasses.replace(profile, calls=44))


def test_all_witnesses_agree() -> None:
    assert EVIDENCE.problems(1, record=True) == ()
    assert EVIDENCE.failed(1, record=True) == 0
    assert (EVIDENCE.rtp_received, EVIDENCE.rtp_gap_ms) == (160, 30.0)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"callers": CallCounts(1, 0, 1, 0)}, "SIPp's callers"),
        ({"agents": CallCounts(1, 0, 1, 0)}, "SIPp's agents"),
        ({"records": []}, "call records: 0 of 1"),
        ({"records": [{"outcome": "abandoned"}]}, "answered: 0 of 1"),
        ({"recordings": [{"finished_at": 6.0, "error": "disk full"}]}, "recordings: 0 of 1"),
        ({"recordings": [{"finished_at": None, "error": None}]}, "recordings: 0 of 1"),
        ({"heard": {**EVIDENCE.heard, "agents": {**SIDE, "two_way": 0}}}, "agents who heard a caller"),
        ({"setup_ms": []}, "set-up times"),
    ],
)
def test_every_witness_can_refuse_the_figures(change: dict[str, Any], told: str) -> None:
    evidence = dataclasses.replace(EVIDENCE, **change)
    assert told in " ".join(evidence.problems(1, record=True))
    assert evidence.failed(1, record=True) == 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"views_current": False}, "not complete"),
        ({"quiet": False}, "still went on"),
        ({"heard": {**EVIDENCE.heard, "dropped": 3}}, "3 packets unread"),
        ({"records": EVIDENCE.records * 2}, "call records: 2 of 1"),
    ],
)
def test_doubts_refuse_the_figures(change: dict[str, Any], told: str) -> None:
    assert told in " ".join(dataclasses.replace(EVIDENCE, **change).problems(1, record=True))


def test_words_of_sipp_and_the_switch_are_passed_on() -> None:
    evidence = dataclasses.replace(EVIDENCE, records=[], complaints="503 Service Unavailable")
    assert evidence.problems(1, record=True)[-1] == "503 Service Unavailable"
    assert dataclasses.replace(evidence, records=EVIDENCE.records).problems(1, record=True) == ()


def test_unrecorded_calls_need_no_recordings() -> None:
    evidence = dataclasses.replace(EVIDENCE, recordings=[])
    assert evidence.problems(1, record=False) == ()


def test_marks_of_a_scenario() -> None:
    lines = [
        "digit 0555 2026-01-01\t00:00:01.000000\t1.5",
        "digit 0556 2026-01-01\t00:00:01.000000\t1.6",
        "ring 0555 2026-01-01\t00:00:02.000000\t2.0",
        "ring 0555 2026-01-01\t00:00:09.000000\t9.0",
    ]
    marks = read_marks(lines)
    assert marks == {"digit": {"0555": 1.5, "0556": 1.6}, "ring": {"0555": 2.0}}
    assert elapsed_ms(marks["digit"], marks["ring"]) == [500.0]
