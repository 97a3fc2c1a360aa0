"""A real worker process over loopback: tones through sockets, a switch that comes and goes."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
import soundfile
from numpy.typing import NDArray

from softswitch.media import g711
from softswitch.media.tones import has_tone, tone
from tests.media.rig import rtp

FRAME_S = 0.02


class Softphone:
    """A UDP socket that says a tone, a packet each 20 ms, and keeps what it hears."""

    def __init__(self, freq_hz: float) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.sock.bind(("127.0.0.1", 0))
        self.target: tuple[str, int] | None = None
        self.codes = g711.encode(tone(freq_hz, 1, 8000), 0).reshape(50, 160)
        self.number = 0
        self.got: list[tuple[float, bytes]] = []

    @property
    def address(self) -> list[Any]:
        return list(self.sock.getsockname())

    def speak(self) -> None:
        if self.target is not None:
            payload = self.codes[self.number % 50].tobytes()
            with suppress(ConnectionRefusedError):
                packet = rtp(self.number, self.number * 160, id(self) & 0xFFFFFFFF, payload)
                self.sock.sendto(packet, self.target)
            self.number += 1

    def receive(self) -> None:
        while True:
            try:
                self.got.append((time.monotonic(), self.sock.recv(2000)))
            except BlockingIOError:
                return

    def heard(self, since: int = 0) -> NDArray[np.int16]:
        return g711.decode(np.frombuffer(b"".join(p[12:] for _, p in self.got[since:]), np.uint8), 0)

    def sequence(self) -> list[int]:
        return [int.from_bytes(packet[2:4], "big") for _, packet in self.got]


class Switch:
    def __init__(self, path: Path, generation: int) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(path))
        self.sock.settimeout(5.0)
        self.lines = self.sock.makefile("rb")
        self.say(do="hello", version=1, generation=generation)

    def say(self, **command: Any) -> None:
        self.sock.sendall(orjson.dumps(command) + b"\n")

    def event(self, name: str) -> dict[str, Any]:
        """The next event of this name."""
        while True:
            event: dict[str, Any] = orjson.loads(self.lines.readline())
            if event["event"] == name:
                return event

    def close(self) -> None:
        self.lines.close()
        self.sock.close()


def until_ready(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"


class Call:
    """Two phones on a worker, and the pace of their packets."""

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        self.process = self.start()
        self.until_ready()
        self.phones = [Softphone(400), Softphone(1000)]
        self.stranger = Softphone(1700)
        self.switch = self.connect(1)
        self.ports = self.switch.event("ports")["granted"]
        for phone, port in zip(self.phones, self.ports, strict=False):
            phone.target = ("127.0.0.1", port)
        self.put()
        self.switch.say(do="hello", version=1, generation=1)
        assert len(self.switch.event("snapshot")["legs"]) == 2

    def start(self, index: int = 0, ports: str = "26000-26999") -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "softswitch.media.worker", "--run-dir", str(self.run_dir)]
        return subprocess.Popen([*command, "--index", str(index), "--ports", ports], stdout=subprocess.PIPE)

    def until_ready(self) -> None:
        until_ready(self.process)

    def put(self) -> None:
        for number, phone in enumerate(self.phones):
            self.put_leg(f"L{number}", self.ports[number], phone)
        self.switch.say(do="put_bridge", id="B", members=["L0", "L1"], edges=[])

    def kill(self) -> None:
        self.switch.close()
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def put_leg(self, id: str, port: int, phone: Softphone, **more: Any) -> None:
        self.switch.say(
            do="put_leg", id=id, port=port, remote=phone.address, learn=False, codec="PCMU", payload_type=0,
            receive={"0": "PCMU"}, dtmf_send=101, dtmf_receive=101, ptime_ms=20, send=True, listen=True,
            **more,
        )  # fmt: skip

    def connect(self, generation: int) -> Switch:
        self.switch = Switch(self.run_dir / "media-0.sock", generation)
        return self.switch

    def talk(self, seconds: float, *also: Softphone) -> None:
        due = time.monotonic()
        for _ in range(round(seconds / FRAME_S)):
            for phone in (*self.phones, *also):
                phone.speak()
            due += FRAME_S
            while (wait := due - time.monotonic()) > 0:
                select.select([phone.sock for phone in self.phones], [], [], wait)
                for phone in self.phones:
                    phone.receive()

    def close(self) -> None:
        self.kill()
        for phone in (*self.phones, self.stranger):
            phone.sock.close()


@pytest.fixture
def call() -> Iterator[Call]:
    with tempfile.TemporaryDirectory(prefix="media") as directory:
        call = Call(Path(directory))
        yield call
        call.close()


def test_two_phones_hear_each_other_and_no_stranger(call: Call) -> None:
    stranger = call.stranger
    stranger.target = call.phones[0].target
    call.talk(1.5, stranger)
    a, b = call.phones
    assert has_tone(a.heard(5), 1000, 8000) and not has_tone(a.heard(5), 400, 8000)
    assert has_tone(b.heard(5), 400, 8000) and not has_tone(b.heard(5), 1700, 8000)
    for phone in call.phones:
        steps = {(y - x) & 0xFFFF for x, y in pairwise(phone.sequence())}
        assert steps == {1} and len(phone.got) >= 70
    call.switch.say(do="delete", kind="leg", id="L0")
    statistics = call.switch.event("leg_statistics")
    assert statistics["received"] == a.number and statistics["lost"] == 0
    assert statistics["dropped_source"] == stranger.number
    stranger.receive()
    assert not stranger.got


def test_the_call_goes_on_while_the_switch_is_gone(call: Call) -> None:
    call.talk(0.5)
    call.switch.close()
    mark = len(call.phones[0].got)
    event = rtp(500, 7_000_000, 1, bytes([9, 10, 0, 160]), 101)
    call.phones[1].sock.sendto(event, call.phones[1].target or ("", 0))
    call.talk(0.7)
    assert has_tone(call.phones[0].heard(mark), 1000, 8000)
    switch = call.connect(2)
    snapshot = switch.event("snapshot")
    assert [leg["id"] for leg in snapshot["legs"]] == ["L0", "L1"]
    assert switch.event("digit")["digit"] == "9"
    call.talk(0.3)
    assert {(y - x) & 0xFFFF for x, y in pairwise(call.phones[0].sequence())} == {1}


def test_a_prompt_from_a_file_over_the_call(call: Call) -> None:
    path = call.run_dir / "prompt.wav"
    soundfile.write(path, tone(600, 0.5, 16000), 16000)
    call.talk(0.3)
    mark = len(call.phones[0].got)
    call.switch.say(do="delete", kind="bridge", id="B")
    call.switch.say(do="put_player", id="P", legs=["L0"], items=[str(path)], loop=False, gain=1.0)
    call.talk(0.8)
    assert call.switch.event("player_finished")["reason"] == "finished"
    assert has_tone(call.phones[0].heard(mark + 2)[:3500], 600, 8000)
    assert not call.phones[0].heard(mark + 35).any()


def test_killed_and_replaced_the_streams_go_on(call: Call) -> None:
    call.talk(0.5)
    call.kill()
    call.process = call.start()
    talker = threading.Thread(target=call.talk, args=(1.5,))
    talker.start()
    call.until_ready()
    call.connect(1)
    call.put()
    talker.join()
    for phone in call.phones:
        times = [at for at, _ in phone.got]
        gap_s = max(b - a for a, b in pairwise(times))
        print(f"gap {gap_s * 1000:.0f} ms")
        assert 0.05 < gap_s < 3.0  # most of it is the start of an interpreter; worker_kills measures the rest
        assert {(b - a) & 0xFFFF for a, b in pairwise(phone.sequence())} == {1}
        assert len({packet[8:12] for _, packet in phone.got}) == 1
        assert has_tone(phone.heard(-20), 1000 if phone is call.phones[0] else 400, 8000)


def test_legs_of_two_workers_meet_in_one_without_losing_a_packet(call: Call) -> None:
    other = call.start(1, "27000-27099")
    until_ready(other)
    call.talk(0.5)
    first = call.switch
    second = call.switch = Switch(call.run_dir / "media-1.sock", 1)
    second.say(do="put_bridge", id="B", members=["L0", "L1"], edges=[])
    call.put_leg("L1", call.ports[1], call.phones[1], **{"from": 0})
    call.talk(0.3)
    call.put_leg("L0", call.ports[0], call.phones[0], **{"from": 0})
    call.talk(0.7)
    for number, phone in enumerate(call.phones):
        assert has_tone(phone.heard(-20), 1000 if phone is call.phones[0] else 400, 8000)
        assert {(b - a) & 0xFFFF for a, b in pairwise(phone.sequence())} == {1}
        assert len({packet[8:12] for _, packet in phone.got}) == 1
        second.say(do="delete", kind="leg", id=f"L{number}")
        statistics = second.event("leg_statistics")
        assert (statistics["received"], statistics["lost"]) == (phone.number, 0)
    second.close()
    call.switch = first
    other.terminate()
    assert other.wait(5) == 0 and other.stdout is not None
    other.stdout.close()


def test_terminated_it_leaves_cleanly(call: Call) -> None:
    call.talk(0.1)
    call.process.send_signal(signal.SIGTERM)
    assert call.process.wait(5) == 0
    assert not os.path.exists(call.run_dir / "media-0.sock")
    assert not os.path.exists(call.run_dir / "media-0.legs")


def test_wrong_arguments_are_explained() -> None:
    command = [sys.executable, "-m", "softswitch.media.worker", "--run-dir", "/tmp", "--ports", "99-70000"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "allowed is FIRST-LAST within 1024-65535" in done.stderr


PROCESS = """
import os, resource, sys
from softswitch.media.precedence import pin, take_precedence
cpu = min(os.sched_getaffinity(0))
assert pin(cpu) is None and os.sched_getaffinity(0) == {cpu}
if sys.argv[1:]:
    resource.setrlimit(resource.RLIMIT_RTPRIO, (0, 0))
    if not os.geteuid():
        os.setuid(65534)
