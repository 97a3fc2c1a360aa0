"""Which codec a call gets: none is transcoded that need not be, and what nobody speaks is refused at once."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.sdp.description import SessionDescription
from softswitch.sdp.negotiation import answer_offer, make_offer, offered_codecs
from tests.call.world import SWITCH, Phone, World

ALL = ("OPUS", "G722", "PCMA", "PCMU", "L16")


def world() -> tuple[World, Phone, Phone]:
    world = World(media={"host": SWITCH[0], "workers": 1, "codecs": ALL})
    alice, bob = world.phone("alice"), world.phone("bob")
    alice.answers_offers = bob.answers_offers = False
    return world, alice, bob


def offer(*codecs: str, port: int = 4000) -> str:
    return make_offer(host="192.0.2.11", port=port, codecs=codecs, session_id=1, version=1)


def answer(phone: Phone, *codecs: str) -> None:
    invite = phone.session.invite
    assert invite is not None
    address: dict[str, Any] = {"host": "192.0.2.12", "port": 4002, "session_id": 2, "version": 1}
    sdp, _ = answer_offer(invite.body, codecs=codecs, **address)
    phone.world.do(phone, lambda now, out: phone.session.answer(sdp, now, out))


def spoken(world: World) -> list[str]:
    newest = {each["id"]: each["codec"] for each in world.media if each["do"] == "put_leg"}
    return list(newest.values())


@pytest.mark.parametrize("codec", ALL)
def test_a_common_codec_is_spoken_on_both_sides(codec: str) -> None:
    here, alice, bob = world()
    alice.call("bob", sdp=offer("PCMU", codec) if codec != "PCMU" else offer("PCMA", codec))
    answer(bob, codec)
    assert spoken(here) == [codec, codec]


def test_the_callee_is_offered_what_the_caller_has_in_its_order() -> None:
    _, alice, bob = world()
    alice.call("bob", sdp=offer("PCMU", "G722", "OPUS"))
    assert bob.session.invite is not None
    assert offered_codecs(bob.session.invite.body, ALL) == ["PCMU", "G722", "OPUS", "PCMA", "L16"]


def test_without_a_common_codec_each_has_its_own() -> None:
    here, alice, bob = world()
    alice.call("bob", sdp=offer("OPUS"))
    answer(bob, "PCMA")
    assert sorted(spoken(here)) == ["OPUS", "PCMA"]


def test_a_new_offer_is_answered_with_what_the_other_one_speaks() -> None:
    here, alice, bob = world()
    alice.call("bob", sdp=offer("PCMA"))
    answer(bob, "PCMA")
    here.do(bob, lambda now, out: bob.session.reinvite(offer("OPUS", port=4010), now, out))
    assert sorted(spoken(here)) == ["OPUS", "PCMA"]
    here.do(alice, lambda now, out: alice.session.reinvite(offer("PCMA", "OPUS", port=4012), now, out))
    assert spoken(here) == ["OPUS", "OPUS"]


@pytest.mark.parametrize("number", ["bob", "100", "200"])
def test_who_speaks_nothing_of_ours_is_refused_before_anybody_rings(number: str) -> None:
    here, alice, bob = world()
    gsm = offer("PCMA").replace(" 8 101", " 3").replace("8 PCMA/8000", "3 GSM/8000")
    assert SessionDescription.parse(gsm).media[0].formats == ("3",)
    alice.call(number, sdp=gsm)
    assert alice.events[-1][:3] == ("ended", "rejected", 488)
    assert not bob.sessions and not here.exchange.calls


@pytest.mark.parametrize("wanted", [True, False])
def test_comfort_noise_is_a_setting(wanted: bool) -> None:
    here = World(media={"host": SWITCH[0], "workers": 1, "comfort_noise": wanted})
    alice, _ = here.phone("alice"), here.phone("bob")
    alice.answers_offers = False
    address: dict[str, Any] = {"host": "192.0.2.11", "port": 4000, "session_id": 1, "version": 1}
    alice.call("100", sdp=make_offer(codecs=("PCMA",), comfort_noise=True, **address))
    (leg,) = [each for each in here.media if each["do"] == "put_leg"]
    assert (leg["receive"].get("13") == "CN") == wanted
