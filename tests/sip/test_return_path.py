"""Where the responses to a request go: every form of the top Via against where it came from."""

from __future__ import annotations

import pytest

from softswitch.sip.flow import SipFlow
from softswitch.sip.message import parse
from softswitch.sip.return_path import return_path

SWITCH = ("192.0.2.1", 5060)
HOST = "192.0.2.77"


def sent_to(via: str, transport: str = "UDP", source: tuple[str, int] = (HOST, 40123)) -> tuple[str, int]:
    text = (
        f"OPTIONS sip:switch SIP/2.0\r\nVia: {via}\r\nFrom: <sip:s@x>;tag=1\r\nTo: <sip:t@x>\r\n"
        "Call-ID: c\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    )
    return return_path(parse(text.encode()), SipFlow(transport, SWITCH, source)).remote


@pytest.mark.parametrize(
    ("via", "port"),
    [
        (f"SIP/2.0/UDP {HOST}:40123;branch=z9hG4bKa", 40123),
        (f"SIP/2.0/UDP {HOST}:5060;branch=z9hG4bKa", 5060),
        (f"SIP/2.0/UDP {HOST};branch=z9hG4bKa", 5060),
        (f"SIP/2.0/UDP {HOST}:5080;branch=z9hG4bKa;received=203.0.113.5", 5080),
        (f"SIP/2.0/UDP {HOST}:5060;rport;branch=z9hG4bKa", 40123),
        (f"SIP/2.0/UDP {HOST}:5060;branch=z9hG4bKa;rport=5080", 40123),
        (f"SIP/2.0/UDP {HOST}:5060;branch=z9hG4bKa, SIP/2.0/UDP 10.0.0.1;rport;branch=z9hG4bKb", 5060),
        ("SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKa", 40123),
        ("SIP/2.0/UDP phone.example.com:5060;branch=z9hG4bKa", 40123),
        (f"SIP/2.0/UDP {HOST}:5060;maddr=203.0.113.5;branch=z9hG4bKa", 5060),
        ("SIP/2.0/UDP 10.0.0.1;maddr=203.0.113.5;branch=z9hG4bKa", 40123),
    ],
)
def test_of_a_datagram(via: str, port: int) -> None:
    assert sent_to(via) == (HOST, port)


def test_in_ipv6() -> None:
    source = ("2001:db8::7", 40123)
    assert sent_to("SIP/2.0/UDP [2001:db8::7];branch=z9hG4bKa", source=source) == ("2001:db8::7", 5060)
    assert sent_to("SIP/2.0/UDP [2001:db8::8];branch=z9hG4bKa", source=source) == source


def test_of_a_stream_it_is_the_stream() -> None:
    assert sent_to(f"SIP/2.0/TCP {HOST}:5060;branch=z9hG4bKa", "TCP") == (HOST, 40123)
