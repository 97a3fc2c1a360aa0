"""The doctor of the whole switch: each planted fault is found, and mended where that is safe."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from softswitch.acd import events as acd
from softswitch.acd.agent import AgentInput
from softswitch.call.doctor import examine, keep_again, kept_findings, live_state, treat
from tests.call.invariants import Books, check
from tests.call.world import World


def busy_world() -> World:
    """alice talks to a caller from the queue; two callers wait; bob rings for the first of them."""
    world = World()
    first = world.agent("a1", "alice")
    world.phone("carol").call("200")
    first.answer()
    world.agent("a2", "bob")
    world.phone("dave").call("200")
    world.phone("carrier", "198.51.100.9", register=False).call("200")
    world.wait(0.1)
    return world


def waiting(world: World) -> str:
    return next(id for id, call in world.exchange.calls.items() if call.waiting is not None)


def caller_is_lost(world: World) -> str:
    world.exchange.acd.handle(acd.CallLeft([*world.exchange.calls][-1]), world.now)
    return "caller_lost"


def ringing_caller_is_lost(world: World) -> str:
    world.exchange.acd.handle(acd.CallLeft(waiting(world)), world.now)
    return "caller_lost"


def place_without_caller(world: World) -> str:
    world.exchange.acd.handle(acd.CallQueued("ghost", "sales"), world.now)
    return "queued_without_caller"


def agent_talks_to_nobody(world: World) -> str:
    agent = world.exchange.acd._roster.agents["a1"]
    agent.call = "ghost"
    return "agent_in_dead_call"


def agent_busy_with_nothing(world: World) -> str:
    world.exchange.acd._roster.agents["a1"].feed(AgentInput.OTHER_CALL, world.now, "ghost")
    return "agent_in_dead_call"


def agent_not_known_busy(world: World) -> str:
    world.exchange.acd._roster.agents["a1"].other_calls.clear()
    return "agent_busy_unknown"


def media_of_a_dead_leg(world: World) -> str:
    plane = world.exchange.media.workers[0]
    plane.wanted["leg", "ghost.l1"] = {"do": "put_leg", "id": "ghost.l1", "port": 9999}
    return "media_without_leg"


def offer_is_forgotten(world: World) -> str:
    matching = world.exchange.acd._matching
    del matching.offers[next(iter(matching.offers))]
    return "agent_without_offer"


def time_stands_still(world: World) -> str:
    world.now += 3600
    return "deadline_overdue"


PLANTS = (caller_is_lost, ringing_caller_is_lost, place_without_caller, agent_talks_to_nobody,
          agent_busy_with_nothing, agent_not_known_busy, media_of_a_dead_leg, offer_is_forgotten,
          time_stands_still)


def doctor(world: World, *, mend: bool = True) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    world.turn(lambda now, out: rows.extend(treat(world.exchange, now, out, mend=mend)))
    return rows


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    world = busy_world()
    assert doctor(world) == []
    check(world, Books())


@pytest.mark.parametrize("plant", PLANTS)
def test_what_is_safe_to_mend_is_mended(plant: Callable[[World], str]) -> None:
    world = busy_world()
    expected = plant(world)
    rows = doctor(world)
    assert expected in {each["invariant"] for each in rows}
    assert all(each["mended"] and each["mend"] for each in rows), rows
    assert examine(world.exchange, world.now) == []
    assert world.of("invariant_broken") == rows
    assert not [each for each in world.of("alarm_raised") if each["code"] == "invariant_broken"]
    assert {id for id, call in world.exchange.calls.items() if call.waiting} == {*world.exchange.acd.queued()}


@pytest.mark.parametrize("plant", PLANTS)
def test_looking_mends_nothing(plant: Callable[[World], str]) -> None:
    world = busy_world()
    expected = plant(world)
    found = {each["invariant"]: each["mended"] for each in doctor(world, mend=False)}
    assert expected in found and not any(found.values())
    assert expected in {each.invariant for each in examine(world.exchange, world.now)}


def test_a_leg_without_media_is_named_with_what_to_do() -> None:
    """Whether the two still talk is for people to find out."""
    world = busy_world()
    call = next(call for call in world.exchange.calls.values() if call.conversation is not None)
    del world.exchange.media.workers[0].wanted["leg", call.inbound.id]
    (row,) = doctor(world)
    assert (row["invariant"], row["subject"], row["mended"]) == ("leg_without_media", call.inbound.id, False)
    assert row["mend"].endswith(f"softswitch call hang-up {call.id}")
    assert row["message"] in world.of("alarm_raised")[-1]["message"]


def test_a_media_worker_that_is_away_is_named() -> None:
    world = busy_world()
    world.disconnect_media()
    assert [each["subject"] for each in doctor(world)] == ["worker 0"]
    world.connect_media()
    assert doctor(world) == []


def test_what_is_kept_wrongly_is_kept_again() -> None:
    world = busy_world()
    live = live_state(world.exchange)
    assert kept_findings(live, world.kept) == []
    world.kept["acd/agent/a1"] = {**world.kept["acd/agent/a1"], "status": "on_break"}
    gone = waiting(world)
    del world.kept[f"acd/call/{gone}"]
    world.kept["acd/call/ghost"] = dict(live[f"acd/call/{gone}"])
    wrong = [each.subject for each in kept_findings(live, world.kept)]
    assert wrong == sorted(["acd/agent/a1", f"acd/call/{gone}", "acd/call/ghost"])
    world.turn(lambda now, out: keep_again(world.exchange, wrong, out))
    assert kept_findings(live, world.kept) == []
