"""What is said between an agent's answer and the conversation, to the agent and to the caller."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from softswitch.config import Centre
from softswitch.config.errors import ConfigError
from softswitch.directory import Directory
from tests.call.invariants import Books, check
from tests.call.world import CENTRE, Phone, World

MOBILE = "+491701234567"
WHISPER = ["/prompts/en/call_for_sales.flac"]
RECORDED = ["/prompts/en/call_recorded.flac"]


def world_with(agents: dict[str, Any] | None = None, **queue: Any) -> World:
    centre = copy.deepcopy(CENTRE)
    centre["queues"]["sales"] |= queue
    centre["agents"] |= agents or {}
    return World(centre)


def playing(world: World) -> list[tuple[str, list[str]]]:
    """Who hears which files now: the caller, or an agent."""
    found = []
    for plane in world.exchange.media.workers:
        for (kind, _), fields in plane.wanted.items():
            if kind == "player" and fields["legs"]:
                leg = next(each for each in world.legs() if each.id in fields["legs"])
                found.append((leg.party.name, fields["items"]))
    return sorted(found)


def finish(world: World, items: list[str]) -> None:
    """What plays these files comes to its end."""
    player = next(
        id
        for (kind, id), fields in world.exchange.media.workers[0].wanted.items()
        if kind == "player" and fields["items"] == items
    )
    world.worker.finish(player)
    world.pump()
    check(world, Books())


def talking(world: World) -> bool:
    return any(call.conversation is not None for call in world.exchange.calls.values())


def offered(world: World) -> tuple[Phone, Phone]:
    agent = world.agent("a1", "alice")
    caller = world.phone("carol")
    caller.call("200")
    return agent, caller


def test_the_agent_hears_the_queue_before_the_caller_is_there() -> None:
    world = world_with(whisper="call_for_sales")
    agent, _ = offered(world)
    agent.answer()
    check(world, Books())
    assert playing(world) == [("alice", WHISPER)] and not talking(world)
    assert f"{next(iter(world.exchange.calls))}.hold" in str(world.exchange.media.workers[0].wanted), "music"
    finish(world, WHISPER)
    assert talking(world) and playing(world) == []
    assert world.one("offer_ended")["outcome"] == "accepted"


def test_the_caller_hears_that_the_call_is_recorded() -> None:
    world = world_with(announce_recording="call_recorded", whisper="call_for_sales")
    agent, _ = offered(world)
    agent.answer()
    assert playing(world) == [("alice", WHISPER), ("carol", RECORDED)]
    finish(world, WHISPER)
    assert not talking(world)
    finish(world, RECORDED)
    assert talking(world) and world.one("recording_started")


def test_who_is_not_recorded_hears_nothing_of_it() -> None:
    world = world_with(announce_recording="call_recorded", record=False)
    agent, _ = offered(world)
    agent.answer()
    assert talking(world) and playing(world) == []


def test_an_agent_who_hangs_up_while_being_told_has_declined() -> None:
    world = world_with(announce_recording="call_recorded", whisper="call_for_sales")
    agent, _ = offered(world)
    agent.answer()
    finish(world, RECORDED)
    agent.hang_up()
    check(world, Books())
    assert world.one("offer_ended") | {"offer": "", "call": "", "ring_s": 0} == {
        "call": "",
        "queue": "sales",
        "agent": "a1",
        "offer": "",
        "outcome": "rejected",
        "reason": "user_rejected",
        "ring_s": 0,
    }
    bob = world.agent("a2", "bob")
    bob.answer()
    # The caller has heard it already.
    assert playing(world) == [("bob", WHISPER)]
    finish(world, WHISPER)
    assert talking(world)


def test_a_caller_who_leaves_meanwhile_leaves_no_phone_behind() -> None:
    world = world_with(whisper="call_for_sales")
    agent, caller = offered(world)
    agent.answer()
    caller.hang_up()
    check(world, Books())
    assert agent.events[-1][:2] == ("ended", "remote_bye") and world.exchange.calls == {}
    assert world.command("status")["agents"]["a1"]["state"] == "idle"


def test_a_restart_meanwhile_hangs_up_and_offers_again() -> None:
    world = world_with(whisper="call_for_sales")
    agent, _ = offered(world)
    agent.answer()
    first = agent.session
    world.restart_switch()
    world.wait(1)
    assert [each[:2] for each in agent.events if each[0] == "ended"] == [("ended", "remote_bye")]
    assert agent.session is not first, "the phone rings again"
    agent.answer()
    finish(world, WHISPER)
    assert talking(world)


def test_the_time_to_answer_is_over_when_the_agent_has() -> None:
    world = world_with(whisper="call_for_sales", ring_timeout_s=10)
    agent, _ = offered(world)
    world.wait(9.9)
    agent.answer()
    world.wait(3)
    assert playing(world) == [("alice", WHISPER)]
    world.wait(20)
    assert world.one("offer_ended")["outcome"] == "no_answer"


def test_of_two_who_answer_the_first_who_has_heard_it_has_the_call() -> None:
    world = world_with(whisper="call_for_sales", strategy="ring_all")
    agent, bob = world.agent("a1", "alice"), world.agent("a2", "bob")
    world.phone("carol").call("200")
    agent.answer()
    bob.answer()
    check(world, Books())
    assert playing(world) == [("alice", WHISPER), ("bob", WHISPER)]
    finish(world, WHISPER)
    assert (
        (talking(world)
        and [fact["outcome"] for fact in world.of("offer_ended")] == ["withdrawn", "accepted"])
        or [fact["outcome"] for fact in world.of("offer_ended")] == ["accepted", "withdrawn"]
    )


def at_a_mobile(**queue: Any) -> tuple[World, Phone, Phone]:
    nomad = {"number": "80", "queues": ["sales"], "pin": "1", "outside_numbers": [MOBILE]}
    world = world_with({"nomad": {**nomad, "pin": "123"}}, **queue)
    peer = world.phone("carrier", "198.51.100.9", register=False)
    world.command("agent.sign_in", name="nomad", at=MOBILE)
    caller = world.phone("carol")
    caller.call("200")
    return world, peer, caller


def test_an_agent_at_a_number_outside_takes_the_call_by_a_key() -> None:
    world, peer, _ = at_a_mobile(whisper="call_for_sales")
    peer.answer()
    assert playing(world) == [("carrier", [*WHISPER, "/prompts/en/press_one_to_accept.flac"])]
    (leg,) = [leg for leg in world.legs() if leg.party.kind == "trunk"]
    world.digit("5", leg.id)
    assert not talking(world)
    world.digit("1", leg.id)
    assert talking(world) and world.one("call_bridged")["agent"] == "nomad"
    check(world, Books())
    peer.hang_up()
    assert world.command("status")["agents"]["nomad"]["state"] == "wrap_up"


def test_a_mailbox_that_answers_for_the_agent_does_not_have_the_caller() -> None:
    world, peer, _ = at_a_mobile()
    peer.answer()
    world.wait(21)
    assert world.one("offer_ended")["outcome"] == "no_answer"
    assert world.command("status")["agents"]["nomad"]["status"] == "not_available"
    assert peer.events[-1][:2] == ("ended", "remote_bye") and len(world.exchange.acd.queued()) == 1
    check(world, Books())


def test_prompts_that_are_not_there_are_named() -> None:
    directory = Directory("x", prompts={"en": ["call_for_sales"], "music": ["hold"]})
    centre = Centre.model_validate(
        {"queues": {"sales": {"whisper": "call_for_sale", "announce_recording": "nothing"}}}
    )
    with pytest.raises(ConfigError) as error:
        directory.plan(centre)
    told = str(error.value)
    assert "queues.sales.whisper: there is no prompt 'call_for_sale'; did you mean call_for_sales" in told
    assert "queues.sales.announce_recording: there is no prompt 'nothing'" in told
