"""`softswitch demo` as a user starts it: its figures, and what is left when it is interrupted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.demo.processes import processes_with, wait_for_end

ROOT = Path(__file__).resolve().parents[2]
DEMO = [sys.executable, "-m", "softswitch", "demo"]


@contextmanager
def demo(directory: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """The demo with its temporary files below `directory`; nothing of it outlives the test."""
    process = subprocess.Popen(
        [*DEMO, *options],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(directory)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
        wait_for_end(processes_with(str(directory)), 20)


def test_six_calls_are_answered_heard_recorded_and_on_record(tmp_path: Path) -> None:
    with demo(tmp_path, "--calls", "6", "--json", "--seed", "1") as process:
        out, error = process.communicate(timeout=60)
    assert process.returncode == 0, error
    figures = json.loads(out.splitlines()[-1])
    assert figures["calls"] == figures["cdrs"] == figures["answered"] + figures["abandoned"] == 6
    assert figures["two_way_audio"] == figures["recordings"] == figures["answered"] >= 5
    assert "password" in error and "password" not in out
    assert not list(tmp_path.iterdir())


def until_a_call_is_over(process: subprocess.Popen[str]) -> None:
    """The first finished call is told in a line of its own."""
    assert process.stdout is not None
    for line in process.stdout:
        if " to " in line and (": answered by " in line or ": abandoned" in line):
            return
    pytest.fail(f"the demo ended: {process.communicate()[1]}")


@pytest.mark.deep
def test_an_interrupted_demo_leaves_nothing(tmp_path: Path) -> None:
    with demo(tmp_path, "--calls", "50", "--seed", "2") as process:
        until_a_call_is_over(process)
        system = processes_with(str(tmp_path))
        assert len(system) >= 5
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        error = process.communicate(timeout=30)[1]
        assert process.returncode == 130
        assert "Traceback" not in error
        assert not wait_for_end(system, 5)
    assert not list(tmp_path.iterdir())


def test_a_killed_demo_leaves_no_process(tmp_path: Path) -> None:
    with demo(tmp_path, "--seed", "2") as process:
        until_a_call_is_over(process)
        system = processes_with(str(tmp_path))
        process.kill()
        process.communicate(timeout=10)
        assert not wait_for_end(system, 20)


def test_a_system_that_cannot_start_is_told_in_one_line(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "state").write_text("a file where a directory should be")
    with demo(tmp_path, "--calls", "1", "--json", "--keep", str(kept)) as process:
        out, error = process.communicate(timeout=30)
    assert process.returncode == 1 and out == ""
    assert "could not start" in error and str(kept / "state") in error
    assert "Traceback" not in error
