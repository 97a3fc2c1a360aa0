"""Where a registered phone is called: at its contact, or where its REGISTER came from."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from softswitch.sip.flow import SipFlow
from softswitch.sip.message import parse
from softswitch.sip.useragent import SipSettings
from tests.call.world import SWITCH, Phone, World

PHONE = ("192.0.2.50", 5070)
REGISTER = (
    b"REGISTER sip:192.0.2.1 SIP/2.0\r\n"
    b"Via: SIP/2.0/TCP 192.0.2.50:5060;branch=z9hG4bK-1\r\n"
    b"From: <sip:alice@192.0.2.1>;tag=1\r\nTo: <sip:alice@192.0.2.1>\r\n"
    b"Call-ID: 1\r\nCSeq: 1 REGISTER\r\nContact: <%s>\r\nContent-Length: 0\r\n\r\n"
)


def registered_at(contact: str, says: tuple[str, int] = PHONE) -> tuple[str, int]:
    """Where alice's phone is called when it sends from PHONE, names `says` in Via and registers `contact`."""
    world = World()
    phone = Phone(world, "alice", PHONE)
    world.phones[PHONE] = phone
    phone.ua.endpoint.settings = SipSettings(contact_user="alice", advertised={("UDP", PHONE): says})
    answers: list[int] = []
    aor = f"sip:alice@{SWITCH[0]}"
    world.do(
        phone,
        lambda now, out: phone.ua.request(
            "REGISTER",
            request_uri=f"sip:{SWITCH[0]}",
            from_=aor,
            to=aor,
            sip_flow=phone.flow,
            on_final=lambda status, message, now, out: answers.append(status),
            now=now,
            out=out,
            headers=f"Contact: <{contact}>\r\nExpires: 300\r\n",
            credentials=phone.credentials,
        ),
    )
    assert answers == [200]
    (binding,) = world.exchange.registrar.contacts("alice", world.now)
    return binding.sip_flow.remote


@pytest.mark.parametrize(
    ("contact", "says", "called"),
    [
        (f"sip:alice@{PHONE[0]}:{PHONE[1]}", PHONE, PHONE),
        # It listens on another port than it sends from.
        (f"sip:alice@{PHONE[0]}:6000", PHONE, (PHONE[0], 6000)),
        (f"sip:alice@{PHONE[0]}", PHONE, (PHONE[0], 5060)),
        # Behind a NAT, which its Via tells, whatever the contact says.
        ("sip:alice@10.0.0.5:5060", ("10.0.0.5", 5060), PHONE),
        (f"sip:alice@{PHONE[0]}:6000", ("10.0.0.5", 5060), PHONE),
        ("sip:alice@10.0.0.5:5060", PHONE, PHONE),
    ],
)
def test_where_a_phone_is_called(contact: str, says: tuple[str, int], called: tuple[str, int]) -> None:
    assert registered_at(contact, says) == called


@pytest.mark.parametrize(
    ("contact", "called"),
    [
        # The port it called from takes no connections.
        (f"sip:alice@{PHONE[0]}:5060;transport=tcp", (PHONE[0], 5060)),
        ("sip:alice@10.0.0.5:5060;transport=tcp", PHONE),
    ],
)
def test_stream_is_lost(contact: str, called: tuple[str, int]) -> None:
    world = World()
    registrar, flow = world.exchange.registrar, SipFlow("TCP", SWITCH, PHONE, 7)
    silent: Any = SimpleNamespace(respond=lambda *_, **__: None)
    message = parse(REGISTER % contact.encode())
    world.turn(lambda now, out: registrar.register(silent, None, message, "alice", flow, now, out))

    def lost(flow: SipFlow) -> SipFlow:
        world.turn(lambda now, out: world.exchange.transport_failed(flow, now, out))
        (binding,) = registrar.contacts("alice", world.now)
        return binding.sip_flow

    assert lost(flow._replace(connection=8)) == flow
    assert lost(flow) == SipFlow("TCP", SWITCH, called)
    (kept,) = world.kept["binding/alice"]["bindings"]
    assert kept == registrar.contacts("alice", world.now)[0].to_state() | {"sip_flow": kept["sip_flow"]}
    assert (tuple(kept["sip_flow"][2]), kept["sip_flow"][3]) == (called, 0)
    world.restart_switch()
    (restored,) = world.exchange.registrar.contacts("alice", world.now)
    assert restored.sip_flow == SipFlow("TCP", SWITCH, called)
