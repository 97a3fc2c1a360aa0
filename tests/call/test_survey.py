"""The survey after the call: who is asked, what becomes of the answers."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.config.errors import ConfigError
from tests.call.world import CENTRE, Phone, World

ASK = {"survey": {"question": "satisfaction"}}


def house(*steps: Any) -> World:
    return World(
        {
            **CENTRE,
            "queues": {"sales": {"wrap_up_s": 5, "survey": "judge", "announce_position_every_s": None}},
            "flows": {"judge": {"steps": [*(steps or [ASK]), {"say": "goodbye"}]}},
            "numbers": {"200": "queue:sales", "300": "flow:judge"},
        }
    )


def talking(world: World) -> tuple[Phone, Phone]:
    """Caller and agent."""
    agent = world.agent("a1", "alice")
    caller = world.phone("carrier", "198.51.100.9", register=False)
    caller.call("200", from_="sip:+4930123@198.51.100.9")
    agent.answer()
    world.wait(30)
    return caller, agent


def caller_leg(world: World) -> str:
    (call,) = world.exchange.calls.values()
    return call.inbound.id


def test_who_stays_is_asked_when_the_agent_hangs_up() -> None:
    world = house()
    _, agent = talking(world)
    agent.hang_up()
    assert world.exchange.acd.snapshot(world.now)["agents"]["a1"]["state"] == "wrap_up"
    world.finish_prompt()
    world.digit("4", caller_leg(world))
    answered = world.one("survey_answered")
    assert {name: answered[name] for name in ("question", "score", "queue", "agent")} == {
        "question": "satisfaction",
        "score": 4,
        "queue": "sales",
        "agent": "a1",
    }
    world.finish_prompt()
    ended = world.one("call_ended")
    assert (ended["reason"], ended["outcome"], ended["agent"]) == ("flow_finished", "answered", "a1")
    assert ended["talk_s"] == 30


def test_the_agent_is_free_for_others_meanwhile() -> None:
    world = house()
    _, agent = talking(world)
    agent.hang_up()
    world.wait(6)
    other = world.phone("carol")
    other.call("200")
    agent.answer()
    assert len(world.of("call_bridged")) == 2


def test_who_hangs_up_in_the_survey_has_abandoned_nothing() -> None:
    world = house()
    caller, agent = talking(world)
    agent.hang_up()
    caller.hang_up()
    assert world.one("call_ended")["reason"] == "normal_hang_up_caller"
    assert not world.of("survey_answered")


@pytest.mark.parametrize("who", ["caller", "switch"])
def test_nobody_is_asked_who_is_gone(who: str) -> None:
    world = house()
    caller, _ = talking(world)
    if who == "caller":
        caller.hang_up()
    else:
        world.command("call.hang_up", call=next(iter(world.exchange.calls)))
    assert not world.exchange.calls


def test_wrong_keys_are_asked_again_and_no_answer_is_none() -> None:
    world = house({"survey": {"retries": 1, "timeout_s": 3}})
    _, agent = talking(world)
    agent.hang_up()
    world.finish_prompt()
    world.digit("9", caller_leg(world))
    world.finish_prompt()
    world.wait(3)
    world.finish_prompt()
    assert world.one("call_ended")["reason"] == "flow_finished"
    assert not world.of("survey_answered")


def test_a_survey_goes_on_after_a_restart() -> None:
    world = house()
    caller, agent = talking(world)
    agent.hang_up()
    world.restart_switch()
    world.wait(1)
    world.finish_prompt()
    world.digit("5", caller_leg(world))
    assert world.one("survey_answered")["agent"] == "a1"
    caller.hang_up()
    assert world.one("call_ended")["reason"] == "normal_hang_up_caller"


def test_a_survey_on_its_own_has_no_agent() -> None:
    world = house()
    world.phone("bob").call("300")
    world.digit("1")
    answered = world.one("survey_answered")
    assert (answered["score"], answered["queue"], answered["agent"]) == (1, None, None)


def test_the_flow_must_be_there() -> None:
    with pytest.raises(ConfigError, match="there is no flow 'nothing'"):
        World({**CENTRE, "queues": {"sales": {"survey": "nothing"}}})
