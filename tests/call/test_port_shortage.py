"""A queue whose agents are free while the media ports are used up."""

from __future__ import annotations

from typing import Any

import pytest

from tests.call.world import CENTRE, Phone, World

# More than Python's stack would take if every agent were tried inside the attempt before.
AGENTS = 300
MANY: dict[str, Any] = {
    **CENTRE,
    "users": {**CENTRE["users"], **{f"u{number}": {"password": "secret"} for number in range(AGENTS)}},
    "agents": {f"g{number}": {"user": f"u{number}", "queues": ["sales"]} for number in range(AGENTS)},
}


def use_up_ports(world: World) -> None:
    world.exchange.media.workers[0].free_ports.clear()


def free_ports(world: World) -> None:
    world.media_event({"event": "ports", "granted": list(range(17000, 17010, 2))})


@pytest.fixture
def world() -> World:
    return World()


def queued_without_ports(world: World) -> Phone:
    caller = world.phone("carol", host="10.1.0.1")
    caller.call("100")
    use_up_ports(world)
    world.digit("1")
    return caller


def test_agent_is_rung_as_soon_as_a_port_is_free(world: World) -> None:
    agent = world.agent("a1", "alice")
    queued_without_ports(world)
    world.wait(3)
    assert agent.sessions == []
    free_ports(world)
    world.wait(0.2)
    assert agent.events[-1][0] == "ringing"
    agent.answer()
    assert world.one("offer_ended")["outcome"] == "accepted"


def test_no_agent_is_blamed() -> None:
    world = World(MANY)
    for number in range(AGENTS):
        world.phone(f"u{number}", host=f"10.0.{number // 200}.{number % 200 + 1}")
        world.command("agent.sign_in", name=f"g{number}")
    queued_without_ports(world)
    world.wait(1)
    assert {row["status"] for row in world.command("status")["agents"].values()} == {"available"}
    assert len(world.of("offer_made")) == 1


def test_caller_who_gives_up_meanwhile_is_not_offered_again(world: World) -> None:
    agent = world.agent("a1", "alice")
    caller = queued_without_ports(world)
    caller.hang_up()
    free_ports(world)
    world.wait(1)
    assert agent.sessions == []
    assert world.one("call_ended")["outcome"] == "abandoned"
