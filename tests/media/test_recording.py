"""Recorders: both sides by their timestamps into the tap, whole under loss, with counts that add up."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from softswitch.media import g711
from softswitch.media.recorder import Recorder
from softswitch.media.tap import TapSlot
from softswitch.media.tap_layout import TapState
from softswitch.media.tones import tone, tone_power
from tests.media.rig import FRAME, Phone, Rig, rtp


@pytest.fixture
def recorded(rig: Rig) -> tuple[Rig, Phone, Phone, TapSlot]:
    a, b = rig.phone("a", tone(400, 1, 8000)), rig.phone("b", tone(700, 1, 8000))
    rig.bridge("a", "b")
    rig.do("put_recorder", id="R", left="a", right="b", path="/rec/x.wav")
    slot = rig.taps.find("R")
    assert slot is not None
    return rig, a, b, slot


def audio(slot: TapSlot) -> NDArray[np.int16]:
    return slot.read(10 * 8000)[1]


def lose(rig: Rig, phone: Phone, seconds: float, lost: Callable[[int], bool]) -> None:
    """The phone speaks, without its packets of the numbers for which `lost` holds."""
    for _ in range(round(seconds * 50)):
        if not lost(phone.at):
            rig.arrive(phone, phone.packet(phone.at))
        phone.at += 1
        for _ in range(4):
            rig.step()


def test_the_two_sides_are_on_their_channels_and_the_length_is_the_time(
    recorded: tuple[Rig, Phone, Phone, TapSlot],
) -> None:
    rig, _, _, slot = recorded
    rig.run(3.0)
    assert rig.engine.legs.relay_source[0] >= 0  # recorded while relayed
    rig.do("delete", kind="recorder", id="R")
    frames = audio(slot)
    assert len(frames) == 3 * 8000 and slot.state == TapState.STOPPING
    left, right = frames[800:, 0], frames[800:, 1]
    assert tone_power(left, 400, 8000) > 0.99 and tone_power(right, 700, 8000) > 0.99
    assert slot.counters() == {
        "expected": {"left": 150, "right": 150}, "received": {"left": 150, "right": 150},
        "concealed": {"left": 0, "right": 0}, "late": {"left": 0, "right": 0},
    }  # fmt: skip


def test_recorded_samples_are_those_that_were_sent(recorded: tuple[Rig, Phone, Phone, TapSlot]) -> None:
    rig, a, _, slot = recorded
    a.says = np.random.default_rng(1).integers(-9000, 9000, 16000).astype(np.int16)
    rig.run(2.0)
    rig.do("delete", kind="recorder", id="R")
    expected = g711.decode(g711.encode(a.says, 0), 0)
    left = audio(slot)[:, 0]
    start = int(np.flatnonzero(left)[0]) - int(np.flatnonzero(expected)[0])
    assert 0 <= start <= 480
    assert (left[start:] == expected[: len(left) - start]).all()


def test_loss_is_concealed_counted_and_shifts_nothing(recorded: tuple[Rig, Phone, Phone, TapSlot]) -> None:
    rig, a, b, slot = recorded
    b.says = None
    lose(rig, a, 3.0, lambda number: number % 10 == 7)
    rig.do("delete", kind="recorder", id="R")
    left = audio(slot)[800:, 0]
    assert tone_power(left, 400, 8000) > 0.97
    assert slot.counters()["expected"]["left"] == 150
    assert slot.counters()["received"]["left"] == 135
    assert slot.counters()["concealed"]["left"] == 15
    assert slot.counters()["expected"]["right"] == 0


def test_a_packet_too_late_for_the_ear_is_still_on_the_record(
    recorded: tuple[Rig, Phone, Phone, TapSlot],
) -> None:
    rig, a, _, slot = recorded
    a.says = np.random.default_rng(1).integers(-9000, 9000, 16000).astype(np.int16)
    for number in range(100):
        if number >= 5 and (number - 5) % 50 == 0:
            rig.arrive(a, a.packet(number - 5))  # 100 ms late
        if number % 50:
            rig.arrive(a, a.packet(number))
        for _ in range(4):
            rig.step()
    rig.do("delete", kind="recorder", id="R")
    expected = g711.decode(g711.encode(a.says, 0), 0)
    left = audio(slot)[:, 0]
    begin = next(k for k in range(1000) if (left[k : k + FRAME] == expected[FRAME : 2 * FRAME]).all())
    assert (left[begin : begin + 12000] == expected[FRAME : FRAME + 12000]).all()
    assert slot.counters()["late"]["left"] == 0 and slot.counters()["concealed"]["left"] == 0


def test_a_packet_later_than_the_recorder_is_counted_late(
    recorded: tuple[Rig, Phone, Phone, TapSlot],
) -> None:
    rig, a, _, slot = recorded
    lose(rig, a, 1.0, lambda number: number == 20)
    rig.arrive(a, a.packet(20))
    rig.step()
    rig.do("delete", kind="recorder", id="R")
    counted = {counter: sides["left"] for counter, sides in slot.counters().items()}
    assert counted == {"expected": 50, "received": 49, "concealed": 1, "late": 1}


def test_duplicates_are_not_counted_twice(recorded: tuple[Rig, Phone, Phone, TapSlot]) -> None:
    rig, a, _, slot = recorded
    for number in range(50):
        for _ in range(2):
            rig.arrive(a, a.packet(number))
        for _ in range(4):
            rig.step()
    rig.do("delete", kind="recorder", id="R")
    assert slot.counters()["received"]["left"] == 50


@pytest.mark.parametrize("codec", ["PCMU", "G722"])
@pytest.mark.parametrize("seed", range(3))
def test_copies_are_known_however_late_they_are_and_wherever_their_place_was_moved(
    rig: Rig, codec: str, seed: int
) -> None:
    random = np.random.default_rng(seed)
    quiet = random.integers(-100, 100, 80_000).astype(np.int16)  # quiet: whatever has to be moved is moved
    a = rig.phone("a", quiet, codec)
    rig.phone("b")
    rig.bridge("a", "b")
    rig.do("put_recorder", id="R", left="a", right="b", path="/rec/x.wav")
    slot, leg = rig.taps.find("R"), rig.engine.legs.index["a"]
    assert slot is not None
    due: dict[int, list[bytes]] = {}
    came, moved, wake = 0, False, 0
    while wake < 4000 or due:
        if wake % 4 == 0 and wake < 4000:
            packet, first = a.packet(a.at), wake + int(random.integers(0, 12 if wake > 2000 else 4))
            a.at += 1
            if random.random() > 0.15:
                came += 1
                due.setdefault(first, []).append(packet)
                if random.random() < 0.3:
                    due.setdefault(first + int(random.integers(1, 9)), []).append(packet)
        for packet in due.pop(wake, []):
            rig.arrive(a, packet)
        rig.step()
        moved |= bool(rig.engine.legs.move[leg])
        wake += 1
    for _ in range(40):
        rig.step()
    rig.do("delete", kind="recorder", id="R")
    counted = {counter: sides["left"] for counter, sides in slot.counters().items()}
    assert moved and counted["received"] + counted["late"] == came


def test_copies_of_keys_are_not_counted_twice(recorded: tuple[Rig, Phone, Phone, TapSlot]) -> None:
    rig, a, _, slot = recorded
    rig.run(0.2)
    for number in range(6):
        key = rtp(a.seq + a.at, a.ts + 10 * FRAME, a.ssrc, bytes([5, 10, 0, 160 * number % 256]), 101)
        a.at += 1
        for _ in range(2):
            rig.arrive(a, key)
        rig.step()
    rig.do("delete", kind="recorder", id="R")
    assert slot.counters()["received"]["left"] == slot.counters()["expected"]["left"] == a.at


def test_a_side_that_falls_silent_is_silence_and_no_loss(recorded: tuple[Rig, Phone, Phone, TapSlot]) -> None:
    rig, a, _, slot = recorded
    rig.run(1.0)
    a.says = None
    rig.run(1.0)
    rig.do("delete", kind="recorder", id="R")
    assert slot.counters()["concealed"]["left"] == 0
    left = audio(slot)[:, 0]
    assert len(left) == 16000 and left[4000:7000].any() and not left[-3000:].any()


def test_a_pause_is_silence_with_its_name_and_time_goes_on(
    recorded: tuple[Rig, Phone, Phone, TapSlot],
) -> None:
    rig, _, _, slot = recorded
    command = {"id": "R", "left": "a", "right": "b", "path": "/rec/x.wav"}
    rig.run(1.0)
    rig.do("put_recorder", **command, paused=True)
    rig.run(1.0)
    rig.do("put_recorder", **command)
    rig.run(1.0)
    rig.do("delete", kind="recorder", id="R")
    left = audio(slot)[:, 0]
    assert len(left) == 24000
    assert not left[8000:16000].any()
    assert tone_power(left[800:8000], 400, 8000) > 0.99 and tone_power(left[16000:], 400, 8000) > 0.99
    assert [(hole.start, hole.frames, hole.reason.name) for hole in slot.holes()] == [(8000, 8000, "PAUSED")]


def test_a_leg_that_goes_before_the_recorder_leaves_its_side_whole(
    recorded: tuple[Rig, Phone, Phone, TapSlot],
) -> None:
    rig, _, b, slot = recorded
    rig.run(1.0)
    rig.do("delete", kind="leg", id="a")
    other = rig.phone("other", tone(1500, 1, 8000))  # takes the row of the leg that went
    rig.run(1.0)
    rig.do("delete", kind="recorder", id="R")
    frames = audio(slot)
    assert tone_power(frames[800:7900, 0], 400, 8000) > 0.99
    assert not frames[8000:, 0].any() and tone_power(frames[8000:, 1], 700, 8000) > 0.99
    assert slot.counters()["received"] == {"left": 50, "right": 100}
    assert other.at == 50 and b.at == 100


def test_a_recorder_may_be_put_before_its_legs(rig: Rig) -> None:
    rig.do("put_recorder", id="R", left="a", right="b", path="/rec/x.wav")
    rig.run(0.5)
    rig.phone("a", tone(400, 1, 8000))
    rig.run(1.0)
    slot = rig.taps.find("R")
    assert slot is not None
    rig.do("delete", kind="recorder", id="R")
    assert tone_power(audio(slot)[5600:, 0], 400, 8000) > 0.99
    assert slot.counters()["received"] == {"left": 50, "right": 0}


def test_recording_the_mix_and_the_relay_of_one_call(recorded: tuple[Rig, Phone, Phone, TapSlot]) -> None:
    rig, _, _, slot = recorded
    rig.phone("supervisor")
    rig.run(1.0)
    rig.bridge("a", "b", edges=[["supervisor", "a", 1.0], ["supervisor", "b", 1.0]])
    rig.run(1.0)
    rig.bridge("a", "b", "supervisor")
    rig.run(1.0)
    rig.do("delete", kind="recorder", id="R")
    left = audio(slot)[800:, 0].astype(float)
    at = np.arange(len(left)) / 8000
    phase = np.angle((left * np.exp(-2j * np.pi * 400 * at)).reshape(-1, FRAME).sum(axis=1))
    assert np.ptp(np.unwrap(phase)) < 0.1  # no click: one unbroken sine
    assert slot.counters()["concealed"] == {"left": 0, "right": 0}


def test_the_end_of_the_file_is_reported_with_its_counts(recorded: tuple[Rig, Phone, Phone, TapSlot]) -> None:
    rig, _, _, slot = recorded
    rig.run(1.0)
    slot.raise_alarm("disk full")
    rig.run(0.3)
    assert rig.events_of("recorder_alarm") == [{"event": "recorder_alarm", "id": "R", "message": "disk full"}]
    rig.do("delete", kind="recorder", id="R")
    slot.consume(slot.written)
    slot.close()
    rig.run(0.3)
    (finished,) = rig.events_of("recorder_finished")
    assert (finished["id"], finished["path"], finished["seconds"]) == ("R", "/rec/x.wav", 1.3)
    assert finished["received"] == {"left": 65, "right": 65} and finished["error"] is None
    assert slot.state == TapState.FREE


def test_a_recording_that_was_given_up_leaves_its_tap_to_others(
    recorded: tuple[Rig, Phone, Phone, TapSlot],
) -> None:
    rig, _, _, slot = recorded
    rig.run(0.5)
    slot.close("the disk is gone")
    rig.run(0.3)
    (finished,) = rig.events_of("recorder_finished")
    assert finished["error"] == "the disk is gone" and slot.state == TapState.FREE
    rig.do("put_recorder", id="other", left="b", right="", path="/rec/y.wav")
    assert rig.taps.find("other") is slot
    rig.do("put_recorder", id="R", left="b", right="a", path="/rec/x.wav", paused=True)
    rig.run(1.0)
    rig.do("delete", kind="recorder", id="R")
    rig.do("delete", kind="leg", id="a")
    rig.run(1.0)
    rig.do("delete", kind="recorder", id="other")
    frames = audio(slot)
    assert len(frames) == 2 * 8000 and not frames[:, 1].any()
    assert tone_power(frames[800:, 0], 700, 8000) > 0.99 and slot.holes() == []
    assert len(rig.events_of("recorder_finished")) == 1


def test_recordings_that_begin_at_once_take_turns(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    for number in range(4):
        rig.phone(f"L{number}", tone(400, 1, 8000))
        rig.do("put_recorder", id=f"R{number}", left=f"L{number}", right="", path="/rec/x.wav")
    slots = [slot for slot in (rig.taps.find(f"R{number}") for number in range(4)) if slot]
    together = 0
    for _ in range(400):
        before = [slot.written for slot in slots]
        rig.step()
        together = max(together, sum(slot.written > was for slot, was in zip(slots, before, strict=True)))
    assert together == 1 and min(slot.written for slot in slots) > 2 * 8000 - 1280 - 1600 - FRAME


def test_no_free_tap_is_an_ending_with_its_reason(rig: Rig) -> None:
    for number in range(5):
        rig.do("put_recorder", id=f"R{number}", left="a", right="b", path="/rec/x.wav")
    (finished,) = rig.events_of("recorder_finished")
    assert finished["id"] == "R4" and "slots are in use" in finished["error"]
    assert len(rig.engine.snapshot()["recorders"]) == 4


def test_the_certificate_says_what_was_left_out_by_whom_and_who_spoke_when(
    recorded: tuple[Rig, Phone, Phone, TapSlot], tmp_path: Path
) -> None:
    rig, _, _, slot = recorded
    spoken = {"id": "R", "left": "a", "right": "b", "path": str(tmp_path / "rec" / "x.wav")}
    rig.do("delete", kind="recorder", id="R")
    slot.close("another one")
    slot.release()
    alice = {**spoken, "left_party": "+4930", "right_party": "alice", "about": {"call": "c1"}}
    rig.do("put_recorder", **alice)
    rig.run(1.0)
    rig.do("put_recorder", **alice, paused=True, by="alice")
    rig.run(2.0)
    rig.do("put_recorder", **alice, by="bob")
    rig.run(1.0)
    rig.do("put_recorder", **{**alice, "right_party": "carol"})
    rig.run(1.0)
    rig.do("delete", kind="recorder", id="R")
    (tmp_path / "media-0.taps").hardlink_to(rig.taps.path)
    Recorder(tmp_path, tmp_path / "rec").poll(0.0)
    told = json.loads((tmp_path / "rec" / "x.wav.json").read_text())
    assert told["about"] == {"call": "c1"}
    assert told["marks"] == [
        {"at_s": 0.0, "what": "left", "who": "+4930"},
        {"at_s": 0.0, "what": "right", "who": "alice"},
        {"at_s": 1.0, "what": "paused", "who": "alice"},
        {"at_s": 3.0, "what": "resumed", "who": "bob"},
        {"at_s": 4.0, "what": "right", "who": "carol"},
    ]
    assert told["holes"] == [{"start_s": 1.0, "seconds": 2.0, "reason": "paused"}]
    assert told["sound"]["speech_s"]["left"] == pytest.approx(3, abs=0.2)
    frames, _ = soundfile.read(tmp_path / "rec" / "x.wav", dtype="int16")
    assert len(frames) == 5 * 8000 and not frames[8000:24000].any()
    for part in (frames[800:8000], frames[24800:]):
        assert tone_power(part[:, 0], 400, 8000) > 0.99 and tone_power(part[:, 1], 700, 8000) > 0.99


def test_a_new_worker_marks_nothing_twice(recorded: tuple[Rig, Phone, Phone, TapSlot]) -> None:
    _, _, _, slot = recorded
    for what, who in (("paused", "alice"), ("paused", "alice"), ("resumed", "alice"), ("right", "bob" * 30)):
        slot.mark(what, who)
        slot.mark(what, who)
    assert [mark.what for mark in slot.marks()] == ["paused", "resumed", "right"]
    for number in range(100):
        slot.mark("left", str(number))
    assert slot.marks()[-1].who == "99" and len(slot.marks()) == 62
