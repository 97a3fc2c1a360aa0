"""Session timers (RFC 4028): who refreshes, how, 422, and the end of a session that nobody refreshes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from softswitch.sip.message import Message
from softswitch.sip.timers import Deadlines, Timed, Wheel
from softswitch.sip.useragent import SipSettings
from tests.sip.lossy_link import LossyLink
from tests.sip.peers import SDP, Owner, Pair, Phone, accept_offers, ended
from tests.sip.test_session_restart import restarted
from tests.sip.test_useragent import Bench, text_of

PLAIN = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "INFO")


def pair_of(a: dict[str, Any], b: dict[str, Any], **link: Any) -> Pair:
    pair = Pair(**link)
    pair.link = LossyLink(link.get("seed", 1))
    pair.a = Phone(pair.link, "alice", SipSettings(contact_user="alice", **a))
    pair.b = Phone(pair.link, "bob", SipSettings(contact_user="bob", **b))
    for phone in (pair.a, pair.b):
        phone.new_owner = accepting
    return pair.talk()


def accepting() -> Owner:
    owner = Owner()
    owner.on["offered"] = accept_offers
    return owner


def timer(phone: Phone) -> tuple[int, bool, bool] | None:
    refresh = phone.session.refresh
    return None if refresh is None else (refresh.interval, refresh.ours, refresh.alone)


SHORT = {"session_expires_s": 120}
OFF = {"session_expires_s": 0}
UNABLE = {"supported": ("100rel",)}


@pytest.mark.parametrize(
    ("a", "b", "caller", "callee"),
    [
        (SHORT, SHORT, (120, True, False), (120, False, False)),
        (SHORT, {}, (120, True, False), (120, False, False)),
        ({}, SHORT, (120, True, False), (120, False, False)),
        (OFF, SHORT, (120, True, False), (120, False, False)),
        (SHORT, OFF, (120, True, False), (120, False, False)),
        (SHORT, UNABLE, (120, True, True), None),
        (UNABLE, SHORT, None, (120, True, True)),
        (OFF, OFF, None, None),
        (UNABLE, UNABLE, None, None),
        ({"session_expires_s": 60}, SHORT, (90, True, False), (90, False, False)),
    ],
)
def test_who_refreshes_and_how_often(a: Any, b: Any, caller: Any, callee: Any) -> None:
    pair = pair_of(a, b)
    assert (timer(pair.a), timer(pair.b)) == (caller, callee)


def test_the_headers() -> None:
    pair = pair_of(SHORT, {})
    (invite,), (answer,) = pair.link.sent("alice", "INVITE"), pair.link.sent("bob", "INVITE", 200)
    assert invite.contains("Supported", "timer")
    assert (invite.need("Session-Expires"), invite.get("Min-SE")) == ("120", None)
    assert answer.need("Session-Expires") == "120;refresher=uac"
    assert answer.contains("Require", "timer")


@pytest.mark.parametrize("methods", [PLAIN, (*PLAIN, "UPDATE")])
@pytest.mark.parametrize(("a", "b"), [(SHORT, SHORT), (SHORT, UNABLE), (UNABLE, SHORT)])
def test_a_session_is_refreshed_for_hours(methods: tuple[str, ...], a: Any, b: Any) -> None:
    pair = pair_of(a | {"methods": methods}, b | {"methods": methods})
    pair.link.run(3600)
    assert (pair.a.session.state, pair.b.session.state) == ("up", "up")
    method = "UPDATE" if "UPDATE" in methods else "INVITE"
    who = "alice" if a is SHORT else "bob"
    assert 55 <= pair.sent(who, method) <= 62
    assert pair.a.owner.endings == pair.b.owner.endings == []
    if method == "INVITE":
        assert {message.body for message in pair.link.sent(who, "INVITE")} == {SDP}
    pair.a.hang_up()
    pair.all_over()


@pytest.mark.parametrize(("a", "b"), [(SHORT, SHORT), (SHORT, UNABLE), (UNABLE, SHORT)])
def test_a_peer_that_is_gone(a: Any, b: Any) -> None:
    pair = pair_of(a, b)
    pair.link.drop = lambda sender, message: True
    pair.link.run(200)
    known = {phone.host.name: phone.owner.endings for phone in (pair.a, pair.b) if phone.session.refresh}
    for endings in known.values():
        assert endings in (ended("session_expired", 408), ended("stale", 408))
    if a is b:
        assert pair.b.owner.endings == ended("session_expired", 408)
        (bye, *_) = pair.link.sent("bob", "BYE")
        assert bye.need("Reason").startswith("SIP;cause=408")


def test_a_refresh_that_is_refused_is_tried_again_until_it_is_too_late() -> None:
    pair = pair_of(SHORT, SHORT)
    pair.b.ua.endpoint.sessions[(pair.b.session.dialog.sip_call_id, pair.b.session.id)].dialog.remote_cseq = (
        10**6
    )
    pair.link.run(120)
    assert pair.sent("bob", "UPDATE", 500) >= 2
    assert pair.a.owner.endings == ended("session_expired", 408) or pair.b.owner.endings != []


def test_a_peer_without_timers_may_refuse_and_goes_on() -> None:
    """Any answer shows that it is there; one that has no UPDATE after all is asked by re-INVITE."""
    pair = pair_of(SHORT, UNABLE)
    pair.b.owner.on["offered"] = lambda session, now, out: session.refuse(488, now, out)
    pair.a.session.peer_updates = False
    pair.link.run(1000)
    assert pair.a.session.state == "up"
    assert pair.sent("bob", "INVITE", 488) > 10
    assert pair.a.owner.told == [("progress", 180), ("answered",)]


def test_a_change_of_the_session_refreshes_it() -> None:
    pair = pair_of(SHORT, SHORT)
    for _ in range(10):
        pair.link.run(50)
        pair.b.do(lambda out: pair.b.session.reinvite(SDP, pair.link.now, out))
    pair.link.run(1)
    assert pair.sent("alice", "UPDATE") == 0
    assert timer(pair.a) == (120, True, False)
    assert pair.link.sent("bob", "INVITE")[-1].need("Session-Expires") == "120;refresher=uas"


def test_the_owner_hears_of_a_refresh_with_an_answer_only() -> None:
    pair = pair_of(SHORT | {"methods": PLAIN}, SHORT | {"methods": PLAIN})
    pair.link.run(65)
    assert pair.a.owner.told[-1] == ("reanswered", 200)
    assert pair.b.owner.told[-1] == ("offered", "INVITE")


def test_too_short_is_refused_and_tried_again_longer() -> None:
    pair = pair_of(SHORT, {"min_se_s": 300})
    (refused,) = pair.link.sent("bob", "INVITE", 422)
    first, second = pair.link.sent("alice", "INVITE")
    assert refused.need("Min-SE") == "300"
    assert (second.need("Session-Expires"), second.need("Min-SE"), second.cseq) == ("300", "300", 2)
    assert first.sip_call_id == second.sip_call_id
    assert timer(pair.a) == (300, True, False)
    assert pair.a.owner.told == [("progress", 180), ("answered",)]


@pytest.mark.parametrize("least", ["", "x", "10", "99999999999999"])
def test_a_422_that_asks_for_nothing_new(least: str) -> None:
    pair = Pair()
    pair.a.call(pair.b)
    (invite,) = pair.link.sent("alice", "INVITE")
    text = (
        f"SIP/2.0 422 X\r\nVia: {invite.need('Via')}\r\nFrom: {invite.need('From')}\r\n"
        f"To: {invite.need('To')};tag=p\r\n"
        f"Call-ID: {invite.sip_call_id}\r\nCSeq: 1 INVITE\r\nMin-SE: {least}\r\nContent-Length: 0\r\n\r\n"
    )
    pair.link.inject(text.encode(), pair.a.host.flow_to(pair.b.host))
    assert pair.a.owner.told == ended("rejected", 422)


def test_a_422_without_end() -> None:
    pair = Pair()
    pair.b.ring = lambda session, now, out: session.reject(
        422, now, out, headers=f"Min-SE: {2000 * len(pair.b.sessions)}\r\n"
    )
    pair.a.call(pair.b)
    pair.link.run(5)
    assert pair.sent("alice", "INVITE") == 4
    assert pair.a.owner.told == ended("rejected", 422)


@pytest.mark.parametrize("value", ["", "x", "-1", "1800 x", ";refresher=uac", "99999999999999"])
def test_an_interval_that_cannot_be_read_is_none(value: str) -> None:
    bench = Bench()
    (*_, answer) = bench.send(text_of("INVITE", Session_Expires=value, Supported="timer"))
    assert answer.need("Session-Expires") == "1800;refresher=uac"


@pytest.mark.parametrize(
    ("asked", "supported", "answer"),
    [
        ("600;refresher=uas", "timer", "600;refresher=uas"),
        ("600;refresher=UAC", "timer", "600;refresher=uac"),
        ("600 ; x=y ; refresher = uas", "timer", "600;refresher=uas"),
        ("600", "", "600;refresher=uas"),
        ("30", "", "90;refresher=uas"),
    ],
)
def test_what_the_caller_asks_for(asked: str, supported: str, answer: str) -> None:
    bench = Bench()
    (*_, response) = bench.send(text_of("INVITE", x=asked, Supported=supported))
    assert response.need("Session-Expires") == answer


def test_too_short_in_a_dialog() -> None:
    pair = Pair().talk()
    statuses: list[int] = []
    pair.a.do(
        lambda out: pair.a.session.request(
            "UPDATE",
            pair.link.now,
            out,
            headers="Supported: timer\r\nSession-Expires: 20\r\n",
            on_final=lambda status, *rest: statuses.append(status),
        )
    )
    pair.link.run(1)
    assert statuses == [200]
    assert [m.need("Session-Expires") for m in pair.link.sent("alice", "UPDATE")] == ["20", "90"]


@pytest.mark.parametrize("who", ["alice", "bob"])
@pytest.mark.parametrize("methods", [PLAIN, (*PLAIN, "UPDATE")])
def test_a_new_process_goes_on_refreshing(who: str, methods: tuple[str, ...]) -> None:
    pair = pair_of(SHORT | {"methods": methods}, SHORT | {"methods": methods})
    old, other = (pair.a, pair.b) if who == "alice" else (pair.b, pair.a)
    state = json.loads(json.dumps(old.session.to_state()))
    fresh, owner, session = restarted(pair, old, state)
    owner.on["offered"] = accept_offers
    pair.link.run(1000)
    assert session.state == other.session.state == "up"
    assert owner.endings == other.owner.endings == []
    fresh.do(lambda out: session.hang_up(pair.link.now, out))
    pair.link.run(1)
    assert fresh.ua.next_timeout() is None or len(fresh.ua.endpoint.transactions) >= 0
    assert fresh.ua.endpoint.wheel.deadline == float("inf")


def test_calls_that_are_over_leave_nothing_behind() -> None:
    pair = Pair()
    for _ in range(200):
        pair.a.call(pair.b)
        pair.link.run(0.1)
        pair.a.hang_up()
        pair.link.run(0.1)
    for phone in (pair.a, pair.b):
        assert phone.ua.endpoint.wheel._slots == {}
        assert phone.ua.endpoint.wheel.deadline == float("inf")


class Bell(Timed):
    def __init__(self) -> None:
        super().__init__()
        self.slot = -1
        self.rung: list[float] = []

    def expire(self, now: float, out: list[Any]) -> None:
        self.rung.append(now)


def test_the_wheel_wakes_in_time_and_forgets_what_is_cancelled() -> None:
    deadlines = Deadlines()
    wheel = Wheel(deadlines)
    bells = [Bell() for _ in range(100)]
    for n, bell in enumerate(bells):
        wheel.at(bell, 100.0 + n)
        wheel.at(bell, 10.0 + n)
    for bell in bells[::2]:
        wheel.cancel(bell)
    now = 0.0
    while (when := deadlines.next_timeout()) is not None:
        assert when > now or now == 0.0
        now = when
        deadlines.handle_timeout(now, [])
    assert all(bell.rung == [] for bell in bells[::2])
    assert all(10.0 + n <= bells[n].rung[0] < 14.0 + n and len(bells[n].rung) == 1 for n in range(1, 100, 2))


def test_one_that_rings_may_cancel_another() -> None:
    deadlines = Deadlines()
    wheel = Wheel(deadlines)
    first, second = Bell(), Bell()
    first.expire = lambda now, out: wheel.cancel(second)  # type: ignore[method-assign]
    wheel.at(first, 1.0)
    wheel.at(second, 1.0)
    deadlines.handle_timeout(10.0, [])
    assert second.rung == [] and deadlines.next_timeout() is None


@pytest.mark.parametrize("seed", range(20))
def test_over_a_bad_link(seed: int) -> None:
    pair = pair_of(SHORT, SHORT, seed=seed)
    pair.link.loss, pair.link.duplicates, pair.link.reorder = 0.2, 0.1, 0.2
    pair.link.run(1200)
    assert (pair.a.session.state, pair.b.session.state) == ("up", "up")

    def count(message: Message) -> bool:
        return message.method == "UPDATE" and not message.status

    assert len({m.cseq for _, s, m in pair.link.log if count(m)}) >= 18
