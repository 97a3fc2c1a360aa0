"""One running system for all tests that leave it as they found it, and its phones."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.system.handset import Floor, Handset
from tests.system.running import RunningSystem, running

AGENTS = ("anna", "ben", "cleo", "dora", "emil")
CALLERS = ("carl", "cora", "curt", "cyan", "sue", "tess", "tony")
QUEUES: dict[str, dict[str, Any]] = {
    "sales": {"wrap_up_s": 0},
    "support": {"wrap_up_s": 0},
    "patience": {"wrap_up_s": 0, "announce_position_every_s": None},
    "hunting": {"wrap_up_s": 0, "ring_timeout_s": 1.5, "announce_position_every_s": None},
    "places": {"wrap_up_s": 0, "announce_position_every_s": 2.5},
}
CENTRE: dict[str, Any] = {
    "users": {
        name: {"password": f"{name}-secret", "permissions": ["supervise"] if name == "sue" else []}
        for name in (*AGENTS, *CALLERS)
    },
    "agents": {
        "anna": {"user": "anna", "queues": ["sales", "patience"]},
        "ben": {"user": "ben", "queues": ["support"]},
        "cleo": {"user": "cleo", "queues": ["hunting"]},
        "dora": {"user": "dora", "queues": ["hunting"]},
        "emil": {"user": "emil", "queues": ["hunting"]},
    },
    "queues": QUEUES,
    "trunks": {"carrier": {"allow_from": ["127.0.0.77"]}},
    "numbers": {
        "201": "queue:sales",
        "202": "queue:support",
        "203": "queue:patience",
        "204": "queue:hunting",
        "205": "queue:places",
        "100": "flow:menu",
        "101": "flow:account",
        "+4930100": {"target": "queue:sales", "trunk": "carrier"},
    },
    "flows": {
        "menu": {
            "steps": [
                {"say": "welcome"},
                {"menu": {"prompts": "main_menu", "choices": {"1": [{"queue": "sales"}]}}},
            ]
        },
        "account": {
            "steps": [
                {"python": {"flow": "account", "on": {"found": "thanks"}}},
                {"hang_up": "flow_failed"},
                {"name": "thanks", "say": "thank_you"},
            ]
        },
    },
}
PYTHON_FLOWS = {
    "account": """\
from softswitch.ivr.actions import Collect


def flow(call):
    account = yield Collect("enter_account", 2)
    score = yield Collect("rate_call", 1)
    return "found" if (account, score) == ("67", "5") else "lost"
"""
}


@pytest.fixture(scope="session")
def disk() -> Iterator[Path]:
    """A small file system of its own for the recordings, which a test may fill."""
    directory = Path(tempfile.mkdtemp(prefix="ss-disk-"))
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m,mode=700", "none", str(directory)]
    # Where that is not permitted it is a directory, and the test of a full disk takes another way.
    mounted = subprocess.run(mount, stderr=subprocess.DEVNULL).returncode == 0
    yield directory
    if mounted:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def shared(disk: Path) -> Iterator[RunningSystem]:
    with running(CENTRE, recordings=disk / "recordings", python_flows=PYTHON_FLOWS) as system:
        yield system


@pytest.fixture
def system(shared: RunningSystem) -> Iterator[RunningSystem]:
    """The shared system, idle before and after the test, with every agent signed out."""
    yield shared
    for name, agent in shared.command("status")["agents"].items():
        if agent["signed_in"]:
            shared.command("agent.sign_out", name=name)
    shared.judge()


@pytest.fixture
def floor() -> Iterator[Floor]:
    with Floor() as floor:
        yield floor


class Phones:
    """Registered phones of the shared system's users, each with a tone of its own."""

    def __init__(self, floor: Floor, system: RunningSystem) -> None:
        self._floor = floor
        self._system = system
        self.handsets: list[Handset] = []

    def __call__(self, user: str, **options: Any) -> Handset:
        tone_hz = 500 + 200 * len(self.handsets)
        handset = Handset(self._floor, user, self._system.address, tone_hz=tone_hz, **options)
        self.handsets.append(handset)
        assert handset.register().registered, f"{user} could not register"
        return handset

    def agent(self, user: str, **options: Any) -> Handset:
        """The phone of an agent who is signed in and available."""
        handset = self(user, **options)
        self._system.command("agent.sign_in", name=user)
        self._system.command("agent.status", name=user, status="available")
        return handset


@pytest.fixture
def phones(floor: Floor, system: RunningSystem) -> Iterator[Phones]:
    phones = Phones(floor, system)
    yield phones
    for handset in phones.handsets:
        handset.unregister()
