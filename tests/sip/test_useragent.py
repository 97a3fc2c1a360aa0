"""The user agent: what it answers by itself, what reaches the core, digest challenges, and junk."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.sip.digest import Digest, ha1
from softswitch.sip.flow import SipFlow
from softswitch.sip.message import Message, parse
from softswitch.sip.transaction import ServerTransaction
from softswitch.sip.useragent import Credentials, SipSettings
from tests.sip.lossy_link import LossyLink
from tests.sip.peers import SDP, Owner, Pair, Phone, ended, only_ring

STRANGER = ("192.0.2.77", 5060)


class Bench:
    """Bob alone, and a stranger who sends him raw text."""

    def __init__(self, settings: SipSettings | None = None) -> None:
        self.link = LossyLink(3)
        self.bob = Phone(self.link, "bob", settings)

    def send(self, text: str, transport: str = "UDP") -> list[Message]:
        """Bob's messages in answer to this one."""
        before = len(self.link.log)
        flow = SipFlow(transport, self.bob.host.address, STRANGER)
        self.link.inject(text.replace("\n", "\r\n").encode(), flow)
        return [message for _, _, message in self.link.log[before:]]

    def statuses(self, text: str) -> list[int]:
        return [message.status for message in self.send(text)]


def text_of(method: str, *, uri: str = "sip:bob@192.0.2.1", branch: str = "1", **headers: str) -> str:
    lines = {
        "Via": f"SIP/2.0/UDP 192.0.2.77:5060;branch=z9hG4bK{branch}",
        "From": "<sip:s@example.com>;tag=f",
        "To": "<sip:bob@example.com>",
        "Call-ID": "c1",
        "CSeq": f"1 {method}",
        "Contact": "<sip:s@192.0.2.77>",
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    return f"{method} {uri} SIP/2.0\n" + "".join(f"{name}: {value}\n" for name, value in lines.items()) + "\n"


# What it answers by itself


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (text_of("INVITE", Max_Forwards="0"), 483),
        (text_of("MESSAGE", Max_Forwards="0"), 483),
        (text_of("INVITE", uri="http://example.com/"), 416),
        (text_of("INVITE", Require="100rel, foo"), 420),
        (text_of("OPTIONS", Require="foo"), 420),
        (text_of("BYE", To="<sip:bob@example.com>;tag=gone"), 481),
        (text_of("INVITE", To="<sip:bob@example.com>;tag=gone"), 481),
        (text_of("CANCEL"), 481),
        (text_of("INVITE", Contact="<nonsense>"), 400),
        (text_of("INVITE", Record_Route="<sip:a b>"), 400),
        (text_of("INVITE", Max_Forwards="x"), 400),
    ],
)
def test_answered_without_the_core(text: str, status: int) -> None:
    bench = Bench()
    assert bench.statuses(text) == [status]
    assert bench.bob.sessions == []


def test_the_extensions_that_are_unknown_are_named() -> None:
    bench = Bench(SipSettings(supported=("timer",)))
    (response,) = bench.send(text_of("INVITE", Require="timer, Foo, bar"))
    assert response.all("Unsupported") == ["Foo", "bar"]


@pytest.mark.parametrize("method", ["REGISTER", "OPTIONS"])
def test_requests_for_us_may_have_come_to_the_end_of_their_hops(method: str) -> None:
    assert Bench().statuses(text_of(method, Max_Forwards="0")) == [200]


@pytest.mark.parametrize(
    "text",
    [
        text_of("ACK"),
        text_of("ACK", To="<sip:bob@example.com>;tag=gone"),
        text_of("ACK", Max_Forwards="x"),
        "\n\n",
        "junk\n\n",
        "SIP/2.0 200 OK\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\n\n",
        "SIP/2.0 999 What\nVia: x\nFrom: <\nTo: >\nCall-ID: \nCSeq: \n\n",
        "INVITE sip:b@h SIP/2.0\n\n",
    ],
)
def test_what_is_met_with_silence(text: str) -> None:
    assert Bench().send(text) == []


