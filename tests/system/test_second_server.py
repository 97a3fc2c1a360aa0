"""A second server where one runs already: one clear line and exit status 1, and the first is unharmed."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers.ports import free_port, free_ports
from tests.system.conftest import Phones
from tests.system.handset import all_hear
from tests.system.running import RunningSystem

SETTINGS = """\
sip:
  listen:
    - {{transport: UDP, host: 127.0.0.1, port: {port}}}
    - {{transport: TCP, host: 127.0.0.1, port: {port}}}
media: {{ports: {first}-{last}}}
state_dir: {state}
run_dir: {run}
recording: {{directory: {recordings}}}
"""


@pytest.fixture
def place() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="ss-"))
    yield directory
    shutil.rmtree(directory)


@pytest.mark.parametrize(
    ("shares", "says"),
    [
        ("port", "another program uses this port"),
        ("run_dir", "already running"),
        ("state_dir", "is in use by process"),
    ],
)
def test_second_server(system: RunningSystem, phones: Phones, place: Path, shares: str, says: str) -> None:
    agent, caller = phones.agent("anna"), phones("carl")
    asking = caller.call("201").reached("talking")
    answering = agent.rings().answer()
    all_hear((asking, answering), 10)
    before = system.pids()
    ports = free_ports(40)
    config = place / "second.yaml"
    config.write_text(
        SETTINGS.format(
            port=system.port if shares == "port" else free_port(),
            state=system.node.state_dir if shares == "state_dir" else place / "state",
            run=system.node.run_dir if shares == "run_dir" else place / "run",
            recordings=place / "recordings",
            first=ports.start,
            last=ports[-1],
        )
    )
    second = system.try_cli("run", config=config)
    assert second.returncode == 1, second
    assert second.stderr.count("\n") == 1, second.stderr
    assert says in second.stderr
    assert "Traceback" not in second.stderr
    assert system.pids() == before
    all_hear((asking, answering), 10)
    assert asking.audio.missing() == answering.audio.missing() == 0
    asking.hang_up()
    answering.reached("ended")
    assert system.cdr(asking.sip_call_id)["outcome"] == "answered"
