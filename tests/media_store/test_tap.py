"""The shared-memory tap: both sides' views of one ring."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from softswitch.media.arrays import StereoFrames
from softswitch.media.tap import TapFile
from softswitch.media.tap_layout import Hole, HoleReason, TapError, TapState

RATE_HZ = 8000


@pytest.fixture
def tap(tmp_path: Path) -> Iterator[TapFile]:
    file = TapFile.create(tmp_path / "media-0.taps", slots=4)
    yield file
    file.close()


def counted(start: int, count: int) -> StereoFrames:
    """Frames that tell their own position: left counts up, right counts down."""
    left = (np.arange(start, start + count) % 30_000).astype(np.int16)
    return np.stack((left, -left), axis=1)


def test_the_reader_gets_what_the_writer_wrote(tap: TapFile) -> None:
    slot = tap.free_slot()
    slot.open("R1", "/records/1.wav", RATE_HZ)
    slot.write(counted(0, 500))
    other = TapFile.attach(tap.path)
    reader = other.find("R1")
    assert reader is not None
    position, frames = reader.read(300)
    assert position == 0
    np.testing.assert_array_equal(frames, counted(0, 300))
    reader.consume(300)
    position, frames = reader.read(1000)
    assert position == 300
    np.testing.assert_array_equal(frames, counted(300, 200))
    assert (reader.path, reader.rate_hz, reader.written, slot.consumed) == ("/records/1.wav", 8000, 500, 300)
    other.close()


@given(st.lists(st.tuples(st.integers(1, 30_000), st.integers(0, 30_000)), max_size=30))
def test_nothing_is_lost_or_doubled_across_the_rings_edge(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int]]
) -> None:
    tap = TapFile.create(tmp_path_factory.mktemp("taps") / "media-0.taps", slots=1)
    slot = tap.free_slot()
    slot.open("R1", "/r.wav", RATE_HZ)
    written = 0
    for put, taken in steps:
        put = min(put, 79_000 - slot.pending())
        slot.write(counted(written, put))
        written += put
        position, frames = slot.read(taken)
        assert position == slot.consumed
        np.testing.assert_array_equal(frames, counted(position, len(frames)))
        slot.consume(position + len(frames))
    assert slot.written == written
    tap.close()


def test_a_late_reader_is_told_where_whole_audio_begins(tap: TapFile) -> None:
    slot = tap.free_slot()
    slot.open("R1", "/r.wav", RATE_HZ)
    for start in range(0, 100_000, 160):
        slot.write(counted(start, 160))
    position, frames = slot.read(1_000_000)
    assert position == 100_000 - 80_000 + RATE_HZ // 10
    np.testing.assert_array_equal(frames, counted(position, 100_000 - position))
    slot.consume(position, HoleReason.RECORDER_LATE)
    assert slot.holes() == [Hole(0, position, HoleReason.RECORDER_LATE)]


def test_one_call_writes_many_slots_as_single_writes_do(tap: TapFile) -> None:
    slots = []
    for number, rate_hz in enumerate((8000, 16000, 8000)):
        slot = tap.free_slot()
        slot.open(f"R{number}", "/r.wav", rate_hz)
        slot.write(counted(0, 79_900))  # the next frame crosses the edge of the 8 kHz rings
        slots.append(slot)
    frames = np.stack([counted(79_900 + 1000 * number, 160) for number in range(3)])
    sides = np.ascontiguousarray(frames.transpose(0, 2, 1)).reshape(-1, 160)
    tap.write_many(np.array([slot.index for slot in slots]), sides)
    for number, slot in enumerate(slots):
        slot.consume(79_900)
        position, got = slot.read(1000)
        assert position == 79_900
        np.testing.assert_array_equal(got, frames[number])


def test_a_new_worker_takes_up_its_recordings_with_silence_for_the_time_between(tap: TapFile) -> None:
    slot = tap.free_slot()
    slot.open("R1", "/r.wav", RATE_HZ, now=100.0)
    slot.write(counted(0, 8000))
    tap.close()
    later = TapFile.create(tap.path)
    again = later.find("R1")
    assert again is not None
    assert again.catch_up(now=101.5) == 4000
    assert again.catch_up(now=101.5) == 0
    again.write(counted(12_000, 160))
    assert again.written == 12_160
    assert again.holes() == [Hole(8000, 4000, HoleReason.WORKER_RESTARTED)]
    _, frames = again.read(20_000)
    np.testing.assert_array_equal(frames[8000:12_000], np.zeros((4000, 2), np.int16))
    np.testing.assert_array_equal(frames[12_000:], counted(12_000, 160))
    later.close()


def test_holes_that_touch_are_one_and_none_is_forgotten(tap: TapFile) -> None:
    slot = tap.free_slot()
    slot.open("R1", "/r.wav", RATE_HZ)
    slot.write_silence(100, HoleReason.PAUSED)
    slot.write_silence(100, HoleReason.PAUSED)
    assert slot.holes() == [Hole(0, 200, HoleReason.PAUSED)]
    for _ in range(100):
        slot.write(counted(0, 10))
        slot.write_silence(10, HoleReason.PAUSED)
    holes = slot.holes()
    assert len(holes) == 32
    assert holes[-1].start + holes[-1].frames == slot.written


def test_counters_and_outcome_reach_the_other_side(tap: TapFile) -> None:
    slot = tap.free_slot()
    slot.open("R1", "/r.wav", RATE_HZ)
    tap.count_many(np.array([slot.index]), np.array([[[50, 48, 2, 1], [51, 51, 0, 0]]]))
    other = TapFile.attach(tap.path)
    reader = other.slots[slot.index]
    assert reader.counters()["expected"] == {"left": 50, "right": 51}
    assert reader.counters()["late"] == {"left": 1, "right": 0}
    slot.stop()
    assert reader.state == TapState.STOPPING
    slot.write(counted(0, 10))
    assert reader.written == 0, "a stopped recording takes no more audio"
    reader.raise_alarm("disk is full " + "ü" * 300)
    reader.close("no space")
    assert [(closed.recording, closed.error, closed.alarms) for closed in tap.closed()] == [
        ("R1", "no space", 1)
    ]
    assert slot.alarm.startswith("disk is full üü")
    slot.release()
    assert tap.find("R1") is None
    other.close()


def test_a_released_slots_memory_goes_back(tap: TapFile) -> None:
    before = tap.path.stat().st_blocks
    slot = tap.slots[1]
    slot.open("R1", "/r.wav", RATE_HZ)
    assert tap.path.stat().st_blocks - before >= 10 * RATE_HZ * 4 // 512
    slot.stop()
    slot.close()
    slot.release()
    assert tap.path.stat().st_blocks <= before


@pytest.mark.parametrize(
    ("recording", "path", "rate_hz"),
    [
        ("", "/r.wav", 8000),
        ("R" * 129, "/r.wav", 8000),
        ("R", "/" + "x" * 512, 8000),
        ("R", "", 8000),
        ("R\0", "/r.wav", 8000),
        ("R", "/r\0.wav", 8000),
        ("R", "/r.wav", 0),
        ("R", "/r.wav", 96_000),
    ],
)
def test_values_that_do_not_fit_are_refused(tap: TapFile, recording: str, path: str, rate_hz: int) -> None:
    with pytest.raises(TapError):
        tap.free_slot().open(recording, path, rate_hz)
    assert not list(tap.in_use())


def test_more_recordings_than_slots_are_refused(tap: TapFile) -> None:
    for number in range(4):
        tap.free_slot().open(f"R{number}", "/r.wav", RATE_HZ)
    with pytest.raises(TapError, match="all 4"):
        tap.free_slot()


def test_a_file_of_another_layout_or_boot_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "media-0.taps"
    path.write_bytes(b"something else" * 1000)
    with pytest.raises(TapError):
        TapFile.attach(path)
    tap = TapFile.create(path, slots=2)
    assert len(TapFile.attach(path).slots) == len(tap.slots) == 2
    tap.close()