def test_responses_with_useless_headers_do_no_harm() -> None:
    pair = Pair()
    pair.b.ring = only_ring
    pair.a.call(pair.b)
    (invite,) = pair.link.sent("alice", "INVITE")
    for status, contact in ((183, "<<>"), (200, "sip:"), (200, '"')):
        text = (
            f"SIP/2.0 {status} X\r\nVia: {invite.need('Via')}\r\nFrom: {invite.need('From')}\r\n"
            f"To: {invite.need('To')};tag=odd\r\nCall-ID: {invite.sip_call_id}\r\nCSeq: 1 INVITE\r\n"
            f"Record-Route: <nowhere\r\nContact: {contact}\r\nContent-Length: 0\r\n\r\n"
        )
        pair.link.inject(text.encode(), pair.a.host.flow_to(pair.b.host))
    assert pair.a.owner.told == [("progress", 183), ("answered",)]
    pair.a.hang_up()
    assert pair.link.sent("alice", "BYE")[0].uri == invite.uri


def test_one_invite_by_two_ways_is_one_call() -> None:
    bench = Bench()
    assert bench.statuses(text_of("INVITE", branch="1"))[-1] == 200
    assert bench.statuses(text_of("INVITE", branch="2")) == [482]
    assert bench.statuses(text_of("INVITE", branch="3", Call_ID="c2"))[-1] == 200
    assert len(bench.bob.sessions) == 2


# The core


def test_responses_go_back_where_the_request_came_from() -> None:
    bench = Bench()
    via = "SIP/2.0/UDP 10.0.0.1:5999;branch=z9hG4bKn;rport"
    (response,) = bench.send(text_of("OPTIONS", Via=via))
    assert response.need("Via") == "SIP/2.0/UDP 10.0.0.1:5999;branch=z9hG4bKn;received=192.0.2.77;rport=5060"
    assert response.to_tag != ""
    assert response.need("Server") == "softswitch"


def test_a_second_final_response_is_not_sent() -> None:
    bench = Bench()
    bench.send(text_of("OPTIONS"))
    transaction, message = bench.bob.requests[0]
    out: list[Any] = []
    bench.bob.ua.respond(transaction, message, 500, bench.link.now, out)
    assert out == []


class Later(Phone):
    """A core that takes its time."""

    def request(self, transaction: ServerTransaction, message: Message, now: float, out: list[Any]) -> None:
        self.requests.append((transaction, message))


@pytest.mark.parametrize(("cause", "status"), [("remote_cancel", 487), ("transport_failed", 503)])
def test_the_caller_has_gone_before_the_core_accepts(cause: str, status: int) -> None:
    bench = Bench()
    bench.bob = Later(bench.link, "later")
    bench.send(text_of("INVITE"))
    transaction, message = bench.bob.requests[0]
    if cause == "remote_cancel":
        assert bench.statuses(text_of("CANCEL")) == [200]
    else:
        bench.bob.ua.transport_failed(transaction.flow, bench.link.now, [])
    owner, out = Owner(), []  # type: ignore[var-annotated]
    session = bench.bob.ua.accept_invite(transaction, message, owner, bench.link.now, out)
    assert owner.told == ended(cause, status)
    assert session.state == "ended"
    assert [parse(send.data).status for send in out] == ([487] if cause == "remote_cancel" else [])


def test_a_cancel_after_the_answer_is_accepted_and_changes_nothing() -> None:
    bench = Bench()
    bench.send(text_of("INVITE"))
    assert bench.statuses(text_of("CANCEL")) == [200]
    assert bench.bob.session.state == "answered"


