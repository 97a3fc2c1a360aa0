"""Which calls are recorded, and who may pause, resume and begin a recording."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.config.errors import ConfigError
from tests.call.invariants import Books, check
from tests.call.world import CENTRE, Phone, World

CARRIER = "198.51.100.9"


def recorders(world: World) -> list[dict[str, Any]]:
    return [held for (kind, _), held in world.worker.held.items() if kind == "recorder"]


def recorder(world: World) -> dict[str, Any]:
    (one,) = recorders(world)
    return one


def queued(world: World, caller: str = "carol", number: str = "200") -> tuple[Phone, Phone]:
    """A caller of the queue, talking to agent a1 on alice's phone."""
    agent, phone = world.agent("a1", "alice"), world.phone(caller)
    phone.call(number)
    agent.answer()
    return phone, agent


def direct(world: World) -> tuple[Phone, Phone]:
    """carol has called bob."""
    carol, bob = world.phone("carol"), world.phone("bob")
    carol.call("bob")
    bob.answer()
    return carol, bob


def press(world: World, leg: str, keys: str) -> None:
    for key in keys:
        world.digit(key, leg)


def test_the_recorder_knows_who_speaks_where_and_what_the_call_is() -> None:
    world = World()
    queued(world)
    held = recorder(world)
    assert (held["left_party"], held["right_party"]) == ("carol", "a1")
    assert held["about"] == {
        "call": next(iter(world.exchange.calls)), "from": "carol", "to": "200", "direction": "internal",
        "queue": "sales", "agent": "a1", "retention": "ordinary",
    }  # fmt: skip
    assert (held["silence_s"], held["talk_over_s"]) == (30, 5)
    assert world.one("recording_started")["retention"] == "ordinary"


@pytest.mark.parametrize(
    ("rules", "recorded"),
    [
        ([], False),
        ([{"direction": "internal"}], True),
        ([{"direction": "inbound"}], False),
        ([{"number": "bo"}], True),
        ([{"number": "car"}], True),
        ([{"number": "dave"}], False),
        ([{"queue": "sales"}], False),
        ([{"agent": "a1"}], False),
        ([{"direction": "internal", "percent": 0}, {}], False),
        ([{"queue": "sales", "percent": 0}, {}], True),
    ],
)
def test_the_first_rule_that_matches_decides(rules: list[dict[str, Any]], recorded: bool) -> None:
    world = World(recording={"rules": rules})
    direct(world)
    assert bool(recorders(world)) == recorded


def test_rules_come_before_what_the_queue_says() -> None:
    rules = [{"agent": "a1", "retention": "complaint"}]
    world = World({**CENTRE, "queues": {"sales": {"record": False}}}, recording={"rules": rules})
    queued(world)
    assert recorder(world)["about"]["retention"] == "complaint"


def test_a_share_of_the_calls_is_recorded() -> None:
    world = World(recording={"rules": [{"percent": 30}]})
    carol, bob = world.phone("carol"), world.phone("bob")
    count = 0
    for _ in range(200):
        carol.call("bob")
        bob.answer()
        count += len(recorders(world))
        carol.hang_up()
        world.wait(6)
    assert 40 <= count <= 80


def test_a_retention_class_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no class 'for_ever'; it has complaint, ordinary"):
        World(recording={"rules": [{"retention": "for_ever"}]})


def test_the_agent_pauses_and_resumes_by_keys_and_the_caller_cannot() -> None:
    world = World()
    queued(world)
    held = recorder(world)
    caller, agent = held["left"], held["right"]
    press(world, agent, "5*71")
    held = recorder(world)
    assert held["paused"] and held["by"] == "a1"
    press(world, agent, "*71")  # once is enough
    assert world.one("recording_paused")["by"] == "a1"
    press(world, agent, "*70")
    assert not recorder(world)["paused"]
    assert world.one("recording_resumed")["by"] == "a1"
    trunk = World()
    agent_phone, carrier = trunk.agent("a1", "alice"), trunk.phone("carrier", CARRIER, register=False)
    carrier.call("200")
    agent_phone.answer()
    press(trunk, recorder(trunk)["left"], "*71")
    assert not recorder(trunk)["paused"]
    assert caller != agent


def test_recording_begins_on_demand_by_keys() -> None:
    world = World()
    direct(world)
    (call,) = world.exchange.calls.values()
    press(world, call.conversation.callee.id, "*71")
    assert recorders(world) == []
    press(world, call.conversation.callee.id, "*69")
    assert recorder(world)["right_party"] == "bob"
    check(world, Books())


