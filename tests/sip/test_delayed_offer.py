"""INVITE and re-INVITE without an offer: the 2xx offers and the ACK answers, in both roles."""

from __future__ import annotations

import json

import pytest

from tests.sip.peers import SDP, Pair, accept_offers, ended, offering

ANSWER = SDP.replace(b"1 1", b"2 2")


def late(pair: Pair | None = None) -> Pair:
    """Alice has asked Bob for an offer, and has it."""
    pair = pair or Pair()
    pair.a.call(pair.b, sdp="")
    pair.link.run(0.1)
    return pair


def acknowledge(pair: Pair) -> None:
    pair.a.do(lambda out: pair.a.session.acknowledge(ANSWER, pair.link.now, out))


def bodies(pair: Pair, name: str, method: str, status: int = 0) -> list[bytes]:
    return [message.body for message in pair.link.sent(name, method, status)]


def test_the_ack_waits_for_the_answer() -> None:
    pair = late()
    assert pair.link.sent("alice", "INVITE")[0].body == b""
    assert pair.a.owner.told == [("progress", 180), ("answered",)]
    assert pair.a.owner.messages[-1].body == SDP  # type: ignore[union-attr]
    assert (pair.a.session.state, pair.a.session.exchange) == ("ack_due", "theirs")
    pair.link.run(3)
    assert pair.sent("alice", "ACK") == 0
    acknowledge(pair)
    pair.link.run(3)
    assert bodies(pair, "alice", "ACK") == [ANSWER]
    assert pair.b.owner.told == [("established",)]
    assert pair.b.owner.messages[-1].body == ANSWER  # type: ignore[union-attr]
    assert (pair.a.session.exchange, pair.b.session.exchange) == ("done", "done")
    pair.a.hang_up()
    pair.all_over()


def test_the_owner_may_answer_at_once() -> None:
    pair = Pair()
    pair.a.new_owner().on["answered"] = accept_offers
    pair.a.call(pair.b, sdp="")
    pair.a.owner.on["answered"] = lambda session, now, out: session.acknowledge(ANSWER, now, out)
    pair.link.run(1)
    assert (pair.a.session.state, pair.b.session.state) == ("up", "up")
    assert bodies(pair, "alice", "ACK") == [ANSWER]


def test_a_lost_ack_with_an_answer_is_said_again_with_it() -> None:
    pair = late()
    pair.lose("alice", "ACK", times=2)
    acknowledge(pair)
    pair.link.run(10)
    assert set(bodies(pair, "alice", "ACK")) == {ANSWER}
    assert pair.b.owner.told == [("established",)]


def test_an_offer_nobody_answers_is_given_up() -> None:
    pair = Pair()
    pair.lose("bob", "BYE", times=1000)
    late(pair)
    pair.link.run(33)
    assert pair.a.owner.endings == ended("timeout", 408)
    assert bodies(pair, "alice", "ACK") == [b""]
    pair.link.run(10)
    assert pair.sent("alice", "BYE") >= 1
    pair.all_over()


def test_hanging_up_instead_of_answering() -> None:
    pair = late()
    pair.a.hang_up()
    pair.link.run(1)
    assert [m.method for m in (pair.link.sent("alice", "ACK") + pair.link.sent("alice", "BYE"))] == [
        "ACK",
        "BYE",
    ]
    assert pair.b.owner.endings == ended("remote_bye")
    acknowledge(pair)
    assert pair.sent("alice", "ACK") == 1
    pair.all_over()


