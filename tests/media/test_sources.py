"""RTP bleed and injection: what a third address can do to a leg is nothing."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from softswitch.media.tones import has_tone, tone
from tests.media.rig import HOST, Phone, Rig, rtp

ATTACKER, NAT = 0x0A000001, 0x0A000002
NOISE = tone(1500, 1, 8000)


def spray(
    rig: Rig, victim: Phone, number: int, *, ssrc: int = 666, ip: int = ATTACKER, port: int = 9
) -> None:
    forged = Phone("x", port, victim.codec, ssrc, victim.seq, victim.ts, NOISE)
    rig.arrive(victim, forged.packet(number), ip, port)


def dropped(rig: Rig, phone: Phone) -> int:
    return int(rig.engine.legs.dropped_source[rig.engine.legs.index[phone.id]])


def remote(rig: Rig, phone: Phone) -> tuple[int, int]:
    leg = rig.engine.legs.index[phone.id]
    return int(rig.engine.legs.remote_ip[leg]), int(rig.engine.legs.remote_port[leg])


@pytest.mark.parametrize("mode", ["relay", "mix"])
@pytest.mark.parametrize("ssrc", ["its own", "the victim's"])
def test_a_third_address_injects_nothing_and_gets_nothing(rig: Rig, mode: str, ssrc: str) -> None:
    a, b = rig.phone("a", tone(400, 1, 8000)), rig.phone("b", tone(700, 1, 8000))
    rig.phone("c")
    rig.bridge("a", "b", *(["c"] if mode == "mix" else []))
    forged = a.ssrc if ssrc == "the victim's" else 666
    for number in range(100):
        spray(rig, a, number, ssrc=forged)  # before the phone has sent anything, and all the time
        spray(rig, a, number, ssrc=forged, ip=HOST)  # its own host, another port
        if number >= 20:
            rig.speak(a, b)
        for _ in range(4):
            rig.step()
    assert remote(rig, a) == (HOST, a.port)
    assert has_tone(b.heard()[4000:], 400, 8000) and not has_tone(b.heard()[4000:], 1500, 8000)
    assert dropped(rig, a) == 200
    assert not [p for p in b.got if p.clock < 20 * 160 and p.payload != b"\xff" * 160]


def test_a_leg_without_address_takes_nobody(rig: Rig) -> None:
    a, b = rig.phone("a", remote=None), rig.phone("b")
    rig.bridge("a", "b")
    for number in range(10):
        spray(rig, a, number)
        rig.step()
    assert not a.got and not b.heard().any() and dropped(rig, a) == 10


def learning(rig: Rig, **fields: Any) -> tuple[Phone, Phone]:
    a, b = rig.phone("a", tone(400, 1, 8000), learn=True, **fields), rig.phone("b", tone(700, 1, 8000))
    rig.bridge("a", "b")
    rig.step()
    return a, b


def test_behind_a_nat_the_first_source_is_learned_and_kept(rig: Rig) -> None:
    a, b = learning(rig)
    for number in range(30):
        rig.arrive(a, a.packet(number), NAT, 5555)
        if number >= 1:
            spray(rig, a, number)
        rig.speak(b)
        rig.step()
    assert remote(rig, a) == (NAT, 5555)
    assert dropped(rig, a) == 29
    assert has_tone(b.heard(), 400, 8000)


def test_an_attacker_who_is_first_loses_to_the_address_of_the_sdp_within_five_packets(rig: Rig) -> None:
    a, b = learning(rig)
    stolen = 0
    for number in range(60):
        spray(rig, a, number)
        if number >= 3:
            rig.speak(a)
        rig.speak(b)
        rig.step()
        stolen += remote(rig, a)[0] == ATTACKER
    assert stolen <= 5
    assert remote(rig, a) == (HOST, a.port)
    assert has_tone(b.heard()[800:], 400, 8000)


def test_the_sdps_host_with_another_port_wins_over_a_stranger(rig: Rig) -> None:
    a, _ = learning(rig)
    for number in range(3):
        spray(rig, a, number)
        rig.step()
    for number in range(10):
        rig.arrive(a, a.packet(number), HOST, 6000)
        rig.step()
    assert remote(rig, a) == (HOST, 6000)


def test_a_new_sdp_moves_the_leg_and_the_old_address_is_a_stranger_at_once(rig: Rig) -> None:
    a, b = rig.phone("a", tone(400, 1, 8000)), rig.phone("b")
    rig.bridge("a", "b")
    rig.run(0.1)
    old = a.port
    a.port = 4998
    rig.put_leg(a, port=old + 10_000)
    before = len(b.got)
    rig.arrive(a, a.packet(50), HOST, old)
    rig.step()
    assert len(b.got) == before and dropped(rig, a) == 1
    rig.arrive(a, a.packet(50))
    rig.step()
    assert len(b.got) == before + 1


def test_the_same_stream_may_move_after_two_seconds_of_silence_only(rig: Rig) -> None:
    a, _ = learning(rig)
    a.says = None
    codes = bytes(160)
    for number in range(10):
        rig.arrive(a, rtp(number, number * 160, 5, codes), NAT, 5555)
        rig.step()
    rig.arrive(a, rtp(10, 1600, 5, codes), NAT, 7777)
    rig.run(1.0)
    assert remote(rig, a) == (NAT, 5555)
    rig.run(1.5)
    rig.arrive(a, rtp(11, 20000, 6, codes), ATTACKER, 9)  # another stream: no
    rig.step()
    assert remote(rig, a) == (NAT, 5555)
    rig.arrive(a, rtp(12, 20160, 5, codes), NAT, 7777)
    rig.step()
    assert remote(rig, a) == (NAT, 7777)


def test_no_media_is_told_once_and_again_after_it_came_back(rig: Rig) -> None:
    a = rig.phone("a", tone(400, 1, 8000))
    held = rig.phone("held", listen=False)
    rig.run(0.5)
    says, a.says = a.says, None
    rig.run(4.0)
    assert [(e["leg"], e["seconds"] >= 3.0) for e in rig.events_of("no_media")] == [("a", True)]
    a.says = says
    rig.run(0.5)
    a.says = None
    rig.run(4.0)
    assert len(rig.events_of("no_media")) == 2 and not held.got


def test_silence_that_goes_on_is_told_again(rig: Rig) -> None:
    a = rig.phone("a", tone(400, 1, 8000))
    rig.run(0.5)
    a.says = None
    rig.run(33.0)
    told = [e["seconds"] for e in rig.events_of("no_media")]
    assert 3 <= len(told) <= 5
    assert all(9.5 <= later - earlier <= 10.5 for earlier, later in pairwise(told[1:]))
