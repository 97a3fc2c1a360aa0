"""UPDATE (RFC 3311) in both directions, before and after the answer, and every glare."""

from __future__ import annotations

from itertools import product

import pytest

from softswitch.sip.states import OFFER_MEETS
from softswitch.sip.useragent import SipSettings
from tests.sip.peers import SDP, Pair, Phone, accept_offers, ended, offering
from tests.sip.test_reliable import EARLY_SDP, ringing

CHANGED = SDP.replace(b"1 1", b"9 9")


def update(pair: Pair, phone: Phone, sdp: bytes = CHANGED) -> bool:
    sent: bool = phone.do(lambda out: phone.session.update(sdp, pair.link.now, out))
    return sent


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_once_it_is_up(who: str) -> None:
    pair = Pair().talk()
    first, second = (pair.a, pair.b) if who == "alice" else (pair.b, pair.a)
    second.owner.on["offered"] = accept_offers
    assert update(pair, first)
    pair.link.run(1)
    assert second.owner.told[-1] == ("offered", "UPDATE")
    assert first.owner.told[-1] == ("reanswered", 200)
    assert pair.sent("alice", "ACK") == 1, "an UPDATE has no ACK"
    first.hang_up()
    pair.all_over()


@pytest.mark.parametrize("who", ["alice", "bob"])
def test_before_the_answer(who: str) -> None:
    pair = ringing()
    first, second = (pair.a, pair.b) if who == "alice" else (pair.b, pair.a)
    second.owner.on["offered"] = accept_offers
    assert update(pair, first)
    pair.link.run(1)
    assert first.owner.told[-1] == ("reanswered", 200)
    pair.b.do(lambda out: pair.b.session.answer(SDP, pair.link.now, out))
    pair.link.run(1)
    assert pair.a.session.state == pair.b.session.state == "up"
    # What the caller takes for the answer is what the callee described last.
    assert pair.a.owner.messages[-1].body == (SDP if who == "alice" else CHANGED)  # type: ignore[union-attr]
    pair.a.hang_up()
    pair.all_over()


def test_too_early() -> None:
    """Without a reliable answer there is nothing to change yet."""
    pair = Pair()
    pair.b.ring = lambda session, now, out: session.progress(183, now, out, sdp=EARLY_SDP)
    pair.a.call(pair.b)
    assert not update(pair, pair.a)
    pair.link.run(1)
    assert not update(pair, pair.a) and not update(pair, pair.b)
    pair.a.hang_up()
    pair.link.run(1)
    assert not update(pair, pair.a)
    assert pair.sent("alice", "UPDATE") == 0


def test_a_peer_without_update_has_a_reinvite() -> None:
    pair = Pair()
    pair.b = Phone(
        pair.link, "carol", SipSettings(methods=("INVITE", "ACK", "BYE", "CANCEL"), contact_user="c")
    )
    pair.a.call(pair.b)
    pair.link.run(1)
    pair.b.owner.on["offered"] = accept_offers
    update(pair, pair.a)
    pair.link.run(1)
    assert pair.b.owner.told[-1] == ("offered", "INVITE")


def test_the_early_answer_waits_for_the_prack_of_its_response() -> None:
    pair = ringing()
    pair.b.do(lambda out: pair.b.session.progress(180, pair.link.now, out, reliable=True))
    update(pair, pair.b)
    assert pair.sent("bob", "UPDATE") == 0
    pair.a.owner.on["offered"] = accept_offers
    pair.link.run(1)
    assert pair.b.owner.told[-1] == ("reanswered", 200)


@pytest.mark.parametrize(("mine", "yours"), list(product(["UPDATE", "INVITE"], repeat=2)))
@pytest.mark.parametrize("seed", range(5))
def test_glare(mine: str, yours: str, seed: int) -> None:
    pair = Pair(seed, delay_s=0.1).talk()
    for phone, method in ((pair.a, mine), (pair.b, yours)):
        phone.owner.on["offered"] = accept_offers
        if method == "UPDATE":
            update(pair, phone)
        else:
            offering(phone)
    pair.link.run(0.3)
    assert (pair.sent("alice", yours, 491), pair.sent("bob", mine, 491)) == (1, 1)
    pair.link.run(20)
    for phone in (pair.a, pair.b):
        assert phone.owner.told.count(("reanswered", 200)) == 1
        assert phone.owner.endings == []


