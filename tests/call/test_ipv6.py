"""Audio over IPv6: a leg's family is what its party names, or signals over; both meet in a call."""

from __future__ import annotations

from typing import Any

import pytest

from softswitch.sdp.description import SessionDescription
from softswitch.sdp.negotiation import NotAcceptable, answer_offer
from softswitch.sip.flow import SipFlow
from tests.call.world import SWITCH, Phone, World

AUDIO6, SWITCH6 = "2001:db8::1", ("2001:db8::5", 5060)
FAR, MAPPED = "2001:db8::77", "::ffff:192.0.2.77"
LISTEN = [{"transport": "UDP", "host": host, "port": port} for host, port in (SWITCH, SWITCH6)]


def house(**media: Any) -> World:
    return World(media={"host": SWITCH[0], "workers": 1, **media}, sip={"listen": LISTEN})


def offer(*hosts: str, version: int = 1) -> str:
    lines = [f"m=audio {4000 + 2 * at} RTP/AVP 0\r\nc={address(host)}\r\n" for at, host in enumerate(hosts)]
    return f"v=0\r\no=- 1 {version} {address(hosts[0])}\r\ns=-\r\nt=0 0\r\n" + "".join(lines)


def address(host: str) -> str:
    return f"IN IP{6 if ':' in host else 4} {host}"


def phone_on_ipv6(world: World, name: str) -> Phone:
    phone = world.phone(name, FAR, register=False)
    phone.flow = SipFlow("UDP", phone.flow.local, SWITCH6)
    phone.register()
    return phone


def answered(phone: Phone) -> SessionDescription:
    return SessionDescription.parse(next(each[1] for each in phone.events if each[0] == "answered"))


def legs(world: World) -> dict[str, int]:
    """Families of the legs by the addresses of their parties."""
    held = [command for (kind, _), command in world.worker.held.items() if kind == "leg"]
    assert not [leg for leg in held if leg["learn"]], "nobody is taken to be behind a NAT for that"
    return {leg["remote"][0]: leg.get("family", 4) for leg in held}


def test_who_names_ipv6_is_answered_so_and_meets_who_is_on_ipv4() -> None:
    world = house(host6=AUDIO6)
    alice, bob = world.phone("alice"), world.phone("bob")
    bob.auto_answer = True
    alice.call("bob", sdp=offer(FAR))
    assert answered(alice).host == AUDIO6
    assert legs(world) == {FAR: 6, bob.flow.local[0]: 4}


def test_who_signals_over_ipv6_is_offered_audio_there() -> None:
    world = house(host6=AUDIO6)
    alice, bob = world.phone("alice"), phone_on_ipv6(world, "bob")
    bob.auto_answer = True
    alice.call("bob")
    assert legs(world) == {alice.flow.local[0]: 4, FAR: 6}
    world.restart_switch()
    assert legs(world) == {alice.flow.local[0]: 4, FAR: 6}


def test_advertised_addresses_are_told_in_both_families() -> None:
    world = house(advertised_host="198.51.100.1", host6="::", advertised_host6=AUDIO6)
    alice, bob = world.phone("alice"), phone_on_ipv6(world, "bob")
    alice.call("bob")
    assert bob.session.invite is not None and b"c=IN IP6 2001:db8::1\r\n" in bob.session.invite.body
    bob.call("alice", sdp=offer("192.0.2.99"))
    alice.answer()
    assert answered(bob).host == "198.51.100.1"


def test_a_switch_on_ipv6_alone() -> None:
    world = house(host=AUDIO6)
    alice, bob = phone_on_ipv6(world, "alice"), world.phone("bob")
    alice.call("bob", sdp=offer(FAR))
    assert bob.session.invite is not None and b"c=IN IP6 2001:db8::1\r\n" in bob.session.invite.body
    bob.answer()  # with an address of IPv4, which is none for us
    assert alice.events[-1] == ("ended", "rejected", 488)


@pytest.mark.parametrize("said", [(FAR,), (FAR, FAR)])
def test_without_an_address_of_ipv6_it_is_refused_and_says_why(said: tuple[str, ...]) -> None:
    world = house()
    alice = world.phone("alice")
    world.phone("bob")
    alice.call("bob", sdp=offer(*said))
    assert alice.events[-1] == ("ended", "rejected", 488) and not legs(world)
    with pytest.raises(NotAcceptable, match="audio over IPv6, and the media workers have no address of it"):
        answer_offer(
            offer(*said), host={4: SWITCH[0]}, port=4000, codecs=["PCMU"], session_id=1, version=1
        )


@pytest.mark.parametrize(
    ("media", "said", "told"),
    [
        ({"host6": AUDIO6}, (FAR, "192.0.2.77"), AUDIO6),
        ({"host6": AUDIO6}, ("192.0.2.77", FAR), SWITCH[0]),
        ({}, (FAR, "192.0.2.77"), SWITCH[0]),
        ({"host6": AUDIO6}, (MAPPED,), SWITCH[0]),
    ],
)
def test_of_several_lines_the_first_that_can_be_reached_is_taken(
    media: dict[str, str], said: tuple[str, ...], told: str
) -> None:
    """As RFC 4091 lists alternatives; and what is IPv4 in IPv6 is IPv4."""
    world = house(**media)
    alice, bob = world.phone("alice"), world.phone("bob")
    bob.auto_answer = True
    alice.call("bob", sdp=offer(*said))
    assert answered(alice).host == told
    assert sum(1 for media in answered(alice).media if media.port) == 1


def test_a_party_goes_on_in_the_other_family_and_is_held_there() -> None:
    world = house(host6=AUDIO6)
    alice, bob = world.phone("alice"), world.phone("bob")
    bob.auto_answer = True
    alice.call("bob")
    port = {leg["port"] for leg in world.worker.held.values() if leg["do"] == "put_leg"}
    ways = ((FAR, 6), ("::", 6), (FAR, 6), (alice.flow.local[0], 4))
    for version, (host, family) in enumerate(ways, 2):
        sdp = offer(host, version=version)
        world.do(alice, lambda now, out, sdp=sdp: alice.session.reinvite(sdp, now, out))
        assert alice.events[-1] == ("reanswered", 200)
        assert legs(world)[host] == family
    assert {leg["port"] for leg in world.worker.held.values() if leg["do"] == "put_leg"} == port
