"""One load on a media worker, or on the limit, over a steady window: CPU, memory, what came back."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import cpu
from bench.media_loads import LEGS, PACKETS_PER_S, Commands, Load
from bench.media_probe import LIMIT_PORT, Probe
from bench.media_srtp import ready_packets
from bench.media_worker import WAKE_MS, WorkerUnderTest, worker_under_test

_TAIL_S = 0.3
_RECORDER_WAKES = 40
_LEAST_HEARD = 0.8
"""Of the time that a leg is sent to before the worker may still be silent: the jitter depth, a pause."""


@dataclass(frozen=True, slots=True)
class Extent:
    """Seconds before and of the window of a load, and of the limit."""

    warm_s: float
    window_s: float
    limit_warm_s: float
    limit_s: float

    @property
    def load_s(self) -> float:
        return self.warm_s + self.window_s + _TAIL_S


@dataclass(frozen=True, slots=True)
class Window:
    """What one load took: CPU seconds by role, KiB that the legs have added, the generator's counts."""

    legs: int
    seconds: float
    cpu_s: Mapping[str, float]
    kib: float
    heard: Mapping[str, Any]
    problems: tuple[str, ...] = ()

    @property
    def us_per_packet(self) -> float:
        """CPU of all processes for one packet received and one sent."""
        return sum(self.cpu_s.values()) * 1e6 / (self.seconds * PACKETS_PER_S * self.legs)

    def us_per_second(self, units: int) -> float:
        return sum(self.cpu_s.values()) * 1e6 / (self.seconds * units)


def limit_window(probe: Probe, extent: Extent, legs: int) -> Window:
    """The do-nothing echo at the packet rate of so many legs."""
    echo = probe.echo(WAKE_MS * 1000)
    try:
        seconds = extent.limit_warm_s + extent.limit_s + _TAIL_S
        generator = probe.generate([LIMIT_PORT] * legs, seconds, stamped=False)
        time.sleep(extent.limit_warm_s)
        before = cpu.usage({echo.pid: "limit"})
        time.sleep(extent.limit_s)
        after = cpu.usage({echo.pid: "limit"})
        heard = generator.result()
    finally:
        echo.terminate()
        echo.communicate()
    spent = cpu.used(before, after, {echo.pid: "limit"})
    problems = [] if heard["received"] == heard["sent"] else [f"limit: packets were lost: {heard}"]
    return Window(legs, after.at - before.at, spent, 0.0, heard, tuple(problems))


def load_window(probe: Probe, directory: Path, load: Load, extent: Extent, *, jitter_ms: int = 40) -> Window:
    """One load on a fresh worker, from start to stop."""
    place = directory / load.name
    place.mkdir()
    canned = _canned(directory, extent) if load.srtp else None
    try:
        with worker_under_test(place, recorder=load.recorders > 0, jitter_ms=jitter_ms) as worker:
            ports = worker.ports(load.legs)
            kib = worker.memory_kib()
            _begin(worker, load.build(ports, place))
            sent_to = ports[: load.active] if not load.shared else ports[:1] * load.active
            generator = probe.generate(
                sent_to, extent.load_s, stamped=load.stamped, canned=canned, apart=load.shared
            )
            time.sleep(extent.warm_s)
            before = cpu.usage(worker.roles)
            time.sleep(extent.window_s)
            after = cpu.usage(worker.roles)
            kib = worker.memory_kib() - kib
            heard = generator.result()
            problems = traffic_problems(load, heard, extent) + _worker_problems(load, worker)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    spent = cpu.used(before, after, worker.roles)
    return Window(load.active, after.at - before.at, spent, kib / load.legs, heard, tuple(problems))


def _begin(worker: WorkerUnderTest, commands: Commands) -> None:
    """Everything at once, but for the recordings: no two of a real centre begin in the same wake."""
    recorders = [command for command in commands if command["do"] == "put_recorder"]
    worker.send(command for command in commands if command["do"] != "put_recorder")
    worker.settled()
    for first in range(_RECORDER_WAKES if recorders else 0):
        worker.send(recorders[first::_RECORDER_WAKES])
        time.sleep(WAKE_MS / 1000)
    worker.settled()


def _canned(directory: Path, extent: Extent) -> Path:
    path = directory / "srtp.packets"
    if not path.exists():
        ready_packets(path, LEGS, int(extent.load_s * PACKETS_PER_S))
    return path


def traffic_problems(load: Load, heard: Mapping[str, Any], extent: Extent) -> list[str]:
    """What speaks against the figures, by what the generator has heard."""
    least = int(_LEAST_HEARD * extent.load_s * PACKETS_PER_S)
    # Once nothing more is sent to it, a relayed leg gets silence.
    whole = heard["received"] >= heard["sent"] if load.relayed else heard["least"] >= least
    if heard["lost"] or heard["foreign"] or not whole:
        return [f"{load.name}: packets were lost or came from elsewhere: {heard}"]
    return []


def _worker_problems(load: Load, worker: WorkerUnderTest) -> list[str]:
    """What speaks against the figures, by what the worker and the recorder say."""
    recorders, legs = range(0, 2 * load.recorders, 2), range(load.legs)
    worker.send({"do": "delete", "kind": "recorder", "id": f"rec{k}"} for k in recorders)
    recordings = worker.wait("recorder_finished", load.recorders)
    worker.send({"do": "delete", "kind": "leg", "id": f"leg{k}"} for k in legs)
    statistics = worker.wait("leg_statistics", load.legs)
    problems = [f"{load.name}: {told}" for told in worker.events if told["event"] == "error"]
    problems += [f"{load.name}: recording: {told}" for told in recordings if told["error"]]
    lost = sum(told["lost"] + told["dropped_source"] + told["dropped_crypto"] for told in statistics)
    if lost:
        problems.append(f"{load.name}: the worker says that {lost} packets were lost")
    return problems
