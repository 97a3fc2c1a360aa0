"""What agents and supervisors say by code and command; the agent whom a caller spoke to last."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from softswitch.config.errors import ConfigError
from tests.call.world import CENTRE, Phone, World


def dials(world: World, phone: Phone, code: str) -> None:
    phone.call(code)
    if world.exchange.calls:
        world.finish_prompt()


def row(world: World, agent: str) -> dict[str, Any]:
    return dict(world.command("status")["agents"][agent])


@pytest.mark.parametrize(
    ("code", "reason"),
    [("*24", "feature code"), ("*241", "break"), ("*242", "lunch"), ("*24a1", "feature code")],
)
def test_a_break_has_a_reason(code: str, reason: str) -> None:
    world = World()
    phone = world.agent("a1", "alice")
    dials(world, phone, code)
    assert (row(world, "a1")["status"], row(world, "a1")["reason"]) == ("on_break", reason)
    assert world.of("agent_status_changed")[-1]["by"] == "phone"


@pytest.mark.parametrize("code", ["*249", "*240", "*24x", "*2561", "*250"])
def test_a_reason_that_there_is_not(code: str) -> None:
    world = World()
    phone = world.agent("a1", "alice")
    phone.call(code)
    assert world.of("call_ended")[-1]["reason"] == "number_not_found"
    assert row(world, "a1")["status"] == "available"


def test_the_reasons_of_the_centre() -> None:
    world = World()
    world.agent("a1", "alice")
    answer = world.command("agent.status", name="a1", status="on_break", reason="lunch", by="maria")
    assert answer["reason"] == "lunch"
    assert world.of("agent_status_changed")[-1]["by"] == "maria"
    with pytest.raises(ConfigError, match=r"'lnch' is no reason of statuses\.break_reasons.*lunch"):
        world.command("agent.status", name="a1", status="on_break", reason="lnch")
    world.configure({**CENTRE, "statuses": {"break_reasons": ["tea"]}})
    assert world.command("agent.status", name="a1", status="on_break", reason="tea")["reason"] == "tea"


def wrapping_up() -> tuple[World, Phone]:
    world = World()
    phone = world.agent("a1", "alice")
    caller = world.phone("carol")
    caller.call("200")
    phone.answer()
    caller.hang_up()
    assert row(world, "a1")["state"] == "wrap_up"
    return world, phone


def test_wrap_up_is_ended_by_code() -> None:
    world, phone = wrapping_up()
    dials(world, phone, "*25")
    assert row(world, "a1")["state"] == "idle"


def test_wrap_up_is_made_longer_by_code() -> None:
    world, phone = wrapping_up()
    dials(world, phone, "*252")
    world.wait(100)
    assert row(world, "a1")["state"] == "wrap_up"
    world.wait(30)
    assert row(world, "a1")["state"] == "idle"


def test_wrap_up_is_made_longer_and_ended_by_command() -> None:
    world, _ = wrapping_up()
    world.command("agent.wrap_up", name="a1", extend_s=60)
    world.wait(50)
    assert row(world, "a1")["state"] == "wrap_up"
    assert world.command("agent.wrap_up", name="a1")["state"] == "idle"
    with pytest.raises(ConfigError, match="up to 3600 s"):
        world.command("agent.wrap_up", name="a1", extend_s=4000)


def last_agent_centre(days: int = 7) -> dict[str, Any]:
    centre = copy.deepcopy(CENTRE)
    centre["queues"]["sales"] |= {"sticky_s": 20, "wrap_up_s": 0, "remember_agent_days": days}
    centre["flows"]["main"] = {"steps": [{"queue": {"name": "sales", "agent": "last"}}]}
    return centre


def spoken_to(days: int = 7) -> tuple[World, Phone, Phone, Phone]:
    """carol has spoken to alice, who has been idle for less time than bob since then."""
    world = World(last_agent_centre(days))
    alice = world.agent("a1", "alice")
    caller = world.phone("carol")
    caller.call("100")
    alice.answer()
    bob = world.agent("a2", "bob")
    world.wait(5)
    caller.hang_up()
    world.wait(5)
    return world, caller, alice, bob


def rings_at(world: World) -> str:
    return str(world.of("offer_made")[-1]["agent"])


def test_a_caller_reaches_the_agent_of_the_last_call() -> None:
    world, caller, _, _ = spoken_to()
    caller.call("100")
    assert rings_at(world) == "a1"
    world.phone("dave").call("100")
    assert rings_at(world) == "a2"


def test_the_last_agent_is_known_after_a_restart() -> None:
    world, caller, _, _ = spoken_to()
    world.restart_switch()
    world.wait(1)
    caller.call("100")
    assert rings_at(world) == "a1"


def test_nobody_waits_for_an_agent_who_has_gone_home() -> None:
    world, caller, _, _ = spoken_to()
    world.command("agent.sign_out", name="a1")
    caller.call("100")
    assert rings_at(world) == "a2"


def test_the_last_agent_is_forgotten_in_time() -> None:
    world, caller, _, _ = spoken_to(days=1)
    world.exchange.clock_set(1_800_000_000.0 + 86_400)
    caller.call("100")
    assert rings_at(world) == "a2"


def test_no_agent_is_remembered_where_the_queue_says_so() -> None:
    world, caller, _, _ = spoken_to(days=0)
    assert not [key for key in world.kept if key.startswith("last_agent/")]
    caller.call("100")
    assert rings_at(world) == "a2"
