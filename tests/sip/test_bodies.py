"""Bodies that are more than a session description, or something else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.sip.bodies import take_description, understood
from softswitch.sip.message import Message, parse
from tests.call.world import World
from tests.sip.torture import SDP, plain

CRLF_SDP = SDP.replace("\n", "\r\n")
PARTS = f"""preamble
--b
Content-Type: application/isup;version=itu-t92+
Content-Disposition: signal;handling=optional

\x01\x02
--b
c : Application/SDP

{SDP}
--b--
epilogue"""


def invite(kind: str, body: str, extra: str = "") -> Message:
    message = parse(plain("INVITE sip:100@example.com SIP/2.0", f"Content-Type: {kind}\n{extra}", body))
    take_description(message)
    return message


@pytest.mark.parametrize("kind", ["multipart/mixed;boundary=b", 'Multipart/Related; x=1; boundary = "b"'])
def test_the_description_in_a_multipart(kind: str) -> None:
    message = invite(kind, PARTS)
    assert message.body == CRLF_SDP.encode()
    assert understood(message)


@pytest.mark.parametrize(
    ("kind", "body", "extra", "left"),
    [
        ("application/sdp", SDP, "", CRLF_SDP),
        ("APPLICATION/SDP; charset=utf-8", SDP, "Content-Encoding: identity\n", CRLF_SDP),
        ("multipart/mixed;boundary=other", PARTS, "", ""),
        ("multipart/mixed", PARTS, "", ""),
        ("multipart/mixed;boundary=b", "--b\nno end", "", ""),
        ("application/pidf+xml", "<x/>", "Content-Disposition: render; Handling=Optional\n", ""),
        ("application/sdp", "xx", "Content-Encoding: gzip\n", None),
        ("application/pidf+xml", "<x/>", "", None),
        ("text/plain", "x", "Content-Disposition: render;handling=required\n", None),
    ],
)
def test_what_is_understood_and_what_remains(kind: str, body: str, extra: str, left: str | None) -> None:
    message = invite(kind, body, extra)
    assert understood(message) == (left is not None)
    assert left is None or message.body == left.encode()


@given(st.text("-b\r\n:;=c/ \x01é", max_size=120), st.text('b"-;= ', max_size=8))
def test_junk_never_crashes(body: str, boundary: str) -> None:
    message = parse(plain(extra=f"Content-Type: multipart/x;boundary={boundary}\n", body=body))
    take_description(message)
    understood(message)


def test_a_call_of_a_carrier_that_sends_more_than_sdp() -> None:
    world = World()
    carrier = world.phone("carrier", "198.51.100.9", register=False)
    parts = ["Content-Type: text/plain\r\n\r\nhello", f"Content-Type: application/sdp\r\n\r\n{CRLF_SDP}"]
    body = "".join(f"--b\r\n{part}\r\n" for part in parts) + "--b--"
    answers: list[bytes] = []

    def receive(now: float, out: list[object]) -> None:
        kind = "Content-Type: multipart/mixed;boundary=b\n"
        data = plain("INVITE sip:100@x SIP/2.0", kind, body.replace("\r\n", "\n"))
        world.exchange.received(
            data, carrier.flow._replace(local=carrier.flow.remote, remote=carrier.flow.local), now, out
        )
        answers.extend(
            getattr(each, "data", b"") for each in out if isinstance(getattr(each, "data", None), bytes)
        )

    world.turn(receive)
    assert any(answer.startswith(b"SIP/2.0 200 ") and b"m=audio" in answer for answer in answers)
