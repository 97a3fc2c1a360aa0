"""REFER in a dialog in both roles, its subscription, and INVITE with Replaces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from softswitch.sip.message import Message, parse
from softswitch.sip.refer import Referral, SentReferral
from softswitch.sip.replacing import REPLACEABLE
from softswitch.sip.session import Session
from softswitch.sip.states import SESSION
from softswitch.sip.values import Replaces
from tests.sip.peers import SDP, Owner, Pair, ended, only_ring, stay_silent
from tests.sip.test_useragent import text_of

TARGET = "<sip:carol@example.com>"
Decide = Callable[[Referral, float, list[Any]], Any]


class Transferee(Owner):
    """Notes the transfers it is asked for, and what it hears of those it has asked for."""

    decide: Decide = staticmethod(lambda referral, now, out: referral.accept(now, out))
    takes = True

    def __init__(self) -> None:
        super().__init__()
        self.referrals: list[Referral] = []

    def session_referred(self, session: Session, referral: Referral, now: float, out: list[Any]) -> bool:
        self.referrals.append(referral)
        if self.takes:
            self.decide(referral, now, out)
        return self.takes

    def session_refer_answered(
        self,
        session: Session,
        referral: SentReferral,
        status: int,
        message: Message | None,
        now: float,
        out: list[Any],
    ) -> None:
        self.told.append(("refer", status))

    def session_refer_notified(
        self, session: Session, referral: SentReferral, status: int, now: float, out: list[Any]
    ) -> None:
        self.told.append(("notify", status, referral.state))


def talking(seed: int = 1, decide: Decide | None = None, **link: Any) -> Pair:
    pair = Pair(seed, **link)
    pair.a.new_owner = pair.b.new_owner = Transferee
    pair.a.call(pair.b)
    pair.link.run(1 if not link.get("loss") else 40)
    if decide is not None:
        pair.b.owner.decide = decide  # type: ignore[attr-defined]
    return pair


def refer(pair: Pair, target: str = TARGET, **details: Any) -> SentReferral | None:
    sent: SentReferral | None = pair.a.do(
        lambda out: pair.a.session.refer(target, pair.link.now, out, **details)
    )
    pair.link.run(0.5)
    return sent


def heard(pair: Pair) -> list[Any]:
    return [each for each in pair.a.owner.told if each[0] in ("refer", "notify")]


def report(pair: Pair, what: str, *arguments: Any) -> None:
    referral = pair.b.owner.referrals[0]  # type: ignore[attr-defined]
    pair.b.do(lambda out: getattr(referral, what)(*arguments, pair.link.now, out))
    pair.link.run(0.5)


def left(pair: Pair) -> int:
    return len(pair.a.ua.endpoint.referrals) + len(pair.b.ua.endpoint.referrals)


def test_a_transfer_and_its_reports() -> None:
    pair = talking()
    sent = refer(pair, referred_by="<sip:alice@example.com>")
    assert sent is not None
    for what, status in (
        ("progress", 180),
        ("progress", 180),
        ("progress", 183),
        ("finish", 200),
        ("finish", 486),
    ):
        report(pair, what, status)
    assert heard(pair) == [
        ("refer", 202),
        ("notify", 100, "active"),
        ("notify", 180, "active"),
        ("notify", 183, "active"),
        ("notify", 200, "over"),
    ]
    referral = pair.b.owner.referrals[0]  # type: ignore[attr-defined]
    assert str(referral.refer_to) == TARGET
    assert str(referral.referred_by) == "<sip:alice@example.com>"
    first, *_, last = pair.link.sent("bob", "NOTIFY")
    assert (first.need("Event"), first.body) == ("refer", b"SIP/2.0 100 Trying\r\n")
    assert first.need("Subscription-State").startswith("active;expires=")
    assert last.need("Subscription-State") == "terminated;reason=noresource"
    assert last.need("Content-Type").startswith("message/sipfrag")
    assert left(pair) == 0
    pair.a.hang_up()
    pair.all_over()


REPORTS = {
    "accept": (),
    "refuse": (603,),
    "progress": (180,),
    "finish": (200,),
}
WAYS: dict[str, tuple[str, ...]] = {
    "pending": (),
    "active": ("accept",),
    "over": ("accept", "finish"),
    "refused": ("refuse",),
}
# (state, what its owner does) -> what the other side hears then. What is not listed changes nothing.
EXPECTED: dict[tuple[str, str], list[Any]] = {
    ("pending", "accept"): [("refer", 202), ("notify", 100, "active")],
    ("pending", "refuse"): [("refer", 603)],
    ("active", "progress"): [("notify", 180, "active")],
    ("active", "finish"): [("notify", 200, "over")],
}


@pytest.mark.parametrize("state", WAYS)
@pytest.mark.parametrize("given", REPORTS)
def test_every_state_of_a_transfer_with_every_report(state: str, given: str) -> None:
    pair = talking(decide=lambda referral, now, out: None)
    refer(pair)
    for each in WAYS[state]:
        report(pair, each, *REPORTS[each])
    before = len(heard(pair))
    report(pair, given, *REPORTS[given])
    assert heard(pair)[before:] == EXPECTED.get((state, given), [])
    if (state, given) == ("pending", "refuse") or state in ("over", "refused"):
        assert left(pair) == 0


def test_an_active_transfer_runs_out() -> None:
    pair = talking()
    refer(pair)
    before = len(heard(pair))
    report(pair, "expire")
    assert heard(pair)[before:] == [("notify", 100, "over")]
    assert left(pair) == 0


def test_reports_go_on_after_the_session() -> None:
    pair = talking()
    refer(pair)
    pair.a.hang_up()
    pair.link.run(1)
    report(pair, "finish", 200)
    assert heard(pair)[-1] == ("notify", 200, "over")
    assert left(pair) == 0
    pair.all_over()


def test_the_last_report_leaves_before_the_bye_however_late_the_answer_to_the_one_before() -> None:
    pair = talking()
    refer(pair)
    referral = pair.b.owner.referrals[0]  # type: ignore[attr-defined]

    def all_at_once(out: Any) -> None:
        referral.progress(180, pair.link.now, out)
        referral.finish(200, pair.link.now, out)
        pair.b.session.hang_up(pair.link.now, out)

    pair.b.do(all_at_once)
    pair.link.run(1)
    assert heard(pair)[-2:] == [("notify", 180, "active"), ("notify", 200, "over")]
    assert left(pair) == 0
    pair.all_over()


def test_refused_and_answered_later() -> None:
    pair = talking(decide=lambda referral, now, out: referral.refuse(603, now, out))
    refer(pair)
    assert heard(pair) == [("refer", 603)]
    pair = talking(decide=lambda referral, now, out: None)
    refer(pair)
    assert heard(pair) == []
    report(pair, "accept")
    report(pair, "accept")
    assert sorted(heard(pair)) == [("notify", 100, "active"), ("refer", 202)]
    assert pair.sent("bob", "NOTIFY") == 1


def test_a_session_that_ends_first() -> None:
    pair = talking(decide=lambda referral, now, out: None)
    refer(pair)
    pair.b.hang_up()
    pair.link.run(1)
    assert pair.sent("bob", "REFER", 481) >= 1
    report(pair, "accept")
    assert left(pair) == 0
    pair.all_over()


def test_an_owner_that_does_not_take_it() -> None:
    pair = talking()
    pair.b.owner.takes = False  # type: ignore[attr-defined]
    refer(pair)
    assert heard(pair) == [("refer", 501)]
    assert pair.b.owner.told[-1] == ("request", "REFER")
    assert left(pair) == 0


def test_without_a_subscription() -> None:
    pair = talking()
    sent = refer(pair, subscribe=False)
    assert sent is not None and sent.state == "over"
    assert heard(pair) == [("refer", 202)]
    assert pair.link.sent("bob", "REFER", 202)[0].need("Refer-Sub") == "false"
    assert (pair.sent("bob", "NOTIFY"), left(pair)) == (0, 0)


def test_nobody_reports_for_too_long() -> None:
    pair = talking()
    refer(pair)
    pair.link.run(200)
    assert pair.link.sent("bob", "NOTIFY")[-1].need("Subscription-State") == "terminated;reason=timeout"
    assert left(pair) == 0
    pair = talking()
    pair.lose("bob", "NOTIFY", times=10_000)
    refer(pair)
    pair.link.run(60)
    assert heard(pair)[-1] == ("notify", 408, "over")
    assert left(pair) == 0


def test_too_many_at_once() -> None:
    pair = talking()
    for _ in range(6):
        refer(pair)
    assert [each for each in heard(pair) if each[0] == "refer"] == [("refer", 202)] * 4 + [("refer", 500)] * 2
    assert pair.link.sent("bob", "REFER", 500)[0].get("Retry-After") is not None
    events = {message.need("Event") for message in pair.link.sent("bob", "NOTIFY")}
    assert len(events) == 4 and "refer" in events


def test_not_before_it_is_up() -> None:
    pair = Pair()
    pair.a.new_owner = pair.b.new_owner = Transferee
    pair.b.ring = only_ring
    pair.a.call(pair.b)
    pair.link.run(1)
    assert refer(pair) is None
    pair.a.do(
        lambda out: pair.a.session.request("REFER", pair.link.now, out, headers=f"Refer-To: {TARGET}\r\n")
    )
    pair.link.run(1)
    assert pair.sent("bob", "REFER", 491) == 1


@pytest.mark.parametrize(
    "lines",
    [
        "",
        "Refer-To: \r\n",
        "Refer-To: nobody\r\n",
        "Refer-To: <sip:a@h>, <sip:b@h>\r\n",
        "Refer-To: <sip:a@h?Replaces=x>\r\n",
        "Refer-To: <sip:a@h>\r\nReferred-By: nobody\r\n",
        "Refer-To: <sip:a%0d%0ab@h>\r\n",
    ],
)
def test_bad_refers(lines: str) -> None:
    pair = talking()
    pair.a.do(lambda out: pair.a.session.request("REFER", pair.link.now, out, headers=lines))
    pair.link.run(1)
    assert pair.sent("bob", "REFER", 400) == 1
    assert left(pair) == 0


def bob_sends(pair: Pair, method: str, headers: str, body: bytes = b"") -> list[int]:
    statuses: list[int] = []
    pair.b.do(
        lambda out: pair.b.session.request(
            method,
            pair.link.now,
            out,
            headers=headers,
            body=body,
            content_type="message/sipfrag",
            on_final=lambda status, *rest: statuses.append(status),
        )
    )
    pair.link.run(1)
    return statuses


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ("Event: refer\r\nSubscription-State: active\r\n", b"SIP/2.0 180 Ringing", 200),
        ("Event: refer\r\nSubscription-State: active\r\n", b"SIP/2.0 180", 200),
        ("Event: refer\r\nSubscription-State: active\r\n", b"", 200),
        ("Event: refer\r\n", b"SIP/2.0 180 Ringing", 400),
        ("Event: refer\r\nSubscription-State: a b\r\n", b"SIP/2.0 180 Ringing", 400),
        ("Event: refer\r\nSubscription-State: active\r\n", b"SIP/2.0 999 Ringing", 400),
        ("Event: refer\r\nSubscription-State: active\r\n", b"hello", 400),
        ("Event: refer;id=77\r\nSubscription-State: active\r\n", b"SIP/2.0 180 Ringing", 501),
        ("Event: x y\r\nSubscription-State: active\r\n", b"", 400),
        ("Subscription-State: active\r\n", b"", 501),
    ],
)
def test_notifies_of_all_kinds(headers: str, body: bytes, status: int) -> None:
    pair = talking(decide=lambda referral, now, out: None)
    refer(pair)
    assert bob_sends(pair, "NOTIFY", headers, body) == [status]


@pytest.mark.parametrize(
    ("expires", "status", "state"), [("60", 200, "active"), ("0", 200, "terminated"), ("x", 400, "")]
)
def test_the_subscription_is_prolonged_or_given_up(expires: str, status: int, state: str) -> None:
    pair = talking()
    refer(pair)
    before = pair.sent("bob", "NOTIFY")
    headers = f"Event: refer\r\nExpires: {expires}\r\n"
    pair.a.do(lambda out: pair.a.session.request("SUBSCRIBE", pair.link.now, out, headers=headers))
    pair.link.run(1)
    assert pair.sent("bob", "SUBSCRIBE", status) == 1
    states = [message.need("Subscription-State") for message in pair.link.sent("bob", "NOTIFY")[before:]]
    assert [each.partition(";")[0] for each in states] == ([state] if state else [])


def test_after_everything_the_dialog_is_unknown() -> None:
    pair = talking()
    refer(pair)
    pair.a.hang_up()
    pair.link.run(1)
    dialog = pair.b.session.dialog
    flow = pair.a.host.flow_to(pair.b.host)
    for number, status in ((1, 500), (5000, 481)):
        via = f"SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bKx{number}"
        pair.link.inject(dialog.request("INFO", number, via), flow)
        assert pair.sent("alice", "INFO", status) == 1


@pytest.mark.parametrize("seed", range(60))
def test_over_a_bad_link(seed: int) -> None:
    pair = talking(seed, loss=0.2, duplicates=0.1, reorder=0.2)
    refer(pair)
    pair.link.run(20)
    if pair.b.owner.referrals:  # type: ignore[attr-defined]
        for what, status in (("progress", 180), ("progress", 183), ("finish", 200)):
            report(pair, what, status)
    pair.link.run(250)
    statuses = [status for kind, status, *_ in heard(pair) if kind == "notify"]
    assert statuses == sorted(statuses)
    assert heard(pair).count(("notify", 200, "over")) <= 1
    assert left(pair) == 0
    pair.a.hang_up()
    pair.all_over()


# Replaces


def invite_replacing(replaces: str, *more: str) -> Message:
    text = text_of("INVITE", Replaces=replaces) if replaces else text_of("INVITE")
    text = text.replace("\n\n", "\n" + "".join(f"{line}\n" for line in more) + "\n")
    return parse(text.replace("\n", "\r\n").encode())


def named(session: Session, flag: str = "") -> str:
    dialog = session.dialog
    return str(Replaces(dialog.sip_call_id, dialog.local_tag, dialog.remote_tag)) + flag


def test_a_session_that_is_up_is_found() -> None:
    pair = Pair().talk()
    for phone in (pair.a, pair.b):
        assert phone.ua.session_to_replace(invite_replacing(named(phone.session))) == (phone.session, 0)
        assert phone.ua.session_to_replace(invite_replacing(named(phone.session, ";early-only"))) == (
            None,
            486,
        )
        assert phone.ua.find_session(Replaces.parse(named(phone.session))) is phone.session


def test_only_the_caller_of_an_early_dialog_may_have_it_replaced() -> None:
    pair = Pair()
    pair.b.ring = only_ring
    pair.a.call(pair.b)
    pair.link.run(1)
    for flag in ("", ";early-only"):
        assert pair.a.ua.session_to_replace(invite_replacing(named(pair.a.session, flag))) == (
            pair.a.session,
            0,
        )
        assert pair.b.ua.session_to_replace(invite_replacing(named(pair.b.session, flag))) == (None, 481)


def test_no_replaces_and_unknown_ones() -> None:
    pair = Pair().talk()
    ua, session = pair.a.ua, pair.a.session
    assert ua.session_to_replace(invite_replacing("")) == (None, 0)
    assert ua.session_to_replace(invite_replacing("x;to-tag=1;from-tag=2")) == (None, 481)
    wrong = str(Replaces(session.dialog.sip_call_id, session.dialog.local_tag, "guess"))
    assert ua.session_to_replace(invite_replacing(wrong)) == (None, 481)
    pair.a.hang_up()
    assert ua.session_to_replace(invite_replacing(named(session))) == (None, 481)


@pytest.mark.parametrize("more", [("Join: x;to-tag=1;from-tag=2",), ()])
def test_bad_replaces(more: tuple[str, ...]) -> None:
    pair = Pair()
    with pytest.raises(ValueError, match="400"):
        pair.a.ua.session_to_replace(invite_replacing("x;to-tag=1;from-tag=2" if more else "x", *more))


def test_every_state_has_its_rule() -> None:
    assert set(REPLACEABLE) == set(SESSION.states)


def test_a_silent_callee_cannot_be_replaced() -> None:
    pair = Pair()
    pair.b.ring = stay_silent
    pair.a.call(pair.b)
    pair.link.run(1)
    assert pair.b.ua.session_to_replace(invite_replacing(named(pair.b.session))) == (None, 481)
    pair.b.do(lambda out: pair.b.session.answer(SDP, pair.link.now, out))
    assert pair.b.ua.session_to_replace(invite_replacing(named(pair.b.session))) == (pair.b.session, 0)
    pair.a.hang_up()
    pair.link.run(1)
    assert pair.b.owner.endings in ([], ended("remote_bye"))
