"""Legs at 16 kHz (G.722, L16) and bridges of mixed rates: what everybody hears, by frequency and level."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from softswitch.media.tones import has_tone, tone, tone_power
from tests.media.rig import CLOCK, Phone, Rig, continuous

WIDE = ["G722", "L16", "OPUS"]


def high_and_low() -> NDArray[np.int16]:
    """Two tones; only a wide line carries the one at 6 kHz."""
    return tone(600, 1, 16000, 5000) + tone(6000, 1, 16000, 5000)


def level(samples: NDArray[np.int16], freq_hz: float, rate_hz: int) -> float:
    """Peak of the tone in the samples."""
    at = np.arange(len(samples)) / rate_hz
    return float(2 * np.abs(np.exp(-2j * np.pi * freq_hz * at) @ samples.astype(float)) / len(samples))


@pytest.mark.parametrize("codec", WIDE)
def test_two_of_a_kind_are_relayed_untouched(rig: Rig, codec: str) -> None:
    a, b = rig.phone("a", high_and_low(), codec), rig.phone("b", codec=codec)
    sent: list[bytes] = []
    original = a.packet
    a.packet = lambda number: sent.append(original(number)) or sent[-1]  # type: ignore[method-assign,func-returns-value]
    rig.bridge("a", "b")
    rig.run(0.5)
    assert rig.engine.legs.relay_source[rig.engine.legs.index["b"]] >= 0
    assert [p.payload for p in b.got] == [packet[12:] for packet in sent]
    assert continuous(b.got)


@pytest.mark.parametrize("codec", WIDE)
def test_a_conference_of_wide_legs_keeps_the_upper_band(rig: Rig, codec: str) -> None:
    rig.phone("a", high_and_low(), codec)
    b = rig.phone("b", tone(1700, 1, 16000, 5000), codec)
    c = rig.phone("c", codec=codec)
    rig.bridge("a", "b", "c")
    began = rig.run(1.2)
    heard = c.heard(began + 2400)
    for freq_hz in (600, 1700, 6000):
        assert level(heard, freq_hz, 16000) == pytest.approx(5000, rel=0.15 if codec == "OPUS" else 0.1)
    assert tone_power(b.heard(began + 2400), 1700, 16000) < 0.01
    steps = {(y.ts - x.ts) & 0xFFFFFFFF for x, y in pairwise(c.got)}
    assert continuous(c.got) and steps == {160 * CLOCK[codec]}


@pytest.mark.parametrize("codec", WIDE)
def test_narrow_and_wide_hear_each_other(rig: Rig, codec: str) -> None:
    wide, narrow = rig.phone("w", high_and_low(), codec), rig.phone("n", tone(1000, 1, 8000, 5000), "PCMA")
    rig.bridge("w", "n")
    began = rig.run(1.2)
    assert rig.engine.legs.relay_source[rig.engine.legs.index["n"]] < 0
    at_narrow, at_wide = narrow.heard(began + 2400), wide.heard(began + 2400)
    assert level(at_narrow, 600, 8000) == pytest.approx(5000, rel=0.06)
    assert level(at_narrow, 2000, 8000) < 60  # 6 kHz has not been folded down
    assert level(at_wide, 1000, 16000) == pytest.approx(5000, rel=0.06)
    assert level(at_wide, 7000, 16000) < 60  # and 1 kHz not mirrored up
    assert continuous(narrow.got) and continuous(wide.got)


def test_a_bridge_of_all_kinds(rig: Rig) -> None:
    says = {"PCMU": tone(500, 1, 8000, 4000), "PCMA": tone(900, 1, 8000, 4000),
            "G722": tone(1300, 1, 16000, 4000), "L16": tone(1900, 1, 16000, 4000),
            "OPUS": tone(2600, 1, 16000, 4000)}  # fmt: skip
    phones = {codec: rig.phone(codec, samples, codec) for codec, samples in says.items()}
    rig.bridge(*phones)
    began = rig.run(1.3)
    freqs = dict(zip(says, (500, 900, 1300, 1900, 2600), strict=True))
    for codec, phone in phones.items():
        heard, rate_hz = phone.heard(began + 3200), 16000 if codec in WIDE else 8000
        for other, freq_hz in freqs.items():
            assert (level(heard, freq_hz, rate_hz) > 3200) == (other != codec), (codec, other)


def test_a_prompt_is_heard_by_a_wide_leg(rig: Rig) -> None:
    rig.prompts["/p"] = tone(600, 1, 8000)
    a = rig.phone("a", codec="G722")
    rig.do("put_player", id="P", legs=["a"], items=["/p"])
    rig.run(1.2)
    assert has_tone(a.heard()[1600:14400], 600, 16000)
    assert [event["reason"] for event in rig.events_of("player_finished")] == ["finished"]


def test_a_wide_leg_is_recorded_at_8_khz_without_loss(rig: Rig) -> None:
    rig.phone("a", high_and_low(), "G722")
    rig.phone("b", tone(1000, 1, 8000), "PCMU")
    rig.bridge("a", "b")
    rig.do("put_recorder", id="R", left="a", right="b", path="/r.wav")
    rig.run(1.5)
    rig.do("delete", kind="recorder", id="R")
    slot = next(iter(rig.taps.in_use()))
    samples = slot.read(12000)[1]
    assert has_tone(samples[2400:10400, 0], 600, 8000) and has_tone(samples[2400:10400, 1], 1000, 8000)
    assert slot.counters()["concealed"] == {"left": 0, "right": 0}


def test_a_peer_that_changes_its_codec_is_mixed_from_then_on(rig: Rig) -> None:
    """Both agreed on G.722; one falls back to what it was offered as well."""
    a, b = rig.phone("a", tone(600, 1, 16000), "G722"), rig.phone("b", codec="G722")
    rig.bridge("a", "b")
    rig.run(0.5)
    a.codec, a.says = "PCMU", tone(1000, 1, 8000)
    began = rig.run(0.8)
    assert has_tone(b.heard(began + 1600), 1000, 16000) and continuous(b.got)
    assert rig.engine.legs.relay_source[rig.engine.legs.index["b"]] < 0
    a.codec, a.says = "G722", tone(600, 1, 16000)
    rig.run(0.3)
    assert rig.engine.legs.relay_source[rig.engine.legs.index["b"]] >= 0


def test_a_lost_wide_packet_is_concealed(rig: Rig) -> None:
    a, b = rig.phone("a", tone(600, 1, 16000), "G722"), rig.phone("b", codec="G722")
    rig.phone("c")
    rig.bridge("a", "b", "c")
    random = np.random.default_rng(3)
    for number in range(150):
        packet = a.packet(number)
        if random.random() >= 0.05:
            rig.arrive(a, packet)
        for _ in range(4):
            rig.step()
    assert tone_power(b.heard()[3200:32000], 600, 16000) > 0.9


def test_a_row_used_again_says_nothing_of_the_leg_before(rig: Rig) -> None:
    def legs() -> tuple[Phone, Phone]:
        return rig.phone("a", high_and_low(), "G722"), rig.phone("b", codec="G722")

    for _ in range(2):
        _, b = legs()
        rig.phone("c")
        rig.bridge("a", "b", "c")
        rig.run(0.02)
        assert np.abs(b.heard().astype(int)).max(initial=0) < 50
        rig.run(0.5)
        for id in ("a", "b", "c"):
            rig.do("delete", kind="leg", id=id)
            del rig.phones[id]