print(take_precedence())
print(os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK == os.SCHED_RR)
assert "not pinned to processor 9999" in str(pin(9999))
"""


@pytest.mark.parametrize("arguments", [[], ["as nobody"]])
def test_precedence_is_taken_or_said_to_be_refused(arguments: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", PROCESS, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    warning, real_time = done.stdout.splitlines()
    assert (warning == "None") == (real_time == "True")
    assert warning == "None" or warning.startswith("media.realtime: SCHED_RR is refused")


def test_the_load_tells_lateness_and_counters(call: Call) -> None:
    call.talk(0.5)
    load = call.switch.event("load")
    assert 0 < load["cpu"] < 1 and load["legs"] == 2
    assert 0 <= load["late_ms_p50"] <= load["late_ms_p99"] <= load["late_ms_max"]
    counters = load["counters"]
    assert counters["received"] == sum(phone.number for phone in call.phones)
    assert counters["sent"] >= counters["received"] and counters["unsent"] == 0


def test_a_worker_that_waits_leaves_everything_alone_and_ends_with_its_parent(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "softswitch.media.worker", "--run-dir", str(tmp_path), "--wait"]
    waiting = subprocess.run(command, input=b"", capture_output=True, timeout=30)
    assert waiting.returncode == 0 and not waiting.stdout and not list(tmp_path.iterdir())
