"""A phone that sends from one port and listens on another."""

from __future__ import annotations

from softswitch.sip.digest import authorize
from softswitch.sip.flow import SipFlow
from softswitch.sip.message import parse
from tests.call.world import SWITCH, Phone, World


def test_a_phone_that_sends_from_one_port_and_listens_on_another_registers_and_is_called() -> None:
    """As old desk phones do where they are told that there is no NAT."""
    world = World()
    phone = world.phone("alice", register=False)
    name = phone.flow.local[0]
    via = f"SIP/2.0/UDP {name}:5060;branch=z9hG4bK"
    spoken: list[bytes] = []

    def speak(number: int, headers: str = "") -> bytes:
        text = (
            f"REGISTER sip:{SWITCH[0]} SIP/2.0\r\nVia: {via}{number}\r\nMax-Forwards: 70\r\n"
            f"From: <sip:alice@x>;tag=1\r\nTo: <sip:alice@x>\r\nCall-ID: c\r\nCSeq: {number} REGISTER\r\n"
            f"Contact: <sip:alice@{name}>\r\n{headers}Content-Length: 0\r\n\r\n"
        )
        flow = SipFlow("UDP", SWITCH, (name, 51000))
        out: list[object] = []
        world.exchange.received(text.encode(), flow, world.now, out)
        spoken.extend(send.data for send in out if getattr(send, "flow", flow).remote == phone.flow.local)
        return spoken[-1]

    challenge = parse(speak(1)).all("WWW-Authenticate")
    proof = _proof(challenge, phone)
    assert parse(speak(2, proof)).status == 200
    caller = world.phone("bob")
    caller.call("alice")
    assert phone.events[0][0] == "ringing"


def _proof(challenges: list[str], phone: Phone) -> str:
    who = phone.credentials
    text = authorize(
        challenges,
        method="REGISTER",
        uri=f"sip:{SWITCH[0]}",
        username=who.username,
        password=who.password,
        cnonce="c",
    )
    return f"Authorization: {text}\r\n"
