"""A user agent in the middle of calls that is sent damaged, foreign and repeated messages never raises."""

from __future__ import annotations

import random
from typing import Any

import pytest

from softswitch.sip.flow import Send, SipFlow
from tests.sip.lossy_link import LossyLink
from tests.sip.peers import SDP, Pair, Phone, accept_offers, offering, only_ring

HOSTILE = (b"\r\n", b"\0", b"\xff", b" ", b"", *b'< > " @ : % -1 ;tag= 99999999999'.split())


def messages_of_a_call() -> list[bytes]:
    """The bytes of a call with ringing, an offer, an INFO, a CANCEL and a BYE."""
    pair = Pair()
    wire: list[bytes] = []
    carry = pair.link.carry

    def recording(sender: Any, out: list[Any]) -> None:
        wire.extend(send.data for send in out if isinstance(send, Send))
        carry(sender, out)

    pair.link.carry = recording  # type: ignore[method-assign]
    pair.talk()
    pair.b.owner.on["offered"] = accept_offers
    offering(pair.a)
    pair.a.do(lambda out: pair.a.session.send_info("application/dtmf", b"1", pair.link.now, out))
    pair.link.run(1)
    pair.a.hang_up()
    pair.b.ring = only_ring
    pair.a.call(pair.b)
    pair.link.run(1)
    pair.a.hang_up()
    pair.link.run(1)
    return wire


WIRE = messages_of_a_call()


def damaged(data: bytes, choose: random.Random) -> bytes:
    for _ in range(choose.randint(0, 3)):
        at = choose.randrange(len(data) + 1)
        end = min(len(data), at + choose.choice((0, 0, 1, 4, 40)))
        data = data[:at] + choose.choice(HOSTILE) + data[end:]
    return data


def soup(seed: int, count: int) -> None:
    """Damaged copies of a call's messages, with the names of two live calls put in, to both ends."""
    choose = random.Random(seed)
    pair = Pair(seed)
    for phone in (pair.a, pair.b):
        phone.call(pair.b if phone is pair.a else pair.a)
    pair.link.run(1)
    dialogs = [phone.session.dialog for phone in (pair.a, pair.b)]
    for _ in range(count):
        data = choose.choice(WIRE)
        dialog = choose.choice(dialogs)
        old = [line for line in data.split(b"\r\n") if line.startswith(b"Call-ID")]
        if old and choose.random() < 0.7:
            data = data.replace(old[0], b"Call-ID: " + dialog.sip_call_id.encode())
            for tag in {part.split(b"\r\n")[0] for part in data.split(b";tag=")[1:]}:
                mine, theirs = dialog.local_tag.encode(), dialog.remote_tag.encode()
                data = data.replace(b";tag=" + tag, b";tag=" + choose.choice((mine, theirs)))
        phone = choose.choice((pair.a, pair.b))
        flow = SipFlow(choose.choice(("UDP", "TCP")), phone.host.address, ("192.0.2.50", 5060), 4)
        out: list[Any] = []
        phone.ua.receive(damaged(data, choose), flow, pair.link.now, out)
        assert len(out) <= 8
        pair.link.now += choose.choice((0.0, 0.1, 3.0))
        for each in (pair.a, pair.b):
            each.ua.handle_timeout(pair.link.now, [])


@pytest.mark.parametrize("seed", range(10))
def test_damaged_messages(seed: int) -> None:
    soup(seed, 300)


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(1000, 1200))
def test_many_damaged_messages(seed: int) -> None:
    soup(seed, 2000)


def test_a_live_call_survives_what_strangers_send() -> None:
    """All messages of another call, at both ends: nobody's session changes."""
    link = LossyLink(3)
    alice, bob = Phone(link, "alice"), Phone(link, "bob")
    bob.ring = only_ring
    alice.call(bob)
    link.run(1)
    bob.do(lambda out: bob.session.answer(SDP, link.now, out))
    link.run(1)
    call, told = bob.sessions[0], list(bob.owners[0].told)
    for data in WIRE:
        link.inject(data, SipFlow("UDP", bob.host.address, ("192.0.2.50", 5060)))
    assert (alice.session.state, call.state) == ("up", "up")
    assert bob.owners[0].told == told
