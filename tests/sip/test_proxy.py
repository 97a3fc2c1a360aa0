"""The stateful proxy (RFC 3261 §16): what goes on, what comes back, how often."""

from __future__ import annotations

from itertools import permutations, product
from typing import Any

import pytest

from softswitch.sip.flow import Send, SipFlow
from softswitch.sip.message import Message, parse
from softswitch.sip.proxy import Proxy, ProxyTarget, rank
from softswitch.sip.transaction import ServerTransaction
from softswitch.sip.useragent import SipSettings, UserAgent
from tests.sip.lossy_link import Host, LossyLink

HERE, SENDER = ("192.0.2.1", 5060), ("192.0.2.9", 5070)
FROM_SENDER = SipFlow("UDP", HERE, SENDER)
TARGETS = [
    ProxyTarget(f"sip:bob@192.0.2.{n}", SipFlow("UDP", HERE, (f"192.0.2.{n}", 5060))) for n in (20, 21, 22)
]


class Bench:
    """A proxy, driven message by message. `sent` is what it has sent since it was last asked."""

    def __init__(self, targets: list[ProxyTarget] = TARGETS, **forward: Any) -> None:
        self.targets = targets
        self.forwarding = forward
        self.finals: list[int] = []
        self.now = 10.0
        self.out: list[Any] = []
        count = iter(range(1000))
        self.ua = UserAgent(SipSettings(), lambda size: next(count).to_bytes(size, "big"), self)
        self.proxy = Proxy(self.ua.endpoint, b"key")
        self.ua.within_dialog = self.within_dialog

    def request(self, transaction: ServerTransaction, message: Message, now: float, out: list[Any]) -> None:
        self.proxy.forward(
            transaction,
            message,
            self.targets,
            now,
            out,
            finished=lambda status, out: self.finals.append(status),
            **self.forwarding,
        )

    def within_dialog(
        self, transaction: ServerTransaction, message: Message, now: float, out: list[Any]
    ) -> bool:
        if self.proxy.parties(message) is None:
            return False
        self.proxy.forward(transaction, message, self.targets[:1], now, out, routes=message.all("Route")[1:])
        return True

    def receive(self, text: str | bytes, flow: SipFlow = FROM_SENDER) -> list[Message]:
        data = text if isinstance(text, bytes) else text.encode()
        self.ua.receive(data, flow, self.now, self.out)
        return self.sent()

    def sent(self) -> list[Message]:
        out, self.out = self.out, []
        self.flows = [each.flow for each in out if isinstance(each, Send)]
        return [parse(each.data) for each in out if isinstance(each, Send)]

    def wait(self, seconds: float) -> list[Message]:
        end = self.now + seconds
        while (when := self.ua.next_timeout()) is not None and when <= end:
            self.now = when
            self.ua.handle_timeout(when, self.out)
        self.now = end
        return self.sent()


