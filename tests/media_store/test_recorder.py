"""The recorder, round by round in this process: what its files and certificates say."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from softswitch.media.arrays import StereoFrames
from softswitch.media.recorder import SILENT_WORKER_S, Recorder
from softswitch.media.recording_chain import read
from softswitch.media.tap import TapFile, TapSlot
from softswitch.media.tap_layout import HoleReason, TapState

RATE_HZ = 8000


@pytest.fixture
def tap(tmp_path: Path) -> Iterator[TapFile]:
    file = TapFile.create(tmp_path / "media-0.taps", slots=4)
    yield file
    file.close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "records").mkdir()
    return tmp_path / "records"


@pytest.fixture
def recorder(tmp_path: Path, root: Path) -> Recorder:
    return Recorder(tmp_path, root)


def tones(seconds: float, left_hz: float = 440, right_hz: float = 1000) -> StereoFrames:
    time = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    sides = [np.sin(2 * np.pi * hertz * time) for hertz in (left_hz, right_hz)]
    return (np.stack(sides, axis=1) * 8000).astype(np.int16)


def certificate_of(path: Path) -> dict[str, Any]:
    content = json.loads((path.parent / f"{path.name}.json").read_text())
    assert isinstance(content, dict)
    return content


def opened(tap: TapFile, path: Path, recording: str = "R1") -> TapSlot:
    slot = tap.free_slot()
    slot.open(recording, str(path), RATE_HZ)
    return slot


def test_the_file_holds_every_sample_and_the_certificate_its_figures(
    tap: TapFile, recorder: Recorder, root: Path
) -> None:
    path = root / "2026" / "11" / "call.wav"
    slot = opened(tap, path)
    audio = tones(5)
    for step, start in enumerate(range(0, len(audio), 160)):
        slot.write(audio[start : start + 160])
        if step % 10 == 9:
            recorder.poll(step * 0.02)
    tap.count_many(np.array([slot.index]), np.array([[[250, 249, 1, 0], [250, 250, 0, 2]]]))
    slot.stop()
    recorder.poll(6.0)
    assert slot.state == TapState.FINISHED and slot.error == ""
    frames, rate_hz = soundfile.read(path, dtype="int16")
    assert rate_hz == RATE_HZ
    np.testing.assert_array_equal(frames, audio)
    told = certificate_of(path)
    assert told["recording"] == "R1" and told["seconds"] == 5.0 and told["holes"] == []
    assert told["packets"]["received"] == {"left": 249, "right": 250}
    assert told["packets"]["late"] == {"left": 0, "right": 2}
    assert told["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_file_is_playable_after_every_round(tap: TapFile, recorder: Recorder, root: Path) -> None:
    path = root / "call.wav"
    slot = opened(tap, path)
    audio = tones(4)
    for step in range(20):
        slot.write(audio[step * 1600 : (step + 1) * 1600])
        recorder.poll(step * 0.2)
        frames, _ = soundfile.read(path, dtype="int16", always_2d=True)
        assert (step + 1) * 0.2 - len(frames) / RATE_HZ <= 1.0
        np.testing.assert_array_equal(frames, audio[: len(frames)])


def test_a_new_recorder_goes_on_where_the_former_one_was(
    tap: TapFile, tmp_path: Path, recorder: Recorder, root: Path
) -> None:
    path = root / "call.wav"
    slot = opened(tap, path)
    audio = tones(9)
    slot.write(audio[:8000])
    recorder.poll(0.0)
    recorder.close()
    slot.write(audio[8000:])  # while no recorder runs
    second = Recorder(tmp_path, root)
    second.poll(9.0)
    slot.stop()
    second.poll(9.2)
    np.testing.assert_array_equal(soundfile.read(path, dtype="int16")[0], audio)
    assert certificate_of(path)["holes"] == []


@pytest.mark.parametrize("moment", ["file made", "first samples written", "header written", "finished"])
def test_killed_between_any_two_steps_the_next_recorder_completes_the_file(
    tap: TapFile, tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    path = root / "call.wav"
    slot = opened(tap, path)
    audio = tones(1)
    slot.write(audio)
    slot.stop()
    step = {
        "file made": (TapSlot, "mark_file_made"),
        "first samples written": (TapSlot, "consume"),
        "header written": (TapSlot, "pending"),
        "finished": (TapSlot, "close"),
    }[moment]

    child = os.fork()
    if not child:
        monkeypatch.setattr(*step, lambda *_: os._exit(9))
        Recorder(tmp_path, root).poll(0.0)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    soundfile.info(path)
    Recorder(tmp_path, root).poll(1.0)
    assert slot.state == TapState.FINISHED, slot.error
    np.testing.assert_array_equal(soundfile.read(path, dtype="int16")[0], audio)


def test_a_recorder_away_for_longer_than_the_ring_leaves_a_named_hole_and_time_stays_right(
    tap: TapFile, tmp_path: Path, recorder: Recorder, root: Path
) -> None:
    path = root / "call.wav"
    slot = opened(tap, path)
    audio = tones(16)
    for start in range(0, len(audio), 160):
        slot.write(audio[start : start + 160])
        if start == 16_000 - 160:
            recorder.poll(2.0)
            recorder.close()
    slot.stop()
    Recorder(tmp_path, root).poll(16.0)
    frames, _ = soundfile.read(path, dtype="int16")
    (hole,) = certificate_of(path)["holes"]
    assert hole == {"start_s": 2.0, "seconds": 4.1, "reason": "recorder_late"}
    begin, end = 16_000, 16_000 + 32_800
    np.testing.assert_array_equal(frames[:begin], audio[:begin])
    assert not frames[begin:end].any()
    np.testing.assert_array_equal(frames[end:], audio[end:])


def test_a_pause_and_a_workers_restart_are_named(tap: TapFile, recorder: Recorder, root: Path) -> None:
    path = root / "call.wav"
    slot = opened(tap, path)
    slot.write(tones(1))
    slot.write_silence(4000, HoleReason.PAUSED)
    slot.write(tones(1))
    slot.write_silence(2000, HoleReason.WORKER_RESTARTED)
    slot.stop()
    recorder.poll(0.0)
    assert certificate_of(path)["holes"] == [
        {"start_s": 1.0, "seconds": 0.5, "reason": "paused"},
        {"start_s": 2.5, "seconds": 0.25, "reason": "worker_restarted"},
    ]
    assert soundfile.info(path).frames == 22_000


def test_a_call_without_a_single_sample_still_makes_a_file(
    tap: TapFile, recorder: Recorder, root: Path
) -> None:
    slot = opened(tap, root / "call.wav")
    slot.stop()
    recorder.poll(0.0)
    assert slot.state == TapState.FINISHED
    assert soundfile.info(root / "call.wav").frames == 0


@pytest.mark.parametrize(
    "path",
    [
        "{root}/../outside.wav",
        "/tmp/outside.wav",
        "{root}/link/outside.wav",
        "{root}/out.wav",
        "relative.wav",
        "{root}/call.txt",
        "{root}/../records-evil/x.wav",
        "{root}/loop/x.wav",
        "{root}/taken.wav",
        "{root}",
    ],
)
def test_a_path_outside_of_the_root_is_refused(
    tap: TapFile, recorder: Recorder, root: Path, tmp_path: Path, path: str
) -> None:
    outside = tmp_path / "elsewhere"
    outside.mkdir()
    (outside / "out.wav").write_bytes(b"precious")
    (root / "link").symlink_to(outside)
    (root / "out.wav").symlink_to(outside / "out.wav")
    (root / "loop").symlink_to(root / "loop")
    (root / "taken.wav").write_bytes(b"a recording of another call, longer than any header could be")
    before = sorted(tmp_path.rglob("*"))
    slot = tap.free_slot()
    slot.open("R1", path.format(root=root), RATE_HZ)
    good = opened(tap, root / "good.wav", "R2")
    slot.write(tones(1))
    good.write(tones(1))
    recorder.poll(0.0)
    assert slot.state == TapState.FAILED and slot.error
    assert good.state == TapState.RECORDING
    assert sorted(tmp_path.rglob("*")) == sorted([*before, root / "good.wav"])
    assert (outside / "out.wav").read_bytes() == b"precious"
    assert (root / "taken.wav").read_bytes().startswith(b"a recording of another call")


def test_two_recordings_never_share_a_file(tap: TapFile, recorder: Recorder, root: Path) -> None:
    first, second = opened(tap, root / "call.wav"), opened(tap, root / "call.wav", "R2")
    recorder.poll(0.0)
    first.write(tones(1))
    second.write(tones(1, left_hz=700))
    first.stop()
    second.stop()
    recorder.poll(0.2)
    assert [first.state, second.state] == [TapState.FINISHED, TapState.FAILED]
    assert "another recording" in second.error
    np.testing.assert_array_equal(soundfile.read(root / "call.wav", dtype="int16")[0], tones(1))


def test_a_dead_workers_recording_is_closed_in_the_end(tap: TapFile, recorder: Recorder, root: Path) -> None:
    slot = opened(tap, root / "call.wav")
    slot.write(tones(1))
    recorder.poll(0.0)
    states = []
    for now in (SILENT_WORKER_S - 1, SILENT_WORKER_S + 1):
        recorder.poll(now)
        states.append(slot.state)
    assert states == [TapState.RECORDING, TapState.FINISHED]
    assert soundfile.info(root / "call.wav").frames == RATE_HZ


def test_a_slot_used_again_makes_a_new_file(tap: TapFile, recorder: Recorder, root: Path) -> None:
    for number in range(3):
        slot = tap.slots[0]
        slot.open(f"R{number}", str(root / f"{number}.wav"), RATE_HZ)
        slot.write(tones(0.5, left_hz=300 + 100 * number))
        recorder.poll(number)
        slot.stop()
        recorder.poll(number + 0.5)
        slot.release()
    for number in range(3):
        frames, _ = soundfile.read(root / f"{number}.wav", dtype="int16")
        np.testing.assert_array_equal(frames, tones(0.5, left_hz=300 + 100 * number))


def test_a_worker_that_made_a_new_tap_file_is_followed(
    tmp_path: Path, recorder: Recorder, root: Path
) -> None:
    for number in range(2):
        path = tmp_path / "media-0.taps"
        path.unlink(missing_ok=True)
        tap = TapFile.create(path, slots=2)
        slot = opened(tap, root / f"{number}.wav", f"R{number}")
        slot.write(tones(1))
        recorder.poll(number)
        slot.stop()
        recorder.poll(number + 0.5)
        assert slot.state == TapState.FINISHED
        tap.close()


def test_one_recordings_fault_does_not_stop_the_others(tap: TapFile, recorder: Recorder, root: Path) -> None:
    broken, good = opened(tap, root / "broken.wav"), opened(tap, root / "good.wav", "R2")
    tap.headers["ring_frames"][broken.index] = 0
    broken.write_silence(0, HoleReason.PAUSED)
    tap.headers["written"][broken.index] = 100
    good.write(tones(1))
    recorder.poll(0.0)
    assert broken.state == TapState.FAILED
    good.stop()
    recorder.poll(0.2)
    assert good.state == TapState.FINISHED


@pytest.mark.parametrize("stopped", [False, True])
def test_a_folder_that_vanishes_costs_what_the_ring_no_longer_holds(
    tap: TapFile, recorder: Recorder, root: Path, stopped: bool
) -> None:
    path = root / "2026-01-31" / "call.wav"
    slot = opened(tap, path)
    audio = tones(14)
    for second in range(13):
        slot.write(audio[second * RATE_HZ : (second + 1) * RATE_HZ])
        recorder.poll(float(second))
    shutil.rmtree(root)
    slot.write(audio[13 * RATE_HZ :])
    if stopped:
        slot.stop()
    recorder.poll(13.0)
    assert slot.alarms == 1 and "was removed" in slot.alarm
    slot.stop()
    recorder.poll(14.0)
    assert slot.state == TapState.FINISHED, slot.error
    frames, _ = soundfile.read(path, dtype="int16")
    (hole,) = certificate_of(path)["holes"]
    assert hole == {"start_s": 0.0, "seconds": 4.1, "reason": "file_lost"}
    begin = round(4.1 * RATE_HZ)
    assert not frames[:begin].any()
    np.testing.assert_array_equal(frames[begin:], audio[begin:])
    assert [line["file"] for line in read(path.parent)] == ["call.wav"]


def test_the_chain_seals_file_and_certificate(tap: TapFile, recorder: Recorder, root: Path) -> None:
    for number in range(3):
        slot = opened(tap, root / "day" / f"c{number}.wav", f"R{number}")
        slot.write(tones(0.1 * (number + 1)))
        slot.stop()
        recorder.poll(float(number))
        slot.release()
    lines = list(read(root / "day"))
    assert [line["file"] for line in lines] == ["c0.wav", "c1.wav", "c2.wav"]
    for line in lines:
        path = root / "day" / line["file"]
        assert line["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        sealed = path.with_name(path.name + ".json").read_bytes()
        assert line["certificate"] == hashlib.sha256(sealed).hexdigest()


def test_a_chain_that_was_tampered_with_does_not_stop_the_recordings(
    tap: TapFile, recorder: Recorder, root: Path
) -> None:
    (root / "day").mkdir()
    (root / "day" / "chain.jsonl").write_text("this is no line of a chain\n")
    slot = opened(tap, root / "day" / "call.wav")
    slot.write(tones(1))
    slot.stop()
    recorder.poll(0.0)
    assert slot.state == TapState.FAILED and "chain.jsonl" in slot.error
    np.testing.assert_array_equal(soundfile.read(root / "day" / "call.wav", dtype="int16")[0], tones(1))
