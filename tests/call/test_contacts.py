"""Where a registered phone is called: at its contact, or where its REGISTER came from."""

from __future__ import annotations

import pytest

from softswitch.sip.useragent import SipSettings
from tests.call.world import SWITCH, Phone, World

PHONE = ("192.0.2.50", 5070)


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
