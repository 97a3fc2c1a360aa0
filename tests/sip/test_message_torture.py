"""Messages that are hard, wrong or hostile: the cases of RFC 4475, smuggling, floods, junk."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.sip.message import BadMessage, Message, parse, respond
from tests.sip.torture import TORTUOUS

HEADERS = {
    "Via": "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1",
    "From": "<sip:a@example.com>;tag=1",
    "To": "<sip:b@example.com>",
    "Call-ID": "c1@example.com",
    "CSeq": "1 OPTIONS",
    "Max-Forwards": "70",
}


def build(
    start: str = "OPTIONS sip:b@example.com SIP/2.0", extra: str = "", body: str = "", **changed: str | None
) -> bytes:
    """A small request; keywords replace headers (Call_ID=…), None leaves one out."""
    headers = HEADERS | {name.replace("_", "-"): value for name, value in changed.items()}
    lines = [f"{name}: {value}\r\n" for name, value in headers.items() if value is not None]
    return f"{start}\r\n{''.join(lines)}{extra}\r\n{body}".encode()


def refused(raw: bytes) -> BadMessage:
    with pytest.raises(BadMessage) as raised:
        parse(raw)
    return raised.value


WSINV = (TORTUOUS.format(4) + "\nv=0\n").replace("\n", "\r\n").encode()


def test_short_tortuous_invite() -> None:
    message = parse(WSINV[:-1])
    assert (message.method, message.cseq, message.max_forwards) == ("INVITE", 9, 68)
    assert (message.branch, message.sent_by, message.transport) == ("390skdjuw", "192.0.2.2", "UDP")
    assert (message.from_tag, message.to_tag) == ("98asjd8", "1918181833n")
    assert message.get("Newfangledheader") == "newfangled value continued newfangled value"
    assert len(message.all("Via")) == 3
    assert message.get("Subject") == ""
    assert message.body == b"v=0\r"


def test_wide_range_of_valid_characters() -> None:
    method = "!interesting-Method0123456789_*+`.%indeed'~"
    message = parse(
        build(
            f"{method} sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too."
            "(doesn't-it)@example.com SIP/2.0",
            CSeq=f"139122385 {method}",
            Call_ID="intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{",
            From='"BEL:\\\x07 NUL:\\\x07 DEL:\\\x7f" <sip:1_x@example.com>;tag=_token~1\'+`*%!-.',
        )
    )
    assert message.method == method
    assert message.from_tag == "_token~1'+`*%!-."


@pytest.mark.parametrize(
    "raw",
    [
        build("OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0"),
        build("REGISTER sip:example.com SIP/2.0", CSeq="1 REGISTER", To="isbn:2983792873"),
        build(Via="SIP/2.0/UDP 192.0.2.1"),
        build(From="sip:caller@example.com"),
        build(extra="Content-Length: 0\r\n", body="more that is not a body"),
        build(Via="SIP/2.0/EXT 192.0.2.1:5060;BRANCH=z9hG4bK1"),
        b"\r\n\r\n" + build(),
    ],
)
def test_unusual_but_valid(raw: bytes) -> None:
    assert parse(raw).method in ("OPTIONS", "REGISTER")


def test_unknown_scheme_is_refused_when_it_is_asked_for() -> None:
    message = parse(build("OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0"))
    with pytest.raises(BadMessage) as raised:
        _ = message.request_uri
    assert (raised.value.status, raised.value.message) == (416, message)


ANSWERED = {
    "two start line blanks": (400, build("OPTIONS  sip:b@example.com  SIP/2.0")),
    "trailing blank": (400, build("OPTIONS sip:b@example.com SIP/2.0 ")),
    "blank in URI": (400, build("OPTIONS sip:b@example.com; lr SIP/2.0")),
    "URI in brackets": (400, build("OPTIONS <sip:b@example.com> SIP/2.0")),
    "no URI": (400, build("OPTIONS SIP/2.0")),
    "folded start line": (400, build("OPTIONS sip:b@example.com\r\n SIP/2.0 x")),
    "unknown version": (505, build("OPTIONS sip:b@example.com SIP/7.0")),
    "not SIP": (400, build("OPTIONS sip:b@example.com HTTP/1.1")),
    "method mismatch": (400, build(CSeq="8 INVITE")),
    "CSeq too large": (400, build(CSeq="36893488147419103232 OPTIONS")),
    "CSeq not a number": (400, build(CSeq="1_0 OPTIONS")),
    "CSeq in other digits": (400, build(CSeq="١ OPTIONS")),
    "signed CSeq": (400, build(CSeq="+1 OPTIONS")),
    "Max-Forwards too large": (400, build(Max_Forwards="300")),
    "Max-Forwards not a number": (400, build(Max_Forwards="-1")),
    "body too short": (400, build(extra="Content-Length: 9999\r\n", body="x")),
    "negative length": (400, build(extra="Content-Length: -999\r\n")),
    "two lengths": (400, build(extra="Content-Length: 0\r\nl: 1\r\n", body="x")),
    "two lengths, one with a blank": (
        400,
        build(extra="Content-Length: 0\r\nContent-Length : 1\r\n", body="x"),
    ),
    "two Call-IDs": (400, build(extra="i: other\r\n")),
    "two From": (400, build(extra="FROM : <sip:admin@example.com>;tag=2\r\n")),
    "two To, folded": (400, build(extra="t\t:\r\n <sip:x@example.com>\r\n")),
    "two CSeq": (400, build(extra="cseq: 2 OPTIONS\r\n")),
    "two From in one": (400, build(From="<sip:a@example.com>;tag=1,<sip:c@example.com>")),
    "two tags": (400, build(From="<sip:a@example.com>;tag=1;Tag=2")),
    "unterminated quote": (400, build(To='"Mr. J. User <sip:j.user@example.com>')),
    "unterminated URI": (400, build(To="<sip:j.user@example.com")),
    "tag too long": (400, build(From=f"<sip:a@example.com>;tag={'1' * 600}")),
    "Call-ID too long": (400, build(Call_ID="1" * 600)),
    "line without colon": (400, build(extra="what is this\r\n")),
    "known name without colon": (400, build(extra="Supported\r\n")),
    "blank in name": (400, build(extra="P-Asserted Identity: <sip:x@y>\r\n")),
    "empty name": (400, build(extra=": x\r\n")),
}


@pytest.mark.parametrize("case", ANSWERED)
def test_wrong_requests_are_answered(case: str) -> None:
    status, raw = ANSWERED[case]
    problem = refused(raw)
    assert problem.status == status
    assert problem.message is not None
    response = respond(problem.message, problem.status, problem.reason, to_tag="x").decode()
    assert response.startswith(f"SIP/2.0 {status} ")
    assert f"\r\nCall-ID: {problem.message.need('Call-ID')}\r\n" in response
    assert f"\r\nCSeq: {problem.message.need('CSeq')}\r\n" in response


SILENT = {
    "nothing": b"",
    "keep-alive": b"\r\n\r\n",
    "null bytes": bytes(4),
    "a line": b"hello\r\n",
    "no end": build()[:-2],
    "no Via": build(Via=None),
    "no From": build(From=None),
    "no To": build(To=None),
    "no Call-ID": build(Call_ID=None),
    "no CSeq": build(CSeq=None),
    "empty To": build(To=""),
    "bad Via": build(Via="HTTP/1.1 x"),
    "Via of separators": build(Via="SIP/2.0/UDP 192.0.2.15;;,;,,", From=None),
    "Via list of nothing": build(Via=",,"),
    "host of Via with a path": build(Via="SIP/2.0/UDP a/b;branch=x"),
    "two branches": build(Via="SIP/2.0/UDP 192.0.2.1;x;branch=a;branch=b"),
    "broken ACK": build("ACK  sip:b SIP/2.0", CSeq="1 ACK"),
    "status too large": build("SIP/2.0 4294967301 better not break the receiver"),
    "status too small": build("SIP/2.0 099 x"),
    "response with a huge CSeq": build("SIP/2.0 200 OK", CSeq="9292394834772304023312 OPTIONS"),
    "response without its body": build("SIP/2.0 200 OK", extra="Content-Length: 5\r\n"),
    "bare LF": build(extra="X: a\nContent-Length: 5\r\n"),
    "bare CR": build(extra="X: a\rRoute: <sip:x>\r\n"),
    "NUL": build(From="<sip:a\0@example.com>;tag=1"),
    "LF only": build().replace(b"\r\n", b"\n"),
    "400 headers": build(extra="X: 1\r\n" * 400),
}


@pytest.mark.parametrize("case", SILENT)
def test_what_cannot_be_answered_is_refused_in_silence(case: str) -> None:
    assert refused(SILENT[case]).message is None


@pytest.mark.parametrize("spelling", ["P-Asserted-Identity", "p-asserted-IDENTITY", "P-Asserted-Identity \t"])
@pytest.mark.parametrize("gap", ["", " ", "\t", "\r\n ", "\r\n\t \t"])
def test_a_header_is_found_however_it_is_disguised(spelling: str, gap: str) -> None:
    message = parse(build(extra=f"{spelling}:{gap}<sip:boss@example.com>\r\n"))
    assert message.all("P-Asserted-Identity") == ["<sip:boss@example.com>"]


@pytest.mark.parametrize("junk", ["\r", "\n", "\r\n\r", "\0"])
def test_no_control_character_reaches_a_value(junk: str) -> None:
    raw = build(extra=f"X-Name: before{junk}X-Evil: after\r\n")
    try:
        message = parse(raw)
    except BadMessage:
        return
    assert all(character not in value for _, value in message.items() for character in "\r\n\0")


def test_escaped_line_ends_stay_escaped_and_never_become_a_uri() -> None:
    message = parse(build("OPTIONS sip:b%0d%0aX-Evil:%201@example.com SIP/2.0"))
    assert b"\r\nX-Evil" not in respond(message, 200)
    with pytest.raises(BadMessage) as raised:
        _ = message.request_uri
    assert raised.value.status == 400


HOSTILE = {
    "fold of blanks": build(extra="X:" + " \r\n " * 12_000 + "\r\n"),
    "one long blank": build(extra="X: a\r\n b" + " " * 60_000 + "c\r\n"),
    "escaped quotes": build(To='"' + '\\"' * 30_000),
    "quotes": build(To='<sip:x@y>;z="' * 4_000),
    "brackets": build(To="<" * 60_000),
    "semicolons": build(To="<sip:x@y>" + ";" * 60_000),
    "commas": build(Via="SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1" + "," * 60_000),
    "blanks in Via": build(Via="SIP/2.0/UDP 192.0.2.1;rport" + " " * 60_000 + ";received"),
    "colons in Via": build(Via="SIP/2.0/UDP a" + ":1" * 30_000),
    "rports": build(Via="SIP/2.0/UDP 192.0.2.1" + ";rport" * 10_000),
    "many vias": build(extra="Via: SIP/2.0/UDP a;branch=b\r\n" * 390),
    "many routes": build(extra="Route: " + "<sip:a;lr>," * 6_000 + "\r\n"),
    "many lines": build(extra="a:\r\n" * 16_000),
    "long header": build(extra=f"Subject: {'x' * 65_000}\r\n"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_messages_are_done_with_quickly(case: str) -> None:
    raw = HOSTILE[case]
    started = time.process_time()
    try:
        message: Message | None = parse(raw)
    except BadMessage as problem:
        message = problem.message
    if message is not None:
        respond(message, 400, to_tag="x", received=("192.0.2.77", 5))
        for name in ("Via", "Route", "To"):
            message.all(name)
    assert time.process_time() - started < 0.05


def read_everything(raw: bytes) -> None:
    """Parse and use what a receiver would use; only BadMessage may come out."""
    try:
        message = parse(raw)
        _ = message.request_uri if not message.status else None
    except BadMessage as problem:
        if problem.message is not None:
            respond(problem.message, problem.status, problem.reason, to_tag="x")
        return
    for name, value in message.items():
        assert "\r" not in value and "\n" not in value
        message.all(name)
    if not message.status:
        respond(message, 200, to_tag="x", received=("192.0.2.77", 5))


@given(st.binary(max_size=300))
def test_junk_never_crashes(junk: bytes) -> None:
    read_everything(junk)
    read_everything(junk + b"\r\n\r\n")


FRAGMENTS = st.sampled_from(
    [
        b"\r\n",
        b" ",
        b"\t",
        b":",
        b";",
        b",",
        b'"',
        b"<",
        b">",
        b"\\",
        b"\xff",
        b"\0",
        b"%0d",
        b"tag=",
        b"branch=",
        b"=",
    ]
)


@given(st.sampled_from([build(), WSINV]), st.lists(st.tuples(st.integers(0, 900), FRAGMENTS), max_size=4))
def test_damaged_messages_never_crash(raw: bytes, damage: list[tuple[int, bytes]]) -> None:
    for at, fragment in damage:
        raw = raw[:at] + fragment + raw[at:]
    read_everything(raw)


@given(st.sampled_from([build(), WSINV]), st.integers(0, 900), st.integers(1, 200))
def test_messages_with_holes_never_crash(raw: bytes, at: int, size: int) -> None:
    read_everything(raw[:at] + raw[at + size :])