def request(
    method: str = "MESSAGE",
    uri: str = "sip:bob@192.0.2.1",
    headers: str = "",
    body: str = "hello",
    to: str = "",
) -> str:
    return (
        f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.9:5070;rport;branch=z9hG4bKa\r\n"
        f"From: <sip:alice@192.0.2.1>;tag=1\r\nTo: <sip:bob@192.0.2.1>{to}\r\n"
        f"Call-ID: one\r\nCSeq: 7 {method}\r\nSubject: a, b\r\nX-Own: kept\r\n"
        f"{headers}Content-Type: text/plain\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    )


def response(to: Message, status: int, headers: str = "", body: str = "") -> str:
    vias = "".join(f"Via: {via}\r\n" for via in to.all("Via"))
    return (
        f"SIP/2.0 {status} Text {status}\r\n{vias}From: {to.get('From')}\r\nTo: {to.get('To')};tag=9\r\n"
        f"Call-ID: {to.sip_call_id}\r\nCSeq: {to.cseq} {to.method}\r\n{headers}"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    )


def test_a_request_goes_on_with_everything_but_what_is_the_proxys() -> None:
    bench = Bench(TARGETS[:1], without=frozenset({"Proxy-Authorization"}))
    (sent,) = bench.receive(
        request(
            headers="Max-Forwards: 12\r\nProxy-Authorization: Digest x\r\nP-Asserted-Identity: <sip:x@y>\r\n"
        )
    )
    assert bench.flows == [TARGETS[0].sip_flow]
    assert (sent.uri, sent.max_forwards, sent.get("Max-Breadth")) == ("sip:bob@192.0.2.20", 11, "60")
    assert [sent.get(name) for name in ("Subject", "X-Own", "Content-Type")] == ["a, b", "kept", "text/plain"]
    assert sent.body == b"hello"
    ours, theirs = sent.all("Via")
    assert ours.startswith("SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK")
    assert theirs == "SIP/2.0/UDP 10.0.0.9:5070;branch=z9hG4bKa;received=192.0.2.9;rport=5070"
    assert (
        "Proxy-Authorization" not in sent and "P-Asserted-Identity" not in sent and "Record-Route" not in sent
    )


def test_a_response_comes_back_without_our_via() -> None:
    bench = Bench(TARGETS[:1])
    (sent,) = bench.receive(request())
    (back,) = bench.receive(response(sent, 202, "X-Own: back\r\n", "body"), TARGETS[0].sip_flow)
    assert bench.flows == [FROM_SENDER]
    assert (back.status, back.reason, back.body, back.get("X-Own")) == (202, "Text 202", b"body", "back")
    assert back.all("Via") == ["SIP/2.0/UDP 10.0.0.9:5070;branch=z9hG4bKa;received=192.0.2.9;rport=5070"]
    assert bench.finals == [202]


STATUSES = (200, 202, 401, 404, 480, 486, 503, 603, 408)


@pytest.mark.parametrize("statuses", [*product(STATUSES, repeat=2)], ids=str)
def test_the_best_of_two_answers_is_given_once(statuses: tuple[int, ...]) -> None:
    """Every pair in every order; 408 stands for a phone that says nothing."""
    bench = Bench(TARGETS[:2])
    sent = bench.receive(request())
    got: list[Message] = []
    for each, status, target in zip(sent, statuses, TARGETS, strict=False):
        if status != 408:
            got += bench.receive(response(each, status), target.sip_flow)
    got += [each for each in bench.wait(40) if each.status]
    successes = [status for status in statuses if status < 300]
    wanted = successes[0] if successes else min(statuses, key=rank)
    assert [each.status for each in got] == [480 if wanted in (408, 503) else wanted]
    assert bench.finals == [got[0].status]
    assert len(bench.ua.endpoint.transactions) == 0


@pytest.mark.parametrize("order", [*permutations(range(3))])
def test_the_order_of_failures_is_of_no_account(order: tuple[int, ...]) -> None:
    bench = Bench()
    sent, answers = bench.receive(request()), (486, 404, 503)
    got = [back for n in order for back in bench.receive(response(sent[n], answers[n]), TARGETS[n].sip_flow)]
    assert [each.status for each in got] == [486]


def test_nothing_after_the_answer() -> None:
    bench = Bench()
    sent = bench.receive(request())
    assert [back.status for back in bench.receive(response(sent[1], 200), TARGETS[1].sip_flow)] == [200]
    assert bench.receive(response(sent[0], 200), TARGETS[0].sip_flow) == []
    assert bench.receive(response(sent[2], 603), TARGETS[2].sip_flow) == []
    assert [back.status for back in bench.receive(request())] == [200], "said again to who asks again"


def test_provisional_answers_go_back_but_100() -> None:
    bench = Bench(TARGETS[:1])
    (sent,) = bench.receive(request())
    assert bench.receive(response(sent, 100), TARGETS[0].sip_flow) == []
    assert [back.status for back in bench.receive(response(sent, 183), TARGETS[0].sip_flow)] == [183]
    assert [back.status for back in bench.receive(response(sent, 200), TARGETS[0].sip_flow)] == [200]


def test_all_challenges_come_together() -> None:
    bench = Bench(TARGETS[:2])
    sent = bench.receive(request())
    bench.receive(response(sent[0], 401, 'WWW-Authenticate: Digest realm="a"\r\n'), TARGETS[0].sip_flow)
    (back,) = bench.receive(
        response(sent[1], 407, 'Proxy-Authenticate: Digest realm="b"\r\n'), TARGETS[1].sip_flow
    )
    assert (back.get("WWW-Authenticate"), back.get("Proxy-Authenticate")) == (
        'Digest realm="a"',
        'Digest realm="b"',
    )


def test_a_broken_stream_is_an_answer() -> None:
    flow = SipFlow("TCP", HERE, ("192.0.2.30", 5060), 4)
    bench = Bench([ProxyTarget("sip:bob@192.0.2.30", flow)])
    bench.receive(request())
    bench.ua.transport_failed(flow, bench.now, bench.out)
    assert [back.status for back in bench.sent()] == [480]


class TestRefusals:
    def test_nobody_there(self) -> None:
        assert [back.status for back in Bench([]).receive(request())] == [480]

    def test_max_forwards(self) -> None:
        assert [back.status for back in Bench().receive(request(headers="Max-Forwards: 0\r\n"))] == [483]
        assert Bench().receive(request(headers="Max-Forwards: 1\r\n"))[0].max_forwards == 0

    @pytest.mark.parametrize(
        ("breadth", "shares"), [("3", [1, 1, 1]), ("8", [3, 3, 2]), ("9999", [20, 20, 20])]
    )
    def test_breadth_is_shared_out(self, breadth: str, shares: list[int]) -> None:
        sent = Bench().receive(request(headers=f"Max-Breadth: {breadth}\r\n"))
        assert [int(each.need("Max-Breadth")) for each in sent] == shares

    @pytest.mark.parametrize("breadth", ["2", "0", "junk"])
    def test_too_many_targets_for_the_breadth(self, breadth: str) -> None:
        bench = Bench()
        assert [back.status for back in bench.receive(request(headers=f"Max-Breadth: {breadth}\r\n"))] == [
            440
        ]
        assert bench.finals == [440]

    def test_too_long_for_udp(self) -> None:
        bench = Bench(TARGETS[:1])
        assert [back.status for back in bench.receive(request(body="x" * 1200))] == [413]
        tcp = [ProxyTarget("sip:bob@192.0.2.30", SipFlow("TCP", HERE, ("192.0.2.30", 5060), 4))]
        assert [each.method for each in Bench(tcp).receive(request(body="x" * 1200))] == ["MESSAGE"]


class TestLoops:
    def comes_back(self, bench: Bench, **changed: str) -> list[Message]:
        """The request that the proxy sent arrives at it again."""
        (sent,) = bench.receive(request())
        vias = "".join(
            f"Via: {via}\r\n" for via in ("SIP/2.0/UDP 192.0.2.20;branch=z9hG4bKx", *sent.all("Via"))
        )
        text = request(**changed).replace("Via: SIP/2.0/UDP 10.0.0.9:5070;rport;branch=z9hG4bKa\r\n", vias)
        return bench.receive(text, TARGETS[0].sip_flow)

    def test_the_same_request_is_a_loop(self) -> None:
        assert [back.status for back in self.comes_back(Bench(TARGETS[:1]))] == [482]

    def test_to_another_address_it_is_a_spiral(self) -> None:
        (sent,) = self.comes_back(Bench(TARGETS[:1]), uri="sip:carol@192.0.2.1")
        assert sent.method == "MESSAGE"
        assert len(sent.all("Via")) == 4

    def test_what_others_wrote_is_no_mark_of_ours(self) -> None:
        other = Bench(TARGETS[:1])
        other.proxy = Proxy(other.ua.endpoint, b"another key")
        (sent,) = other.receive(request())
        text = request().replace("Via:", f"Via: {sent.all('Via')[0]}\r\nVia:", 1)
        assert [each.method for each in Bench(TARGETS[:1]).receive(text)] == ["MESSAGE"]


class TestDialogs:
    def subscribed(self) -> tuple[Bench, str]:
        bench = Bench(TARGETS[:1], parties=("alice", "bob"))
        (sent,) = bench.receive(request("SUBSCRIBE", headers="Record-Route: <sip:192.0.2.9;lr>\r\n"))
        ours, theirs = sent.all("Record-Route")
        assert theirs == "<sip:192.0.2.9;lr>"
        return bench, ours

    def test_what_comes_in_the_dialog_goes_on_by_our_route(self) -> None:
        bench, route = self.subscribed()
        (sent,) = bench.receive(
            request("NOTIFY", "sip:bob@192.0.2.20", f"Route: {route}, <sip:192.0.2.50;lr>\r\n", to=";tag=2")
        )
        assert (sent.method, sent.uri, sent.all("Route")) == (
            "NOTIFY",
            "sip:bob@192.0.2.20",
            ["<sip:192.0.2.50;lr>"],
        )

    @pytest.mark.parametrize("change", [("!alice", "!mallory"), ("!bob", ""), ("lr", "lr")])
    def test_a_route_that_we_did_not_write_leads_nowhere(self, change: tuple[str, str]) -> None:
        bench, route = self.subscribed()
        other = request("NOTIFY", headers=f"Route: {route.replace(*change)}\r\n", to=";tag=2")
        if change[0] == change[1]:
            other = other.replace("Call-ID: one", "Call-ID: two")
        assert [back.status for back in bench.receive(other)] == [481]


class Relay:
    """The core of a proxy that knows two phones by name."""

    def __init__(self, link: LossyLink) -> None:
        self.host = link.host("proxy", self)
        self.proxy = Proxy(self.host.ua.endpoint, b"key")
        self.phones: dict[str, list[Host]] = {}
        self.finals: list[int] = []

    def request(self, transaction: ServerTransaction, message: Message, now: float, out: list[Any]) -> None:
        phones = self.phones[message.request_uri.user]
        targets = [ProxyTarget(f"sip:x@{phone.address[0]}", self.host.flow_to(phone)) for phone in phones]
        self.proxy.forward(
            transaction, message, targets, now, out, finished=lambda status, out: self.finals.append(status)
        )


class Reader:
    """A phone that takes messages."""

    def __init__(self, link: LossyLink, name: str, status: int) -> None:
        self.host = link.host(name, self)
        self.status = status
        self.read: list[bytes] = []

    def request(self, transaction: ServerTransaction, message: Message, now: float, out: list[Any]) -> None:
        self.read.append(message.body)
        self.host.ua.respond(transaction, message, self.status, now, out)


@pytest.mark.parametrize("seed", range(30))
def test_over_a_lossy_link_every_message_arrives_once_at_every_phone(seed: int) -> None:
    link = LossyLink(seed, loss=0.25, duplicates=0.1, reorder=0.2)
    relay, sender = Relay(link), Reader(link, "sender", 200)
    phones = [Reader(link, "desk", 200), Reader(link, "mobile", 486 if seed % 2 else 200)]
    relay.phones["bob"] = [phone.host for phone in phones]
    finals: list[int] = []
    for n in range(5):
        sender.host.act(
            lambda out, n=n: sender.host.ua.request(
                "MESSAGE",
                request_uri="sip:bob@192.0.2.1",
                from_="sip:alice@192.0.2.1",
                to="sip:bob@192.0.2.1",
                sip_flow=sender.host.flow_to(relay.host),
                on_final=lambda status, message, now, out: finals.append(status),
                now=link.now,
                out=out,
                body=b"%d" % n,
                content_type="text/plain",
            )
        )
    link.run(100)
    for phone in phones:
        assert sorted(phone.read) == [b"0", b"1", b"2", b"3", b"4"]
    assert finals == [200] * 5
    assert relay.finals == [200] * 5
    assert len(relay.host.ua.endpoint.transactions) == 0
    assert relay.host.ua.next_timeout() is None
