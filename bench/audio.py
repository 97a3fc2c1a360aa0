"""Audio of N calls: a media worker beside relays of others and the kernel's limit.

Every party sends 50 packets of G.711 a second. `limit` is one socket that sends back what it gets, in
batches, and does nothing else; no relay can be cheaper by much.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench import cpu
from bench.figures import Round
from bench.growth import FACTORS, with_slope
from bench.harness import Progress, Result, measure
from bench.media_loads import Load, conferences, music, music_file, recorded, relay, supervised, three_party
from bench.media_probe import HOST, SOURCE_PORT, Probe
from bench.media_rounds import Extent, Window, limit_window, load_window, traffic_problems
from bench.options import add_compared, count_option
from bench.peers import chosen
from bench.peers.relay import RtpEngine, RtpIo, recorded_bytes
from bench.system import Addresses

FULL = Extent(warm_s=1.2, window_s=2.5, limit_warm_s=0.4, limit_s=1.5)
QUICK = Extent(warm_s=0.8, window_s=1.0, limit_warm_s=0.3, limit_s=0.8)
_SOURCE = (HOST, SOURCE_PORT)
_PROCESSES = {"rtpengine": RtpEngine, "rtp-io": RtpIo}
_MUSIC_S = 30
_LEAST_RECORDED = 80
"""Bytes of a recording for each packet, half of its audio: what is still in buffers may be missing."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One load: `parties` a unit, which is called `unit`; `base` units are 1× of the growth."""

    name: str
    summary: str
    build: Callable[..., list[dict[str, object]]]
    unit: str
    parties: int
    base: int
    peers: tuple[str, ...] = ("limit",)
    recorded: bool = False
    relayed: bool = False

    def load(self, units: int) -> Load:
        legs = units * self.parties
        recorders = units if self.recorded else 0
        return Load(self.name, self.build, legs, legs, recorders, relayed=self.relayed)


RELAYS = ("limit", "rtpengine", "rtp-io")
KINDS = (
    Kind("relay", "calls relayed, G.711", relay, "call", 2, 60, RELAYS, relayed=True),
    Kind("record", "the same, recorded", recorded, "call", 2, 60, RELAYS, recorded=True, relayed=True),
    Kind("wait", "callers who hear music", music, "caller", 1, 120, ("limit", "rtpengine")),
    Kind("conference", "bridges of three, and of a hundred", three_party, "bridge", 3, 40),
    Kind("supervise", "calls with a supervisor who whispers", supervised, "call", 3, 40),
)


class AudioBench:
    """A bench of one kind, as `python -m bench` takes it."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self.SUMMARY = f"audio: {kind.summary}"
        self.PEERS = kind.peers
        self.__doc__ = __doc__

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        kind = self._kind
        sizes = ", ".join(str(kind.base * factor) for factor in FACTORS)
        add_compared(parser, kind.peers, growth=f"{kind.unit} with {sizes} of them")
        units = kind.base * 4
        parser.add_argument("--n", type=count_option, default=units, help=f"{kind.unit}s (default {units})")

    def run(self, options: argparse.Namespace, progress: Progress) -> Result:
        """Measure. CannotMeasure when something needed is missing."""
        kind = self._kind
        extent = QUICK if options.quick else FULL
        peers, notes = chosen(kind.peers, options.against)
        with tempfile.TemporaryDirectory(prefix="softswitch-bench-") as name:
            place = Place(Path(name), Probe(Path(name)), extent)

            def one(system: str) -> Round:
                try:
                    if options.growth:
                        return _grown(kind, place, system)
                    return _at(kind, place, system, options.n)
                except (cpu.Gone, ConnectionError) as error:
                    return Round(failed=1, problems=(f"{system} has died: {error}",))

            systems = {each: lambda each=each: one(each) for each in ("softswitch", *peers)}
            return measure(kind.name, systems, options.rounds, progress, notes)


class Place:
    """Where windows are measured, and over which time."""

    def __init__(self, directory: Path, probe: Probe, extent: Extent) -> None:
        self.directory = directory
        self.probe = probe
        self.extent = extent

    def window(self, kind: Kind, system: str, load: Load) -> Window:
        if system == "softswitch":
            return load_window(self.probe, self.directory, load, self.extent)
        if system == "limit":
            return limit_window(self.probe, self.extent, load.legs)
        return self._peer_window(kind, system, load)

    def _peer_window(self, kind: Kind, system: str, load: Load) -> Window:
        extent = self.extent
        with tempfile.TemporaryDirectory(dir=self.directory) as name:
            peer = _PROCESSES[system](Path(name), Addresses.free().switch)
            try:
                peer.start()
                ports = _set_up(kind, peer, load, Path(name))
                generator = self.probe.generate(ports, extent.load_s, stamped=False, to=peer.host)
                roles = peer.roles()
                time.sleep(extent.warm_s)
                before = cpu.usage(roles)
                time.sleep(extent.window_s)
                after = cpu.usage(roles)
                heard = generator.result()
                written = recorded_bytes(Path(name))
            finally:
                peer.stop()
        problems = traffic_problems(load, heard, extent)
        if kind.recorded and written < _LEAST_RECORDED * heard["received"]:
            problems.append(f"{system} recorded {written} bytes of {heard['received']} packets")
        spent = cpu.used(before, after, roles)
        return Window(load.active, after.at - before.at, spent, 0.0, heard, tuple(problems))


def _set_up(kind: Kind, peer: RtpEngine | RtpIo, load: Load, directory: Path) -> list[int]:
    """The ports to send to; a caller who waits is the first party of a call whose second one is silent."""
    waiting = load.legs if kind.parties == 1 else 0
    calls = [peer.call(number, _SOURCE) for number in range(waiting or load.legs // 2)]
    for number in range(len(calls)):
        if kind.recorded:
            peer.record(number)
        elif waiting and isinstance(peer, RtpEngine):
            peer.play(number, music_file(directory, _MUSIC_S))
    return [port for call in calls for port in (call[1:] if waiting else call)]


def _at(kind: Kind, place: Place, system: str, units: int) -> Round:
    window = place.window(kind, system, kind.load(units))
    if window.problems:
        return Round(failed=1, problems=window.problems)
    figures = {
        f"us_per_{kind.unit}_second": window.us_per_second(units),
        "us_per_packet": window.us_per_packet,
    }
    if kind.relayed and system != "limit":
        figures["packets_lost"] = float(window.heard["lost"])
    if kind.build is three_party and system == "softswitch":
        hundred = Load("hundred", conferences, 100, 100)
        window = place.window(kind, system, hundred)
        if window.problems:
            return Round(failed=1, problems=window.problems)
        figures["us_per_packet_hundred"] = window.us_per_packet
    return Round(figures)


def _grown(kind: Kind, place: Place, system: str) -> Round:
    costs: dict[float, float] = {}
    for factor in FACTORS:
        units = kind.base * factor
        window = place.window(kind, system, kind.load(units))
        if window.problems:
            return Round(failed=1, problems=window.problems)
        costs[units] = window.us_per_second(units)
    return Round(with_slope(f"us_per_{kind.unit}_second", costs))


AUDIO = {kind.name: AudioBench(kind) for kind in KINDS}
