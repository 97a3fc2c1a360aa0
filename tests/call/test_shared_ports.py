"""Trunks with media: shared: their legs are on one port of a worker, free again after the last one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.call.invariants import Books, check
from tests.call.world import CENTRE, Phone, World

CARRIERS = {
    name: {"allow_from": [f"{net}.0/24"], "addresses": [f"{net}.9"], "media": "shared", "allow_refer": True}
    for name, net in (("carrier", "198.51.100"), ("second", "203.0.113"))
}
SHARED: dict[str, Any] = CENTRE | {"trunks": CARRIERS}


def world(workers: int = 1) -> World:
    return World(SHARED, media={"host": "192.0.2.1", "workers": workers})


def incoming(world: World, last: int, number: str = "200", net: str = "198.51.100", **more: Any) -> Phone:
    caller = world.phone(f"+49301{last}", f"{net}.{last}", register=False)
    caller.call(number, **more)
    return caller


def trunk_legs(world: World) -> list[dict[str, Any]]:
    return [
        command
        for worker in world.workers
        for (kind, _), command in worker.held.items()
        if kind == "leg" and command.get("shared")
    ]


def free(world: World) -> int:
    return sum(len(worker.free_ports) for worker in world.exchange.media.workers)


def later(world: World) -> None:
    """Ports have been drained, and the worker has said so."""
    world.wait(40)
    world.pump()


def test_all_calls_of_shared_trunks_are_on_one_port_and_phones_are_not() -> None:
    house, books = world(), Books()
    before = free(house)
    agent = house.agent("a1", "alice")
    first, second = incoming(house, 10), incoming(house, 11, net="203.0.113")
    agent.answer()
    legs = trunk_legs(house)
    assert len(legs) == 2 and len({leg["port"] for leg in legs}) == 1
    assert free(house) == before - 2, "one for both callers, one for the agent"
    assert agent.session.state == "up"
    first.hang_up()
    check(house, books)
    assert len(trunk_legs(house)) == 1
    second.hang_up()
    later(house)
    check(house, books)
    assert free(house) == before


def test_a_call_that_is_refused_gives_the_port_back() -> None:
    house = world()
    before = free(house)
    agent = house.agent("a1", "alice")
    caller = incoming(house, 10, number="999")
    assert caller.events[-1][0] == "ended"
    house.phone("bob").call("030123")
    later(house)
    assert free(house) == before and not trunk_legs(house)
    assert agent.sessions == []


def test_they_are_the_same_after_a_restart_of_the_switch_and_of_the_worker() -> None:
    house, books = world(), Books()
    agent = house.agent("a1", "alice")
    callers = [incoming(house, 10), incoming(house, 11)]
    agent.answer()
    before = trunk_legs(house)
    house.restart_switch()
    assert trunk_legs(house) == before[: len(trunk_legs(house))]
    check(house, books)
    house.worker.crash()
    house.worker.connect(house.now)
    house.pump()
    check(house, books)
    for caller in callers:
        caller.hang_up()
    later(house)
    check(house, books)
    assert not trunk_legs(house)


def test_what_the_peer_says_it_sends_with_goes_to_the_worker() -> None:
    house = world()
    house.agent("a1", "alice")
    sdp = (
        "v=0\r\no=- 1 1 IN IP4 198.51.100.10\r\ns=-\r\nc=IN IP4 198.51.100.10\r\nt=0 0\r\n"
        "m=audio 4000 RTP/AVP 0\r\na=ssrc:4711 cname:x\r\n"
    )
    incoming(house, 10, sdp=sdp)
    assert [leg["ssrc"] for leg in trunk_legs(house)] == [4711]


@pytest.mark.parametrize("text", ["", "0", "x", "4294967296", "99999999999999", "-1 cname:x"])
def test_what_is_no_ssrc_is_none(text: str) -> None:
    house = world()
    house.agent("a1", "alice")
    sdp = (
        "v=0\r\no=- 1 1 IN IP4 198.51.100.10\r\ns=-\r\nc=IN IP4 198.51.100.10\r\nt=0 0\r\n"
        f"m=audio 4000 RTP/AVP 0\r\na=ssrc:{text}\r\n"
    )
    incoming(house, 10, sdp=sdp)
    assert ["ssrc" in leg for leg in trunk_legs(house)] == [False]


def test_legs_of_a_worker_without_free_ports_still_share_its_port() -> None:
    house = world()
    house.agent("a1", "alice")
    incoming(house, 10)
    house.exchange.media.workers[0].free_ports.clear()
    incoming(house, 11)
    assert len(trunk_legs(house)) == 2


def test_one_that_must_be_with_another_of_another_worker_gets_a_port_there_and_is_told() -> None:
    house, books = (
        World(SHARED | {"numbers": {"400": "user:alice"}}, media={"host": "192.0.2.1", "workers": 2}),
        Books(),
    )
    alice = house.phone("alice")
    callers = []
    for last in (10, 11):
        callers.append(incoming(house, last, "400"))
        alice.answer()
    check(house, books)
    assert [len(worker.legs()) for worker in house.workers] == [2, 2], "each call on a worker of its own"
    (moved,) = [leg for leg in trunk_legs(house) if leg["remote"][0] == callers[1].flow.local[0]]
    alice.connect(*alice.sessions)
    house.wait(1)
    check(house, books)
    legs = [command for command in house.workers[0].held.values() if command["do"] == "put_leg"]
    assert {leg["remote"][0] for leg in legs} == {caller.flow.local[0] for caller in callers}
    (fresh,) = [leg for leg in legs if leg["id"] == moved["id"]]
    assert fresh["port"] != moved["port"] and not fresh.get("shared")
    assert ("offered",) in callers[1].events and ("offered",) not in callers[0].events[:-1]
    callers[0].hang_up()
    later(house)
    check(house, books)
    assert free(house) == sum(len(worker.ports) for worker in house.workers)
