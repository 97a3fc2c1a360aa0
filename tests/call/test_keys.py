"""Keys from one party of a conversation to the other, whichever way each of them has."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.sdp.negotiation import answer_offer, make_offer
from tests.call.world import CENTRE, Phone, World

EVENTS = "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"


def without_events(sdp: str) -> str:
    return sdp.replace(EVENTS, "").replace(" 101\r\n", "\r\n")


def talking(*, alice: bool, bob: bool, **users: Any) -> tuple[World, Phone, Phone]:
    """alice called bob; for each of them, whether telephone-events are agreed on."""
    settings = {name: {"password": "secret", **users.get(f"{name}_", {})} for name in ("alice", "bob")}
    world = World({**CENTRE, "users": {**CENTRE["users"], **settings}})  # type: ignore[dict-item]
    one, other = world.phone("alice"), world.phone("bob")
    one.answers_offers = False
    offer = make_offer(host="192.0.2.11", port=4000, codecs=("PCMA",), session_id=1, version=1)
    one.call("bob", sdp=offer if alice else without_events(offer))
    invite = other.session.invite
    assert invite is not None
    address: dict[str, Any] = {"host": "192.0.2.12", "port": 4002, "session_id": 2, "version": 1}
    answer, _ = answer_offer(invite.body, codecs=("PCMA",), **address)
    sdp = answer if bob else without_events(answer)
    world.do(other, lambda now, out: other.session.answer(sdp, now, out))
    return world, one, other


def legs(world: World) -> dict[str, dict[str, Any]]:
    """What each phone's leg was put as last, by the name of the phone."""
    newest = {each["id"]: each for each in world.media if each["do"] == "put_leg"}
    return {"alice" if each["remote"][1] == 4000 else "bob": each for each in newest.values()}


def infos(phone: Phone) -> list[bytes]:
    return [event[1] for event in phone.events if event[0] == "info"]


def press_info(world: World, phone: Phone, digit: str) -> None:
    body = f"Signal={digit}\r\nDuration=160\r\n".encode()
    world.do(phone, lambda now, out: phone.session.send_info("application/dtmf-relay", body, now, out))


def heard(world: World, name: str, digit: str) -> None:
    world.digit(digit, legs(world)[name]["id"])


def test_info_becomes_telephone_events() -> None:
    world, alice, _ = talking(alice=True, bob=True)
    press_info(world, alice, "5")
    (sent,) = [each for each in world.media if each["do"] == "send_digits"]
    assert (sent["leg"], sent["digits"]) == (legs(world)["bob"]["id"], "5")


def test_who_agreed_to_nothing_is_sent_tones_until_it_sends_info() -> None:
    world, alice, bob = talking(alice=True, bob=False)
    assert legs(world)["bob"]["tones"] is True and "tones" not in legs(world)["alice"]
    heard(world, "alice", "5")  # the worker makes the tone of it
    assert not infos(bob)
    press_info(world, bob, "1")
    assert "tones" not in legs(world)["bob"]
    heard(world, "alice", "6")
    assert [body.split()[0] for body in infos(bob)] == [b"Signal=6"]
    assert not infos(alice)


@pytest.mark.parametrize("agreed", [True, False])
def test_a_setting_says_info(agreed: bool) -> None:
    world, _, bob = talking(alice=True, bob=agreed, bob_={"keys": "info"})
    assert legs(world)["bob"]["dtmf_send"] is None and "tones" not in legs(world)["bob"]
    heard(world, "alice", "#")
    assert [body.split()[0] for body in infos(bob)] == [b"Signal=#"]


def test_info_goes_on_as_info() -> None:
    world, alice, bob = talking(alice=True, bob=False, bob_={"keys": "info"})
    press_info(world, alice, "9")
    assert [body.split()[0] for body in infos(bob)] == [b"Signal=9"]
    assert not [each for each in world.media if each["do"] == "send_digits"]


def test_a_setting_says_tones() -> None:
    world, _, _ = talking(alice=True, bob=True, bob_={"keys": "inband"})
    assert (legs(world)["bob"]["tones"], legs(world)["bob"]["dtmf_send"]) == (True, None)
    assert legs(world)["bob"]["dtmf_receive"] == 101
