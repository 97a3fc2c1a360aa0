"""Reliable provisional responses and PRACK (RFC 3262) in both roles, with offers in every place."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.sip.message import Message
from softswitch.sip.session import Session
from softswitch.sip.useragent import SipSettings
from tests.sip.peers import SDP, Owner, Pair, Phone, accept_offers, ended, only_ring, stay_silent
from tests.sip.test_useragent import Bench, text_of

EARLY_SDP = SDP.replace(b"1 1", b"7 7")
REQUIRE = "Require: 100rel\r\n"


def ring_reliably(session: Session, now: float, out: list[Any]) -> None:
    session.progress(183, now, out, sdp=EARLY_SDP, reliable=True)


def ringing(seed: int = 1, **details: Any) -> Pair:
    pair = Pair(seed)
    pair.b.ring = ring_reliably
    pair.a.call(pair.b, **details)
    pair.link.run(0.1)
    return pair


def answer(pair: Pair, sdp: bytes = SDP) -> None:
    pair.b.do(lambda out: pair.b.session.answer(sdp, pair.link.now, out))


def test_a_reliable_response_and_its_prack() -> None:
    pair = ringing()
    (progress,) = pair.link.sent("bob", "INVITE", 183)
    (prack,) = pair.link.sent("alice", "PRACK")
    assert progress.contains("Require", "100rel")
    assert prack.need("RAck") == f"{progress.need('RSeq')} 1 INVITE"
    assert pair.sent("bob", "PRACK", 200) == 1
    assert pair.a.owner.told == [("progress", 183)]
    assert (pair.a.session.exchange, pair.b.session.exchange) == ("done", "done")
    answer(pair)
    pair.link.run(1)
    assert [message.body for message in pair.link.sent("bob", "INVITE", 200)] == [b""]
    assert pair.a.owner.told[-1] == ("answered",)
    assert pair.a.owner.messages[-1].body == EARLY_SDP  # type: ignore[union-attr]
    pair.a.hang_up()
    pair.all_over()


def test_what_is_asked_for_only_goes_out_reliably_to_those_who_can() -> None:
    pair = Pair()
    pair.a = Phone(pair.link, "carol", SipSettings(supported=(), contact_user="carol"))
    pair.b.ring = ring_reliably
    pair.a.call(pair.b)
    pair.link.run(1)
    (progress,) = pair.link.sent("bob", "INVITE", 183)
    assert progress.get("RSeq") is None and progress.body == EARLY_SDP
    assert pair.b.session.can_prack is False


def test_who_requires_it_gets_nothing_else() -> None:
    pair = Pair()
    pair.b.ring = only_ring
    pair.a.call(pair.b, headers=REQUIRE)
    pair.link.run(1)
    assert (pair.sent("bob", "INVITE", 180), pair.sent("alice", "PRACK")) == (1, 1)
    bench = Bench(SipSettings(supported=()))
    assert bench.statuses(text_of("INVITE", Require="100rel")) == [420]


def test_it_is_repeated_until_its_prack_comes() -> None:
    pair = Pair()
    pair.b.ring = ring_reliably
    pair.lose("alice", "PRACK", times=3)
    pair.a.call(pair.b)
    pair.link.run(10)
    times = [when for when, sender, message in pair.link.log if sender == "bob" and message.status == 183]
    assert [round(when - times[0], 3) for when in times] == [0.0, 0.5, 1.5, 3.5]
    assert pair.a.owner.told == [("progress", 183)]


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_no_prack_ever(transport: str) -> None:
    pair = Pair()
    pair.b.ring = ring_reliably
    pair.lose("alice", "PRACK", times=1000)
    pair.a.call(pair.b, transport=transport)
    pair.link.run(34)
    assert pair.b.owner.told == ended("no_ack", 504)
    assert pair.a.owner.endings == ended("rejected", 504)
    pair.all_over()


def test_responses_and_the_answer_wait_for_the_one_before() -> None:
    pair = Pair()

    def ring(session: Session, now: float, out: list[Any]) -> None:
        session.progress(180, now, out, reliable=True)
        for _ in range(20):
            session.progress(183, now, out, sdp=EARLY_SDP, reliable=True)
        session.answer(SDP, now, out)

    pair.b.ring = ring
    pair.lose("alice", "PRACK", times=1)
    pair.a.call(pair.b)
    pair.link.run(1)
    order = [m.status for _, s, m in pair.link.log if s == "bob" and m.method == "INVITE"]
    assert order[:3] == [100, 180, 200], "the 180 has no description: nothing has to wait for its PRACK"
    pair = Pair()
    pair.b.ring = lambda session, now, out: (
        session.progress(183, now, out, sdp=EARLY_SDP, reliable=True),
        session.progress(180, now, out, reliable=True),
        session.answer(SDP, now, out),
    )
    pair.a.call(pair.b)
    pair.link.run(1)
    order = [m.status for _, s, m in pair.link.log if s == "bob" and m.method == "INVITE"]
    assert order == [100, 183, 180, 200]
    pair.a.hang_up()
    pair.all_over()


def test_no_more_than_a_few_responses_wait() -> None:
    pair = Pair()
    pair.b.ring = lambda session, now, out: [
        session.progress(180, now, out, reliable=True) for _ in range(50)
    ]
    pair.lose("alice", "PRACK", times=1)
    pair.a.call(pair.b)
    pair.link.run(20)
    assert len({m.need("RSeq") for m in pair.link.sent("bob", "INVITE", 180)}) == 9


def test_an_answer_that_waits_is_overtaken_by_hanging_up() -> None:
    pair = Pair()
    pair.b.ring = lambda session, now, out: (ring_reliably(session, now, out), session.answer(SDP, now, out))
    pair.lose("alice", "PRACK", times=1000)
    pair.a.call(pair.b)
    pair.link.run(0.1)
    pair.b.hang_up()
    pair.link.run(1)
    assert pair.a.owner.endings == ended("rejected", 603)
    assert pair.sent("bob", "INVITE", 200) == 0
    pair.all_over()


def test_an_offer_in_a_reliable_response_is_answered_in_the_prack() -> None:
    pair = ringing(sdp="")
    assert pair.a.owner.told == [("progress", 183)]
    assert pair.sent("alice", "PRACK") == 0
    answer(pair)
    pair.a.do(lambda out: pair.a.session.acknowledge(SDP, pair.link.now, out))
    pair.link.run(1)
    (prack,) = pair.link.sent("alice", "PRACK")
    assert prack.body == SDP
    assert pair.b.owner.told == [("prack",), ("established",)]
    assert pair.b.owner.messages[0].body == SDP  # type: ignore[union-attr]
    assert pair.a.session.state == "up"
    assert [message.body for message in pair.link.sent("alice", "ACK")] == [b""]


def test_an_offer_never_goes_out_unreliably() -> None:
    pair = Pair()
    pair.b.ring = lambda session, now, out: session.progress(183, now, out, sdp=EARLY_SDP)
    pair.a.call(pair.b, sdp="")
    pair.link.run(1)
    assert [message.body for message in pair.link.sent("bob", "INVITE", 183)] == [b""]


def in_early_dialog(pair: Pair, method: str, number: int, body: bytes = b"", headers: str = "") -> Message:
    """Send Bob a request of Alice's making; returns his response."""
    dialog = pair.a.session.dialog
    via = f"SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKown{number}"
    data = dialog.request(method, number, via, headers, body)
    pair.link.inject(data, pair.b.host.flow_to(pair.a.host))
    return [m for _, s, m in pair.link.log if s == "bob"][-1]


