"""SRTP in calls: which legs are offered keys, which offers are refused, and what survives a restart."""

from __future__ import annotations

import random
from typing import Any

import pytest

from softswitch.sdp.crypto import PLAIN, Security, make_keys
from softswitch.sdp.negotiation import answer_offer, make_offer
from softswitch.sip.flow import SipFlow
from tests.call.world import CENTRE, SWITCH, Phone, World

USERS = {name: {"password": "secret"} for name in ("alice", "bob")}


def world(
    *, over: str = "TLS", users: dict[str, Any] | None = None, **media: Any
) -> tuple[World, Phone, Phone]:
    """alice and bob, both over this transport."""
    centre = {**CENTRE, "users": {**CENTRE["users"], **(users or {})}}  # type: ignore[dict-item]
    world = World(centre, media={"host": SWITCH[0], "workers": 1, **media})
    phones = []
    for name in ("alice", "bob"):
        phone = world.phone(name, register=False)
        phone.flow = SipFlow(over, phone.flow.local, SWITCH, 0 if over == "UDP" else 7)
        phone.answers_offers = False
        phone.register()
        phones.append(phone)
    return world, phones[0], phones[1]


def secure(mode: str, seed: int = 1) -> Security:
    return Security(mode, make_keys(random.Random(seed).randbytes))


def offer(security: Security, port: int = 4000) -> str:
    return make_offer(
        host="192.0.2.11", port=port, codecs=("PCMA",), session_id=1, version=1, security=security
    )


def call(caller: Phone, callee: Phone, offered: Security, answered: Security) -> None:
    caller.call(callee.name, sdp=offer(offered))
    answer(callee, answered)


def answer(callee: Phone, security: Security) -> None:
    invite = callee.session.invite
    assert invite is not None
    sdp, _ = answer_offer(
        invite.body,
        host="192.0.2.12",
        port=4002,
        codecs=("PCMA",),
        session_id=2,
        version=1,
        security=security,
    )
    callee.world.do(callee, lambda now, out: callee.session.answer(sdp, now, out))


def legs(world: World) -> list[dict[str, Any]]:
    """The newest put of each leg."""
    newest = {each["id"]: each for each in world.media if each["do"] == "put_leg"}
    return list(newest.values())


@pytest.mark.parametrize("mode", ["optional", "required"])
def test_each_leg_has_keys_of_its_own(mode: str) -> None:
    here, alice, bob = world(srtp=mode)
    call(alice, bob, secure("required"), secure(mode, 2))
    one, other = legs(here)
    assert one["srtp"]["suite"] == other["srtp"]["suite"] == "AES_CM_128_HMAC_SHA1_80"
    assert len({leg["srtp"][way] for leg in (one, other) for way in ("send", "receive")}) == 4


def test_a_phone_without_srtp_talks_to_one_that_has_it() -> None:
    here, alice, bob = world()
    call(alice, bob, secure("required"), PLAIN)
    assert sorted("srtp" in leg for leg in legs(here)) == [False, True]


def test_no_keys_go_over_udp() -> None:
    here, alice, bob = world(over="UDP")
    call(alice, bob, secure("optional"), secure("optional", 2))
    assert bob.session.invite is not None and b"crypto" not in bob.session.invite.body
    assert not any("srtp" in leg for leg in legs(here))


def test_an_offer_of_srtp_over_udp_is_refused_with_the_reason() -> None:
    _, alice, _ = world(over="UDP")
    alice.call("100", sdp=offer(secure("required")))
    assert alice.events[-1][:3] == ("ended", "rejected", 488)


def test_keys_in_clear_can_be_allowed() -> None:
    here, alice, bob = world(over="UDP", srtp_keys_in_clear=True)
    call(alice, bob, secure("required"), secure("optional", 2))
    assert all("srtp" in leg for leg in legs(here))


def test_a_user_who_must_have_srtp_is_not_called_over_udp() -> None:
    here, alice, bob = world(over="UDP", users={"bob": {"password": "secret", "srtp": "required"}})
    alice.call("bob")
    assert alice.events[-1][:3] == ("ended", "rejected", 488)
    assert not bob.sessions
    assert here.exchange.calls == {}


def test_the_setting_of_a_user_comes_before_that_of_the_node() -> None:
    here, alice, bob = world(srtp="required", users={"bob": {"password": "secret", "srtp": "off"}})
    call(alice, bob, secure("required"), PLAIN)
    assert [("srtp" in leg) for leg in legs(here)].count(True) == 1
    alice.hang_up()
    alice.call("bob")
    answer(bob, PLAIN)
    assert alice.events[-1][:3] == ("ended", "rejected", 488)


def test_without_openssl_keys_are_neither_offered_nor_taken() -> None:
    here, alice, bob = world()
    here.exchange.no_srtp = "install OpenSSL"
    call(alice, bob, secure("optional"), secure("optional", 2))
    assert not any("srtp" in leg for leg in legs(here))


def test_our_key_stays_over_a_new_offer_of_theirs_and_over_a_restart() -> None:
    here, alice, bob = world()
    call(alice, bob, secure("required"), secure("optional", 2))
    before = {leg["id"]: leg["srtp"] for leg in legs(here)}
    here.restart_switch()
    assert {leg["id"]: leg["srtp"] for leg in legs(here)} == before
    sdp = offer(secure("required", 3), port=4010)
    here.do(alice, lambda now, out: alice.session.reinvite(sdp, now, out))
    (changed,) = [leg for leg in legs(here) if leg["remote"][1] == 4010]
    former = before[changed["id"]]
    assert changed["srtp"]["send"] == former["send"]
    assert changed["srtp"]["receive"] != former["receive"]


def test_keys_are_in_no_fact() -> None:
    here, alice, bob = world()
    call(alice, bob, secure("required"), secure("optional", 2))
    alice.hang_up()
    keys = {leg["srtp"][way] for leg in legs(here) for way in ("send", "receive")}
    assert not any(key in repr(fact) for key in keys for fact in here.facts)
