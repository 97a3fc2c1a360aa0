"""Real phones (pjsua2) for each strategy, for the steps of a timeline, and for agents at other phones."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.peers.audio import seconds_of
from tests.peers.pjsua import Pjsua
from tests.system.conftest import CENTRE
from tests.system.running import RunningSystem, until

CLEO_HZ, DORA_HZ, CALLER_HZ = 600, 1000, 1400
AGENTS = {
    "cleo": {"user": "cleo", "skills": {"french": 3}, "levels": {"hunting": 2}},
    "dora": {"user": "dora", "skills": {"french": 8}, "levels": {"hunting": 1}},
}


class Queue:
    """One queue of the shared system, whose agents cleo and dora answer at once, and one caller."""

    def __init__(self, system: RunningSystem, directory: Path, stack: ExitStack) -> None:
        self.system = system
        self._registrar = "{}:{}".format(*system.address)
        made = (("cleo", CLEO_HZ, 200), ("dora", DORA_HZ, 200), ("carl", CALLER_HZ, 180))
        self.phones: dict[str, Pjsua] = {}
        for user, tone_hz, status in made:
            phone = Pjsua(user, directory, tone_hz=tone_hz, incoming_status=status)
            self.phones[user] = stack.enter_context(phone)
            phone.register(self._registrar, user, f"{user}-secret")
            phone.wait_for("registered")
        self.caller = self.phones["carl"]

    def configure(self, agents: dict[str, dict[str, Any]] | None = None, **queue: Any) -> None:
        """The settings of the queue; cleo and dora are signed in anew, cleo first."""
        centre = copy.deepcopy(CENTRE)
        centre["queues"]["hunting"] |= {"ring_timeout_s": 15, **queue}
        for name in AGENTS:
            centre["agents"][name] = {"queues": ["hunting"], **AGENTS[name], **(agents or {}).get(name, {})}
        centre["agents"] |= {name: each for name, each in (agents or {}).items() if name not in AGENTS}
        self.system.command("apply", centre=centre, prune=True)
        for name in AGENTS:
            self.system.command("agent.sign_out", name=name)
            self.system.command("agent.sign_in", name=name)

    def dial(self, number: str = "204") -> None:
        self.caller.call(f"sip:{number}@{self._registrar}")

    def bridged(self) -> list[dict[str, Any]]:
        return [fact["data"] for fact in self.system.facts("call_bridged")]

    def serve(self) -> str:
        """One call from beginning to end; who had it."""
        before = len(self.bridged())
        self.dial()
        served = until(lambda: self.bridged()[before:], "a conversation")[0]
        self.end()
        return str(served["agent"])

    def end(self) -> None:
        self.caller.wait_for("talking")
        self.caller.hang_up()
        self.caller.wait_for("ended")
        until(lambda: not self.system.command("call.list"), "the end of the call")


@pytest.fixture
def queue(system: RunningSystem, tmp_path: Path) -> Iterator[Queue]:
    with ExitStack() as stack:
        made = Queue(system, tmp_path, stack)
        yield made
        system.command("apply", centre=CENTRE, prune=True)
        for phone in made.phones.values():
            phone.unregister()
            phone.wait_for("unregistered")


def test_each_strategy_with_real_phones(queue: Queue) -> None:
    for strategy, served in (
        ("longest_idle", ["cleo", "dora", "cleo"]),
        ("round_robin", ["cleo", "dora", "cleo"]),
        ("fewest_calls", ["cleo", "dora"]),
        ("least_talk_time", ["cleo", "dora"]),
        ("top_down", ["dora", "dora"]),
    ):
        queue.configure(strategy=strategy)
        assert [queue.serve() for _ in served] == served, strategy
    queue.configure(strategy="skills", prefer=["french"])
    assert [queue.serve(), queue.serve()] == ["dora", "dora"]
    queue.configure(strategy="random")
    assert queue.serve() in AGENTS
    queue.configure(strategy="ring_all")
    before = len(queue.system.facts("offer_made"))
    assert queue.serve() in AGENTS
    offered = [fact["data"]["agent"] for fact in queue.system.facts("offer_made")[before:]]
    assert sorted(offered) == ["cleo", "dora"]


def test_each_step_of_a_timeline_with_real_phones(queue: Queue) -> None:
    steps = [
        {"after_s": 0.3, "announce": "please_wait", "priority": 5},
        {"after_s": 0.6, "require": ""},
        {"after_s": 0.9, "tier": 2},
        {"after_s": 3, "to": "queue:sales"},
    ]
    queue.configure({"dora": {"tiers": {"hunting": 2}}}, require="french > 5", timeline=steps)
    queue.system.command("agent.status", name="cleo", status="on_break")
    began = time.monotonic()
    assert queue.serve() == "dora"
    assert 0.8 < time.monotonic() - began < 3
    queue.system.command("agent.status", name="dora", status="on_break")
    before = len(queue.system.facts("call_queued"))
    queue.dial()
    until(lambda: len(queue.system.facts("call_queued")) - before == 2, "the other queue")
    queued = [fact["data"]["queue"] for fact in queue.system.facts("call_queued")[before:]]
    assert queued == ["hunting", "sales"]
    queue.end()


def test_an_agent_at_another_phone_is_told_the_queue_before_the_caller_is_there(queue: Queue) -> None:
    nomad = {"number": "80", "pin": "4711", "queues": ["hunting"]}
    told = {"whisper": "call_for_sales", "announce_recording": "call_recorded"}
    queue.configure({"nomad": nomad}, **told)
    queue.system.command("agent.sign_out", name="cleo")
    dora = queue.phones["dora"]
    dora.call(f"sip:*2180@{queue._registrar}")
    dora.wait_for("talking")
    dora.press("4711")
    dora.wait_for("ended")
    row = until(
        lambda: next(
            (
                row
                for name, row in queue.system.command("status")["agents"].items()
                if name == "nomad" and row["state"] == "idle"
            ),
            None,
        ),
        "the agent at the phone",
    )
    assert (row["user"], row["signed_in"]) == ("dora", True)
    assert not queue.system.command("status")["agents"]["dora"]["signed_in"], "one phone, one agent"
    before, offers = len(queue.bridged()), len(queue.system.facts("offer_ended"))
    queue.dial()
    dora.wait_for("talking")
    dora.heard()
    served = until(lambda: queue.bridged()[before:], "a conversation")[0]
    heard, rate_hz = dora.heard()
    assert seconds_of(heard, rate_hz, CALLER_HZ) < 0.3, "the caller was there before the whisper was over"
    assert served["agent"] == "nomad"
    (offer,) = queue.system.facts("offer_ended")[offers:]
    assert offer["data"]["ring_s"] > 1.0, "nobody was told anything"
    dora.wait_for_packets(dora.statistics()["received"] + 60)
    heard, rate_hz = dora.heard()
    assert seconds_of(heard, rate_hz, CALLER_HZ) > 0.6
    queue.end()
    queue.system.command("agent.sign_out", name="nomad")