def hand_made() -> Pair:
    pair = Pair()
    pair.b.ring = ring_reliably
    pair.link.drop = lambda sender, message: message.method == "PRACK"
    pair.a.call(pair.b)
    pair.link.run(0.05)
    return pair


def test_an_offer_in_a_prack_is_answered_in_its_200() -> None:
    pair = hand_made()
    rseq = pair.link.sent("bob", "INVITE", 183)[0].need("RSeq")
    pair.b.owner.on["offered"] = accept_offers
    response = in_early_dialog(pair, "PRACK", 5, SDP, f"RAck: {rseq} 1 INVITE\r\n")
    assert (response.method, response.status, response.body) == ("PRACK", 200, SDP)
    assert pair.b.owner.told == [("offered", "PRACK")]


@pytest.mark.parametrize(
    "rack", ["", "x", "1 1", "1 1 INVITE", "-1 1 INVITE", "99999999999 1 INVITE", "{} 2 INVITE", "{} 1 BYE"]
)
def test_a_prack_for_nothing(rack: str) -> None:
    pair = hand_made()
    rseq = pair.link.sent("bob", "INVITE", 183)[0].need("RSeq")
    header = f"RAck: {rack.format(rseq)}\r\n" if rack else ""
    assert in_early_dialog(pair, "PRACK", 5, b"", header).status == 481
    assert in_early_dialog(pair, "PRACK", 6, b"", f"RAck: {rseq} 1 INVITE\r\n").status == 200
    assert in_early_dialog(pair, "PRACK", 7, b"", f"RAck: {rseq} 1 INVITE\r\n").status == 481