def test_names_on_the_wire() -> None:
    link = LossyLink(4)
    public = {("TCP", ("192.0.2.1", 5060)): ("203.0.113.1", 5080)}
    alice = Phone(
        link, "alice", SipSettings(user_agent="Phone/1\r\nEvil: yes", advertised=public, contact_user="a")
    )
    bob = Phone(link, "bob")
    alice.call(bob, transport="TCP", headers="X-Note: 1\r\n", max_forwards=12)
    (invite,) = link.sent("alice", "INVITE")
    assert invite.need("Via").startswith("SIP/2.0/TCP 203.0.113.1:5080;branch=z9hG4bK")
    assert invite.need("Contact") == "<sip:a@203.0.113.1:5080;transport=tcp>"
    assert invite.need("User-Agent") == "Phone/1 Evil: yes"
    assert (invite.max_forwards, invite.get("X-Note"), invite.get("Evil")) == (12, "1", None)
    link.run(1)
    assert alice.session.state == bob.session.state == "up"


def test_header_values_of_the_core_cannot_break_out() -> None:
    link = LossyLink(5)
    alice, bob = Phone(link, "alice"), Phone(link, "bob")
    alice.call(bob, from_='"x\r\nEvil: 1" <sip:a@h>', to="sip:b@h\r\nEvil: 2")
    (invite,) = link.sent("alice", "INVITE")
    assert invite.get("Evil") is None
    assert invite.need("To") == "<sip:b@h Evil: 2>"


# Digest


class Guard(Phone):
    """A core that challenges every request, in place of a carrier."""

    def __init__(self, link: LossyLink, name: str, realm: str = "carrier", proxy: bool = False) -> None:
        super().__init__(link, name)
        self.digest = Digest(realm, b"secret", ("SHA-256", "MD5"))
        self.status, self.asked, self.given = 401, "WWW-Authenticate", "Authorization"
        if proxy:
            self.status, self.asked, self.given = 407, "Proxy-Authenticate", "Proxy-Authorization"

    def request(self, transaction: ServerTransaction, message: Message, now: float, out: list[Any]) -> None:
        def ha1_of(user: str, algorithm: str) -> str | None:
            return ha1(user, self.digest.realm, "pw", algorithm) if user == "alice" else None

        if self.digest.verify(message, self.given, ha1_of, now).outcome == "ok":
            super().request(transaction, message, now, out)
            return
        values = self.digest.challenge(now, self.link.random.randbytes)
        headers = "".join(f"{self.asked}: {value}\r\n" for value in values)
        self.ua.respond(transaction, message, self.status, now, out, headers=headers)


def guarded_call(credentials: Credentials | None, **guard: Any) -> tuple[Phone, Guard]:
    link = LossyLink(6)
    alice, carrier = Phone(link, "alice"), Guard(link, "carrier", **guard)
    alice.call(carrier, credentials=credentials)
    link.run(2)
    return alice, carrier


@pytest.mark.parametrize("proxy", [False, True])
def test_a_challenged_invite(proxy: bool) -> None:
    alice, carrier = guarded_call(Credentials("alice", "pw", "carrier"), proxy=proxy)
    assert alice.owner.told == [("progress", 180), ("answered",)]
    first, second = carrier.link.sent("alice", "INVITE")
    assert (first.cseq, second.cseq, first.sip_call_id) == (1, 2, second.sip_call_id)
    assert first.branch != second.branch and second.to_tag == ""
    assert "algorithm=SHA-256" in second.need(carrier.given)
    acks = carrier.link.sent("alice", "ACK")
    assert [ack.cseq for ack in acks] == [1, 2]
    assert acks[1].need(carrier.given) == second.need(carrier.given)
    alice.hang_up()
    carrier.link.run(1)
    assert carrier.owner.endings == ended("remote_bye")


@pytest.mark.parametrize(
    ("credentials", "tries"),
    [
        (None, 1),
        (Credentials("alice", "pw", "other realm"), 1),
        (Credentials("alice", "wrong", "carrier"), 3),
        (Credentials("mallory", "pw"), 3),
    ],
)
def test_credentials_go_to_their_realm_and_not_more_than_twice(
    credentials: Credentials | None, tries: int
) -> None:
    alice, carrier = guarded_call(credentials)
    assert alice.owner.told == ended("rejected", 401)
    invites = carrier.link.sent("alice", "INVITE")
    assert len(invites) == tries
    if tries == 1:
        assert invites[0].get("Authorization") is None


