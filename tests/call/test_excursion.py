"""An agent's caller in a flow and back again, or not."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.config.errors import ConfigError
from tests.call.world import CENTRE, Phone, World

PAY = {
    "pause_recording": True,
    "steps": [
        {"collect": {"into": "card", "prompts": "enter_pin", "digits": 4}},
        {"set": {"result": "paid {card}"}},
    ],
}


def house(pay: dict[str, Any] = PAY, **queue: Any) -> World:
    settings = {"wrap_up_s": 5, "record": True, "announce_position_every_s": None, **queue}
    flows = {"pay": pay, "plain": {"steps": [{"say": "welcome"}]}}
    numbers = {"200": "queue:sales", "8200": "flow:pay", "8201": "flow:plain"}
    return World({**CENTRE, "queues": {"sales": settings}, "flows": flows, "numbers": numbers})


def talking(world: World) -> tuple[Phone, Phone]:
    """Caller and agent."""
    agent = world.agent("a1", "alice")
    caller = world.phone("bob")
    caller.call("200")
    agent.answer()
    world.wait(10)
    return caller, agent


def press(world: World, digits: str) -> None:
    """Keys of the caller."""
    (call,) = world.exchange.calls.values()
    for digit in digits:
        world.digit(digit, call.inbound.id)


def recorder(world: World) -> dict[str, Any]:
    return [each for each in world.media if each["do"] == "put_recorder"][-1]


def together(world: World) -> bool:
    (call,) = world.exchange.calls.values()
    return call.conversation is not None and call.transfer is None


def test_the_caller_goes_through_a_flow_and_comes_back_with_the_result() -> None:
    world = house()
    _, agent = talking(world)
    agent.refer("*268200")
    (call,) = world.exchange.calls.values()
    assert call.conversation is None
    assert recorder(world)["paused"], "a card number is not recorded"
    agents_leg = call.transfer.leg.id
    music = [each for each in world.media if each["do"] == "put_player" and each["legs"] == [agents_leg]]
    assert music[-1]["items"] == ["/prompts/music/hold.flac"]
    assert world.exchange.acd.snapshot(world.now)["agents"]["a1"]["state"] == "talking"
    press(world, "1234")
    assert together(world)
    assert not recorder(world)["paused"]
    told = world.one("caller_returned")
    assert (told["flow"], told["agent"], told["result"], told["then"]) == (
        "pay",
        "a1",
        "paid 1234",
        "rejoined",
    )
    assert ("notified", 487) in agent.events, "the phone has its call again"
    assert ("player", music[-1]["id"]) not in world.worker.held
    agent.hang_up()
    ended = world.one("call_ended")
    assert (ended["reason"], ended["agent"]) == ("normal_hang_up_agent", "a1")
    assert len(world.of("recording_started")) == 1, "one recording of both parts"


def test_the_result_is_on_the_agents_display() -> None:
    world = house()
    _, agent = talking(world)
    sent: list[bytes] = []
    receive = agent.ua.receive
    agent.ua.receive = lambda data, *rest: (sent.append(data), receive(data, *rest))[1]  # type: ignore[method-assign]
    agent.refer("*26pay")
    press(world, "1234")
    text = b"".join(sent)
    assert b"User-to-User: " + b"paid 1234".hex().encode() + b";encoding=hex" in text
    assert b"paid 1234: bob" in text


def test_an_agent_may_have_the_caller_back_at_once() -> None:
    world = house()
    _, agent = talking(world)
    agent.refer("*268200")
    (call,) = world.exchange.calls.values()
    world.digit("5", call.transfer.leg.id)
    assert call.conversation is None
    world.digit("*", call.transfer.leg.id)
    assert together(world)
    assert world.one("caller_returned")["result"] == ""


def test_a_phone_that_hangs_up_after_its_refer_is_called_back() -> None:
    world = house()
    _, agent = talking(world)
    agent.refer("*268200")
    agent.hang_up()
    press(world, "1234")
    assert world.one("caller_returned")["then"] == "recalled"
    agent.answer()
    assert together(world)


def test_by_command_and_an_agent_who_leaves_for_good() -> None:
    world = house()
    _, agent = talking(world)
    world.command("call.send_to_flow", call=next(iter(world.exchange.calls)), flow="pay")
    agent.hang_up()
    assert world.exchange.acd.snapshot(world.now)["agents"]["a1"]["state"] == "wrap_up"
    press(world, "1234")
    assert world.one("caller_returned")["then"] == "ended"
    assert world.one("call_ended")["reason"] == "flow_finished"


def test_the_caller_hangs_up_in_the_flow() -> None:
    world = house()
    caller, agent = talking(world)
    agent.refer("*268200")
    caller.hang_up()
    assert not world.exchange.calls
    assert "ended" in [event[0] for event in agent.events]
    assert not world.of("caller_returned")
    assert not [held for held in world.worker.held.values() if held["do"] != "put_player" or held["legs"]]


def test_a_flow_that_hangs_up_ends_it_for_both() -> None:
    world = house({"steps": [{"hang_up": "flow_failed"}]})
    _, agent = talking(world)
    agent.refer("*268200")
    assert world.one("call_ended")["reason"] == "flow_failed"
    assert "ended" in [event[0] for event in agent.events]


def test_a_flow_that_sends_the_caller_to_somebody_else() -> None:
    world = house({"steps": [{"dial": "user:carol"}]})
    carol = world.phone("carol")
    _, agent = talking(world)
    agent.refer("*268200")
    carol.answer()
    assert together(world)
    assert "ended" in [event[0] for event in agent.events]


def test_a_flow_that_does_not_ask_for_it_pauses_nothing() -> None:
    world = house()
    _, agent = talking(world)
    agent.refer("*268201")
    assert not recorder(world)["paused"]
    world.finish_prompt()
    assert together(world)


@pytest.mark.parametrize("number", ["*268299", "*26", "*26sales", "*26200"])
def test_where_there_is_no_flow(number: str) -> None:
    world = house()
    _, agent = talking(world)
    agent.refer(number)
    assert ("referred", 404) in agent.events
    assert together(world)
    with pytest.raises(ConfigError, match="there is no flow"):
        world.command("call.send_to_flow", call=next(iter(world.exchange.calls)), flow=number)


def test_the_code_alone_calls_nobody() -> None:
    world = house()
    phone = world.phone("carol")
    phone.call("*268200")
    assert phone.events[-1] == ("ended", "rejected", 404)


@pytest.mark.parametrize("agent_is_there", [True, False])
def test_a_restart_meanwhile(agent_is_there: bool) -> None:
    world = house()
    _, agent = talking(world)
    agent.refer("*268200")
    if not agent_is_there:
        agent.hang_up()
    world.restart_switch()
    world.wait(1)
    press(world, "1234")
    if not agent_is_there:
        world.wait(1)
        agent.answer()
    assert together(world)
    assert world.one("caller_returned")["result"] == "paid 1234"
    assert not recorder(world)["paused"]
    agent.hang_up()
    assert not world.exchange.calls
    assert not world.worker.legs()


def test_by_keys_in_the_conversation() -> None:
    world = house()
    _, agent = talking(world)
    (call,) = world.exchange.calls.values()
    for digit in "99*268299#*268200#":
        world.digit(digit, call.conversation.callee.id)
    assert call.transfer is not None, "the first number is none, the second is a flow"
    press(world, "1234")
    assert together(world)
    for digit in "*268200#":
        world.digit(digit, call.inbound.id)
    assert call.transfer is not None, "the caller is a user, too, and the agent hears the flow then"
    agent.hang_up()


def test_codes_that_are_switched_off_are_keys_like_others() -> None:
    world = house()
    talking(world)
    centre = {**CENTRE, "feature_codes": {"record": None, "send_to_flow": None}}
    world.configure({**centre, "numbers": {"8200": "flow:pay"}, "flows": {"pay": PAY}})
    (call,) = world.exchange.calls.values()
    for digit in "*69*268200#":
        world.digit(digit, call.conversation.callee.id)
    assert together(world)
