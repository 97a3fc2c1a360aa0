"""A directory with a first configuration, and the command line in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from softswitch.cli.main import main

Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command line as a user would: `run("user list")` or `run("user", "list")`."""
    monkeypatch.delenv("SOFTSWITCH_CONFIG", raising=False)

    def run_command(*words: str, input: str = "") -> Result:
        args = words[0].split() if len(words) == 1 else list(words)
        return CliRunner().invoke(main, args, input=input)

    return run_command


@pytest.fixture
def centre(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The current directory, after `softswitch init` and `softswitch apply centre.yaml`."""
    monkeypatch.chdir(tmp_path)
    assert run("init --host 127.0.0.1").exit_code == 0
    assert run("apply centre.yaml").exit_code == 0
    return tmp_path


def refused(result: Result, status: int = 1) -> str:
    """The one line on standard error of a command that was refused without a traceback."""
    assert result.exit_code == status, result.output
    assert isinstance(result.exception, SystemExit)
    assert result.stderr.count("\n") == 1, result.stderr
    assert "Traceback" not in result.output
    return result.stderr.strip()
