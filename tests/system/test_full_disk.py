"""A disk that takes no more from the recorder, for real: a small file system is filled and emptied again, and
the kernel refuses the recorder files longer than they are.

Only the first needs a right, that of mounting; where it is missing, the second stands for both.
"""

from __future__ import annotations

import errno
import json
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.peers.audio import read_wav, seconds_of
from tests.system.conftest import Phones
from tests.system.handset import all_hear
from tests.system.running import RunningSystem, until

CHUNK = bytes(64 * 1024)
SOME_BYTES = 44 + 8000 * 4 // 2


def fill(path: Path) -> None:
    """Write until there is no room left, to the last page."""
    with path.open("ab", buffering=0) as file:
        for size in (len(CHUNK), 4096):
            while True:
                try:
                    file.write(CHUNK[:size])
                except OSError as error:
                    assert error.errno == errno.ENOSPC
                    break


@contextmanager
def full_disk(system: RunningSystem, recording: Path) -> Iterator[str]:
    """No room is left on the recordings' own small file system; gives what the recorder is told."""
    ballast = system.recordings.parent / "ballast"
    fill(ballast)
    try:
        yield os.strerror(errno.ENOSPC)
    finally:
        ballast.unlink()


@contextmanager
def refused_writes(system: RunningSystem, recording: Path) -> Iterator[str]:
    """The kernel lets the recorder make no file longer than the recording is now."""
    recorder = system.pids()["recorder"]
    size = until(lambda: recording.stat().st_size, "something in the file")
    # Its lines in the log must not be what is refused.
    assert size > system.log_path.stat().st_size + 1024
    allowed = resource.prlimit(recorder, resource.RLIMIT_FSIZE)
    resource.prlimit(recorder, resource.RLIMIT_FSIZE, (size, allowed[1]))
    try:
        yield os.strerror(errno.EFBIG)
    finally:
        resource.prlimit(recorder, resource.RLIMIT_FSIZE, allowed)


Way = Callable[[RunningSystem, Path], AbstractContextManager[str]]


def alarms(system: RunningSystem) -> list[str]:
    """In the journal, and said where the operator looks."""
    told = [fact["data"]["message"] for fact in system.facts("alarm_raised")]
    assert all(message in system.log() for message in told)
    return told


@pytest.mark.parametrize("wanted", [full_disk, refused_writes])
def test_the_call_goes_on_and_the_recording_is_whole(
    wanted: Way, system: RunningSystem, phones: Phones, disk: Path
) -> None:
    way = wanted if disk.is_mount() else refused_writes
    agent, caller = phones.agent("anna"), phones("carl")
    known = len(alarms(system))
    asking = caller.call("201").reached("talking")
    answering = agent.rings().answer()
    all_hear((asking, answering), 50)
    path = until(lambda: next(disk.glob(f"recordings/*/{call_id(system)}.*.wav"), None), "the file")
    until(lambda: path.stat().st_size > SOME_BYTES, "half a second in the file")
    with way(system, path) as reason:
        until(lambda: alarms(system)[known:], "an alarm", 3.0)
        assert reason in alarms(system)[known]
        all_hear((asking, answering), 50)
        samples, rate_hz = read_wav(path)
        assert seconds_of(samples[:, 0], rate_hz, caller.tone_hz) > 0.3
    until(lambda: alarms(system)[known + 1 :], "the all-clear", 5.0)
    assert "again" in alarms(system)[known + 1]
    shown = [alarm["message"] for alarm in system.command("status")["alarms"]]
    assert shown[-2:] == alarms(system)[-2:]
    all_hear((asking, answering), 50)
    assert asking.audio.missing() == answering.audio.missing() == 0
    asking.hang_up()
    answering.reached("ended")
    record = system.cdr(asking.sip_call_id)
    recording = system.recording(record["call"])
    assert recording["error"] is None
    samples, rate_hz = read_wav(Path(recording["path"]))
    assert abs(len(samples) / rate_hz - record["talk_s"]) < 0.5
    for channel, phone in ((0, caller), (1, agent)):
        assert seconds_of(samples[:, channel], rate_hz, phone.tone_hz) > record["talk_s"] - 0.5
    certificate = json.loads(Path(recording["path"] + ".json").read_text())
    # Full for less time than the ring holds: nothing at all is lost.
    assert certificate["holes"] == []


def call_id(system: RunningSystem) -> str:
    return str(system.command("call.list")[0]["call"])
