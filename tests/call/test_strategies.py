"""Every strategy and every step of a timeline with phones around the exchange: who rings, what is heard."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.call.invariants import Books, check
from tests.call.world import CENTRE, Phone, World

AGENTS: dict[str, dict[str, Any]] = {
    "a1": {"user": "alice", "skills": {"french": 3}, "levels": {"sales": 2}},
    "a2": {"user": "bob", "skills": {"french": 8}, "levels": {"sales": 1}},
}


class Floor:
    """alice and bob signed in, alice first; carol and dave call the queue. All is in order at every step."""

    def __init__(self, agents: dict[str, dict[str, Any]] = AGENTS, **queue: Any) -> None:
        centre = copy.deepcopy(CENTRE)
        centre["queues"] = {"sales": {"wrap_up_s": 0, "ring_timeout_s": 60, **queue}}
        centre["agents"] = {name: {"queues": ["sales"], **each} for name, each in agents.items()}
        self.world = World()
        self.books = Books()
        self.world.configure(centre, prune=True)
        self.world.wait(1)
        self.phones = {"a1": self._agent("a1", "alice"), "a2": self._agent("a2", "bob")}
        self.callers = [self.world.phone("carol"), self.world.phone("dave")]

    def _agent(self, name: str, user: str) -> Phone:
        phone = self.world.agent(name, user)
        self.world.wait(1)
        return phone

    def call(self, caller: int = 0) -> list[str]:
        """Who rings when somebody calls the queue."""
        self.callers[caller].call("200")
        check(self.world, self.books)
        return self.ringing()

    def ringing(self) -> list[str]:
        return [name for name in self.phones if self.row(name)["state"] == "ringing"]

    def row(self, agent: str) -> dict[str, Any]:
        return dict(self.world.command("status")["agents"][agent])

    def serve(self, seconds: float = 10, caller: int = 0) -> str:
        """One call from beginning to end; who had it."""
        (agent, *_) = self.call(caller)
        self.phones[agent].answer()
        check(self.world, self.books)
        self.world.wait(seconds)
        self.callers[caller].hang_up()
        self.world.wait(1)
        check(self.world, self.books)
        return agent

    def wait(self, seconds: float) -> None:
        self.world.wait(seconds)
        check(self.world, self.books)


@pytest.mark.parametrize(
    ("strategy", "served"),
    [
        ("longest_idle", ["a1", "a2", "a1"]),
        ("round_robin", ["a1", "a2", "a1"]),
        ("fewest_calls", ["a1", "a2", "a1"]),
        ("top_down", ["a2", "a2", "a2"]),
    ],
)
def test_who_has_the_calls_one_after_the_other(strategy: str, served: list[str]) -> None:
    floor = Floor(strategy=strategy)
    assert [floor.serve() for _ in served] == served


def test_least_talk_time() -> None:
    floor = Floor(strategy="least_talk_time")
    assert [floor.serve(seconds) for seconds in (60, 5, 5, 5)] == ["a1", "a2", "a2", "a2"]


def test_skills() -> None:
    floor = Floor(strategy="skills", prefer=["french"])
    assert [floor.serve(), floor.serve()] == ["a2", "a2"]


def test_random_takes_both() -> None:
    floor = Floor(strategy="random")
    assert {floor.serve(1) for _ in range(20)} == {"a1", "a2"}


def test_ring_all_rings_both_and_the_first_has_the_call() -> None:
    floor = Floor(strategy="ring_all")
    assert floor.call() == ["a1", "a2"]
    floor.phones["a2"].answer()
    check(floor.world, floor.books)
    assert (floor.row("a1")["state"], floor.row("a2")["state"]) == ("idle", "talking")
    assert "ended" in [each[0] for each in floor.phones["a1"].events]


# Steps of the timeline


def test_a_tier_is_reached_in_time() -> None:
    agents = {"a1": {**AGENTS["a1"], "tiers": {"sales": 2}}}
    floor = Floor({**agents, "a2": {**AGENTS["a2"], "tiers": {"sales": 3}}}, timeline=[
        {"after_s": 10, "tier": 2}, {"after_s": 20, "tier": 3}])
    assert floor.call() == []
    floor.wait(11)
    assert floor.ringing() == ["a1"]
    floor.phones["a1"].hang_up()
    floor.wait(10)
    assert floor.ringing() == ["a2"]


def test_a_requirement_is_given_up_in_time() -> None:
    floor = Floor(require="french >= 9", timeline=[{"after_s": 15, "require": "french >= 5"}])
    assert floor.call() == []
    floor.wait(16)
    assert floor.ringing() == ["a2"]


def test_a_priority_rises_in_time() -> None:
    floor = Floor(require="french >= 9 or waited > 30", timeline=[{"after_s": 10, "priority": 5}])
    floor.call(0)
    floor.wait(20)
    floor.call(1)
    first, second = [each["priority"] for each in floor.world.of("call_queued")]
    assert first == second == 0
    ranks = [(call.priority, call.call) for call in floor.world.exchange.acd._room.calls.values()]
    assert [priority for priority, _ in ranks] == [5, 0]


def test_a_prompt_is_heard_and_the_music_goes_on() -> None:
    floor = Floor(require="french >= 9", announce_position_every_s=None,
                  timeline=[{"after_s": 10, "announce": "please_wait"}])
    floor.call()
    floor.wait(11)
    played = [each["items"] for each in floor.world.media if each["do"] == "put_player" and each["legs"]]
    assert played == [["/prompts/en/please_wait.flac"]]
    floor.world.finish_prompt()
    check(floor.world, floor.books)


def test_a_caller_is_sent_on_in_time() -> None:
    floor = Floor(require="french >= 9", timeline=[{"after_s": 10, "to": "user:dave"}])
    floor.call()
    floor.wait(11)
    assert floor.world.of("queue_left")[0]["reason"] == "queue_overflow"
    assert [each[0] for each in floor.callers[1].events if each[0] == "ringing"] == ["ringing"]


def test_nobody_is_sent_on_while_a_phone_rings() -> None:
    floor = Floor(timeline=[{"after_s": 10, "to": "user:dave"}])
    assert floor.call() == ["a1"]
    floor.wait(11)
    assert floor.ringing() == ["a1"]
    floor.phones["a1"].answer()
    assert floor.row("a1")["state"] == "talking"
