"""The recorder as a process: killed, stopped, doubled, and with a disk that is really full."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from softswitch.media.arrays import StereoFrames
from softswitch.media.tap import TapFile, TapSlot
from softswitch.media.tap_layout import TapState

RATE_HZ = 8000
FREE_BYTES = 128 * 1024
FILLER_BYTES = 2 * 1024 * 1024


def noise(seconds: float, seed: int) -> StereoFrames:
    """Audio that is never zero, so that silence in the file is a hole."""
    generator = np.random.default_rng(seed)
    return generator.integers(1, 20_000, size=(int(seconds * RATE_HZ), 2), dtype=np.int16)


def until(condition: Callable[[], bool], within_s: float) -> float:
    """Seconds until the condition held; fails when it did not in time."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < within_s, "did not happen in time"
        time.sleep(0.005)
    return time.monotonic() - started


class Machine:
    """A run directory with one worker's taps, and recorder processes on it."""

    def __init__(self, directory: Path, slots: int = 4) -> None:
        self.run_dir = directory / "run"
        self.root = directory / "records"
        self.run_dir.mkdir()
        self.root.mkdir()
        self.tap = TapFile.create(self.run_dir / "media-0.taps", slots=slots)
        self.processes: list[subprocess.Popen[str]] = []

    def command(self) -> list[str]:
        module = [sys.executable, "-m", "softswitch.media.recorder"]
        return [*module, "--run-dir", str(self.run_dir), "--root", str(self.root)]

    def start(self, command: list[str] | None = None) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            command or self.command(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", process.stderr and process.stderr.read()
        return process

    def open(self, name: str) -> TapSlot:
        slot = self.tap.free_slot()
        slot.open(name, str(self.root / f"{name}.wav"), RATE_HZ)
        return slot

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.communicate()
        self.tap.close()


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path)
    yield machine
    machine.close()


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def wait_until_consumed(slot: TapSlot, frames: int) -> None:
    until(lambda: slot.consumed >= frames, 10)


def test_killed_again_and_again_the_file_is_always_playable_and_whole_at_the_end(machine: Machine) -> None:
    slots = [machine.open(f"R{number}") for number in range(3)]
    audio = [noise(6, seed) for seed in range(3)]
    for second in range(6):
        process = machine.start()
        for slot, samples in zip(slots, audio, strict=True):
            for start in range(second * 8000, (second + 1) * 8000, 160):
                slot.write(samples[start : start + 160])
        watched = slots[second % 3]  # the kill comes at another point of the round each time
        wait_until_consumed(watched, second * 8000 + 1)
        kill(process)
        for slot, samples in zip(slots, audio, strict=True):
            if slot.file_made:
                frames, _ = soundfile.read(slot.path, dtype="int16", always_2d=True)
                np.testing.assert_array_equal(frames, samples[: len(frames)])
    machine.start()
    for slot in slots:
        slot.stop()
    until(lambda: all(slot.state == TapState.FINISHED for slot in slots), 10)
    for slot, samples in zip(slots, audio, strict=True):
        np.testing.assert_array_equal(soundfile.read(slot.path, dtype="int16")[0], samples)
        assert json.loads(Path(slot.path + ".json").read_text())["holes"] == []


def test_a_stopped_recorder_writes_what_is_there_and_leaves_the_recording_open(machine: Machine) -> None:
    process = machine.start()
    slot = machine.open("R1")
    audio = noise(1, 1)
    slot.write(audio)
    process.terminate()
    assert process.wait(10) == 0
    assert slot.state == TapState.RECORDING
    np.testing.assert_array_equal(soundfile.read(slot.path, dtype="int16")[0], audio)


def test_a_second_recorder_on_one_run_directory_says_why_not(machine: Machine) -> None:
    machine.start()
    second = subprocess.run(machine.command(), capture_output=True, text=True, timeout=20)
    assert second.returncode == 1
    assert "another one" in second.stderr and "Traceback" not in second.stderr


