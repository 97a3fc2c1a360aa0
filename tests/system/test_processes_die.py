"""kill -9 of the recorder, the store, the media worker, and of switch and successor, while a call is up."""

from __future__ import annotations

import itertools
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.peers.audio import longest_break, read_wav, seconds_of
from tests.system.conftest import Phones
from tests.system.handset import HandsetCall, all_hear
from tests.system.running import RunningSystem, until

HOLE_S = 1.0
GAP_S = 0.3
TALK_PACKETS = 40


@pytest.fixture
def talking(phones: Phones) -> Iterator[tuple[HandsetCall, HandsetCall]]:
    """A caller and an agent in a recorded conversation."""
    agent, caller = phones.agent("anna"), phones("carl")
    asking = caller.call("201").reached("talking")
    answering = agent.rings().answer()
    all_hear((asking, answering), TALK_PACKETS)
    yield asking, answering


@pytest.fixture(autouse=True)
def others_live_on(system: RunningSystem) -> Iterator[None]:
    """Whoever dies takes nobody along."""
    before = system.pids()
    yield
    after = system.pids()
    assert before.keys() == after.keys()
    assert sum(before[name] != after[name] for name in before) == 1


def finish(asking: HandsetCall, answering: HandsetCall) -> None:
    asking.hang_up()
    answering.reached("ended")


def test_a_switch_that_hangs_is_named_and_started_again(
    system: RunningSystem, talking: tuple[HandsetCall, HandsetCall]
) -> None:
    """What the command line says that helps does help, and the conversation goes on."""
    asking, answering = talking
    hanging = system.pids()["switch"]
    os.kill(hanging, signal.SIGSTOP)
    try:
        refused = system.try_cli("status")
        assert refused.returncode == 1
        assert f"end it with kill -9 {hanging}: it is started again" in refused.stderr
    finally:
        os.kill(hanging, signal.SIGKILL)
    system.replaced("switch", hanging)
    system.answers()
    all_hear((asking, answering), TALK_PACKETS)
    finish(asking, answering)


def certificate_of(recording: dict[str, Any]) -> dict[str, Any]:
    path = Path(recording["path"] + ".json")
    return dict(json.loads(until(lambda: path.exists() and path.read_text(), "the certificate")))


def test_recorder(system: RunningSystem, talking: tuple[HandsetCall, HandsetCall]) -> None:
    asking, answering = talking
    since = time.time()
    former = system.kill("recorder")
    system.replaced("recorder", former)
    all_hear(talking, TALK_PACKETS)
    assert asking.audio.missing(since) == answering.audio.missing(since) == 0
    finish(*talking)
    record = system.cdr(asking.sip_call_id)
    recording = system.recording(record["call"])
    assert recording["error"] is None
    samples, rate_hz = read_wav(Path(recording["path"]))
    certificate = certificate_of(recording)
    hole_s = sum(hole["seconds"] for hole in certificate["holes"])
    assert hole_s <= HOLE_S, certificate
    for channel, call in ((0, asking), (1, answering)):
        assert longest_break(samples[:, channel], rate_hz, call.handset.tone_hz) <= hole_s + 0.05
    assert abs(len(samples) / rate_hz - record["talk_s"]) < 0.5


def test_store(system: RunningSystem, talking: tuple[HandsetCall, HandsetCall]) -> None:
    """The call that ends while the store is dead is recorded once, as are those before."""
    asking, answering = talking
    before = {row["call"]: row for row in system.cdrs()}
    former = system.kill("store")
    finish(asking, answering)
    system.replaced("store", former)
    record = system.cdr(asking.sip_call_id)
    assert record["outcome"] == "answered"
    rows = system.cdrs()
    assert len(rows) == len(before) + 1
    assert {row["call"]: row for row in rows if row["call"] in before} == before


def test_media_worker(
    system: RunningSystem, talking: tuple[HandsetCall, HandsetCall], record_property: Any
) -> None:
    """A new worker is told everything again: same ports, audio both ways, and keys still work."""
    asking, answering = talking
    remotes = asking.audio.remote, answering.audio.remote
    until(lambda: system.waiting_successor("media-0"), "a new worker waits")
    killed_at = time.time()
    former = system.kill("media-0")
    system.replaced("media-0", former)
    back = {call: first_packet_after_gap(call, killed_at) for call in talking}
    for call, gap_s in back.items():
        record_property(f"gap of {call.handset.user}", round(gap_s, 3))
        print(call.handset.user, round(gap_s * 1000), "ms")
        assert gap_s < GAP_S
        assert len({each.ssrc for each in call.audio.arrivals}) == 1
    since = time.time()
    all_hear(talking, TALK_PACKETS)
    assert seconds_of(asking.audio.samples(since), 8000, answering.handset.tone_hz) > 0.5
    assert seconds_of(answering.audio.samples(since), 8000, asking.handset.tone_hz) > 0.5
    asking.audio.press("7")
    answering.pressed("7")
    asking.reinvite()
    assert asking.reinvited() == 200
    assert (asking.audio.remote, answering.audio.remote) == remotes
    finish(asking, answering)
    record = system.cdr(asking.sip_call_id)
    recording = system.recording(record["call"])
    assert recording["error"] is None
    samples, rate_hz = read_wav(Path(recording["path"]))
    print("recorded", len(samples) / rate_hz, "talked", record["talk_s"], certificate_of(recording)["holes"])
    assert abs(len(samples) / rate_hz - record["talk_s"]) < HOLE_S
    for channel, call in ((0, asking), (1, answering)):
        assert longest_break(samples[:, channel], rate_hz, call.handset.tone_hz) <= HOLE_S
        heard_s = seconds_of(samples[:, channel], rate_hz, call.handset.tone_hz)
        assert heard_s > record["talk_s"] - HOLE_S - 0.2


def first_packet_after_gap(call: HandsetCall, killed_at: float) -> float:
    """The longest silence around the kill, waited for until it is over."""
    call.hears(10)
    times = [each.at for each in call.audio.since(killed_at - 0.2)]
    return max(after - before for before, after in itertools.pairwise(times))


def test_the_switch_and_its_waiting_successor(
    system: RunningSystem, talking: tuple[HandsetCall, HandsetCall]
) -> None:
    """Both at once: the parent starts from nothing, and keeps a successor waiting again."""
    asking, answering = talking
    since = time.time()
    successor = until(system.waiting_successor, "a successor waits")
    former = system.kill("switch")
    os.kill(successor, signal.SIGKILL)
    system.replaced("switch", former)
    system.answers()
    assert until(system.waiting_successor, "a new successor waits") != successor
    all_hear(talking, TALK_PACKETS)
    assert asking.audio.missing(since) == answering.audio.missing(since) == 0
    finish(asking, answering)
    assert system.cdr(asking.sip_call_id)["outcome"] == "answered"