def test_an_answer_without_any_offer_is_acked_at_once() -> None:
    pair = Pair()
    pair.b.ring = lambda session, now, out: session.answer("", now, out)
    late(pair)
    assert pair.a.session.state == "up"
    assert pair.a.owner.messages[-1].body == b""  # type: ignore[union-attr]


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_a_reinvite_that_asks_for_an_offer(who: str) -> None:
    pair = Pair().talk()
    first, second = (pair.a, pair.b) if who == "alice" else (pair.b, pair.a)
    second.owner.on["offered"] = accept_offers
    offering(first, b"")
    pair.link.run(2)
    assert first.owner.told[-1] == ("reanswered", 200)
    assert first.owner.messages[-1].body == SDP  # type: ignore[union-attr]
    acks = pair.sent(who, "ACK")
    offering(first, b"the next one")
    pair.link.run(1)
    assert pair.sent(who, "ACK") == acks, "the next offer waits for this one"
    first.do(lambda out: first.session.acknowledge(ANSWER, pair.link.now, out))
    pair.link.run(2)
    assert second.owner.told[-2:] == [("reanswered", 200), ("offered", "INVITE")]
    assert second.owner.messages[-2].body == ANSWER  # type: ignore[union-attr]
    assert first.owner.told[-1] == ("reanswered", 200)


def test_a_reinvite_whose_offer_nobody_answers() -> None:
    pair = Pair().talk()
    pair.lose("bob", "BYE", times=1000)
    pair.b.owner.on["offered"] = accept_offers
    offering(pair.a, b"")
    pair.link.run(40)
    assert pair.a.owner.endings == ended("timeout", 408)
    pair.all_over()


def test_hanging_up_with_a_reinvite_unanswered() -> None:
    """The 2xx has its ACK before the BYE."""
    pair = Pair().talk()
    pair.b.owner.on["offered"] = accept_offers
    offering(pair.a, b"")
    pair.link.run(0.1)
    pair.a.hang_up()
    pair.link.run(1)
    assert [m.method for _, s, m in pair.link.log if s == "alice"][-2:] == ["ACK", "BYE"]
    assert pair.b.owner.endings == ended("remote_bye")
    pair.all_over()


def test_an_ack_without_the_answer_leaves_the_session_as_it_was() -> None:
    pair = Pair().talk()
    pair.b.owner.on["offered"] = accept_offers
    offering(pair.a, b"")
    pair.link.run(0.1)
    pair.a.do(lambda out: pair.a.session.acknowledge(b"", pair.link.now, out))
    pair.link.run(1)
    assert pair.b.owner.told[-1] == ("reanswered", 488)
    assert pair.b.session.state == "up"


def test_an_unanswered_offer_of_a_former_process_is_hung_up() -> None:
    pair = late()
    state = json.loads(json.dumps(pair.a.session.to_state()))
    assert state["state"] == "ack_due"
    pair.a.ua.endpoint.sessions.clear()
    pair.a.ua.endpoint.transactions._done.clear()
    pair.a.session.deadline = float("inf")
    pair.a.do(lambda out: pair.a.ua.abandon_session(state, pair.link.now, out))
    pair.link.run(5)
    assert pair.b.owner.endings == ended("remote_bye")


@pytest.mark.parametrize("seed", range(60))
def test_over_a_bad_link(seed: int) -> None:
    pair = Pair(seed, loss=0.2, duplicates=0.1, reorder=0.2)
    pair.b.ring = lambda session, now, out: session.answer(SDP, now, out)
    pair.a.call(pair.b, sdp="")
    pair.a.owner.on["answered"] = lambda session, now, out: session.acknowledge(ANSWER, now, out)
    pair.link.run(30)
    assert pair.a.owner.told.count(("answered",)) == 1
    assert pair.b.owner.told == [("established",)]
    assert pair.b.owner.messages[-1].body == ANSWER  # type: ignore[union-attr]
    pair.b.owner.on["offered"] = accept_offers
    pair.a.owner.on["reanswered"] = lambda session, now, out: session.acknowledge(ANSWER, now, out)
    offering(pair.a, b"")
    pair.link.run(30)
    assert pair.b.owner.told[1:] == [("offered", "INVITE"), ("reanswered", 200)]
    pair.a.hang_up()
    pair.all_over()
