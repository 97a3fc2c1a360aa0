"""Who calls a queue: the place of important callers, and what the agent's phone shows."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from softswitch.config.errors import ConfigError
from tests.call.world import CENTRE, World


def world_with(**queue: Any) -> World:
    centre = copy.deepcopy(CENTRE)
    centre["queues"]["sales"] |= queue
    return World(centre)


def priorities(world: World) -> list[int]:
    return [each["priority"] for each in world.of("call_queued")]


def test_important_callers_are_served_first() -> None:
    world = world_with(vip={"carol": 10})
    world.phone("dave").call("200")
    world.wait(1)
    world.phone("carol").call("200")
    assert priorities(world) == [0, 10]
    world.agent("a1", "alice")
    first = world.of("offer_made")[0]["call"]
    assert world.of("call_started")[1]["call"] == first


def test_numbers_outside_are_known_however_they_are_written() -> None:
    centre = copy.deepcopy(CENTRE)
    centre["numbering"] = {"country": "DE"}
    centre["queues"]["sales"]["vip"] = {"+493012345678": 7}
    world = World(centre)
    peer = world.phone("carrier", "198.51.100.9", register=False)
    peer.call("200", from_="<sip:03012345678@198.51.100.9>")
    peer.call("200", from_="<sip:03012345679@198.51.100.9>")
    assert priorities(world) == [7, 0]


def test_the_list_adds_once_however_often_the_switch_is_restarted() -> None:
    world = world_with(vip={"carol": 10})
    world.phone("carol").call("200")
    world.restart_switch()
    world.wait(1)
    world.restart_switch()
    world.wait(1)
    (queued,) = world.exchange.acd._room.calls.values()
    assert queued.priority == 10
    (waiting,) = [call.waiting for call in world.exchange.calls.values()]
    assert waiting is not None and waiting.entry.priority == 10


def test_the_agent_sees_the_queue_before_the_caller() -> None:
    world = world_with(agent_display="Sales")
    phone = world.agent("a1", "alice")
    world.phone("carol").call("200")
    (shown,) = [each[1] for each in phone.events if each[0] == "ringing"]
    assert shown.startswith('"Sales: carol" <sip:carol@')


def test_without_a_text_the_caller_alone_is_shown() -> None:
    world = world_with()
    phone = world.agent("a1", "alice")
    world.phone("carol").call("200")
    (shown,) = [each[1] for each in phone.events if each[0] == "ringing"]
    assert "Sales" not in shown


def test_who_hides_the_number_is_not_shown() -> None:
    world = world_with(agent_display="Sales")
    phone = world.agent("a1", "alice")
    world.phone("carol").call("*67200")
    (shown,) = [each[1] for each in phone.events if each[0] == "ringing"]
    assert "carol" not in shown


def test_a_closed_queue_sends_callers_to_its_target() -> None:
    world = world_with(on_closed="user:bob")
    bob = world.phone("bob")
    assert world.command("queue.close", name="sales", reason="fire_alarm", by="maria")["closed"]
    world.restart_switch()
    world.wait(1)
    world.phone("carol").call("200")
    assert world.one("queue_left")["reason"] == "queue_closed"
    assert [each[0] for each in bob.events if each[0] == "ringing"] == ["ringing"]
    assert not world.command("queue.open", name="sales")["closed"]
    with pytest.raises(ConfigError, match=r"there is no queue 'slaes'.*sales"):
        world.command("queue.close", name="slaes")


def test_a_flow_goes_on_when_the_queue_is_closed() -> None:
    centre = copy.deepcopy(CENTRE)
    centre["flows"]["main"] = {"steps": [{"queue": {"name": "sales", "on_closed": [{"say": "goodbye"}]}}]}
    world = World(centre)
    world.command("queue.close", name="sales")
    world.phone("carol").call("100")
    played = [each["items"] for each in world.media if each["do"] == "put_player" and each["legs"]]
    assert played == [["/prompts/en/goodbye.flac"]]