def test_a_challenge_after_hanging_up_is_not_answered() -> None:
    link = LossyLink(7, delay_s=0.1)
    alice, carrier = Phone(link, "alice"), Guard(link, "carrier")
    alice.call(carrier, credentials=Credentials("alice", "pw"))
    alice.hang_up()
    link.run(2)
    assert len(link.sent("alice", "INVITE")) == 1
    assert (alice.owner.told, alice.session.state) == ([], "ended")


def test_credentials_do_not_show_their_secret() -> None:
    assert "pw" not in repr(Credentials("alice", "pw", "carrier"))


# Requests outside of dialogs


def ask(
    phone: Phone, other: Phone, method: str = "OPTIONS", transport: str = "UDP", **details: Any
) -> list[Any]:
    heard: list[Any] = []
    phone.do(
        lambda out: phone.ua.request(
            method,
            request_uri=f"sip:{other.host.name}@{other.host.address[0]}",
            from_="sip:alice@example.com",
            to=f"<sip:{other.host.name}@example.com>",
            sip_flow=phone.host.flow_to(other.host, transport),
            on_final=lambda status, message, now, out: heard.append((status, message is not None)),
            now=phone.link.now,
            out=out,
            **details,
        )
    )
    phone.link.run(40)
    return heard


def test_a_request_and_its_final_response() -> None:
    pair = Pair()
    assert ask(pair.a, pair.b, "MESSAGE", body=b"hello", content_type="text/plain") == [(200, True)]
    (message,) = pair.link.sent("alice", "MESSAGE")
    assert (message.body, message.need("Content-Type")) == (b"hello", "text/plain")
    assert message.need("From").startswith("<sip:alice@example.com>;tag=")


def test_a_request_nobody_answers() -> None:
    pair = Pair()
    pair.link.drop = lambda sender, message: True
    assert ask(pair.a, pair.b) == [(408, False)]


def test_a_challenged_request() -> None:
    link = LossyLink(8)
    alice, carrier = Phone(link, "alice"), Guard(link, "carrier")
    assert ask(
        alice, carrier, credentials=Credentials("alice", ha1s={"MD5": ha1("alice", "carrier", "pw", "MD5")})
    ) == [(200, True)]


def test_a_request_over_a_stream_that_cannot_be_opened() -> None:
    pair = Pair()
    flow = pair.a.host.flow_to(pair.b.host, "TCP")._replace(connection=0)
    heard: list[int] = []
    pair.a.do(
        lambda out: pair.a.ua.request(
            "OPTIONS",
            request_uri="sip:b@192.0.2.2",
            from_="sip:a@h",
            to="sip:b@h",
            sip_flow=flow,
            on_final=lambda status, *rest: heard.append(status),
            now=pair.link.now,
            out=out,
        )
    )
    pair.a.ua.transport_failed(flow, pair.link.now, [])
    pair.a.ua.transport_failed(flow, pair.link.now, [])
    assert heard == [503]


def test_another_stream_that_breaks_does_not_matter() -> None:
    pair = Pair()
    pair.b.ring = only_ring
    pair.a.call(pair.b, transport="TCP")
    pair.link.run(1)
    other = SipFlow("TCP", pair.a.host.address, pair.b.host.address, 99)
    pair.a.ua.transport_failed(other, pair.link.now, [])
    assert pair.a.owner.endings == []


def test_a_flood_of_one_call_leaves_nothing_behind() -> None:
    """What is kept for repetitions goes away by itself, in constant time for each request."""
    bench = Bench()
    for n in range(500):
        bench.send(text_of("OPTIONS", branch=f"o{n}", Call_ID=f"o{n}"))
    bench.link.run(33)
    assert len(bench.bob.ua.endpoint.transactions) == 0
    assert bench.bob.ua.next_timeout() is None


def test_sdp_may_be_text_or_bytes() -> None:
    for sdp in (SDP, SDP.decode()):
        pair = Pair()
        pair.a.call(pair.b, sdp=sdp)
        assert pair.link.sent("alice", "INVITE")[0].body == SDP
