"""SIPS URIs: who is reached by one is told one of ours, where that can be (RFC 3261 §8.1.1.8, §12.1.1)."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.sip.flow import Send, SipFlow
from softswitch.sip.message import Message, parse
from tests.sip.peers import SDP, Owner
from tests.sip.test_useragent import STRANGER, Bench, text_of

OURS = "192.0.2.1:5060"


def contact(messages: list[Message]) -> str | None:
    return messages[-1].get("Contact")


@pytest.mark.parametrize(
    ("transport", "lines", "ours"),
    [
        ("TLS", {"Contact": "<sips:s@192.0.2.77>"}, "sips:bob@{}"),
        ("TLS", {"Contact": "<sip:s@192.0.2.77;transport=tls>"}, "sip:bob@{};transport=tls"),
        ("WSS", {"Contact": "<sips:s@x.invalid;transport=ws>"}, "sips:bob@{};transport=ws"),
        ("TLS", {"Record-Route": "<sips:p.example.com;lr>"}, "sips:bob@{}"),
        ("TCP", {"Contact": "<sips:s@192.0.2.77>"}, "sip:bob@{};transport=tcp"),
        ("UDP", {"Contact": "<sips:s@192.0.2.77>"}, "sip:bob@{}"),
    ],
)
def test_a_caller(transport: str, lines: dict[str, str], ours: str) -> None:
    bench = Bench()
    via = f"SIP/2.0/{transport} 192.0.2.77:5060;branch=z9hG4bK1"
    heard = bench.send(text_of("INVITE", uri="sips:bob@192.0.2.1", Via=via, **lines), transport)
    address = "{}:{}".format(*bench.bob.host.address)
    assert contact(heard) == f"<{ours.format(address)}>"


@pytest.mark.parametrize(("scheme", "transport", "secure"), [("sips", "TLS", True), ("sip", "TLS", False)])
def test_a_callee(scheme: str, transport: str, secure: bool) -> None:
    bench = Bench()
    out: list[Any] = []
    flow = SipFlow(transport, bench.bob.host.address, STRANGER, 1)
    bench.bob.ua.invite(
        Owner(),
        request_uri=f"{scheme}:s@192.0.2.77",
        from_="sip:bob@example.com",
        to="sip:s@example.com",
        sip_flow=flow,
        sdp=SDP,
        now=0.0,
        out=out,
    )
    (invite,) = [parse(each.data) for each in out if isinstance(each, Send)]
    assert str(invite.get("Contact")).startswith("<sips:") == secure
