"""Dialogs: where requests go, how they are routed, and that they survive a restart."""

from __future__ import annotations

import json

import pytest

from softswitch.sip.dialog import Dialog, bare_uri, host_and_port
from softswitch.sip.flow import SipFlow
from softswitch.sip.message import BadMessage, Message, parse

HERE = ("198.51.100.1", 5060)


def invite(contact: str, *, via: str = "203.0.113.9:5060", routes: str = "") -> Message:
    return parse(
        (
            f"INVITE sip:100@198.51.100.1 SIP/2.0\r\nVia: SIP/2.0/UDP {via};branch=z9hG4bK1\r\n{routes}"
            'From: "A; <x>" <sip:a@example.com>;tag=fa\r\nTo: <sip:100@example.com>\r\nCall-ID: c1\r\n'
            f"CSeq: 7 INVITE\r\nContact: {contact}\r\nContent-Length: 0\r\n\r\n"
        ).encode()
    )


def udp_from(host: str, port: int = 5060) -> SipFlow:
    return SipFlow("UDP", HERE, (host, port))


def goes_to(message: Message, flow: SipFlow) -> tuple[str, int]:
    return Dialog.from_request(message, flow, "mine").sip_flow.remote


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("<sip:a@b>", "sip:a@b"),
        ("sip:a@b;expires=5", "sip:a@b"),
        ('"x <sip:evil@c>" <sip:a@b;transport=tcp>;q=1', "sip:a@b;transport=tcp"),
        ('<sip:a@b>;+sip.instance="<urn:uuid:1>"', "sip:a@b"),
        ('sip:a@b;+sip.instance="<urn:uuid:1>"', "sip:a@b"),
        (r'"quo\"te" <sip:a@b>', "sip:a@b"),
        ("Alice <sip:a@b>", "sip:a@b"),
    ],
)
def test_the_uri_of_an_address(text: str, uri: str) -> None:
    assert bare_uri(text) == uri


@pytest.mark.parametrize("text", ["", "<>", "*", "<sip:a b@c>", '"x', "<mailto:a@b>", "<sip:a@b SIP/2.0>"])
def test_an_address_that_cannot_be_used(text: str) -> None:
    with pytest.raises(BadMessage):
        bare_uri(text)


@pytest.mark.parametrize(
    ("sent_by", "expected"),
    [
        ("192.0.2.1", ("192.0.2.1", 5060)),
        ("192.0.2.1:99", ("192.0.2.1", 99)),
        ("[2001:db8::1]", ("2001:db8::1", 5060)),
        ("[2001:db8::1]:99", ("2001:db8::1", 99)),
        ("a.example", ("a.example", 5060)),
    ],
)
def test_sent_by(sent_by: str, expected: tuple[str, int]) -> None:
    assert host_and_port(sent_by) == expected


@pytest.mark.parametrize(
    ("contact", "via", "source", "expected"),
    [
        # A carrier whose media gateway wants the rest of the dialog for itself.
        ("<sip:x@8.8.4.4:5070>", "8.8.8.8:5060", ("8.8.8.8", 5060), ("8.8.4.4", 5070)),
        # The same address: nothing to choose.
        ("<sip:x@8.8.8.8:5060>", "8.8.8.8:5060", ("8.8.8.8", 5060), ("8.8.8.8", 5060)),
        # A phone behind NAT: inner Contact, inner Via.
        ("<sip:x@10.0.0.5:5060>", "10.0.0.5:5060", ("8.8.8.8", 33333), ("8.8.8.8", 33333)),
        # The same, with a Contact it has learned by STUN, to a port that may be closed.
        ("<sip:x@8.8.8.8:40000>", "10.0.0.5:5060", ("8.8.8.8", 33333), ("8.8.8.8", 33333)),
        # Names and nonsense: the flow is what works.
        ("<sip:x@pbx.example.com>", "8.8.8.8:5060", ("8.8.8.8", 5060), ("8.8.8.8", 5060)),
        ("<sip:x@abc.invalid>", "abc.invalid", ("8.8.8.8", 5060), ("8.8.8.8", 5060)),
        # Nobody points us to ourselves, to our network, or to a group.
        ("<sip:x@127.0.0.1:8021>", "8.8.8.8:5060", ("8.8.8.8", 5060), ("8.8.8.8", 5060)),
        ("<sip:x@10.1.1.1:5060>", "8.8.8.8:5060", ("8.8.8.8", 5060), ("8.8.8.8", 5060)),
        ("<sip:x@224.0.0.1>", "8.8.8.8:5060", ("8.8.8.8", 5060), ("8.8.8.8", 5060)),
        ("<sip:x@0.0.0.0>", "8.8.8.8:5060", ("8.8.8.8", 5060), ("8.8.8.8", 5060)),
        ("<sip:x@[2001:db8::1]>", "8.8.8.8:5060", ("8.8.8.8", 5060), ("8.8.8.8", 5060)),
    ],
)
def test_where_requests_go(
    contact: str, via: str, source: tuple[str, int], expected: tuple[str, int]
) -> None:
    assert goes_to(invite(contact, via=via), udp_from(*source)) == expected


def test_the_route_set_comes_before_the_contact() -> None:
    routes = "Record-Route: <sip:8.8.4.4:5061;lr>\r\nRecord-Route: <sip:1.1.1.1;lr>\r\n"
    message = invite("<sip:x@9.9.9.9>", via="8.8.8.8:5060", routes=routes)
    assert goes_to(message, udp_from("8.8.8.8")) == ("8.8.4.4", 5061)


