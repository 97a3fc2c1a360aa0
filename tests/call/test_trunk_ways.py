"""Several addresses of a trunk: order, weights, health, limits, and what became of the calls."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from softswitch.call.token_bucket import TokenBucket
from softswitch.call.trunk_targets import flow_to, in_order, targets, uri_to
from softswitch.config import Node, Trunk
from tests.call.world import CENTRE, Phone, World

OUTSIDE = "0049123456"
HOSTS = {n: f"198.51.100.{n}" for n in (1, 2, 3)}


def world_with(**trunk: Any) -> World:
    erin = {"password": "secret", "permissions": ["dial_out"]}
    carrier = {"addresses": [*HOSTS.values()], "allow_from": ["198.51.100.0/24"], **trunk}
    return World(
        {**CENTRE, "users": {**CENTRE["users"], "erin": erin}, "trunks": {"carrier": carrier}},
    )


def peers(world: World) -> dict[int, Phone]:
    return {n: world.phone(f"peer{n}", host, register=False) for n, host in HOSTS.items()}


def state(world: World) -> dict[str, Any]:
    told: dict[str, Any] = world.command("status")["trunks"]["carrier"]
    return told


class Answers:
    """Answers OPTIONS with `status`, not at all if that is 0; INVITE as the phone does."""

    def __init__(self, peer: Phone, status: int = 200) -> None:
        self.status = status
        self.asked = 0
        invited = peer.request

        def request(transaction: Any, message: Any, now: float, out: list[Any]) -> None:
            if message.method != "OPTIONS":
                invited(transaction, message, now, out)
                return
            self.asked += 1
            if self.status:
                peer.ua.respond(transaction, message, self.status, now, out)

        peer.request = request  # type: ignore[method-assign]


class TestOrder:
    @pytest.mark.parametrize(
        ("addresses", "order"),
        [
            (["a", "b:5070", "c"], ["a", "b:5070", "c"]),
            (["a;priority=9", "b", "c"], ["b", "c", "a"]),
            (["a;priority=2;weight=5", "[::1]:5070;priority=1"], ["[::1]:5070", "a"]),
        ],
    )
    def test_by_priority(self, addresses: list[str], order: list[str]) -> None:
        given = targets(tuple(addresses))
        assert [each.address for each in in_order(given, (), lambda: 0.5)] == order

    def test_weights_share_the_calls(self) -> None:
        given = targets(("a;priority=1;weight=90", "b;priority=1;weight=10", "c;priority=1;weight=0", "d"))
        draw = random.Random(3).random
        orders = [[each.address for each in in_order(given, (), draw)] for _ in range(1000)]
        assert all(order[-1] == "d" for order in orders)
        first = Counter(order[0] for order in orders)
        assert 870 < first["a"] < 930 and 70 < first["b"] < 130 and first["c"] < 5

    def test_what_is_down_is_tried_last(self) -> None:
        given = targets(("a", "b", "c"))
        assert [each.address for each in in_order(given, {"a", "b"}, lambda: 0.5)] == ["c", "a", "b"]

    @pytest.mark.parametrize(
        "address", ["a;weight=x", "a;q=1", "a;weight=65536", "a;weight=1;weight=2", "a b", ";weight=1", "a:0"]
    )
    def test_what_is_no_address_is_refused(self, address: str) -> None:
        with pytest.raises(ValidationError):
            Trunk(name="t", addresses=(address,))

    @pytest.mark.parametrize(
        ("transport", "address", "remote", "uri"),
        [
            ("UDP", "carrier.example", ("carrier.example", 0), "sip:1@carrier.example"),
            ("UDP", "carrier.example:5060", ("carrier.example", 5060), "sip:1@carrier.example:5060"),
            ("TLS", "carrier.example:5060;weight=3", ("carrier.example", 5060), "sip:1@carrier.example:5060"),
            ("UDP", "192.0.2.9", ("192.0.2.9", 5060), "sip:1@192.0.2.9"),
            ("TLS", "192.0.2.9", ("192.0.2.9", 5061), "sip:1@192.0.2.9"),
            ("UDP", "[2001:db8::9]", ("2001:db8::9", 5060), "sip:1@[2001:db8::9]"),
        ],
    )
    def test_only_a_name_without_port_is_left_to_srv_records(
        self, transport: Any, address: str, remote: tuple[str, int], uri: str
    ) -> None:
        trunk = Trunk(name="t", addresses=(address,), transport=transport)
        place = targets(trunk.addresses)[0].address
        assert flow_to(trunk, place, Node()).remote == remote
        assert uri_to(place, "1") == uri


class TestFailover:
    @pytest.mark.parametrize("seconds", [1, 7])
    def test_the_time_for_silence_is_a_setting(self, seconds: float) -> None:
        world = world_with(failover_after_s=seconds)
        second = world.phone("peer2", HOSTS[2], register=False)
        world.phone("erin").call(OUTSIDE)
        world.wait(seconds - 0.1)
        assert not second.sessions
        world.wait(0.2)
        assert second.sessions
        second.answer()
        assert state(world)["failures"] == {"408": 1}

    def test_the_last_address_has_all_the_time(self) -> None:
        world = world_with(addresses=[HOSTS[1]], failover_after_s=1)
        caller = world.phone("erin")
        caller.call(OUTSIDE)
        world.wait(31)
        assert caller.session.state != "ended"
        world.wait(2)
        assert caller.events[-1] == ("ended", "rejected", 502)


class TestHealth:
    def test_without_the_setting_nobody_is_asked(self) -> None:
        world = world_with()
        answers = [Answers(peer) for peer in peers(world).values()]
        world.wait(300)
        assert [each.asked for each in answers] == [0, 0, 0]
        assert state(world)["targets"] == {}

    def test_down_after_several_and_up_again(self) -> None:
        world = World({**CENTRE, "trunks": {}})
        house = {n: Answers(peer) for n, peer in peers(world).items()}
        users = {**CENTRE["users"], "erin": {"password": "secret", "permissions": ["dial_out"]}}
        health = {"options_every_s": 10, "options_down_after": 3, "options_up_after": 2}
        trunk = {"addresses": [*HOSTS.values()], **health}
        world.configure({**CENTRE, "users": users, "trunks": {"carrier": trunk}})
        world.wait(1)
        assert state(world)["targets"] == dict.fromkeys(HOSTS.values(), "up")
        house[1].status, house[2].status, house[3].status = 0, 503, 404
        world.wait(29)
        assert state(world)["targets"][HOSTS[1]] == "up"
        world.wait(11)
        assert state(world)["targets"] == {HOSTS[1]: "down", HOSTS[2]: "down", HOSTS[3]: "up"}
        alarms = [each["message"] for each in world.command("status")["alarms"]]
        assert [HOSTS[2] in alarms[0], HOSTS[1] in alarms[1]] == [True, True]
        world.phone("erin").call(OUTSIDE)
        called = [n for n in HOSTS if world.phones[HOSTS[n], 5060].sessions]
        assert called == [3]
        house[1].status = 200
        world.wait(15)
        assert state(world)["targets"][HOSTS[1]] == "down"
        world.wait(20)
        assert state(world)["targets"][HOSTS[1]] == "up"
        told = [(each["address"], each["up"]) for each in world.of("trunk_target")]
        assert told[3:] == [(HOSTS[2], False), (HOSTS[1], False), (HOSTS[1], True)]

    def test_an_address_that_is_gone_is_asked_no_more(self) -> None:
        world = world_with(options_every_s=10)
        answers = Answers(world.phone("peer1", HOSTS[1], register=False))
        world.wait(25)
        asked = answers.asked
        assert asked == 3
        carrier = {"addresses": [HOSTS[2]], "options_every_s": 10}
        world.configure({**CENTRE, "trunks": {"carrier": carrier}})
        world.wait(60)
        assert answers.asked == asked
        assert state(world)["targets"] == {HOSTS[2]: "down"}


class TestLimits:
    def test_calls_per_second_in_and_out(self) -> None:
        world = world_with(max_calls_per_s=2, addresses=[HOSTS[1]])
        peer, caller = world.phone("peer1", HOSTS[1], register=False), world.phone("erin")
        peer.call("200")
        caller.call(OUTSIDE)
        caller.call(OUTSIDE)
        assert caller.events[-1] == ("ended", "rejected", 503)
        peer.call("200")
        assert peer.events[-1] == ("ended", "rejected", 503)
        assert {each["reason"] for each in world.of("call_ended")} == {"trunk_limit"}
        world.wait(0.5)
        peer.call("200")
        assert peer.events[-1][0] != "ended"

    def test_a_full_trunk_leaves_the_call_to_the_next(self) -> None:
        world = world_with(max_calls_per_s=1, addresses=[HOSTS[1]])
        second = world.phone("peer2", HOSTS[2], register=False)
        world.configure({"trunks": {"second": {"addresses": [HOSTS[2]]}}})
        caller = world.phone("erin")
        caller.call(OUTSIDE)
        caller.call(OUTSIDE)
        assert len(second.sessions) == 1

    @given(
        st.floats(0.1, 50),
        st.lists(st.floats(0, 2, allow_subnormal=False), min_size=1, max_size=200),
    )
    def test_never_more_than_the_rate_and_what_the_bucket_holds(
        self, rate: float, pauses: list[float]
    ) -> None:
        bucket, now, taken = TokenBucket(rate), 1000.0, 0
        for pause in pauses:
            now += pause
            taken += bucket.take(now)
            assert taken <= max(rate, 1) + rate * (now - 1000) + 1e-6
        assert TokenBucket(rate).take(now)

    def test_the_rate_itself_passes(self) -> None:
        bucket = TokenBucket(10)
        assert all(bucket.take(n / 10) for n in range(1000))


def test_what_became_of_the_calls() -> None:
    world = world_with(addresses=[HOSTS[1]], max_calls=10)
    peer, caller = world.phone("peer1", HOSTS[1], register=False), world.phone("erin")
    caller.call(OUTSIDE)
    peer.answer()
    assert state(world)["calls"] == 1
    caller.hang_up()
    for status in (486, 404, 486):
        caller.call(OUTSIDE)
        world.do(peer, lambda now, out, status=status: peer.session.reject(status, now, out))
    caller.call(OUTSIDE)
    caller.hang_up()
    peer.call("200")
    peer.hang_up()
    peer.call("nowhere")
    assert state(world) == {
        "calls": 0,
        "inbound": 2,
        "inbound_answered": 1,
        "outbound": 5,
        "outbound_answered": 1,
        "asr_percent": 20.0,
        "failures": {"404": 1, "486": 2, "487": 1},
        "targets": {},
    }
    before = state(world)
    world.restart_switch()
    assert state(world) == before
    caller.call(OUTSIDE)
    assert state(world)["calls"] == 1
    caller.hang_up()
    assert (state(world)["outbound"], state(world)["failures"]["487"]) == (6, 2)


@pytest.mark.parametrize(
    ("address", "local"),
    [("192.0.2.7", "192.0.2.1"), ("[2001:db8::7]", "2001:db8::1"), ("peer.example", "192.0.2.1")],
)
def test_a_trunk_is_called_from_a_listener_of_its_kind_of_address(address: str, local: str) -> None:
    listen = [{"host": "192.0.2.1"}, {"host": "2001:db8::1"}]
    node = Node.model_validate({"sip": {"listen": listen}})
    trunk = Trunk.model_validate({"name": "peer", "addresses": [address]})
    assert flow_to(trunk, address, node).local[0] == local
