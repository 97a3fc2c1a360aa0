"""Changing a session that is up: re-INVITE, UPDATE, glare, and what may come in between."""

from __future__ import annotations

import pytest

from softswitch.sip.message import Message
from tests.sip.peers import SDP, Pair, accept_offers, ended, offering


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_reinvite(who: str) -> None:
    pair = Pair().talk()
    first, second = (pair.a, pair.b) if who == "alice" else (pair.b, pair.a)
    second.owner.on["offered"] = accept_offers
    offering(first)
    pair.link.run(1)
    assert second.owner.told[-1] == ("offered", "INVITE")
    assert first.owner.told[-1] == ("reanswered", 200)
    assert (first.session.reoffer.answer, second.session.reoffer.answer) == (None, None)


def test_a_refused_offer_leaves_the_session_as_it_was() -> None:
    pair = Pair().talk()
    pair.b.owner.on["offered"] = lambda session, now, out: session.refuse(488, now, out)
    offering(pair.a)
    pair.link.run(1)
    assert pair.a.owner.told[-1] == ("reanswered", 488)
    assert (pair.a.session.state, pair.b.session.state) == ("up", "up")


def test_an_offer_may_be_answered_later() -> None:
    pair = Pair().talk()
    offering(pair.a)
    pair.link.run(3)
    assert pair.link.sent("bob", "INVITE", 100)[-1].cseq == 2
    pair.b.do(lambda out: pair.b.session.accept(SDP, pair.link.now, out))
    pair.link.run(1)
    assert pair.a.owner.told[-1] == ("reanswered", 200)
    assert pair.b.owner.told.count(("offered", "INVITE")) == 1


def test_offers_are_made_one_after_the_other() -> None:
    pair = Pair(delay_s=0.1).talk()
    pair.b.owner.on["offered"] = accept_offers
    for n in range(4):
        offering(pair.a, b"offer %d" % n)
    pair.link.run(5)
    bodies = [message.body for message in pair.link.sent("alice", "INVITE")]
    assert bodies == [SDP, b"offer 0", b"offer 3"]
    assert pair.a.owner.told.count(("reanswered", 200)) == 2


def test_a_reinvite_and_its_answer_are_repeated_when_lost() -> None:
    pair = Pair().talk()
    pair.b.owner.on["offered"] = accept_offers
    left = {("alice", "INVITE", 0): 2, ("bob", "INVITE", 200): 2, ("alice", "ACK", 0): 2}

    def drop(name: str, message: Message) -> bool:
        kind = (name, message.method, message.status)
        left[kind] = left.get(kind, 0) - 1
        return left[kind] >= 0

    pair.link.drop = drop
    offering(pair.a)
    pair.link.run(20)
    assert pair.b.owner.told.count(("offered", "INVITE")) == 1
    assert pair.a.owner.told.count(("reanswered", 200)) == 1
    assert pair.b.session.reoffer.answer is None


def test_no_ack_to_a_reinvite_ends_the_session() -> None:
    pair = Pair().talk()
    pair.b.owner.on["offered"] = accept_offers
    pair.lose("alice", "ACK", times=1000)
    offering(pair.a)
    pair.link.run(40)
    assert pair.b.owner.endings == ended("no_ack", 408)
    assert pair.a.owner.endings == ended("remote_bye")
    pair.all_over()


@pytest.mark.parametrize("seed", range(20))
def test_glare(seed: int) -> None:
    """Both offer at once: both have 491 and try again at their own time (§14.1), and both succeed."""
    pair = Pair(seed, delay_s=0.1).talk()
    for phone in (pair.a, pair.b):
        phone.owner.on["offered"] = accept_offers
        offering(phone)
    start = pair.link.now
    pair.link.run(0.3)
    assert (pair.sent("alice", "INVITE", 491), pair.sent("bob", "INVITE", 491)) == (1, 1)
    waits = [phone.session.reoffer.deadline - start - 0.2 for phone in (pair.a, pair.b)]
    assert 2.1 <= round(waits[0], 6) <= 4.0
    assert waits[1] > 4 or 0.0 <= round(waits[1], 6) <= 2.0
    pair.link.run(20)
    assert pair.a.owner.told.count(("reanswered", 200)) == 1
    assert pair.b.owner.told.count(("reanswered", 200)) == 1
    assert pair.a.owner.endings == pair.b.owner.endings == []


def test_a_peer_that_always_answers_491() -> None:
    pair = Pair().talk()
    pair.b.owner.on["offered"] = lambda session, now, out: session.refuse(491, now, out)
    offering(pair.a)
    pair.link.run(60)
    assert pair.a.owner.told[-1] == ("reanswered", 491)
    assert pair.sent("alice", "INVITE") == 1 + 9


