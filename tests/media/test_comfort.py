"""Comfort noise, RFC 3389: in as noise of its level and no loss, out where there is nothing to hear."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from softswitch.media.tones import has_tone, tone
from tests.media.rig import FRAME, Phone, Rig, continuous, rtp

CN = {"receive": {"0": "PCMU", "8": "PCMA", "13": "CN"}}


def rms(samples: NDArray[np.int16]) -> float:
    return float(np.sqrt(np.mean(samples.astype(float) ** 2)))


def say(rig: Rig, phone: Phone, number: int) -> None:
    rig.arrive(phone, phone.packet(number))
    wait(rig, 20)


def wait(rig: Rig, ms: int) -> None:
    for _ in range(ms // 5):
        rig.step()


def announce(rig: Rig, phone: Phone, number: int, level: int, seq: int) -> None:
    packet = rtp(phone.seq + seq, phone.ts + number * FRAME, phone.ssrc, bytes([level]), 13)
    rig.arrive(phone, packet)


@pytest.fixture
def pausing(rig: Rig) -> tuple[Rig, Phone, Phone]:
    """Half a second of tone, one second of announced noise, the tone again; `b` hears the mix."""
    a, b = rig.phone("a", tone(400, 1, 8000)), rig.phone("b")
    rig.phone("third")
    rig.bridge("a", "b", "third")
    for number in range(25):
        say(rig, a, number)
    announce(rig, a, 25, 40, 25)
    wait(rig, 1000)
    a.seq -= 49  # 50 frames were one packet
    for number in range(75, 100):
        say(rig, a, number)
    return rig, a, b


def test_the_pause_is_noise_of_the_level_that_was_announced(pausing: tuple[Rig, Phone, Phone]) -> None:
    heard = pausing[2].heard()
    pause = heard[6400:11200]
    assert 20 * np.log10(32767 / rms(pause)) == pytest.approx(40, abs=1)
    spectrum = np.abs(np.fft.rfft(pause.astype(float)))
    assert spectrum.max() / spectrum.mean() < 6  # no line sticks out: it is noise
    assert has_tone(heard[1600:3200], 400, 8000) and has_tone(heard[13600:15200], 400, 8000)


def test_the_noise_ends_where_the_sound_begins_without_a_hole(pausing: tuple[Rig, Phone, Phone]) -> None:
    heard = pausing[2].heard().astype(int)
    loud = np.abs(heard) > 2000
    begin = int(np.flatnonzero(loud)[0])
    assert not loud[begin + 25 * FRAME + 2 : begin + 75 * FRAME - 2].any()
    resumed = heard[begin + 75 * FRAME : begin + 80 * FRAME]
    assert has_tone(resumed, 400, 8000)
    gaps = np.flatnonzero(np.diff(np.flatnonzero(heard[begin:-1])) > 12)
    assert not len(gaps[gaps < 75 * FRAME])


def test_a_pause_of_noise_is_no_loss_on_the_record(rig: Rig) -> None:
    a = rig.phone("a", tone(400, 1, 8000))
    rig.do("put_recorder", id="R", left="a", right="", path="/r.wav")
    for number in range(25):
        say(rig, a, number)
    announce(rig, a, 25, 50, 25)
    wait(rig, 1000)
    a.seq -= 49
    for number in range(75, 100):
        say(rig, a, number)
    wait(rig, 400)
    rig.do("delete", kind="recorder", id="R")
    counters = next(iter(rig.taps.in_use())).counters()
    assert counters["expected"]["left"] == counters["received"]["left"] == 51
    assert counters["concealed"]["left"] == 0


def test_noise_that_was_not_agreed_on_is_understood_and_never_sent(rig: Rig) -> None:
    a, b = rig.phone("a", tone(400, 1, 8000)), rig.phone("b")
    rig.bridge("a", "b")
    say(rig, a, 0)
    announce(rig, a, 1, 40, 1)
    wait(rig, 100)
    assert {packet.payload_type for packet in b.got} == {0}
    assert rig.engine.legs.received[rig.engine.legs.index["a"]] == 2


def test_a_listener_that_knows_noise_is_sent_no_silence(rig: Rig) -> None:
    a, b = rig.phone("a", tone(400, 1, 8000)), rig.phone("b", **CN)
    c = rig.phone("c")
    rig.bridge("a", "b", "c")
    rig.run(0.5)
    a.says, pause = None, rig.engine.clock
    rig.run(2.0)
    a.says, a.at = tone(400, 1, 8000), a.at + 100
    resumed = rig.run(0.5)
    quiet = [p for p in b.got if pause + 6400 <= p.clock < resumed]
    assert {p.payload_type for p in quiet} == {13} and 4 <= len(quiet) <= 7
    assert all(p.payload[0] >= 60 and len(p.payload) == 1 for p in quiet)
    assert len([p for p in c.got if pause + 6400 <= p.clock < resumed]) > 55  # did not agree: all frames
    after = [p for p in b.got if p.clock >= resumed and p.payload_type == 0]
    assert after[0].marker and not any(p.marker for p in after[1:])
    assert continuous(b.got) and has_tone(b.heard(resumed + 1600), 400, 8000)
    assert (after[0].ts - quiet[0].ts) & 0xFFFFFFFF == after[0].clock - quiet[0].clock