def test_a_feature_code_from_another_line_acts_on_the_users_conversation() -> None:
    world = World()
    _, agent = queued(world)
    agent.call("*71")
    assert recorder(world)["paused"] and recorder(world)["by"] == "alice"
    world.finish_prompt()
    assert len(world.exchange.calls) == 1
    stranger = world.phone("dave")
    stranger.call("*70")
    assert recorder(world)["paused"] and stranger.events[-1][-1] == 404


def test_commands_control_the_recording_and_say_what_is_wrong() -> None:
    world = World()
    direct(world)
    (call,) = world.exchange.calls
    with pytest.raises(ConfigError, match="is not recorded"):
        world.command("recording.pause", call=call)
    with pytest.raises(ConfigError, match="there is no call 'nothing'"):
        world.command("recording.start", call="nothing")
    started = world.command("recording.start", call=call)
    assert started["recording"] == recorder(world)["id"]
    world.command("recording.pause", call=call, by="quality")
    assert recorder(world)["paused"] and recorder(world)["by"] == "quality"
    world.command("recording.resume", call=call)
    assert world.one("recording_resumed")["by"] == "command"
    second = world.command("recording.segment", call=call)["recording"]
    assert recorder(world)["id"] == second != started["recording"]
    assert recorder(world)["about"]["segment"] == 2
    assert world.one("recording_finished")["recording"] == started["recording"]
    off = World(recording={"enabled": False})
    direct(off)
    with pytest.raises(ConfigError, match=r"set recording\.enabled"):
        off.command("recording.start", call=next(iter(off.exchange.calls)))


def test_a_pause_outlives_the_switch_and_a_transfer() -> None:
    world = World()
    _, agent = queued(world)
    press(world, recorder(world)["right"], "*71")
    world.restart_switch()
    assert recorder(world)["paused"] and recorder(world)["by"] == "a1"
    bob = world.phone("bob")
    agent.refer("bob", agent.session)
    bob.answer()
    assert recorder(world)["paused"]
    assert (recorder(world)["left_party"], recorder(world)["right_party"]) == ("carol", "bob")
    assert len(world.of("recording_started")) == 1
    press(world, recorder(world)["right"], "*70")
    assert not recorder(world)["paused"]


def test_a_beep_is_heard_by_both_sides_only_while_it_is_recorded() -> None:
    world = World(recording={"beep": True})
    world.exchange._prompts.tones["record_beep"] = "/run/beep.wav"
    queued(world)
    legs = [recorder(world)[side] for side in ("left", "right")]

    def beeps() -> list[Any]:
        bridge = next(held for (kind, _), held in world.worker.held.items() if kind == "bridge")
        return [edge[0] for edge in bridge["edges"] if edge[1] == "music:/run/beep.wav"]

    assert beeps() == legs
    press(world, legs[1], "*71")
    assert beeps() == []
    press(world, legs[1], "*70")
    assert beeps() == legs


@pytest.mark.parametrize(("key", "recorded"), [("1", True), ("2", False)])
def test_the_caller_consents_in_the_flow(key: str, recorded: bool) -> None:
    consent = {
        "prompts": "main_menu",
        "choices": {"1": [{"record": True}, {"goto": "on"}], "2": [{"record": False}, {"goto": "on"}]},
    }
    steps = [{"menu": consent}, {"name": "on", "queue": "sales"}]
    world = World({**CENTRE, "flows": {"main": {"steps": steps}}}, recording={"rules": [{"percent": 100}]})
    agent, carol = world.agent("a1", "alice"), world.phone("carol")
    carol.call("100")
    world.digit(key)
    assert world.one("recording_consent")["given"] is recorded
    world.restart_switch()
    world.wait(1)
    agent.answer()
    assert bool(recorders(world)) == recorded


def test_what_the_worker_hears_is_a_fact() -> None:
    world = World()
    queued(world)
    world.media_event({"event": "talk_over", "id": recorder(world)["id"], "seconds": 5.0})
    fact = world.one("talk_over")
    assert (fact["seconds"], fact["agent"], fact["queue"]) == (5.0, "a1", "sales")
    world.media_event({"event": "long_silence", "id": "gone", "seconds": 5.0})
    assert world.of("long_silence") == []


def test_a_prompt_that_cannot_be_played_is_an_alarm() -> None:
    world = World()
    about = {"kind": "player", "id": "c1.p1"}
    world.media_event({"event": "error", "about": about, "message": "prompt '/p.wav': no such file"})
    world.media_event({"event": "error", "about": {"do": "put_leg"}, "message": "other"})
    assert world.one("alarm_raised") == {"code": "prompt_failed", "message": "prompt '/p.wav': no such file"}
