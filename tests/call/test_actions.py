"""What supervisors do to agents, queues and waiting calls, and how it is taken back."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.config.errors import ConfigError
from tests.call.world import CENTRE, Phone, World

MOBILE = "+491701234567"
CENTRE_OF_TWO: dict[str, Any] = {
    **CENTRE,
    "agents": {
        "a1": {"user": "alice", "queues": ["sales"]},
        "a2": {"user": "bob", "queues": ["sales"], "tiers": {"sales": 2}},
    },
    "queues": {"sales": {"music": "hold"}, "support": {}},
    "numbers": {"200": "queue:sales", "300": "queue:support"},
    "flows": {},
}


@pytest.fixture
def world() -> World:
    return World(CENTRE_OF_TWO)


def latest(world: World) -> str:
    id: str = world.command("action.list")[0]["action"]
    return id


def rings(phone: Phone) -> int:
    """How many calls have come to it."""
    return sum(each[0] == "ringing" for each in phone.events)


def agent_state(world: World, name: str) -> tuple[str, str, str]:
    row = world.command("status")["agents"][name]
    return row["state"], row["status"], row["reason"]


def test_a_waiting_call_goes_before_the_others_and_back(world: World) -> None:
    first, second = world.phone("carol"), world.phone("bob")
    first.call("200")
    world.wait(1)
    second.call("200")
    former, latter = world.exchange.calls
    world.command("call.priority", call=latter, priority=5, by="sue")
    assert world.exchange.acd.priority_of(latter) == 5
    world.command("action.undo", action=latest(world), by="sue")
    assert world.exchange.acd.priority_of(latter) == 0
    agent = world.agent("a1", "alice")
    assert world.of("offer_made")[-1]["call"] == former and rings(agent) == 1
    taken, undone = world.of("action_taken")[0], world.one("action_undone")
    assert taken["subject"] == undone["subject"] == f"call/{latter}" and undone["by"] == "sue"


def test_an_overflow_reaches_the_next_tier_until_it_is_taken_back(world: World) -> None:
    bob = world.agent("a2", "bob")
    world.phone("carol").call("200")
    assert rings(bob) == 0
    world.command("queue.overflow", name="sales", tier=2)
    assert rings(bob) == 1
    world.do(bob, lambda now, out: bob.session.reject(486, now, out))
    world.command("action.undo", action=latest(world))
    assert world.exchange.centre.queues["sales"].tier == 1
    world.command("agent.status", name="a2", status="available")
    world.wait(30)
    assert rings(bob) == 1


def test_an_agent_moves_to_another_queue_and_back(world: World) -> None:
    bob = world.agent("a2", "bob")
    world.phone("carol").call("300")
    assert world.command("agent.queues", name="a2", add=["support"], remove=["sales"]) == {
        "agent": "a2",
        "queues": ["support"],
    }
    assert rings(bob) == 1
    world.restart_switch()
    assert world.exchange.centre.agents["a2"].queues == ("support",)
    world.command("action.undo", action=latest(world))
    back = world.exchange.centre.agents["a2"]
    assert (back.queues, back.tiers) == (("sales",), {"sales": 2})


def test_an_announcement_is_heard_by_all_who_wait_and_stopped(world: World) -> None:
    world.phone("carol").call("200")
    world.phone("bob").call("200")
    world.phone("alice").call("300")
    answer = world.command("queue.announce", name="sales", prompt="welcome", by="sue")
    assert answer == {"queue": "sales", "callers": 2}

    def heard() -> list[str]:
        players = [each for (kind, _), each in world.worker.held.items() if kind == "player" and each["legs"]]
        return [path for each in players for path in each["items"]]

    assert heard() == ["/prompts/en/welcome.flac"] * 2
    assert world.one("announcement_made")["callers"] == 2
    world.command("action.undo", action=latest(world))
    assert heard() == []
    music = [each for (kind, _), each in world.worker.held.items() if kind == "bridge"]
    assert len(music) == 3


@pytest.mark.parametrize(
    ("command", "args", "before", "after"),
    [
        ("agent.sign_out", {}, "idle", "signed_out"),
        ("agent.status", {"status": "on_break", "reason": "lunch"}, "idle", "unavailable"),
    ],
)
def test_what_was_forced_on_an_agent_is_taken_back(
    world: World, command: str, args: dict[str, str], before: str, after: str
) -> None:
    world.agent("a1", "alice")
    was = agent_state(world, "a1")
    assert was[0] == before
    world.command(command, name="a1", by="sue", **args)
    assert agent_state(world, "a1") != was
    world.command("action.undo", action=latest(world))
    assert agent_state(world, "a1") == was


def test_a_break_is_a_break_again(world: World) -> None:
    world.agent("a1", "alice")
    world.command("agent.status", name="a1", status="on_break", reason="lunch")
    was = agent_state(world, "a1")
    world.command("agent.sign_out", name="a1")
    world.command("action.undo", action=latest(world))
    assert agent_state(world, "a1") == was


def test_an_agent_sits_again_where_they_sat(world: World) -> None:
    def seat() -> tuple[str | None, str]:
        row = world.command("status")["agents"]["a1"]
        return row["user"], row["number"]

    outside = {"user": "alice", "queues": ["sales"], "pin": "123", "outside_numbers": [MOBILE]}
    world.configure({**CENTRE_OF_TWO, "agents": {"a1": outside}})
    world.command("agent.sign_in", name="a1", at="bob")
    for at, there in ((MOBILE, (None, MOBILE)), ("carol", ("carol", ""))):
        was = seat()
        world.command("agent.sign_in", name="a1", at=at)
        assert seat() == there != was
        moving = latest(world)
        world.command("agent.sign_out", name="a1")
        world.command("action.undo", action=latest(world))
        assert seat() == there
        if at == "carol":
            world.command("action.undo", action=moving)
            assert seat() == was


def test_what_is_given_of_tiers_is_all_of_it(world: World) -> None:
    world.command("agent.queues", name="a2", add=["support"])
    assert world.exchange.centre.agents["a2"].tiers == {"sales": 2}
    world.command("agent.queues", name="a2", tiers={})
    assert world.exchange.centre.agents["a2"].tiers == {}
    world.command("action.undo", action=latest(world))
    assert world.exchange.centre.agents["a2"].tiers == {"sales": 2}


def test_a_closed_queue_is_open_again_and_the_other_way_round(world: World) -> None:
    def closed() -> dict[str, str]:
        found: dict[str, str] = world.command("status")["queues"]["sales"]["closed_by"]
        return found

    world.command("queue.close", name="sales", reason="fire")
    world.command("queue.open", name="sales")
    world.command("action.undo", action=latest(world))
    assert closed() == {"command": "fire"}
    closing = [each["action"] for each in world.command("action.list")][-1]
    world.command("action.undo", action=closing)
    assert closed() == {}


def test_what_was_changed_again_since_then_is_not_taken_back(world: World) -> None:
    world.command("queue.close", name="sales")
    first = latest(world)
    world.command("queue.close", name="support")
    world.command("queue.open", name="sales")
    second = latest(world)
    with pytest.raises(ConfigError, match=f"{second} has changed queue/sales since then"):
        world.command("action.undo", action=first)
    world.restart_switch()
    world.command("action.undo", action=second)
    world.command("action.undo", action=first)
    with pytest.raises(ConfigError, match="taken back already"):
        world.command("action.undo", action=first)
    assert [each["undone"] for each in world.command("action.list")] == [True, False, True]


@pytest.mark.parametrize(
    ("command", "args", "wrong"),
    [
        ("call.priority", {"call": "c1", "priority": 3}, "there is no call"),
        ("call.priority", {"call": "c1", "priority": 1001}, "allowed: -1000 to 1000"),
        ("queue.overflow", {"name": "sale", "tier": 2}, "did you mean sales"),
        ("queue.overflow", {"name": "sales", "tier": 0}, "tier"),
        ("queue.announce", {"name": "sales", "prompt": "no_such"}, "no prompt 'no_such'"),
        ("agent.queues", {"name": "a1", "add": ["nothing"]}, "nothing"),
        ("agent.queues", {"name": "a1", "queues": "sales"}, "'sales' is no list of names of queues"),
        ("agent.queues", {"name": "a1", "add": {"sales": 1}}, "add: .* is no list of names of queues"),
        ("agent.queues", {"name": "a1", "remove": [1]}, r"remove: \[1\] is no list of names of queues"),
        ("agent.queues", {"name": "a1", "tiers": [2]}, r"tiers: \[2\] gives no numbers by queue"),
        ("agent.queues", {"name": "a1", "levels": {"sales": "low"}}, "levels"),
        ("agent.queues", {"name": "zoe", "add": ["sales"]}, "no agent 'zoe'"),
        ("action.undo", {"action": "x99"}, "no action 'x99'"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(
    world: World, command: str, args: dict[str, Any], wrong: str
) -> None:
    before = world.exchange.centre
    with pytest.raises(ConfigError, match=wrong):
        world.command(command, **args)
    assert world.exchange.centre == before and world.command("action.list") == []


def test_only_the_latest_two_hundred_are_kept(world: World) -> None:
    for _ in range(101):
        world.command("queue.close", name="sales")
        world.command("queue.open", name="sales")
    rows = world.command("action.list")
    assert [rows[0]["action"], rows[-1]["action"], len(rows)] == ["x202", "x3", 200]
    assert len([key for key, value in world.kept.items() if key.startswith("action/") and value]) == 200