def test_a_second_offer_of_the_same_side_has_500_and_is_made_again() -> None:
    pair = Pair().talk()
    offering(pair.a)
    pair.link.run(1)
    pair.a.session.reoffer.outgoing = None
    update(pair, pair.a)
    pair.link.run(0.1)
    (refused,) = pair.link.sent("bob", "UPDATE", 500)
    assert 0 <= int(refused.need("Retry-After")) < 10
    pair.b.do(lambda out: pair.b.session.accept(SDP, pair.link.now, out))
    pair.b.owner.on["offered"] = accept_offers
    pair.link.run(20)
    assert pair.b.owner.told.count(("offered", "UPDATE")) == 1
    assert pair.a.owner.told[-1] == ("reanswered", 200)


def test_a_peer_that_never_has_time() -> None:
    pair = Pair().talk()
    pair.b.owner.on["offered"] = lambda session, now, out: session.refuse(491, now, out)
    update(pair, pair.a)
    pair.link.run(60)
    assert pair.a.owner.told[-1] == ("reanswered", 491)
    assert pair.sent("alice", "UPDATE") == 9


def test_refusal_and_a_lost_dialog() -> None:
    pair = Pair().talk()
    pair.b.owner.on["offered"] = lambda session, now, out: session.refuse(488, now, out)
    update(pair, pair.a)
    pair.link.run(1)
    assert pair.a.owner.told[-1] == ("reanswered", 488)
    pair.b.ua.endpoint.sessions.clear()
    update(pair, pair.a)
    pair.link.run(1)
    assert pair.a.owner.endings == ended("stale", 481)


def test_an_early_update_that_fails_leaves_the_call_ringing() -> None:
    pair = ringing()
    pair.lose("alice", "UPDATE", times=1000)
    update(pair, pair.a)
    pair.link.run(40)
    assert pair.a.owner.told[-1] == ("reanswered", 408)
    assert (pair.a.session.state, pair.b.session.state) == ("early", "incoming")


@pytest.mark.parametrize("reverse", [False, True])
def test_update_and_answer_cross(reverse: bool) -> None:
    pair = ringing()
    pair.link.delay_s = 0.1
    first, second = (pair.b, pair.a) if reverse else (pair.a, pair.b)
    second.owner.on["offered"] = accept_offers
    update(pair, first)
    pair.b.do(lambda out: pair.b.session.answer(SDP, pair.link.now, out))
    pair.link.run(5)
    assert pair.a.session.state == pair.b.session.state == "up"
    assert ("reanswered", 200) in first.owner.told
    pair.a.hang_up()
    pair.all_over()


def test_the_table_says_what_every_offer_meets() -> None:
    situations = {situation for situation, _ in OFFER_MEETS}
    assert {(s, m) for s in situations for m in ("INVITE", "UPDATE", "PRACK")} == set(OFFER_MEETS)
    assert situations == {"free", "ours", "theirs", "unacknowledged", "unanswered"}


@pytest.mark.parametrize("seed", range(40))
def test_over_a_bad_link(seed: int) -> None:
    """Both ends change the session, while it rings and when it is up; both succeed in the end."""
    pair = Pair(seed, loss=0.15, duplicates=0.1, reorder=0.2)
    pair.b.ring = lambda session, now, out: session.progress(183, now, out, sdp=EARLY_SDP, reliable=True)
    pair.a.call(pair.b)
    pair.link.run(20)
    for phone in (pair.a, pair.b):
        phone.owner.on["offered"] = accept_offers
        update(pair, phone)
    pair.link.run(30)
    pair.b.do(lambda out: pair.b.session.answer(SDP, pair.link.now, out))
    pair.link.run(30)
    for phone in (pair.a, pair.b):
        update(pair, phone)
    pair.link.run(60)
    assert pair.a.session.state == pair.b.session.state
    if pair.a.session.state == "up":
        for phone in (pair.a, pair.b):
            assert phone.owner.told.count(("reanswered", 200)) == 2
    pair.a.hang_up()
    pair.all_over()
