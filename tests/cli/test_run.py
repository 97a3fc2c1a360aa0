"""softswitch run for real: commands reach the running switch, and what they changed outlives it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from softswitch.config.files import load_node
from tests.cli.conftest import Run, refused
from tests.peers.ports import free_port, free_ports

COMMAND = [sys.executable, "-c", "from softswitch.cli.main import main; main()"]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def place(run: Run, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory with a first configuration on a free SIP port; its path is short enough for sockets."""
    directory = Path(tempfile.mkdtemp(prefix="ss-"))
    monkeypatch.chdir(directory)
    assert run("init --host 127.0.0.1").exit_code == 0
    media = free_ports(400)
    settings = (directory / "softswitch.yaml").read_text()
    settings = settings.replace("port: 5060", f"port: {free_port()}")
    settings = settings.replace("port: 8088", f"port: {free_port()}")
    settings = settings.replace("16384-20479", f"{media.start}-{media[-1]}")
    (directory / "softswitch.yaml").write_text(settings)
    assert run("apply centre.yaml").exit_code == 0
    yield directory
    shutil.rmtree(directory)


@contextmanager
def running(directory: Path) -> Iterator[subprocess.Popen[str]]:
    """`softswitch run` from when it says that it is ready until it has ended."""
    process = subprocess.Popen(
        [*COMMAND, "run"],
        cwd=directory,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline().strip() == "ready"
        yield process
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_commands_reach_the_running_switch_and_outlive_it(run: Run, place: Path) -> None:
    with running(place):
        status = json.loads(run("status --json").stdout)
        assert status["node"] == "node1"
        assert sorted(status["queues"]) == ["billing", "sales", "support"]
        assert "+ queue vip" in run("queue add vip").stdout
        assert "vip" in json.loads(run("status --json").stdout)["queues"]
        assert "alice is signed in." in run("agent sign-in alice").stdout
        assert json.loads(run("status --json").stdout)["agents"]["alice"]["signed_in"]
        assert "there is no agent 'alise'; did you mean alice?" in refused(run("agent sign-in alise"))
        assert run("call list").stdout == "There are no calls.\n"
        assert run("registration list").stdout == "No phone is registered.\n"
        assert "Nothing to change." in run("apply centre.yaml").stdout
        second = subprocess.run(
            [*COMMAND, "run"],
            cwd=place,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert second.returncode == 1
        assert "already running" in second.stderr
        assert second.stderr.count("\n") == 1
    assert "vip" in run("queue list").stdout
    with running(place) as switch:
        assert "vip" in json.loads(run("status --json").stdout)["queues"]
        assert "The switch is stopping." in run("stop").stdout
        assert switch.wait(20) == 0
    assert "no switch is running at" in refused(run("status"))


def test_a_port_in_use_is_one_clear_line(run: Run, place: Path) -> None:
    port = load_node(place / "softswitch.yaml").sip.listen[0].port
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", port))
        message = refused(run("run"))
    assert str(port) in message
    assert "another program uses this port" in message
