"""What keeps `softswitch run` from starting is told in one line, before any process is started."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.peers.ports import free_port


def run(directory: Path, settings: str) -> subprocess.CompletedProcess[str]:
    port = free_port()
    (directory / "softswitch.yaml").write_text(
        f"sip: {{listen: [{{transport: UDP, host: 127.0.0.1, port: {port}}}]}}\n"
        f"api: {{port: {free_port()}}}\n{settings}\n"
    )
    command = [sys.executable, "-m", "softswitch", "run", "-c", str(directory / "softswitch.yaml")]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ("media: {host: 198.51.100.1}", "cannot use media.host 198.51.100.1"),
        ("prompts_dir: nowhere", "no manifest.json in"),
        (f"run_dir: {'long/' * 25}x", "set run_dir to a shorter path"),
        ("state_dir: /proc/nothing", "cannot make /proc/nothing"),
    ],
)
def test_one_line_and_nothing_runs(tmp_path: Path, settings: str, told: str) -> None:
    ended = run(tmp_path, settings)
    assert ended.returncode == 1
    assert told in ended.stderr
    assert ended.stderr.count("\n") == 1, ended.stderr


def test_damaged_secrets(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "secrets.json").write_text("[1]")
    ended = run(tmp_path, "")
    assert ended.returncode == 1
    assert "secrets.json holds no secrets" in ended.stderr
    assert ended.stderr.count("\n") == 1, ended.stderr
