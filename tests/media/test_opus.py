"""Opus legs: loss, silence, junk, and what is shared; PyAV's decoder is the other side."""

from __future__ import annotations

import numpy as np
import pytest

from softswitch.media import _codecs
from softswitch.media.opus import Opus
from softswitch.media.tones import has_tone, tone
from tests.media.rig import LEG_0, Rig, continuous, rtp


def test_opus_is_here() -> None:
    from softswitch.media.libopus import available

    assert available()


def test_what_was_lost_is_made_up_from_the_next_packet(rig: Rig) -> None:
    a, b = rig.phone("a", tone(440, 1, 16000), "OPUS"), rig.phone("b", codec="L16")
    rig.bridge("a", "b")
    dice = np.random.default_rng(3)
    for number in range(150):
        packet = a.packet(number)
        if number < 10 or dice.random() >= 0.1:
            rig.arrive(a, packet)
        for _ in range(4):
            rig.step()
    heard = b.heard()[8000:40000]
    assert has_tone(heard, 440, 16000)
    loud = np.sqrt(np.mean(heard[: len(heard) // 320 * 320].reshape(-1, 320).astype(float) ** 2, axis=1))
    assert loud.min() > 0.25 * np.median(loud)


def test_a_packet_that_comes_after_the_one_that_made_up_for_it_is_left_out(rig: Rig) -> None:
    a, b = rig.phone("a", tone(440, 1, 16000), "OPUS"), rig.phone("b", codec="L16")
    rig.bridge("a", "b")
    order = [number + (1, -1)[number % 2] if 20 < number < 100 else number for number in range(120)]
    packets = [a.packet(number) for number in range(122)]
    for number in order:
        rig.arrive(a, packets[number])
        for _ in range(4):
            rig.step()
    assert has_tone(b.heard()[8000:32000], 440, 16000)


def test_a_pause_is_noise_and_not_loss(rig: Rig) -> None:
    a = rig.phone("a", codec="OPUS")
    rig.phone("b", codec="PCMU")
    rig.bridge("a", "b")
    rig.do("put_recorder", id="R", left="a", right="b", path="/r.wav")
    dice = np.random.default_rng(1)
    speech = tone(440, 1, 16000)
    a.says = np.concatenate((speech, dice.integers(-40, 40, 4 * 16000).astype(np.int16), speech))
    sent = 0
    for number in range(300):
        packet = a.packet(number)
        if len(packet) > 14:
            rig.arrive(a, packet)
            sent += 1
        for _ in range(4):
            rig.step()
    assert sent < 250
    rig.do("delete", kind="recorder", id="R")
    slot = next(iter(rig.taps.in_use()))
    heard = slot.read(24000)[1][:, 0]
    assert has_tone(heard[2000:8000], 440, 8000)


@pytest.mark.parametrize("junk", [b"\xff", b"\x03", b"\x03\xff", bytes(200), b"\xff" * 300])
def test_junk_is_no_sound_and_the_stream_goes_on(rig: Rig, junk: bytes) -> None:
    a, b = rig.phone("a", tone(440, 1, 16000), "OPUS"), rig.phone("b", codec="PCMA")
    rig.bridge("a", "b")
    rig.run(0.5)
    for number in range(20):
        rig.arrive(a, rtp(a.seq + a.at + number, a.ts + (a.at + number) * 960, a.ssrc, junk, 111))
        rig.step()
    a.at += 20
    rig.run(0.3)
    began = rig.run(0.7)
    assert has_tone(b.heard(began), 440, 8000)


def test_all_who_hear_the_same_are_sent_one_encoding(rig: Rig) -> None:
    rig.prompts["/music"] = tone(600, 1, 8000)
    phones = [rig.phone(str(number), codec="OPUS") for number in range(8)]
    rig.do("put_player", id="M", legs=[], items=["/music"], loop=True)
    edges = [[phone.id, "M", 1.0] for phone in phones]
    rig.bridge(edges=edges)
    rig.run(0.5)
    alike = {tuple(packet.payload for packet in phone.got) for phone in phones}
    assert len(alike) <= 4  # one for each phase of the tick
    assert all(has_tone(phone.heard()[3200:], 600, 16000) and continuous(phone.got) for phone in phones)


def test_keys_reach_an_opus_leg_at_its_own_clock(rig: Rig) -> None:
    a, b = rig.phone("a", tone(440, 1, 16000), "OPUS"), rig.phone("b", tone(600, 1, 8000))
    rig.bridge("a", "b")
    rig.run(0.2)
    rig.do("send_digits", leg="a", digits="5")
    rig.run(0.4)
    events = [packet for packet in a.got if packet.payload_type == 101]
    assert [int.from_bytes(packet.payload[2:4], "big") for packet in events] == [
        960,
        1920,
        2880,
        3840,
        *[4800] * 3,
    ]
    assert continuous(a.got) and continuous(b.got)


def test_a_leg_that_is_gone_keeps_no_coder(rig: Rig) -> None:
    for _ in range(200):
        a, _b = rig.phone("a", tone(440, 1, 16000), "OPUS"), rig.phone("b", codec="PCMA")
        rig.bridge("a", "b")
        rig.run(0.06)
        for id in ("a", "b"):
            rig.do("delete", kind="leg", id=id)
        a.opus.forget(0)
    assert _codecs.opus_open(0, 0) < 100


def test_the_kernel_takes_no_wrong_shapes() -> None:
    coder = Opus(1)
    assert coder.encode(LEG_0, np.zeros((1, 320), np.int16))[1][0] > 0
    assert coder.encode(LEG_0, np.zeros((1, 17), np.int16))[1][0] == 0
    with pytest.raises(ValueError):
        _codecs.opus_encode(
            LEG_0, np.zeros((1, 320), np.int16), np.zeros((1, 9), np.uint8), np.zeros(0, np.int32)
        )
