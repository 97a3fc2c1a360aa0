"""More calls than can be served: how many are taken, what is said to the others, and what always goes on."""

from __future__ import annotations

import random
from typing import Any

import pytest

from softswitch.call.overload import MOST_REMEMBERED, TARGET, Occupancy
from softswitch.sip.flow import SipFlow
from softswitch.sip.message import Message, parse
from tests.call.world import SWITCH, World

CALLER = ("203.0.113.7", 5060)
FLOW = SipFlow("UDP", SWITCH, CALLER)
SETUP_S = 0.001
REST_S = 0.004
SLOT_S = 0.004
CAPACITY = 1 / (SETUP_S + REST_S)


def invite(number: int, user: str = "bob", to_tag: str = "", uri: str = "") -> bytes:
    uri = uri or f"sip:{user}@{SWITCH[0]}"
    tag = f";tag={to_tag}" if to_tag else ""
    return (
        f"INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {CALLER[0]}:5060;branch=z9hG4bK{number};rport\r\n"
        f"Max-Forwards: 70\r\nFrom: <sip:x@example.com>;tag=f{number}\r\nTo: <sip:{user}@house>{tag}\r\n"
        f"Call-ID: c{number}\r\nCSeq: 1 INVITE\r\nContact: <sip:x@{CALLER[0]}>\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def offered(times: float, seconds: float, seed: int = 1) -> tuple[float, float, float]:
    """A switch whose calls cost SETUP_S at once and REST_S half a second later, under so many times its
    capacity: calls finished by second of those that it can, share of calls refused, worst wait."""
    draw = random.Random(seed)
    occupancy = Occupancy()
    now, next_call = 0.0, 0.0
    rests: list[float] = []
    finished = refused = total = 0
    worst = 0.0
    while now < seconds:
        began, taken, cost = now, 0, 0.0
        while next_call <= now:
            next_call += draw.expovariate(times * CAPACITY)
            counted = now > seconds / 2
            total += counted
            if occupancy.limited and not occupancy.admit(now):
                refused += counted
                cost += SETUP_S / 30
                continue
            taken += not occupancy.limited
            cost += SETUP_S
            rests.append(now + 0.5)
        while rests and rests[0] <= now:
            worst = max(worst, now - rests[0]) if now > seconds / 2 else 0.0
            del rests[0]
            cost += REST_S
            finished += now > seconds / 2
        if cost:
            now += cost
            occupancy.received(taken, False)
            occupancy.worked(began, now)
        now += SLOT_S
    return finished / (seconds / 2) / CAPACITY, refused / max(1, total), worst


@pytest.mark.parametrize("times", [1.5, 3.0, 5.0, 10.0])
def test_under_overload_nearly_as_many_calls_are_served_as_can_be(times: float) -> None:
    goodput, refused, worst = offered(times, 30.0)
    assert goodput > 0.92 * TARGET
    assert refused > 1 - 1 / times
    assert worst < 0.15


@pytest.mark.parametrize("times", [0.2, 0.5, 0.8])
def test_nobody_is_refused_whom_there_is_room_for(times: float) -> None:
    goodput, refused, _ = offered(times, 30.0)
    assert refused == 0
    assert goodput == pytest.approx(times, rel=0.1)


def test_a_short_pause_of_the_machine_is_no_overload() -> None:
    occupancy = Occupancy()
    occupancy.worked(0.0, 0.001)
    occupancy.worked(0.1, 0.4)
    assert not occupancy.limited


def test_a_switch_that_has_to_share_its_cpu_refuses_nobody_while_it_keeps_up() -> None:
    occupancy = Occupancy()
    for turn in range(500):
        occupancy.received(2, False)
        occupancy.worked(turn / 50, turn / 50 + 0.0195)
        assert not occupancy.limited


def test_once_nobody_has_to_be_refused_a_switch_that_keeps_up_takes_all_calls_again() -> None:
    occupancy = limited()
    for turn in range(60):
        occupancy.worked(2 + turn / 50, 2 + turn / 50 + 0.018)
    assert not occupancy.limited


def test_calls_are_taken_again_when_fewer_come() -> None:
    occupancy = limited()
    for window in range(12):
        occupancy.worked(2 + window / 10, 2 + window / 10 + 0.01)
    assert not occupancy.limited


def test_after_silence_calls_are_taken_again() -> None:
    occupancy = limited()
    occupancy.worked(60.0, 60.001)
    assert not occupancy.limited


def test_while_messages_wait_no_call_is_taken() -> None:
    occupancy = limited()
    occupancy.rate = 1000.0
    occupancy.worked(3.0, 3.01)
    occupancy.received(0, True)
    assert not occupancy.admit(4.0)
    occupancy.received(0, False)
    assert occupancy.admit(4.0)


def limited() -> Occupancy:
    occupancy = Occupancy()
    for window in range(8):
        occupancy.received(20, False)
        occupancy.worked(1 + window / 10, 1.1 + window / 10)
    assert occupancy.limited
    return occupancy


def overloaded() -> World:
    """A switch that has no room for any new call just now."""
    world = World()
    occupancy = world.exchange.overload.occupancy
    occupancy.limited, occupancy.rate = True, 0.0
    occupancy.admit(world.now)
    return world


def refusals(world: World, data: bytes) -> tuple[bool, list[Message]]:
    out: list[Any] = []
    refused = world.exchange.overload.refuses(data, FLOW, world.now, out)
    assert all(send.flow is FLOW for send in out)
    return refused, [parse(send.data) for send in out]


def test_a_new_call_is_told_to_come_later_at_another_time_each() -> None:
    world = overloaded()
    delays = set()
    for number in range(100):
        refused, (response,) = refusals(world, invite(number))
        assert refused and response.status == 503
        assert response.need("Via").endswith(f";received={CALLER[0]};rport={CALLER[1]}")
        delays.add(int(response.need("Retry-After")))
    assert delays == set(range(2, 11))
    assert not world.exchange.calls and not world.exchange.ua.endpoint.transactions


def test_a_repetition_is_refused_alike_even_when_there_is_room_again() -> None:
    world = overloaded()
    _, (first,) = refusals(world, invite(1))
    world.exchange.overload.occupancy.rate = 1000.0
    world.wait(1.0)
    refused, (second,) = refusals(world, invite(1))
    assert refused and second.to_tag == first.to_tag and second.to_tag
    assert refusals(world, invite(2)) == (False, [])


def test_the_repetition_of_a_call_that_was_taken_is_not_refused() -> None:
    world = World()
    world.turn(lambda now, out: world.exchange.received(invite(1), FLOW, now, out))
    occupancy = world.exchange.overload.occupancy
    occupancy.limited, occupancy.rate = True, 0.0
    assert refusals(world, invite(1)) == (False, [])


def test_the_acknowledgement_of_a_refusal_needs_no_more_work() -> None:
    world = overloaded()
    _, (response,) = refusals(world, invite(1))
    ack = invite(1, to_tag=response.to_tag).replace(b"INVITE", b"ACK")
    assert refusals(world, ack) == (True, [])
    other = invite(1, to_tag="other").replace(b"INVITE", b"ACK")
    assert refusals(world, other) == (False, [])


@pytest.mark.parametrize(
    "data",
    [
        invite(1, to_tag="known"),
        invite(1, user="112"),
        invite(1, uri="urn:service:sos.fire"),
        invite(1).replace(b"INVITE", b"REGISTER"),
        invite(1).replace(b"INVITE", b"CANCEL"),
        invite(1, to_tag="known").replace(b"INVITE", b"BYE"),
        invite(1)[:60],
        b"SIP/2.0 200 OK\r\n\r\n",
    ],
)
def test_everything_else_goes_on(data: bytes) -> None:
    assert refusals(overloaded(), data) == (False, [])


def test_what_is_remembered_is_bounded() -> None:
    world = overloaded()
    overload = world.exchange.overload
    for number in range(2 * MOST_REMEMBERED + 1000):
        overload._remember(str(number), world.now)
    assert len(overload._keys) + len(overload._older_keys) <= 2 * MOST_REMEMBERED


def test_the_beginning_and_the_end_are_told() -> None:
    world = overloaded()
    overload = world.exchange.overload
    world.turn(overload.tell)
    refusals(world, invite(1))
    refusals(world, invite(2))
    world.wait(3.0)
    overload.occupancy.limited = False
    world.turn(overload.tell)
    world.turn(overload.tell)
    assert world.types()[-2:] == ["overload_began", "overload_ended"]
    assert world.one("overload_ended") == {"refused": 2, "seconds": 3.0}
