"""Users who are not where they are called: forwarding, do-not-disturb, by configuration and by phone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.call.world import CENTRE, Phone, World

OUTSIDE = "0049123456"
SECRET = {"password": "secret"}


def world_with(*, bob: dict[str, Any] | None = None, **users: dict[str, Any]) -> World:
    settings = {name: {**SECRET, **more} for name, more in {**users, "bob": bob or {}}.items()}
    return World(
        {
            **CENTRE,
            "users": {**CENTRE["users"], **settings},
            "trunks": {"carrier": {"addresses": ["198.51.100.9"]}},
        }
    )


def rings(phone: Phone) -> bool:
    return any(event[0] == "ringing" for event in phone.events)


def calls_bob(world: World) -> tuple[Phone, Phone, Phone]:
    bob, dave, caller = world.phone("bob"), world.phone("dave"), world.phone("carol")
    caller.call("bob")
    return bob, dave, caller


class TestConfigured:
    def test_always(self) -> None:
        world = world_with(bob={"forward_always": "dave"})
        bob, dave, _ = calls_bob(world)
        assert rings(dave) and not rings(bob)
        assert dave.session.invite is not None
        assert dave.session.invite.get("Diversion") == "<sip:bob@192.0.2.1>;reason=unconditional;counter=1"
        dave.answer()
        assert world.one("call_forwarded")["kind"] == "always"
        assert world.one("call_bridged")["user"] == "dave"

    @pytest.mark.parametrize("status", [486, 603])
    def test_busy(self, status: int) -> None:
        world = world_with(bob={"forward_busy": "dave"})
        bob, dave, _ = calls_bob(world)
        assert not rings(dave)
        world.do(bob, lambda now, out: bob.session.reject(status, now, out))
        assert rings(dave)

    def test_no_answer_after_its_time(self) -> None:
        world = world_with(bob={"forward_no_answer": "dave", "forward_no_answer_s": 12})
        bob, dave, _ = calls_bob(world)
        world.wait(11)
        assert not rings(dave)
        world.wait(1.5)
        assert rings(dave)
        assert bob.events[-1][:2] == ("ended", "remote_cancel")

    def test_unreachable(self) -> None:
        world = world_with(bob={"forward_unreachable": "dave"})
        dave, caller = world.phone("dave"), world.phone("carol")
        caller.call("bob")
        assert rings(dave)

    def test_do_not_disturb(self) -> None:
        world = world_with(bob={"do_not_disturb": True})
        bob, _, caller = calls_bob(world)
        assert not rings(bob)
        assert caller.events[-1] == ("ended", "rejected", 480)
        assert world.one("call_ended")["reason"] == "do_not_disturb"

    def test_do_not_disturb_with_forwarding_when_busy(self) -> None:
        world = world_with(bob={"do_not_disturb": True, "forward_busy": "dave"})
        bob, dave, _ = calls_bob(world)
        assert rings(dave) and not rings(bob)

    def test_agents_are_offered_calls_though_they_forward(self) -> None:
        world = world_with(alice={"forward_always": "dave"})
        agent = world.agent("a1", "alice")
        world.phone("carol").call("200")
        assert rings(agent)

    def test_caller_of_a_flow_is_forwarded_and_comes_back_to_it(self) -> None:
        steps = [{"dial": "user:bob"}, {"queue": "sales"}]
        users = {**CENTRE["users"], "bob": {**SECRET, "forward_always": "dave"}}
        world = World({**CENTRE, "users": users, "flows": {"main": {"steps": steps}}})
        dave, caller = world.phone("dave"), world.phone("carol")
        caller.call("100")
        world.do(dave, lambda now, out: dave.session.reject(486, now, out))
        assert world.one("call_queued")["queue"] == "sales"

    def test_to_a_queue_answers_the_caller(self) -> None:
        world = world_with(bob={"forward_always": "200"})
        _, _, caller = calls_bob(world)
        assert any(event[0] == "answered" for event in caller.events)
        assert world.one("call_queued")["queue"] == "sales"

    def test_outside_needs_the_permission_of_the_one_who_forwards(self) -> None:
        world = world_with(bob={"forward_always": OUTSIDE})
        peer = world.phone("carrier", "198.51.100.9", register=False)
        _, _, caller = calls_bob(world)
        assert peer.sessions == []
        assert caller.events[-1] == ("ended", "rejected", 403)
        world = world_with(bob={"forward_always": OUTSIDE, "permissions": ["dial_out"]})
        peer = world.phone("carrier", "198.51.100.9", register=False)
        calls_bob(world)
        assert peer.session.invite is not None
        assert "reason=unconditional" in (peer.session.invite.get("Diversion") or "")

    @pytest.mark.parametrize("other", ["bob", "dave"])
    def test_in_a_circle_ends(self, other: str) -> None:
        world = world_with(bob={"forward_always": other}, dave={"forward_always": "bob"})
        _, _, caller = calls_bob(world)
        assert caller.events[-1] == ("ended", "rejected", 482)
        assert world.one("call_ended")["reason"] == "loop_detected"

    def test_over_two_names_both(self) -> None:
        world = world_with(bob={"forward_always": "dave"}, dave={"forward_unreachable": "alice"})
        world.phone("bob")
        alice, caller = world.phone("alice"), world.phone("carol")
        caller.call("bob")
        assert alice.session.invite is not None
        first, second = alice.session.invite.all("Diversion")
        assert first.startswith("<sip:dave@") and second.startswith("<sip:bob@")


class TestByPhone:
    def dials(self, world: World, phone: Phone, code: str) -> None:
        phone.call(code)
        if phone.session.state == "up":
            world.finish_prompt()
        assert world.exchange.calls == {}

    @pytest.mark.parametrize(
        ("on", "off", "kind"),
        [("*72dave", "*73", "always"), ("*74dave", "*75", "busy"), ("*76dave", "*77", "no_answer")],
    )
    def test_forwarding_is_set_and_taken_back(self, on: str, off: str, kind: str) -> None:
        world = world_with()
        bob = world.phone("bob")
        self.dials(world, bob, on)
        assert world.one("forwarding_set") == {"user": "bob", "kind": kind, "target": "dave"}
        target = world.exchange.forwards.target
        assert target(world.exchange.centre, "bob", kind) == "dave"
        self.dials(world, bob, off)
        assert target(world.exchange.centre, "bob", kind) is None

    def test_it_goes_before_the_configuration_and_survives_a_restart(self) -> None:
        world = world_with(bob={"forward_always": "alice"})
        self.dials(world, world.phone("bob"), "*72dave")
        world.restart_switch()
        dave, caller = world.phone("dave"), world.phone("carol")
        caller.call("bob")
        assert rings(dave)

    def test_what_was_configured_can_be_taken_back(self) -> None:
        world = world_with(bob={"forward_always": "dave", "do_not_disturb": True})
        bob = world.phone("bob")
        self.dials(world, bob, "*73")
        self.dials(world, bob, "*79")
        world.phone("carol").call("bob")
        assert rings(bob)

    def test_do_not_disturb(self) -> None:
        world = world_with()
        bob = world.phone("bob")
        self.dials(world, bob, "*78")
        caller = world.phone("carol")
        caller.call("bob")
        assert not rings(bob)
        self.dials(world, bob, "*79")
        caller.call("bob")
        assert rings(bob)

    @pytest.mark.parametrize(
        ("number", "status"), [("", 404), ("nowhere", 404), (OUTSIDE, 403), ("*21", 403)]
    )
    def test_where_one_may_not_call_one_may_not_forward(self, number: str, status: int) -> None:
        world = world_with()
        bob = world.phone("bob")
        bob.call(f"*72{number}")
        assert bob.events[-1] == ("ended", "rejected", status)
        assert world.of("forwarding_set") == []

    def test_is_forgotten_with_the_user(self) -> None:
        world = world_with()
        self.dials(world, world.phone("bob"), "*72dave")
        world.configure({**CENTRE, "users": {"carol": SECRET}, "agents": {}}, prune=True)
        assert "forward/bob" not in world.kept