def test_bye_meets_a_reinvite() -> None:
    pair = Pair(delay_s=0.1).talk()
    pair.b.owner.on["offered"] = accept_offers
    offering(pair.a)
    pair.b.hang_up()
    pair.link.run(2)
    assert pair.a.owner.endings == ended("remote_bye")
    assert pair.b.owner.endings == []
    assert pair.sent("bob", "INVITE", 481) == 1
    pair.all_over()


def test_hanging_up_during_our_own_reinvite() -> None:
    """The 2xx that comes after the BYE still has its ACK, and nobody hears of it."""
    pair = Pair(delay_s=0.1).talk()
    pair.b.owner.on["offered"] = accept_offers
    offering(pair.a)
    pair.link.run(0.15)
    pair.a.hang_up()
    pair.link.run(5)
    assert pair.sent("alice", "ACK") == 2
    assert ("reanswered", 200) not in pair.a.owner.told
    pair.all_over()


def test_bye_while_an_offer_is_unanswered() -> None:
    pair = Pair().talk()
    offering(pair.a)
    pair.link.run(1)
    pair.a.hang_up()
    pair.link.run(1)
    assert pair.sent("bob", "INVITE", 487) == 1
    assert pair.b.owner.endings == ended("remote_bye")
    pair.all_over()


def test_a_cancelled_reinvite_leaves_the_session_up() -> None:
    pair = Pair().talk()
    offering(pair.a)
    pair.link.run(1)
    outgoing = pair.a.session.reoffer.outgoing
    assert outgoing is not None
    pair.a.do(lambda out: outgoing.cancel(pair.link.now, out))
    pair.link.run(1)
    assert pair.a.owner.told[-1] == ("reanswered", 487)
    pair.b.do(lambda out: pair.b.session.accept(SDP, pair.link.now, out))
    assert pair.sent("bob", "INVITE", 200) == 1
    assert (pair.a.session.state, pair.b.session.state) == ("up", "up")


def update(pair: Pair, body: bytes) -> list[int]:
    """Statuses that an UPDATE of Alice gets."""
    statuses: list[int] = []
    pair.a.do(
        lambda out: pair.a.session.request(
            "UPDATE", pair.link.now, out, body=body, on_final=lambda status, *rest: statuses.append(status)
        )
    )
    pair.link.run(1)
    return statuses


def test_update_with_an_offer() -> None:
    pair = Pair().talk()
    pair.b.owner.on["offered"] = accept_offers
    assert update(pair, SDP) == [200]
    assert pair.b.owner.told[-1] == ("offered", "UPDATE")
    assert pair.b.session.reoffer.answer is None


def test_update_without_a_body_only_refreshes() -> None:
    pair = Pair().talk()
    assert update(pair, b"") == [200]
    assert pair.b.owner.told == [("established",)]


def test_a_second_offer_before_the_first_is_answered_has_500_and_retry_after() -> None:
    pair = Pair().talk()
    offering(pair.a)
    pair.link.run(1)
    assert update(pair, SDP) == [500]
    assert 0 <= int(pair.link.sent("bob", "UPDATE", 500)[0].need("Retry-After")) < 10


def test_the_peer_has_lost_the_dialog() -> None:
    pair = Pair().talk()
    pair.b.ua.endpoint.sessions.clear()
    offering(pair.a)
    pair.link.run(1)
    assert pair.a.owner.told[-2:] == [("reanswered", 481), *ended("stale", 481)]
    assert pair.sent("alice", "BYE") == 1


def test_a_reinvite_that_overtakes_the_ack_is_tried_again() -> None:
    pair = Pair()
    pair.lose("alice", "ACK")
    pair.b.ring = lambda session, now, out: session.answer(SDP, now, out)
    pair.a.call(pair.b)
    pair.link.run(0.05)
    pair.b.owner.on["offered"] = accept_offers
    offering(pair.a)
    pair.link.run(10)
    assert pair.sent("bob", "INVITE", 491) == 1
    assert pair.b.owner.told == [("established",), ("offered", "INVITE")]
    assert pair.a.owner.told == [("answered",), ("reanswered", 200)]


def test_a_late_offer_in_a_reinvite() -> None:
    """Without a body the 2xx offers; the ACK with the answer is told as one."""
    pair = Pair().talk()
    pair.b.owner.on["offered"] = accept_offers
    pair.a.session.reoffer.send(b"", pair.link.now, [])
    outgoing = pair.a.session.reoffer.outgoing
    assert outgoing is not None
    flow = pair.b.host.flow_to(pair.a.host)
    pair.link.inject(outgoing.client.data, flow)
    dialog = pair.a.session.dialog
    via = "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKack"
    pair.link.inject(dialog.request("ACK", outgoing.cseq, via, body=SDP), flow)
    assert pair.b.owner.told[-2:] == [("offered", "INVITE"), ("reanswered", 200)]
    assert pair.b.owner.messages[-1].body == SDP  # type: ignore[union-attr]