class SmallDisk:
    """The recorder's root with little space: a tmpfs in a mount namespace of the process alone, which ends
    with it; where mounting is not allowed, a limit on the size of its files."""

    def __init__(self, machine: Machine) -> None:
        root = machine.root
        mount = f"mount -t tmpfs -o size={FREE_BYTES + FILLER_BYTES} tmpfs '{root}'"
        own = (
            ["unshare", "--mount"]
            if os.geteuid() == 0
            else ["unshare", "--user", "--map-root-user", "--mount"]
        )
        self.mounted = subprocess.run([*own, "sh", "-c", mount], capture_output=True).returncode == 0
        if self.mounted:
            script = f"{mount} && head -c {FILLER_BYTES} /dev/zero > '{root}/filler' && exec \"$@\""
            self.process = machine.start([*own, "sh", "-c", script, "sh", *machine.command()])
            self.root = Path(f"/proc/{self.process.pid}/root{root}")
        else:
            self.process = machine.start()
            self.root = root
            resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (FREE_BYTES, resource.RLIM_INFINITY))

    def make_space(self) -> None:
        if self.mounted:
            (self.root / "filler").unlink()
        else:
            unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, unlimited)


def test_a_full_disk_raises_the_alarm_and_costs_only_what_the_hole_names(machine: Machine) -> None:
    disk = SmallDisk(machine)
    slot = machine.open("R1")
    audio = noise(25, 2)
    slot.write(audio[: 3 * RATE_HZ])
    until(lambda: slot.consumed == 3 * RATE_HZ, 5)
    slot.write(audio[3 * RATE_HZ : 6 * RATE_HZ])
    assert until(lambda: slot.alarms == 1, 5) <= 1.0
    assert slot.alarm.startswith("cannot write")
    path = disk.root / "R1.wav"
    frames, _ = soundfile.read(path, dtype="int16")
    np.testing.assert_array_equal(frames, audio[: len(frames)])
    for start in range(6 * RATE_HZ, 20 * RATE_HZ, 160):
        slot.write(audio[start : start + 160])
    disk.make_space()
    assert until(lambda: slot.alarms == 2, 10) <= 5.0
    assert "again" in slot.alarm
    slot.write(audio[20 * RATE_HZ :])
    slot.stop()
    until(lambda: slot.state == TapState.FINISHED, 10)
    frames, _ = soundfile.read(path, dtype="int16")
    (hole,) = json.loads((disk.root / "R1.wav.json").read_text())["holes"]
    assert hole["reason"] == "disk_full"
    begin = round(hole["start_s"] * RATE_HZ)
    end = begin + round(hole["seconds"] * RATE_HZ)
    assert begin >= 3 * RATE_HZ and end <= 10.2 * RATE_HZ
    np.testing.assert_array_equal(frames[:begin], audio[:begin])
    assert not frames[begin:end].any()
    np.testing.assert_array_equal(frames[end:], audio[end:])


def test_a_disk_that_is_full_for_less_than_the_ring_costs_nothing(machine: Machine) -> None:
    disk = SmallDisk(machine)
    slot = machine.open("R1")
    audio = noise(9, 3)
    slot.write(audio)
    until(lambda: slot.alarms == 1, 5)
    disk.make_space()
    slot.stop()
    until(lambda: slot.state == TapState.FINISHED, 10)
    np.testing.assert_array_equal(soundfile.read(disk.root / "R1.wav", dtype="int16")[0], audio)
    assert json.loads((disk.root / "R1.wav.json").read_text())["holes"] == []


def test_a_disk_that_fills_up_while_fifty_calls_record_costs_none_of_them(tmp_path: Path) -> None:
    machine = Machine(tmp_path, slots=50)
    try:
        disk = SmallDisk(machine)
        if not disk.mounted:
            resource.prlimit(disk.process.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
        slots = [machine.open(f"R{number}") for number in range(50)]
        audio = [noise(0.9, seed) for seed in range(50)]
        for slot, samples in zip(slots, audio, strict=True):
            slot.write(samples)
        until(lambda: sum(slot.alarms for slot in slots) >= 25, 10)
        for slot in slots[:25]:
            slot.stop()
        disk.make_space()
        for slot in slots[25:]:
            slot.stop()
        until(lambda: all(slot.state == TapState.FINISHED for slot in slots), 20)
        for slot, samples in zip(slots, audio, strict=True):
            path = disk.root / Path(slot.path).name
            np.testing.assert_array_equal(soundfile.read(path, dtype="int16")[0], samples)
            assert json.loads(path.with_name(f"{path.name}.json").read_text())["holes"] == []
        assert len((disk.root / "chain.jsonl").read_text().splitlines()) == 50
    finally:
        machine.close()