def test_a_prack_without_any_reliable_response() -> None:
    pair = Pair().talk()
    assert in_early_dialog(pair, "PRACK", 5, b"", "RAck: 1 1 INVITE\r\n").status == 481


def provisional(pair: Pair, rseq: str, tag: str = "bob", body: bytes = b"") -> None:
    (invite,) = pair.link.sent("alice", "INVITE")
    text = (
        f"SIP/2.0 183 X\r\nVia: {invite.need('Via')}\r\nFrom: {invite.need('From')}\r\n"
        f"To: {invite.need('To')};tag={tag}\r\nCall-ID: {invite.sip_call_id}\r\nCSeq: 1 INVITE\r\n"
        f"Require: 100rel\r\nRSeq: {rseq}\r\nContact: <sip:bob@192.0.2.2>\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    pair.link.inject(text.encode() + body, pair.a.host.flow_to(pair.b.host))


@pytest.mark.parametrize("rseq", ["0", "x", "-4", "99999999999", ""])
def test_a_response_with_a_useless_number_is_dropped(rseq: str) -> None:
    pair = Pair()
    pair.b.ring = stay_silent
    pair.a.call(pair.b)
    provisional(pair, rseq)
    assert pair.sent("alice", "PRACK") == 0
    assert pair.a.owner.told == []


def test_each_is_acknowledged_once_and_in_order() -> None:
    pair = Pair()
    pair.link.drop = lambda sender, message: sender == "bob" and message.method == "INVITE"
    pair.b.ring = stay_silent
    pair.a.call(pair.b)
    for rseq in ("7", "7", "9", "8", "9", "8"):
        provisional(pair, rseq)
        pair.link.run(0.1)
    racks = [message.need("RAck").split()[0] for message in pair.link.sent("alice", "PRACK")]
    assert racks == ["7", "8", "9"]
    for n in range(40):
        provisional(pair, "5", tag=f"fork{n}")
        pair.link.run(0.1)
    assert len({m.need("RAck") + m.to_tag for m in pair.link.sent("alice", "PRACK")}) == 18


def test_a_long_ring_is_said_again_with_the_next_number() -> None:
    pair = Pair()
    pair.b.ring = lambda session, now, out: session.progress(180, now, out, reliable=True)
    pair.a.call(pair.b)
    pair.link.run(130)
    numbers = [int(message.need("RSeq")) for message in pair.link.sent("bob", "INVITE", 180)]
    assert numbers == [numbers[0], numbers[0] + 1, numbers[0] + 2]
    pair.a.hang_up()
    pair.all_over()


def test_owners_that_do_not_listen_have_the_default() -> None:
    class Deaf(Owner):
        session_prack = None  # type: ignore[assignment]

    pair = Pair()
    pair.b.new_owner = Deaf
    pair.b.ring = ring_reliably
    pair.a.call(pair.b, sdp="")
    pair.a.owner.on["progress"] = lambda session, now, out: session.acknowledge(SDP, now, out)
    pair.link.run(1)
    assert pair.sent("bob", "PRACK", 200) == 1


@pytest.mark.parametrize("seed", range(60))
def test_over_a_bad_link(seed: int) -> None:
    """With an early answer, and with an early offer; each response is heard once, and the call comes up."""
    pair = Pair(seed, loss=0.2, duplicates=0.1, reorder=0.2)
    pair.b.ring = lambda session, now, out: (
        session.progress(183, now, out, sdp=EARLY_SDP, reliable=True),
        session.progress(180, now, out, reliable=True),
        session.answer(SDP, now, out),
    )
    late = seed % 2 == 0
    pair.a.call(pair.b, sdp="" if late else SDP)
    if late:
        pair.a.owner.on["progress"] = lambda session, now, out: (
            session.acknowledge(SDP, now, out) if session.exchange == "theirs" else None
        )
    pair.link.run(60)
    assert pair.a.owner.told.count(("progress", 183)) <= 1
    if pair.b.owner.endings == []:
        assert pair.a.owner.told.count(("answered",)) == 1
        assert pair.b.owner.told == [("prack",), ("established",)] if late else [("established",)]
        pair.a.hang_up()
    pair.all_over()
