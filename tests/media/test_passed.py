"""G.729: passed from leg to leg as it is; nobody else hears it, and the leg hears nothing else."""

from __future__ import annotations

import numpy as np

from softswitch.media.tones import has_tone, tone
from tests.media.rig import FRAME, Phone, Rig, continuous, rtp

LOW = tone(400, 1, 8000)
PASSED = {"codec": "G729", "payload_type": 18, "receive": {"18": "G729"}}


def pair(rig: Rig, **fields: object) -> tuple[Phone, Phone]:
    a, b = rig.phone("a", **PASSED | fields), rig.phone("b", **PASSED | fields)
    rig.bridge("a", "b")
    rig.step()
    return a, b


def speak(rig: Rig, phone: Phone, number: int, payload: bytes = b"") -> bytes:
    payload = payload or bytes([number % 256, *range(19)])
    rig.arrive(phone, rtp(number, number * FRAME, phone.ssrc, payload, 18))
    return payload


def test_payloads_pass_unchanged_with_events_beside_them(rig: Rig) -> None:
    a, b = pair(rig)
    sent = []
    for number in range(50):
        sent.append(speak(rig, a, number))
        for _ in range(4):
            rig.step()
    event = bytes([5, 10, 0, 160])
    rig.arrive(a, rtp(50, 50 * FRAME, a.ssrc, event, 101, marker=True))
    sid = speak(rig, a, 51, bytes(2))  # silence of annex B
    rig.step()
    assert [packet.payload for packet in b.got] == [*sent, event, sid]
    assert {packet.payload_type for packet in b.got} == {18, 101} and continuous(b.got)
    assert [told["digit"] for told in rig.events_of("digit")] == ["5"]


def test_a_pause_is_a_pause_and_the_stream_goes_on(rig: Rig) -> None:
    a, b = pair(rig)
    speak(rig, a, 0)
    for _ in range(400):
        rig.step()
    speak(rig, a, 100)
    rig.step()
    assert len(b.got) == 2 and {packet.payload_type for packet in b.got} == {18}


def test_in_a_mix_it_is_silence_both_ways_and_harms_nobody(rig: Rig) -> None:
    a, b = pair(rig)
    c = rig.phone("c", LOW)
    rig.bridge("a", "b", "c")
    rig.prompts["x"] = np.full(8000, 9000, np.int16)
    rig.do("put_player", id="P", legs=["a"], items=["x"], loop=False, gain=1.0)
    rig.do("put_recorder", id="R", left="a", right="c", path="/r.wav")
    for number in range(50):
        speak(rig, a, number)
        if number % 10 == 0:
            rig.speak(c)
        for _ in range(4):
            rig.step()
    for _ in range(20):
        rig.step()
    assert not a.got and not b.got
    assert len(c.got) >= 40 and not c.heard().any()
    assert rig.events_of("player_finished")
    rig.bridge("a", "b")
    rig.do("delete", kind="player", id="P")
    rig.step()
    speak(rig, a, 60)
    rig.step()
    assert len(b.got) == 1 and b.got[0].payload[0] == 60


def test_other_codecs_and_keys_do_not_reach_it(rig: Rig) -> None:
    a, b = pair(rig, receive={"18": "G729", "0": "PCMU"}, dtmf_send=None, tones=True)
    rig.arrive(a, rtp(0, 0, a.ssrc, bytes(FRAME), 0))
    rig.step()
    rig.do("send_digits", leg="b", digits="12")
    for _ in range(200):
        rig.step()
    assert not b.got


def test_a_leg_changes_to_a_codec_that_is_heard(rig: Rig) -> None:
    """As after the re-INVITE that a recording needs."""
    a, b = pair(rig)
    speak(rig, a, 0)
    rig.step()
    for phone in (a, b):
        phone.codec, phone.says = "PCMU", LOW
        rig.put_leg(phone)
    began = rig.run(1.0)
    assert has_tone(b.heard(began), 400, 8000) and len({packet.ssrc for packet in b.got}) == 1
