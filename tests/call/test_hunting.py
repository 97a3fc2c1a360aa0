"""Several phones of one user, several ways outside: who is tried next, and what the caller is told."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.call.hunt import rank
from tests.call.world import CENTRE, Phone, World

OUTSIDE = "0049123456"
TRUNKS = {
    "first": {"addresses": ["198.51.100.1", "198.51.100.2"]},
    "second": {"addresses": ["198.51.100.3"], "caller_id": "+4930555"},
}


def rejects(world: World, phone: Phone, status: int) -> None:
    world.do(phone, lambda now, out: phone.session.reject(status, now, out))


class TestPhonesOfOneUser:
    def ring(self) -> tuple[World, Phone, Phone, Phone]:
        world = World()
        desk, mobile = world.phone("bob", "192.0.2.50"), world.phone("bob", "192.0.2.51")
        caller = world.phone("carol")
        caller.call("bob")
        return world, caller, desk, mobile

    @pytest.mark.parametrize(
        ("first", "second", "told"),
        [
            (486, 480, 486),
            (480, 486, 486),
            (404, 500, 404),
            (500, 404, 404),
            (408, 480, 480),
            (302, 486, 486),
        ],
    )
    def test_best_failure_is_told(self, first: int, second: int, told: int) -> None:
        world, caller, desk, mobile = self.ring()
        rejects(world, desk, first)
        assert caller.session.state == "early"
        rejects(world, mobile, second)
        assert caller.events[-1] == ("ended", "rejected", told)

    def test_refusal_for_everybody_stops_the_others(self) -> None:
        world, caller, desk, mobile = self.ring()
        rejects(world, desk, 603)
        assert mobile.events[-1][:2] == ("ended", "remote_cancel")
        assert caller.events[-1] == ("ended", "rejected", 603)
        assert world.one("call_ended")["reason"] == "user_rejected"

    def test_redirection_is_not_followed(self) -> None:
        world, caller, desk, mobile = self.ring()
        rejects(world, desk, 302)
        rejects(world, mobile, 301)
        assert caller.events[-1] == ("ended", "rejected", 480)
        assert world.one("call_ended")["reason"] == "redirected"


def test_order_of_failures() -> None:
    statuses = [603, 600, 484, 486, 480, 408, 500, 503]
    assert sorted(statuses, key=rank) == statuses


class TestTrunks:
    def call(self, *hosts: int, **trunks: Any) -> tuple[World, Phone, dict[int, Phone]]:
        users = {**CENTRE["users"], "erin": {"password": "secret", "permissions": ["dial_out"]}}
        world = World({**CENTRE, "users": users, "trunks": {**TRUNKS, **trunks}})
        peers = {n: world.phone(f"peer{n}", f"198.51.100.{n}", register=False) for n in hosts}
        caller = world.phone("erin")
        caller.call(OUTSIDE)
        return world, caller, peers

    @pytest.mark.parametrize("status", [408, 500, 503, 504])
    def test_all_addresses_of_one_then_the_next(self, status: int) -> None:
        world, _, peers = self.call(1, 2, 3)
        rejects(world, peers[1], status)
        rejects(world, peers[2], status)
        assert "<sip:+4930555@192.0.2.1>" in peers[3].events[-1][1]
        peers[3].answer()
        assert world.one("call_bridged")["trunk"] == "second"

    @pytest.mark.parametrize("status", [302, 404, 486, 603])
    def test_answer_that_holds_for_all(self, status: int) -> None:
        world, caller, peers = self.call(1, 2, 3)
        rejects(world, peers[1], status)
        assert peers[2].sessions == peers[3].sessions == []
        assert caller.events[-1][:2] == ("ended", "rejected")

    def test_silence_of_4_s_is_enough(self) -> None:
        world, caller, peers = self.call(1, 3)
        caller.hang_up()
        del world.phones["198.51.100.1", 5060]
        caller.call(OUTSIDE)
        world.wait(3.9)
        assert len(peers[3].sessions) == 0
        world.wait(4.2)  # the second address is not there at all
        assert len(peers[3].sessions) == 1
        peers[3].answer()
        assert world.one("call_bridged")["trunk"] == "second"

    def test_one_that_is_trying_has_its_time(self) -> None:
        world, _, peers = self.call(1, 2, 3)
        world.wait(20)
        assert peers[2].sessions == []

    def test_last_one_is_waited_for(self) -> None:
        world, caller, _ = self.call(3)
        world.phones.pop(("198.51.100.3", 5060))
        world.wait(20)
        assert caller.session.state in ("calling", "early")
        world.wait(40)
        assert caller.events[-1] == ("ended", "rejected", 502)
        assert world.one("call_ended")["reason"] == "trunk_failed"

    def test_full_one_is_passed_over(self) -> None:
        _, caller, peers = self.call(1, 3, first={**TRUNKS["first"], "max_calls": 1})
        caller.call(OUTSIDE)
        assert len(peers[1].sessions) == len(peers[3].sessions) == 1