def test_a_stream_is_used_as_long_as_it_lives() -> None:
    flow = SipFlow("TCP", HERE, ("8.8.8.8", 40000), 3)
    dialog = Dialog.from_request(invite("<sip:x@8.8.4.4>", via="8.8.8.8:5060"), flow, "mine")
    assert dialog.sip_flow == flow


def test_a_peer_that_moves_is_followed_where_it_is_behind_nat() -> None:
    dialog = Dialog.from_request(
        invite("<sip:x@10.0.0.5>", via="10.0.0.5"), udp_from("8.8.8.8", 1000), "mine"
    )
    dialog.seen_on(udp_from("8.8.8.8", 2000))
    assert dialog.sip_flow.remote == ("8.8.8.8", 2000)


def test_loose_routing() -> None:
    routes = "Record-Route: <sip:8.8.4.4;lr>, <sip:1.1.1.1;lr>\r\n"
    dialog = Dialog.from_request(invite("<sip:x@9.9.9.9>", routes=routes), udp_from("8.8.8.8"), "mine")
    sent = parse(dialog.request("BYE", 5, "SIP/2.0/UDP h;branch=z9hG4bKx"))
    assert sent.uri == "sip:x@9.9.9.9"
    assert sent.all("Route") == ["<sip:8.8.4.4;lr>", "<sip:1.1.1.1;lr>"]
    assert (sent.from_tag, sent.to_tag, sent.cseq, sent.sip_call_id) == ("mine", "fa", 5, "c1")
    assert sent.need("To") == '"A; <x>" <sip:a@example.com>;tag=fa'


def test_strict_routing() -> None:
    routes = "Record-Route: <sip:8.8.4.4>, <sip:1.1.1.1;lr>\r\n"
    dialog = Dialog.from_request(invite("<sip:x@9.9.9.9>", routes=routes), udp_from("8.8.8.8"), "mine")
    sent = parse(dialog.request("BYE", 5, "SIP/2.0/UDP h;branch=z9hG4bKx"))
    assert sent.uri == "sip:8.8.4.4"
    assert sent.all("Route") == ["<sip:1.1.1.1;lr>", "<sip:x@9.9.9.9>"]


def test_a_response_gives_the_route_set_in_reverse() -> None:
    flow = udp_from("8.8.8.8")
    dialog = Dialog(
        sip_call_id="c1",
        local="<sip:a@b>;tag=mine",
        local_tag="mine",
        remote="<sip:c@d>",
        remote_target="sip:c@d",
        sip_flow=flow,
    )
    response = parse(
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=mine\r\n"
        b"To: <sip:c@d>;tag=t\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\n"
        b"Record-Route: <sip:8.8.4.4;lr>,<sip:8.8.8.8;lr>\r\nContact: <sip:c@9.9.9.9>\r\n\r\n"
    )
    dialog.learn(response, flow)
    assert dialog.routes == ["<sip:8.8.8.8;lr>", "<sip:8.8.4.4;lr>"]
    assert (dialog.remote_tag, dialog.remote_target, dialog.sip_flow) == ("t", "sip:c@9.9.9.9", flow)


@pytest.mark.parametrize(
    "message",
    [invite("<sip:x y@9.9.9.9>"), invite("<sip:x@9.9.9.9>", routes="Record-Route: <nothing>\r\n")],
)
def test_an_invite_that_makes_no_dialog(message: Message) -> None:
    with pytest.raises(BadMessage):
        Dialog.from_request(message, udp_from("8.8.8.8"), "mine")


def test_it_survives_a_restart() -> None:
    flow = udp_from("8.8.8.8")
    routes = "Record-Route: <sip:8.8.4.4;lr>\r\n"
    dialog = Dialog.from_request(invite("<sip:x@9.9.9.9>", routes=routes), flow, "mine")
    dialog.local_cseq = 12
    state = dialog.to_state()
    again = Dialog.from_state(json.loads(json.dumps(state)))
    assert again.to_state() == state
    assert again.request("BYE", 13, "v") == dialog.request("BYE", 13, "v")


@pytest.mark.parametrize(
    ("contact", "routes", "remote"),
    [
        ("<sip:x@9.9.9.9:5070;transport=tcp>", "", ("9.9.9.9", 5070)),
        ("<sip:x@9.9.9.9>", "Record-Route: <sip:8.8.4.4;lr>\r\n", ("8.8.4.4", 5060)),
        ("<sip:x@192.168.1.7:5070>", "", ("8.8.8.8", 40000)),
        ("<sip:x@phone.example>", "", ("8.8.8.8", 40000)),
    ],
    ids=["contact", "route", "behind NAT", "name"],
)
def test_without_its_stream_the_peer_is_reached_where_it_takes_connections(
    contact: str, routes: str, remote: tuple[str, int]
) -> None:
    flow = SipFlow("TCP", HERE, ("8.8.8.8", 40000), 3)
    dialog = Dialog.from_request(invite(contact, routes=routes), flow, "mine")
    again = Dialog.from_state(json.loads(json.dumps(dialog.to_state())))
    dialog.connection_lost()
    assert dialog.sip_flow == again.sip_flow == SipFlow("TCP", HERE, remote, 0)
    secured = Dialog.from_request(invite(contact, routes=routes), flow._replace(transport="TLS"), "mine")
    secured.connection_lost()
    assert secured.sip_flow.remote == (remote[0], 5061 if remote[1] == 5060 else remote[1])
