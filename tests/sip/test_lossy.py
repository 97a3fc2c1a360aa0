"""Calls over links that lose, repeat and reorder datagrams: nothing is doubled, nothing stays behind."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.sip.session import Session
from tests.sip.lossy_link import LossyLink
from tests.sip.peers import SDP, Phone, accept_offers

CALLS = 10


class Line:
    """Alice calls Bob `CALLS` times, a second apart; each changes once each way and is hung up by either."""

    def __init__(self, seed: int, loss: float, transport: str = "UDP") -> None:
        self.link = LossyLink(seed, loss=loss, duplicates=0.05, reorder=0.1, delay_s=0.02)
        self.a = Phone(self.link, "alice")
        self.b = Phone(self.link, "bob")
        for _ in range(CALLS):
            self.a.call(self.b, transport=transport)
            self.link.run(1)

    def each_call(self) -> list[tuple[Phone, int]]:
        return [(phone, n) for phone in (self.a, self.b) for n in range(len(phone.sessions))]

    def do(self, phone: Phone, n: int, action: str, *arguments: Any) -> None:
        session: Session = phone.sessions[n]
        phone.do(lambda out: getattr(session, action)(*arguments, self.link.now, out))

    def both_ends_agree(self) -> None:
        """Each of Alice's live calls has exactly one live session at Bob's."""
        live = [[s for s in phone.sessions if s.state == "up"] for phone in (self.a, self.b)]
        names = [sorted(s.dialog.sip_call_id for s in sessions) for sessions in live]
        assert names[0] == names[1]

    def nothing_is_left(self) -> None:
        for phone in (self.a, self.b):
            assert all(session.state == "ended" for session in phone.sessions)
            assert phone.ua.endpoint.sessions == {}
            assert len(phone.ua.endpoint.transactions) == 0
            assert phone.ua.next_timeout() is None


def a_life(line: Line) -> None:
    """Set up, re-INVITE from both ends at once, INFO, hang up at alternating ends."""
    line.link.run(35)
    for owner in [*line.a.owners, *line.b.owners]:
        owner.on["offered"] = accept_offers
    for phone, n in line.each_call():
        if phone.sessions[n].state == "up":
            line.do(phone, n, "reinvite", SDP)
            line.do(phone, n, "send_info", "application/dtmf", b"%d" % n)
    line.link.run(90)
    line.both_ends_agree()
    names = [session.dialog.sip_call_id for session in line.a.sessions]
    for phone, n in line.each_call():
        call = names.index(phone.sessions[n].dialog.sip_call_id)
        if (call % 2 == 0) == (phone is line.a):
            line.do(phone, n, "hang_up")
    line.link.run(200)


@pytest.mark.parametrize("seed", range(25))
def test_five_per_cent_loss(seed: int) -> None:
    line = Line(seed, 0.05)
    a_life(line)
    assert len(line.b.sessions) == CALLS
    for owner in line.a.owners:
        assert owner.told.count(("answered",)) == 1
        assert owner.told.count(("reanswered", 200)) == 1
    for owner in line.b.owners:
        assert owner.told.count(("established",)) == 1
        assert owner.told.count(("reanswered", 200)) == 1
    assert all(len(owner.endings) <= 1 for owner in [*line.a.owners, *line.b.owners])
    line.nothing_is_left()


def test_twenty_per_cent_loss() -> None:
    """Of 500 calls all come up; a digit is heard once or, lost for 32 s, not at all, but never twice."""
    answered = 0
    for seed in range(50):
        line = Line(1000 + seed, 0.2)
        a_life(line)
        assert len(line.b.sessions) <= CALLS
        answered += sum(owner.told.count(("established",)) for owner in line.b.owners)
        for owner in [*line.a.owners, *line.b.owners]:
            digits = [each for each in owner.told if each[0] == "info"]
            assert len(digits) <= 1
            assert len(owner.endings) <= 1
        line.nothing_is_left()
    assert answered == 500


@pytest.mark.parametrize("seed", range(10))
def test_everything_at_random(seed: int) -> None:
    """Both ends do anything at any time, on a bad link: in the end all is over on both sides."""
    link = LossyLink(seed, loss=0.2, duplicates=0.1, reorder=0.3, delay_s=0.05)
    phones = [Phone(link, "alice"), Phone(link, "bob")]
    choose = link.random
    for phone in phones:
        phone.ring = lambda session, now, out: choose.choice(
            [
                lambda: session.progress(180, now, out),
                lambda: session.answer(SDP, now, out),
                lambda: session.reject(486, now, out),
                lambda: None,
            ]
        )()

    def act(session: Session, out: list[Any]) -> None:
        now = link.now
        choose.choice(
            [
                lambda: session.progress(183, now, out, sdp=SDP),
                lambda: session.answer(SDP, now, out),
                lambda: session.reinvite(SDP, now, out),
                lambda: session.accept(SDP, now, out),
                lambda: session.refuse(488, now, out),
                lambda: session.send_info("application/dtmf", b"1", now, out),
                lambda: session.hang_up(now, out),
            ]
        )()

    for _ in range(150):
        one, other = choose.sample(phones, 2)
        if choose.random() < 0.2:
            one.call(other)
        for session in choose.sample(one.sessions, min(2, len(one.sessions))):
            one.do(lambda out, session=session: act(session, out))
        link.run(choose.choice([0.0, 0.03, 0.2, 1.0]))
    for phone in phones:
        for session in phone.sessions:
            phone.do(lambda out, session=session: session.hang_up(link.now, out))
    link.run(300)
    for phone in phones:
        assert all(session.state == "ended" for session in phone.sessions)
        assert all(len(owner.endings) <= 1 for owner in phone.owners)
        assert phone.ua.endpoint.sessions == {}
        assert len(phone.ua.endpoint.transactions) == 0
        assert phone.ua.next_timeout() is None
