"""Where agents sit: at any phone, at a number outside; and what keeps calls away from them."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from softswitch.config import Centre
from softswitch.config.errors import ConfigError, validate
from tests.call.invariants import Books
from tests.call.invariants import check as invariants
from tests.call.world import CENTRE, Phone, World

MOBILE = "+491701234567"


def centre_with(**agents: Any) -> dict[str, Any]:
    centre = copy.deepcopy(CENTRE)
    centre["agents"] = {
        "a1": {"user": "alice", "queues": ["sales"], "pin": "1234", "number": "801"},
        "nomad": {
            "number": "80",
            "queues": ["sales"],
            "pin": "4711",
            "outside_numbers": [MOBILE, "+491709999999"],
        },
        **agents,
    }
    centre["flows"]["staff"] = {"language": "zh", "steps": [{"agent": "sign_in"}]}
    centre["numbers"]["300"] = "flow:staff"
    return centre


def world_with(**agents: Any) -> World:
    return World(centre_with(**agents))


def check(world: World) -> None:
    invariants(world, Books())


def press(world: World, keys: str) -> None:
    (call,) = [
        call for call in world.exchange.calls.values() if call.activity and call.activity.kind == "service"
    ]
    for key in keys:
        world.digit(key, call.inbound.id)


def signs_in(world: World, phone: Phone, code: str, keys: str) -> None:
    phone.call(code)
    press(world, keys)
    world.finish_prompt()
    check(world)


def row(world: World, agent: str) -> dict[str, Any]:
    return dict(world.command("status")["agents"][agent])


def rings(phone: Phone) -> int:
    return len([each for each in phone.events if each[0] == "ringing"])


@pytest.mark.parametrize(("code", "keys"), [("*2180", "4711"), ("*21", "80#4711"), ("*21", "80#4711#")])
def test_an_agent_signs_in_at_any_phone(code: str, keys: str) -> None:
    """80 is the beginning of 801: only the hash key says that nothing follows."""
    world = world_with()
    bob = world.phone("bob")
    signs_in(world, bob, code, keys)
    assert world.one("agent_signed_in") == {"agent": "nomad", "user": "bob", "by": "phone"}
    assert (row(world, "nomad")["user"], row(world, "nomad")["state"]) == ("bob", "idle")
    world.phone("carol").call("200")
    assert rings(bob) == 1
    bob.answer()
    assert world.one("call_bridged")["agent"] == "nomad"
    check(world)


def test_the_seat_is_kept_over_a_restart_and_left_by_signing_out() -> None:
    world = world_with()
    bob = world.phone("bob")
    signs_in(world, bob, "*2180", "4711")
    world.restart_switch()
    world.wait(1)
    world.phone("carol").call("200")
    assert rings(bob) == 1
    bob.answer()
    bob.hang_up()
    bob.call("*22")
    assert row(world, "nomad")["signed_in"] is False and row(world, "nomad")["user"] is None
    world.finish_prompt()
    world.phone("carol").call("200")
    assert rings(bob) == 1
    check(world)


def test_one_phone_has_one_agent() -> None:
    world = world_with()
    alice = world.phone("alice")
    signs_in(world, alice, "*21", "1234")
    signs_in(world, alice, "*2180", "4711")
    assert world.one("agent_signed_out") == {
        "agent": "a1",
        "user": "alice",
        "reason": "seat_taken",
        "by": "phone",
    }
    alice.call("*241")
    assert row(world, "nomad")["status"] == "on_break" and not row(world, "a1")["signed_in"]


def test_who_signs_in_elsewhere_leaves_the_former_phone() -> None:
    world = world_with()
    alice, bob = world.phone("alice"), world.phone("bob")
    signs_in(world, alice, "*21", "1234")
    signs_in(world, bob, "*21801", "1234")
    assert world.one("agent_signed_out")["reason"] == "signed_in_elsewhere"
    world.phone("carol").call("200")
    assert (rings(alice), rings(bob)) == (0, 1)
    bob.answer()
    dave = world.phone("dave")
    dave.call("a1")
    assert rings(bob) == 2, "who dials an agent calls the phone where the agent sits"
    check(world)


def test_an_agent_without_a_seat_cannot_be_dialled() -> None:
    world = world_with()
    carol = world.phone("carol")
    carol.call("nomad")
    assert carol.events[-1] == ("ended", "rejected", 480)


def test_calls_at_the_seat_keep_an_agent_busy() -> None:
    world = world_with()
    bob, dave = world.phone("bob"), world.phone("dave")
    signs_in(world, bob, "*2180", "4711")
    bob.call("dave")
    dave.answer()
    assert row(world, "nomad")["state"] == "busy"
    carol = world.phone("carol")
    carol.call("200")
    assert rings(bob) == 0
    bob.hang_up()
    assert rings(bob) == 1
    check(world)


def test_do_not_disturb_at_the_seat_is_a_reason() -> None:
    world = world_with()
    bob = world.phone("bob")
    signs_in(world, bob, "*2180", "4711")
    bob.call("*78")
    world.finish_prompt()
    assert row(world, "nomad")["do_not_disturb"] is True
    world.restart_switch()
    world.wait(1)
    world.phone("carol").call("200")
    assert rings(bob) == 0
    assert world.command("status")["queues"]["sales"]["agents_excluded"]["do_not_disturb"] == 1
    bob.call("*79")
    world.finish_prompt()
    assert rings(bob) == 1
    check(world)


def test_a_phone_that_is_not_registered_is_a_reason() -> None:
    world = world_with()
    bob = world.phone("bob")
    signs_in(world, bob, "*2180", "4711")
    bob.register(0)
    world.phone("carol").call("200")
    assert world.command("status")["queues"]["sales"]["agents_excluded"]["unreachable"] == 1
    bob.register()
    assert rings(bob) == 1


@pytest.mark.parametrize(
    ("status", "reason"), [(486, "user_busy"), (600, "user_busy"), (603, "user_rejected")]
)
def test_a_phone_that_refuses_is_a_reason(status: int, reason: str) -> None:
    world = world_with()
    bob = world.phone("bob")
    signs_in(world, bob, "*2180", "4711")
    bob.auto_reject = status
    world.phone("carol").call("200")
    assert (row(world, "nomad")["status"], row(world, "nomad")["reason"]) == ("not_available", reason)
    bob.auto_reject = 0
    world.wait(11)
    assert rings(bob) == 2


def test_a_wrong_pin_and_a_wrong_number_sound_the_same_and_end_the_call() -> None:
    for code, number in (("*2180", ""), ("*21", "80#"), ("*21", "99#")):
        world = world_with()
        bob = world.phone("bob")
        bob.call(code)
        press(world, number + "0000#" * 3)
        assert world.of("call_ended")[-1]["reason"] == "authentication_failed"
        assert len(world.of("pin_refused")) == 3
        played = [each["items"][0] for each in world.media if each["do"] == "put_player" and each["legs"]]
        assert played[-3:] == [f"/prompts/en/{name}.flac" for name in ("enter_pin", "wrong_pin", "wrong_pin")]


def test_pins_may_not_be_tried_for_long() -> None:
    world = world_with()
    bob = world.phone("bob")
    for _ in range(2):
        bob.call("*2180")
        press(world, "0000" * 3)
    assert [fact["code"] for fact in world.of("alarm_raised")] == ["pin_locked"]
    bob.call("*2180")
    press(world, "4711")
    assert world.of("agent_signed_in") == []
    bob.hang_up()
    world.wait(901)
    signs_in(world, bob, "*2180", "4711")
    assert row(world, "nomad")["signed_in"]


def test_whose_number_it_is_not_may_not_be_signed_out() -> None:
    world = world_with()
    alice, bob = world.phone("alice"), world.phone("bob")
    signs_in(world, alice, "*21", "1234")
    bob.call("*22801")
    press(world, "1111")
    assert row(world, "a1")["signed_in"]
    press(world, "1234")
    assert not row(world, "a1")["signed_in"]
    bob.call("*23801")
    assert bob.events[-1] == ("ended", "rejected", 403)


def outside(world: World) -> Phone:
    return world.phone("carrier", "198.51.100.9", register=False)


@pytest.mark.parametrize("calls_from", [MOBILE, "anonymous", "+4930000"])
def test_an_agent_signs_in_from_outside(calls_from: str) -> None:
    world = world_with()
    peer = outside(world)
    peer.call("300", from_=f"<sip:{calls_from}@198.51.100.9>")
    press(world, "80#4711")
    assert world.one("agent_signed_in") == {"agent": "nomad", "user": None, "number": MOBILE, "by": "phone"}
    world.finish_prompt()
    world.phone("carol").call("200")
    assert rings(peer) == 1
    assert peer.session.invite is not None and peer.session.invite.request_uri.user == MOBILE
    check(world)


def test_an_agent_without_numbers_outside_cannot_sign_in_there() -> None:
    world = world_with()
    peer = outside(world)
    peer.call("300", from_=f"<sip:{MOBILE}@198.51.100.9>")
    press(world, "801#1234")
    assert world.of("agent_signed_in") == []
    assert world.media[-1]["items"] == ["/prompts/zh/not_permitted.flac"]
    world.finish_prompt()
    assert world.of("call_ended")[-1]["reason"] == "flow_finished"


def test_a_supervisor_signs_agents_in_anywhere() -> None:
    world = world_with()
    bob = world.phone("bob")
    answer = world.command("agent.sign_in", name="nomad", at="bob", by="maria")
    assert (answer["user"], answer["state"], world.one("agent_signed_in")["by"]) == ("bob", "idle", "maria")
    world.phone("carol").call("200")
    assert rings(bob) == 1
    answer = world.command("agent.sign_in", name="nomad", at="+491709999999", by="maria")
    assert (answer["user"], answer["number"]) == (None, "+491709999999")
    with pytest.raises(
        ConfigError, match=r"'bbo' is neither a user nor one of the agent's outside_numbers; did"
    ):
        world.command("agent.sign_in", name="nomad", at="bbo")


def test_a_number_outside_to_which_no_route_leads_is_a_reason() -> None:
    centre = centre_with()
    centre["routes"] = {"near": {"prefixes": ["+43"], "trunks": ["carrier"]}}
    world = World(centre)
    world.command("agent.sign_in", name="nomad", at=MOBILE)
    world.phone("carol").call("200")
    assert (row(world, "nomad")["status"], row(world, "nomad")["reason"]) == (
        "not_available",
        "agent_unreachable",
    )
    assert len(world.exchange.acd.queued()) == 1
    check(world)


def test_mistakes_of_the_configuration_are_named() -> None:
    for agents, message in (
        ({"x": {"queues": ["sales"]}}, "agents.x: has neither user nor number, so that nobody can sign in"),
        ({"x": {"number": "5"}}, "agents.x: has number or outside_numbers and no pin, so that anybody could"),
        ({"x": {"number": "80", "pin": "123"}}, "agents.x.number: '80' already belongs to nomad"),
        ({"x": {"number": "8a", "pin": "123"}}, "allowed: 1 to 12 digits"),
    ):
        with pytest.raises(ConfigError) as error:
            World().configure(validate(Centre, centre_with(**agents)).model_dump(exclude_defaults=True))
        assert message in str(error.value)
