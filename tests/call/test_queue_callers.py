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


# A queue with nobody signed in


def test_callers_of_a_queue_without_agents_wait_unless_it_says_so() -> None:
    world = world_with()
    world.phone("carol").call("200")
    assert len(world.exchange.acd.queued()) == 1
    world = world_with(when_empty="leave", on_empty="user:bob")
    bob = world.phone("bob")
    world.phone("carol").call("200")
    assert world.one("queue_left")["reason"] == "no_agents"
    assert len([each for each in bob.events if each[0] == "ringing"]) == 1


def test_who_waits_leaves_when_the_last_agent_signs_out() -> None:
    world = world_with(when_empty="leave", on_empty="user:bob")
    bob = world.phone("bob")
    world.agent("a1", "alice")
    world.command("agent.sign_in", name="a2")
    for agent in ("a1", "a2"):
        world.command("agent.status", name=agent, status="on_break")
    world.phone("carol").call("200")
    world.command("agent.sign_out", name="a1")
    assert len(world.exchange.acd.queued()) == 1, "on a break is not gone"
    world.command("agent.sign_out", name="a2")
    assert world.exchange.acd.queued() == []
    assert len([each for each in bob.events if each[0] == "ringing"]) == 1


def test_a_flow_goes_on_when_there_is_nobody() -> None:
    centre = copy.deepcopy(CENTRE)
    centre["queues"]["sales"]["when_empty"] = "leave"
    centre["flows"]["main"] = {"steps": [{"queue": {"name": "sales", "on_empty": [{"say": "goodbye"}]}}]}
    world = World(centre)
    world.phone("carol").call("100")
    played = [each["items"] for each in world.media if each["do"] == "put_player" and each["legs"]]
    assert played == [["/prompts/en/goodbye.flac"]]


def test_a_target_that_is_never_used_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="on_empty has no effect"):
        world_with(on_empty="user:bob")


# Transferred to another queue


def transferred(consults: bool) -> World:
    """carol, who has chosen Chinese and said who she is, has waited 50 s for alice, who sends her on to
    support, where dave has waited for 30 s."""
    centre = copy.deepcopy(CENTRE)
    centre["queues"]["sales"]["announce_position_every_s"] = None
    centre["queues"]["support"] = {"announce_position_every_s": None}
    centre["numbers"]["300"] = "queue:support"
    centre["flows"]["main"] = {
        "steps": [{"set": {"language": "zh", "customer": "k-77"}}, {"queue": "sales"}, {"say": "goodbye"}]
    }
    world = World(centre)
    carol, dave, alice = world.phone("carol"), world.phone("dave"), world.phone("alice")
    carol.call("100")
    world.wait(50)
    world.command("agent.sign_in", name="a1")
    alice.answer()
    talk = alice.session
    dave.call("300")
    if consults:
        world.wait(10)
        alice.call("300")
        world.wait(20)
        alice.connect(talk, alice.session)
    else:
        world.wait(30)
        alice.refer("300", talk)
    return world


@pytest.mark.parametrize(("consults", "credit_s"), [(False, 50), (True, 70)])
def test_a_transferred_caller_keeps_the_time_waited_and_what_is_known(
    consults: bool, credit_s: float
) -> None:
    world = transferred(consults)
    for restarted in (False, True):
        if restarted:
            world.restart_switch()
            world.wait(1)
        places = sorted(world.exchange.acd._room.calls.values(), key=lambda queued: queued.rank)
        first, second = [world.exchange.calls[queued.call] for queued in places]
        assert (first.caller.name, second.caller.name) == ("carol", "dave")
        assert places[0].credit_s == pytest.approx(credit_s, abs=1)
        assert places[0].caller["customer"] == "k-77"
        assert first.waiting is not None and first.waiting.language == "zh"
        assert "customer" not in places[1].caller


def test_the_credit_counts_for_nothing_but_the_order() -> None:
    world = transferred(consults=False)
    world.wait(5)
    waiting = [call.waiting for call in world.exchange.calls.values() if call.caller.name == "carol"]
    assert waiting[0] is not None and world.now - waiting[0].queued_at == pytest.approx(5, abs=0.1)
def overflowing(target: str, **queue: Any) -> World:
    centre = copy.deepcopy(CENTRE)
    centre["queues"]["sales"] |= {"timeline": [{"after_s": 5, "to": target}], **queue}
    centre["numbering"] = {"country": "DE"}
    return World(centre)


def test_a_queue_sends_callers_to_a_number_outside() -> None:
    world = overflowing("number:+4989123456", caller_id="+493012345678")
    carrier = world.phone("carrier", "198.51.100.9", register=False)
    carol = world.phone("carol")
    carol.call("200")
    world.wait(6)
    assert carrier.session.invite.uri == "sip:+4989123456@198.51.100.9"
    assert "+493012345678" in carrier.session.invite.get("From")
    carrier.answer()
    assert world.one("queue_left")["outcome"] == "overflow"
    assert world.one("call_bridged")["trunk"] == "carrier"


@pytest.mark.parametrize("target", ["number:bob", "number:", "number:0049 89"])
def test_what_is_no_number_is_refused(target: str) -> None:
    with pytest.raises((ConfigError, ValueError), match="number"):
        overflowing(target)


def test_a_number_inside_is_called_inside() -> None:
    centre = copy.deepcopy(CENTRE)
    centre["users"]["4711"] = {"password": "secret"}
    centre["queues"]["sales"] |= {"max_wait_s": 5, "on_timeout": "number:4711"}
    world = World(centre)
    inside = world.phone("4711")
    world.phone("carol").call("200")
    world.wait(6)
    assert inside.session.state == "incoming"


def test_a_number_that_is_forbidden_or_cannot_be_reached_is_a_mistake() -> None:
    with pytest.raises(ConfigError, match="112 is an emergency number"):
        overflowing("number:112")
    centre = {**copy.deepcopy(CENTRE), "trunks": {}}
    centre["queues"]["sales"] |= {"timeline": [{"after_s": 5, "to": "number:+4989123456"}]}
    with pytest.raises(ConfigError, match="no trunk over which"):
        World(centre)


def test_a_way_that_is_closed_now_ends_the_call_with_its_reason() -> None:
    world = overflowing("number:+4989123456")
    centre = copy.deepcopy(CENTRE)
    centre["queues"]["sales"] |= {"timeline": [{"after_s": 5, "to": "number:+4989123456"}]}
    centre["numbering"] = {"country": "DE"}
    centre["routes"] = {"home": {"prefixes": ["+4930"], "trunks": ["carrier"]}}
    world.configure(centre)
    world.phone("carol").call("200")
    world.wait(20)
    assert world.one("call_ended")["reason"] == "no_route"
    assert world.one("overflow_refused")["number"] == "+4989123456"
