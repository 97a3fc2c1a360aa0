"""Registering at a registrar: refreshed in time, tried again when it fails, removed in the end."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from softswitch.sip.flow import SipFlow
from softswitch.sip.message import Message
from softswitch.sip.registration import Registration
from softswitch.sip.transaction import ServerTransaction
from softswitch.sip.useragent import Credentials
from tests.sip.lossy_link import LossyLink
from tests.sip.peers import Phone
from tests.sip.test_useragent import Guard


class Registrar(Phone):
    """Grants at most `grant` seconds; `refuse` says with which status and headers it does not."""

    def __init__(self, link: LossyLink, grant: int = 120) -> None:
        super().__init__(link, "registrar")
        self.grant = grant
        self.refuse: Callable[[Message], tuple[int, str]] = lambda message: (0, "")

    def request(self, transaction: ServerTransaction, message: Message, now: float, out: list[Any]) -> None:
        self.requests.append((transaction, message))
        status, headers = self.refuse(message)
        if not status:
            expires = min(int(message.need("Expires")), self.grant)
            uri = message.need("Contact").partition(">")[0] + ">"
            other = 'Contact: <sip:other@192.0.2.9>;expires=7;+sip.instance="<urn:x>"\r\n'
            own = f"Contact: {uri};q=0.5;expires={expires}\r\n" if expires else ""
            status, headers = 200, f"{other}{own}"
        self.ua.respond(transaction, message, status, now, out, headers=headers)


class Site:
    def __init__(self, registrar: Callable[[LossyLink], Phone] = Registrar, **link: Any) -> None:
        self.link = LossyLink(11, **link)
        self.phone = Phone(self.link, "alice")
        self.registrar = registrar(self.link)
        self.changes: list[tuple[bool, int]] = []
        self.registration = Registration(
            self.phone.ua,
            registrar="sip:example.com",
            aor="sip:alice@example.com",
            sip_flow=SipFlow("UDP", self.phone.host.address, self.registrar.host.address),
            credentials=Credentials("alice", "pw", "carrier"),
            on_change=lambda registration, now, out: self.changes.append(
                (registration.registered, registration.status)
            ),
        )

    def start(self) -> None:
        self.phone.do(lambda out: self.registration.start(self.link.now, out))

    def stop(self) -> None:
        self.phone.do(lambda out: self.registration.stop(self.link.now, out))

    @property
    def sent(self) -> list[Message]:
        return self.link.sent("alice", "REGISTER")

    def times(self) -> list[float]:
        start = self.link.log[0][0]
        return [round(when - start, 2) for when, sender, _ in self.link.log if sender == "alice"]


def test_registering() -> None:
    site = Site()
    site.start()
    site.link.run(1)
    assert site.changes == [(True, 200)]
    (message,) = site.sent
    assert message.uri == "sip:example.com"
    assert message.need("To") == "<sip:alice@example.com>"
    assert message.need("Contact") == "<sip:alice@192.0.2.1:5060>;expires=3600"


def test_it_is_refreshed_before_what_was_granted_ends() -> None:
    site = Site()
    site.start()
    site.link.run(250)
    assert site.times() == [0.0, 80.02, 160.04, 240.06]
    assert [message.cseq for message in site.sent] == [1, 2, 3, 4]
    assert len({message.sip_call_id for message in site.sent}) == 1
    assert len({message.from_tag for message in site.sent}) == 1


def test_a_short_grant_is_refreshed_halfway() -> None:
    site = Site(lambda link: Registrar(link, grant=20))
    site.start()
    site.link.run(25)
    assert site.times() == [0.0, 10.02, 20.04]


def test_stopping_removes_the_contact() -> None:
    site = Site()
    site.start()
    site.link.run(1)
    site.stop()
    site.link.run(500)
    assert site.changes == [(True, 200), (False, 200)]
    assert site.sent[-1].need("Expires") == "0"
    assert len(site.sent) == 2
    assert site.phone.ua.next_timeout() is None


def test_stopping_while_the_response_is_under_way() -> None:
    site = Site(delay_s=1.0)
    site.start()
    site.stop()
    assert len(site.sent) == 1
    site.link.run(500)
    assert next(message.need("Expires") for message in site.sent if message.cseq == 2) == "0"
    assert not site.registration.registered
    assert site.phone.ua.next_timeout() is None


def test_with_digest() -> None:
    site = Site(lambda link: Guard(link, "carrier"))
    site.start()
    site.link.run(1)
    assert site.changes == [(True, 200)]
    assert [message.cseq for message in site.sent] == [1, 2]


def test_failures_are_tried_again_more_and_more_slowly() -> None:
    site = Site()
    site.registrar.refuse = lambda message: (403, "")  # type: ignore[attr-defined]
    site.start()
    site.link.run(1500)
    times = site.times()
    pauses = [after - before for before, after in pairwise(times)]
    for pause, least in zip(pauses, [2, 4, 8, 16, 32, 64, 128, 256, 300], strict=False):
        assert least <= pause <= least * 1.25 + 0.1
    assert len(pauses) >= 9
    assert set(site.changes) == {(False, 403)}
    site.registrar.refuse = lambda message: (0, "")  # type: ignore[attr-defined]
    site.link.run(400)
    assert site.changes[-1] == (True, 200)
    assert site.registration.failures == 0


def test_nobody_answers() -> None:
    site = Site()
    site.link.drop = lambda sender, message: True
    site.start()
    site.link.run(33)
    assert site.changes == [(False, 408)]
    site.link.drop = lambda sender, message: False
    site.link.run(5)
    assert site.changes == [(False, 408), (True, 200)]


@pytest.mark.parametrize(
    ("value", "least"), [("30", 30), ("30 (soon);duration=9", 30), ("999999", 2), ("x", 2)]
)
def test_retry_after(value: str, least: float) -> None:
    site = Site()
    site.registrar.refuse = lambda message: (503, f"Retry-After: {value}\r\n")  # type: ignore[attr-defined]
    site.start()
    site.link.run(60)
    assert least <= site.times()[1] <= least * 1.25 + 0.1


def test_an_interval_that_is_too_brief() -> None:
    def too_brief(message: Message) -> tuple[int, str]:
        return (423, "Min-Expires: 7200\r\n") if int(message.need("Expires")) < 7200 else (0, "")

    site = Site(lambda link: Registrar(link, grant=7200))
    site.registrar.refuse = too_brief  # type: ignore[attr-defined]
    site.start()
    site.link.run(1)
    assert [message.need("Expires") for message in site.sent] == ["3600", "7200"]
    assert site.changes[-1] == (True, 200)


def test_it_holds_on_a_bad_link() -> None:
    site = Site(loss=0.2, duplicates=0.1, reorder=0.3)
    site.start()
    gap = 0.0
    last_expiry = site.link.now
    for _ in range(2000):
        site.link.run(1.0)
        accepted = [when for when, sender, m in site.link.log if sender == "registrar" and m.status == 200]
        last_expiry = accepted[-1] + 120 if accepted else last_expiry
        gap = max(gap, site.link.now - last_expiry)
    assert gap < 10
