"""A flood of strangers: what is kept of them is bounded and forgotten, and what was there goes on."""

from __future__ import annotations

import random
from typing import Any

from softswitch.sip.flow import GIVE_UP, SipFlow
from tests.call.world import SWITCH, World

REGISTERS = 10_000
CREDENTIALS = (
    'Authorization: Digest username="{user}", realm="softswitch", nonce="{nonce}", uri="sip:x",'
    ' response="{response}", algorithm=MD5, qop=auth, nc=00000001, cnonce="x"\r\n'
)


def register(chance: random.Random, number: int) -> bytes:
    user = chance.choice(["alice", "bob", f"u{number}"])
    guess = CREDENTIALS.format(
        user=user, nonce=chance.randbytes(20).hex(), response=chance.randbytes(16).hex()
    )
    return (
        f"REGISTER sip:{SWITCH[0]} SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK{number};rport\r\n"
        f"From: <sip:{user}@house>;tag={number}\r\nTo: <sip:{user}@house>\r\nCall-ID: {number}\r\n"
        f"CSeq: 1 REGISTER\r\nMax-Forwards: 70\r\nContact: <sip:{user}@10.0.0.1>\r\n"
        f"{chance.choice(['', guess])}Content-Length: 0\r\n\r\n"
    ).encode()


def held(world: World) -> dict[str, int]:
    """How many of everything the switch keeps."""
    exchange, endpoint = world.exchange, world.exchange.ua.endpoint
    return {
        "transactions": len(endpoint.transactions),
        "finished": len(endpoint.transactions._done),
        "sessions": len(endpoint.sessions),
        "delayed": len(exchange.authenticator.delayed),
        "deadlines": len(exchange.deadlines._when),
        "users": len(exchange.registrar.users()),
        "calls": len(exchange.calls),
        "kept": len(world.kept),
    }


def test_ten_thousand_registers_of_strangers_leave_nothing_and_stop_nothing() -> None:
    world = World()
    alice, bob = world.phone("alice"), world.phone("bob")
    alice.auto_answer = True
    bob.call("alice")
    assert bob.events[-1][0] == "answered"
    world.wait(GIVE_UP + 1)
    before = held(world)
    chance = random.Random(7)
    for number in range(REGISTERS):
        address = (f"203.{chance.randrange(256)}.{chance.randrange(256)}.{chance.randrange(1, 255)}", 5060)
        out: list[Any] = []
        world.exchange.received(register(chance, number), SipFlow("UDP", SWITCH, address), world.now, out)
        assert sum(len(send.data) for send in out if hasattr(send, "flow")) < 1000
    assert set(world.exchange.registrar.users()) == {"alice", "bob"}
    assert len(world.exchange.bans._records) <= REGISTERS and not world.exchange.bans.any
    world.wait(GIVE_UP + 1)
    assert held(world) == before
    bob.hang_up()
    assert alice.events[-1][:2] == ("ended", "remote_bye")
    bob.call("alice")
    assert bob.events[-1][0] == "answered"


def test_ten_thousand_guesses_of_one_stranger_are_cut_off_early() -> None:
    world = World()
    chance = random.Random(8)
    answered = 0
    flow = SipFlow("UDP", SWITCH, ("203.0.113.7", 5060))
    for number in range(REGISTERS):
        if world.exchange.bans.holds(flow.remote[0]):
            continue
        out: list[Any] = []
        world.exchange.received(register(chance, number), flow, world.now, out)
        answered += 1
    assert answered < 40
    world.wait(GIVE_UP + 1)
    assert held(world)["transactions"] == 0 and held(world)["delayed"] == 0
