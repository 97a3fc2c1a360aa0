"""Messages as phones send them, and the responses and requests we write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.sip.headers import canonical_name, header_safe, split_list
from softswitch.sip.message import BadMessage, Message, parse, request, respond

PHONE_INVITE = "\r\n".join(
    [
        "INVITE sip:2001@pbx.example.com SIP/2.0",
        "Via: SIP/2.0/UDP 192.168.1.20:5060;branch=z9hG4bK-524287-1---4d6ab2b4;rport",
        "Via: SIP/2.0/TCP first.example.com;branch=z9hG4bK1, SIP/2.0/TLS zero.example.com;branch=z9hG4bK0",
        "Max-Forwards: 70",
        "Record-Route: <sip:p2.example.com;lr>",
        "Record-Route: <sip:p1.example.com;lr>",
        "Route: <sip:a.example.com;lr>, <sip:b.example.com;lr>",
        "m: <sip:alice@192.168.1.20:5060;transport=UDP>",
        "To: <sip:2001@pbx.example.com>",
        'f: "Alice; <x>;tag=no" <sip:alice@pbx.example.com;tag=neither>;tag=a6c85cf2',
        "i: YzM4NTY0Y2QxYzE2NDU5ZmQ0",
        "CSeq: 17 INVITE",
        "Supported: replaces, timer",
        "k: outbound",
        "X-Custom: one, two",
        "Subject: café",
        "Content-Type: application/sdp",
        "l: 4",
        "",
        "v=0\nrest",
    ]
).encode()


@pytest.fixture
def invite() -> Message:
    return parse(PHONE_INVITE)


def test_what_every_request_needs(invite: Message) -> None:
    assert (invite.method, invite.uri, invite.status) == ("INVITE", "sip:2001@pbx.example.com", 0)
    assert invite.branch == "z9hG4bK-524287-1---4d6ab2b4"
    assert (invite.sent_by, invite.transport) == ("192.168.1.20:5060", "UDP")
    assert (invite.sip_call_id, invite.cseq, invite.max_forwards) == ("YzM4NTY0Y2QxYzE2NDU5ZmQ0", 17, 70)
    assert (invite.from_tag, invite.to_tag) == ("a6c85cf2", "")
    assert invite.request_uri.user == "2001"
    assert invite.body == b"v=0\n"


def test_lists_are_split_and_compact_names_found(invite: Message) -> None:
    assert len(invite.all("Via")) == 3
    assert invite.all("Via")[2] == "SIP/2.0/TLS zero.example.com;branch=z9hG4bK0"
    assert invite.all("Route") == ["<sip:a.example.com;lr>", "<sip:b.example.com;lr>"]
    assert invite.get("Route") == "<sip:a.example.com;lr>"
    assert invite.all("Supported") == ["replaces", "timer", "outbound"]
    assert invite.contains("Supported", "TIMER") and not invite.contains("Supported", "100rel")
    assert invite.get("X-Custom") == "one, two"
    assert invite.get("Contact") == "<sip:alice@192.168.1.20:5060;transport=UDP>"
    assert invite.get("Expires") is None and invite.all("Expires") == []


def test_need_says_what_is_missing_and_to_whom(invite: Message) -> None:
    with pytest.raises(BadMessage, match="400 Missing Expires") as raised:
        invite.need("Expires")
    assert raised.value.message is invite


def test_items_pass_everything_through_in_order(invite: Message) -> None:
    names = [name for name, _ in invite.items()]
    assert names[:3] == ["Via", "Via", "Max-Forwards"]
    assert ("X-Custom", "one, two") in list(invite.items())
    assert len(names) == 17


def test_response_repeats_the_request(invite: Message) -> None:
    raw = respond(
        invite,
        180,
        to_tag="t1",
        headers="Contact: <sip:switch@10.0.0.1>\r\n",
        received=("203.0.113.9", 1024),
    )
    response = parse(raw)
    assert raw.startswith(b"SIP/2.0 180 Ringing\r\nVia: ")
    assert (response.status, response.method, response.to_tag) == (180, "INVITE", "t1")
    top, *others = response.all("Via")
    assert top == (
        "SIP/2.0/UDP 192.168.1.20:5060;branch=z9hG4bK-524287-1---4d6ab2b4;received=203.0.113.9;rport=1024"
    )
    assert others == invite.all("Via")[1:]
    assert response.all("Record-Route") == invite.all("Record-Route")
    for name in ("From", "Call-ID", "CSeq"):
        assert response.get(name) == invite.get(name)


def test_response_can_be_written_for_another_source(invite: Message) -> None:
    assert b"received=" not in respond(invite, 100)
    assert b"received=10.0.0.7;rport=7" in respond(invite, 100, received=("10.0.0.7", 7))
    assert b"received=10.0.0.8;rport=8" in respond(invite, 100, received=("10.0.0.8", 8))


@pytest.mark.parametrize("status", [100, 404, 503])
def test_record_route_only_where_a_dialog_begins(invite: Message, status: int) -> None:
    assert b"Record-Route" not in respond(invite, status)


def test_own_record_route_is_not_doubled(invite: Message) -> None:
    raw = respond(invite, 200, headers="Record-Route: <sip:own.example.com;lr>\r\n")
    assert parse(raw).all("Record-Route") == ["<sip:own.example.com;lr>"]


@pytest.mark.parametrize(
    ("via", "stamped"),
    [
        ("SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKa", "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKa"),
        ("SIP/2.0/UDP 10.9.9.9;branch=z9hG4bKa", "SIP/2.0/UDP 10.9.9.9;branch=z9hG4bKa;received=10.0.0.1"),
        (
            "SIP/2.0/UDP 10.0.0.1;rport;branch=z9hG4bKa",
            "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKa;received=10.0.0.1;rport=5070",
        ),
        (
            "SIP/2.0/UDP 10.9.9.9;received=1.1.1.1;rport=99;branch=z9hG4bKa",
            "SIP/2.0/UDP 10.9.9.9;branch=z9hG4bKa;received=10.0.0.1;rport=5070",
        ),
        (
            "SIP/2.0/UDP 10.9.9.9;branch=z9hG4bKa;rportal=x",
            "SIP/2.0/UDP 10.9.9.9;branch=z9hG4bKa;rportal=x;received=10.0.0.1",
        ),
    ],
)
def test_via_says_where_a_request_really_came_from(via: str, stamped: str) -> None:
    message = parse(
        PHONE_INVITE.replace(
            b"SIP/2.0/UDP 192.168.1.20:5060;branch=z9hG4bK-524287-1---4d6ab2b4;rport", via.encode()
        )
    )
    response = parse(respond(message, 200, received=("10.0.0.1", 5070)))
    assert response.all("Via")[0] == stamped


def test_to_tag_of_the_request_stays() -> None:
    message = parse(PHONE_INVITE.replace(b"To: <sip:2001@pbx.example.com>", b"To: <sip:2001@x>;tag=old"))
    assert parse(respond(message, 200, to_tag="new")).to_tag == "old"


def test_response_with_body_and_reason(invite: Message) -> None:
    response = parse(respond(invite, 200, "Fine\r\nX-Evil: 1", body=b"v=0\r\n", content_type="text/x"))
    assert response.reason == "Fine X-Evil: 1"
    assert response.get("X-Evil") is None
    assert (response.get("Content-Type"), response.body) == ("text/x", b"v=0\r\n")


def test_request_is_read_as_it_was_written() -> None:
    raw = request(
        "INVITE",
        "sip:bob@example.com",
        via="SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK77;rport",
        from_='"Zoë" <sip:zoe@example.com>;tag=1',
        to="<sip:bob@example.com>",
        sip_call_id="abc@host",
        cseq=4,
        routes=("<sip:p1;lr>", "<sip:p2;lr>"),
        headers="X-One: 1\r\n",
        body=b"v=0\r\n",
    )
    message = parse(raw)
    assert (message.method, message.branch, message.cseq) == ("INVITE", "z9hG4bK77", 4)
    assert message.all("Route") == ["<sip:p1;lr>", "<sip:p2;lr>"]
    assert message.get("From") == '"Zoë" <sip:zoe@example.com>;tag=1'
    assert (message.get("X-One"), message.get("Content-Type")) == ("1", "application/sdp")
    assert message.body == b"v=0\r\n"


def test_latin_1_is_read_where_utf_8_fails() -> None:
    message = parse(PHONE_INVITE.replace("café".encode(), b"caf\xe9"))
    assert message.get("Subject") == "café"


def test_unencodable_text_is_still_sent() -> None:
    raw = request("OPTIONS", "sip:x", via="v", from_="f\ud800", to="t", sip_call_id="i", cseq=1, headers="")
    assert b"From: f?\r\n" in raw


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("via", "Via"),
        ("CALL-ID", "Call-ID"),
        ("cseq ", "CSeq"),
        ("P-ASSERTED-IDENTITY\t", "P-Asserted-Identity"),
        ("www-authenticate", "WWW-Authenticate"),
        ("x", "Session-Expires"),
        ("X-foo", "X-Foo"),
        ("", ""),
        (" Via", ""),
        ("Via x", ""),
        ("Vi\u0430", ""),
    ],
)
def test_canonical_names(raw: str, name: str) -> None:
    assert canonical_name(raw) == name


def test_split_list_knows_quotes_and_brackets() -> None:
    text = '"Doe, \\", John" <sip:j@x;a=1,2> ;q=1 , , <sip:k@x>,'
    assert split_list(text) == ['"Doe, \\", John" <sip:j@x;a=1,2> ;q=1', "<sip:k@x>"]


@given(st.text())
def test_header_safe_never_lets_a_line_end_through(text: str) -> None:
    safe = header_safe(text)
    assert not any(ord(character) < 32 or ord(character) == 127 for character in safe)
    assert header_safe(safe) == safe


TOKENS = st.text("abcdefghijklmnopqrstuvwxyz0123456789-.!%*_+`'~", min_size=1, max_size=30)
VALUES = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp")), min_size=1, max_size=40
)


@given(
    tag=TOKENS, call_id=TOKENS, branch=TOKENS, cseq=st.integers(0, 2**31 - 1), value=VALUES, body=st.binary()
)
def test_round_trip(tag: str, call_id: str, branch: str, cseq: int, value: str, body: bytes) -> None:
    raw = request(
        "MESSAGE",
        "sip:bob@example.com",
        via=f"SIP/2.0/TCP [2001:db8::1]:5062;branch=z9hG4bK{branch}",
        from_=f"<sip:a@b>;tag={tag}",
        to="<sip:bob@example.com>",
        sip_call_id=call_id,
        cseq=cseq,
        headers=f"Subject: {value}\r\n",
        body=body,
        content_type="text/plain",
    )
    message = parse(raw)
    assert (message.from_tag, message.sip_call_id, message.cseq) == (tag, call_id, cseq)
    assert (message.branch, message.sent_by) == (f"z9hG4bK{branch}", "[2001:db8::1]:5062")
    assert (message.get("Subject"), message.body) == (value, body)
    response = parse(respond(message, 200, to_tag="x", received=("2001:db8::1", 5062)))
    assert (response.branch, response.from_tag, response.sip_call_id) == (message.branch, tag, call_id)
