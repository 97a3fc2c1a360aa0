"""Relay: packets pass untouched but for their headers, and one leg's stream stays one stream."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from softswitch.media import g711
from softswitch.media.tones import has_tone, tone
from tests.media.rig import FRAME, Packet, Rig, continuous, rtp

LOW, HIGH = tone(400, 1, 8000), tone(1000, 1, 8000)


def relayed_payloads(packets: list[Packet]) -> list[bytes]:
    return [packet.payload for packet in packets]


def test_two_parties_get_each_others_payload_at_once_and_unchanged(rig: Rig) -> None:
    a, b = rig.phone("a", LOW), rig.phone("b", HIGH)
    rig.bridge("a", "b")
    rig.step()
    for number in range(10):
        rig.speak(a)
        rig.step()
        assert len(b.got) == number + 1  # in the very wake
    assert relayed_payloads(b.got) == [a.packet(number)[12:] for number in range(10)]
    assert continuous(b.got) and not a.heard().any()
    assert {(y.ts - x.ts) & 0xFFFFFFFF for x, y in pairwise(b.got)} == {FRAME}
    assert b.got[0].ssrc not in (a.ssrc, b.ssrc)


def test_sequence_and_timestamp_wrap_in_a_relayed_stream(rig: Rig) -> None:
    a, b = rig.phone("a", LOW), rig.phone("b")
    a.seq, a.ts = 65530, 2**32 - 5 * FRAME
    rig.bridge("a", "b")
    rig.run(0.4)
    assert len(b.got) == 20 and continuous(b.got)


def test_payload_types_are_mapped_and_unknown_ones_dropped(rig: Rig) -> None:
    a = rig.phone("a", LOW, payload_type=96, receive={"96": "PCMU"}, dtmf_receive=97)
    b = rig.phone("b", payload_type=0, dtmf_send=101)
    rig.bridge("a", "b")
    rig.step()
    audio = a.packet(0)[12:]
    event = bytes([5, 10, 0, 160])
    for number, (payload_type, payload) in enumerate([(96, audio), (97, event), (33, audio), (96, audio)]):
        packet = rtp(number, number * FRAME, 1, payload, payload_type, marker=payload_type == 97)
        rig.arrive(a, packet)
        rig.step()
    assert [(p.payload_type, p.marker) for p in b.got] == [(0, False), (101, True), (0, False)]
    assert [p.payload for p in b.got] == [audio, event, audio]


def test_events_to_a_leg_without_telephone_event_are_not_sent(rig: Rig) -> None:
    a, b = rig.phone("a"), rig.phone("b", dtmf_send=None)
    rig.bridge("a", "b")
    rig.step()
    rig.arrive(a, rtp(1, 0, 9, bytes([5, 10, 0, 160]), 101))
    rig.step()
    assert not b.got
    assert [event["digit"] for event in rig.events_of("digit")] == ["5"]


def test_a_peer_that_sends_the_other_law_is_translated_code_by_code(rig: Rig) -> None:
    a, b = rig.phone("a", LOW, codec="PCMA"), rig.phone("b", codec="PCMU")
    rig.bridge("a", "b")
    rig.run(0.3)
    expected = g711.TRANSCODE[0][np.frombuffer(a.packet(3)[12:], np.uint8)].tobytes()
    assert b.got[3].payload == expected
    assert has_tone(b.heard(), 400, 8000)


def test_a_new_ssrc_of_the_peer_is_no_break_for_the_listener(rig: Rig) -> None:
    a, b = rig.phone("a", LOW), rig.phone("b")
    rig.bridge("a", "b")
    rig.run(0.2)
    a.ssrc, a.seq, a.ts = 77, a.seq + 20_000, a.ts + 1_000_000
    rig.run(0.2)
    assert len(b.got) == 20 and continuous(b.got)
    assert {(y.ts - x.ts) & 0xFFFFFFFF for x, y in pairwise(b.got)} == {FRAME}


def test_lost_packets_stay_lost_and_late_ones_keep_their_number(rig: Rig) -> None:
    a, b = rig.phone("a", LOW), rig.phone("b")
    rig.bridge("a", "b")
    rig.step()
    for number in (0, 1, 3, 2, 6):
        rig.arrive(a, a.packet(number))
        rig.step()
    first = b.got[0].seq
    assert [(p.seq - first) & 0xFFFF for p in b.got] == [0, 1, 3, 2, 6]
    assert [p.payload for p in b.got] == [a.packet(n)[12:] for n in (0, 1, 3, 2, 6)]


def test_relay_mix_relay_is_one_stream_without_a_gap(rig: Rig) -> None:
    a, b, c = rig.phone("a", LOW), rig.phone("b", HIGH), rig.phone("c", LOW)
    rig.bridge("a", "b")
    rig.run(0.5)
    rig.bridge("a", "b", "c")  # three of them: a mix
    mixed_from = rig.run(0.5)
    rig.bridge("a", "b")
    relayed_from = rig.run(0.5)
    assert continuous(a.got) and continuous(b.got)
    gaps = [y.clock - x.clock for x, y in pairwise(a.got)]
    assert max(gaps) <= 2 * FRAME
    assert len([p for p in a.got if mixed_from <= p.clock < relayed_from]) >= 24
    assert c.heard(mixed_from).any()
    assert rig.engine.legs.relay_source[rig.engine.legs.index["a"]] >= 0


def test_a_source_that_pauses_is_bridged_by_silence_and_goes_on_in_the_same_stream(rig: Rig) -> None:
    a, b = rig.phone("a", LOW), rig.phone("b")
    rig.bridge("a", "b")
    rig.run(0.2)
    says, a.says = a.says, None
    paused_from = rig.run(1.0)
    a.says = says
    a.at += 50
    resumed_from = rig.run(0.2)
    silent = [p for p in b.got if paused_from + 1700 <= p.clock < resumed_from]
    assert len(silent) >= 35 and not g711.decode(np.frombuffer(silent[9].payload, np.uint8), 0).any()
    assert continuous(b.got)
    assert has_tone(b.heard(resumed_from)[FRAME:], 400, 8000)


def test_hold_stops_what_is_sent_and_what_is_heard(rig: Rig) -> None:
    a, b = rig.phone("a", LOW), rig.phone("b", HIGH)
    rig.bridge("a", "b")
    rig.run(0.2)
    rig.put_leg(b, send=False, listen=False)
    since = rig.run(0.5)
    assert not [p for p in b.got if p.clock > since]
    assert not has_tone(a.heard(since + 800), 1000, 8000)
    rig.put_leg(b)
    since = rig.run(0.5)
    assert has_tone(b.heard(since + FRAME), 400, 8000) and has_tone(a.heard(since + 800), 1000, 8000)


def test_header_extension_and_csrc_pass_and_padding_is_no_audio(rig: Rig) -> None:
    a, b = rig.phone("a"), rig.phone("b")
    rig.bridge("a", "b")
    rig.step()
    plain = rtp(1, 0, 5, b"")
    header = bytes([0x91]) + plain[1:12] + b"CSRC" + b"\xbe\xde\0\1abcd"
    rig.arrive(a, header + b"\xff" * 160)
    rig.step()
    assert b.got[0].payload == b"CSRC" + b"\xbe\xde\0\1abcd" + b"\xff" * 160
