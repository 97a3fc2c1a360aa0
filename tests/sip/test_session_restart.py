"""Sessions of a former process: what goes on, what is cancelled, what starts afresh."""

from __future__ import annotations

import json
from typing import Any

import pytest

from softswitch.sip.session import Session
from tests.sip.lossy_link import LossyLink
from tests.sip.peers import SDP, Owner, Pair, Phone, accept_offers, ended, offering, only_ring, stay_silent


def restarted(pair: Pair, phone: Phone, state: dict[str, Any]) -> tuple[Phone, Owner, Session]:
    """A new process at the address of `phone`, with a session made of JSON."""
    fresh = Phone(LossyLink(99), phone.host.name)
    fresh.link = pair.link
    fresh.host.link = pair.link
    fresh.host.address = phone.host.address
    pair.link.hosts[phone.host.address] = fresh.host
    owner = Owner()
    return fresh, owner, fresh.ua.restore_session(json.loads(json.dumps(state)), owner)


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_a_restored_session_goes_on(who: str) -> None:
    pair = Pair().talk()
    old, other = (pair.a, pair.b) if who == "alice" else (pair.b, pair.a)
    fresh, owner, session = restarted(pair, old, old.session.to_state())
    assert session.id == old.session.id
    other.owner.on["offered"] = owner.on["offered"] = accept_offers
    offering(other)
    pair.link.run(1)
    fresh.do(lambda out: session.reinvite(SDP, pair.link.now, out))
    pair.link.run(1)
    assert owner.told == [("offered", "INVITE"), ("reanswered", 200)]
    assert pair.link.sent(who, "INVITE")[-1].cseq > 100
    fresh.do(lambda out: session.hang_up(pair.link.now, out))
    pair.link.run(1)
    assert other.owner.endings == ended("remote_bye")


def test_a_restored_caller_acks_a_repeated_2xx() -> None:
    pair = Pair()
    pair.lose("alice", "ACK", times=1)
    pair.a.call(pair.b)
    pair.link.run(0.1)
    _, owner, _ = restarted(pair, pair.a, pair.a.session.to_state())
    pair.link.run(2)
    assert pair.b.owner.told == [("established",)]
    assert owner.told == []


def test_killed_between_the_answer_and_its_ack() -> None:
    """The new process repeats the answer until the ACK comes, or gives the call up."""
    for ack_lost in (False, True):
        pair = Pair()
        pair.lose("alice", "ACK", times=1000)
        pair.a.call(pair.b)
        pair.link.run(0.1)
        state = pair.b.session.to_state()
        assert state["state"] == "answered"
        _, owner, session = restarted(pair, pair.b, state)
        if not ack_lost:
            pair.lose("", "")
        pair.link.run(40)
        assert owner.told == (ended("no_ack", 408) if ack_lost else [("established",)])
        assert pair.a.session.state == session.state == ("ended" if ack_lost else "up")


def abandoned(pair: Pair, state: dict[str, Any]) -> Phone:
    fresh = Phone(LossyLink(99), "alice")
    fresh.link = fresh.host.link = pair.link
    fresh.host.address = pair.a.host.address
    pair.link.hosts[fresh.host.address] = fresh.host
    fresh.do(lambda out: fresh.ua.abandon_session(json.loads(json.dumps(state)), pair.link.now, out))
    return fresh


def test_a_ringing_leg_of_a_former_process_is_cancelled() -> None:
    pair = Pair()
    pair.b.ring = only_ring
    pair.a.call(pair.b)
    pair.link.run(1)
    fresh = abandoned(pair, pair.a.session.to_state())
    pair.link.run(1)
    assert pair.b.owner.told == ended("remote_cancel", 487)
    assert pair.sent("alice", "ACK") == 1
    pair.link.run(100)
    assert fresh.ua.endpoint.sessions == {} and fresh.ua.next_timeout() is None


@pytest.mark.parametrize("told", ["calling", "up", "closing"])
def test_an_abandoned_leg_that_was_answered_has_ack_and_bye(told: str) -> None:
    pair = Pair()
    pair.b.ring = only_ring
    pair.a.call(pair.b)
    state = pair.a.session.to_state()
    pair.link.run(1)
    pair.link.drop = lambda sender, message: sender == "alice" and told != "up"
    pair.b.do(lambda out: pair.b.session.answer(SDP, pair.link.now, out))
    pair.link.run(0.1)
    pair.lose("", "")
    abandoned(pair, pair.a.session.to_state() if told == "up" else state)
    pair.link.run(5)
    assert pair.b.owner.endings == ended("remote_bye")
    pair.link.run(100)
    assert pair.b.ua.endpoint.sessions == {}


def test_an_inbound_call_in_set_up_starts_afresh_on_its_repetition() -> None:
    pair = Pair()
    pair.b.ring = stay_silent
    pair.link.drop = lambda sender, message: sender == "bob"
    pair.a.call(pair.b)
    pair.link.run(0.1)
    state = pair.b.session.to_state()
    fresh = Phone(LossyLink(99), "bob")
    fresh.link = fresh.host.link = pair.link
    fresh.host.address = pair.b.host.address
    pair.link.hosts[fresh.host.address] = fresh.host
    fresh.do(lambda out: fresh.ua.abandon_session(state, pair.link.now, out))
    pair.lose("", "")
    pair.link.run(2)
    assert len(fresh.sessions) == 1
    assert pair.a.owner.told == [("progress", 180), ("answered",)]


def test_an_abandoned_leg_was_stored_before_its_challenge() -> None:
    """The stored branch is not the last that was sent: the CANCEL misses, the late 2xx is hung up."""
    pair = Pair()
    pair.b.ring = only_ring
    pair.a.call(pair.b)
    state = pair.a.session.to_state()
    state["invite"]["branch"] = "z9hG4bKolder"
    state["invite"]["via"] = "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKolder;rport"
    pair.link.run(1)
    fresh = abandoned(pair, state)
    pair.link.run(1)
    assert pair.sent("bob", "CANCEL", 481) == 1
    pair.b.do(lambda out: pair.b.session.answer(SDP, pair.link.now, out))
    pair.link.run(1)
    assert pair.b.owner.endings == ended("remote_bye")
    pair.link.run(200)
    assert fresh.ua.endpoint.sessions == {}
