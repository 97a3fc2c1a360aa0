"""CPU time of processes and what they are."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from bench import cpu

# A process with a child; both say when they have burned 0.3 s of CPU, the child in a thread that then ends.
BURN = """
import subprocess, sys, threading, time
def burn():
    while time.process_time() < 0.3:
        pass
child = None
if sys.argv[1] == "parent":
    child = subprocess.Popen([sys.executable, "-c", sys.argv[2], "child"], stdout=subprocess.PIPE)
    burn()
    child.stdout.readline()
else:
    thread = threading.Thread(target=burn)
    thread.start()
    thread.join()
print("burned", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def burning() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-c", BURN, "parent", BURN], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    yield process
    process.communicate()


def test_time_of_a_process_and_its_child(burning: subprocess.Popen[bytes]) -> None:
    assert burning.stdout is not None
    assert burning.stdout.readline() == b"burned\n"
    found = cpu.processes(burning.pid)
    assert found[burning.pid] == "parent"
    assert len(found) == 2
    now = cpu.usage(found)
    assert all(0.3 <= seconds < 0.6 for seconds in now.cpu_s.values())
    assert cpu.resident_mib(found) > 5


def test_used_is_the_difference_by_role() -> None:
    before, after = cpu.Usage(0.0, {1: 1.0, 2: 2.0, 3: 0.0}), cpu.Usage(9.0, {1: 1.5, 2: 4.0, 3: 0.5})
    assert cpu.used(before, after, {1: "switch", 2: "media", 3: "media"}) == {"switch": 0.5, "media": 2.5}


def test_own_clock_agrees() -> None:
    assert cpu.cpu_seconds(os.getpid()) == pytest.approx(time.process_time(), abs=0.05)


@pytest.mark.parametrize(
    ("command", "role"),
    [
        (["python", "-m", "softswitch.node", "/x/softswitch.yaml"], "switch"),
        (["python", "-m", "softswitch.media.worker", "--index", "0"], "media"),
        (["python", "-m", "softswitch.media.recorder"], "recorder"),
        (["python", "-m", "softswitch.store.process"], "store"),
        (["sleep", "1"], "other"),
        ([], "other"),
    ],
)
def test_roles(command: list[str], role: str) -> None:
    assert cpu.role_of(command) == role


def test_a_process_that_ended_is_told() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    with pytest.raises(cpu.Gone, match=f"process {process.pid} has ended"):
        cpu.cpu_seconds(process.pid)
    with pytest.raises(cpu.Gone):
        cpu.resident_mib({process.pid: "switch"})
