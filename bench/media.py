"""What audio costs: a media worker under load beside a do-nothing echo of the same packets.

The limit is one socket, batched system calls and nothing else, at the same packet rate and wake. Limit and
loads take turns; ratios are of CPU time per packet of neighbouring runs. What the recorder takes is counted.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from bench.figures import Figures, Round
from bench.harness import CannotMeasure, Progress, Result, measure, merged
from bench.media_loads import LEGS, LOADS, MIX, Load, relay
from bench.media_probe import Probe, busy
from bench.media_rounds import Extent, Window, limit_window, load_window
from bench.media_srtp import slowest_us
from bench.media_worker import WAKE_MS, worker_under_test
from bench.options import count_option
from softswitch.media import libcrypto

SUMMARY = "audio: CPU per packet against the kernel's limit, latency, lateness, memory"
FULL = Extent(warm_s=1.2, window_s=2.0, limit_warm_s=0.4, limit_s=1.5)
QUICK = Extent(warm_s=0.8, window_s=1.0, limit_warm_s=0.3, limit_s=0.8)
_QUICK_LOADS = ("relay_exclusive", "relay_shared", "recorded", "everything", "conference", "music", "centre")
_JITTER_MS = 20
_LATE_S = 5.0


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quick", action="store_true", help="under 60 s: one round of the main loads")
    parser.add_argument("--rounds", type=count_option, help="rounds of which the median (default 3, quick 1)")
    parser.add_argument("--only", metavar="LOAD", action="append", help="only this load; may be given again")


def run(options: argparse.Namespace, progress: Progress) -> Result:
    """Measure. CannotMeasure when something needed is missing."""
    names = [load.name for load in LOADS]
    for name in options.only or ():
        if name not in names:
            raise CannotMeasure(f"--only {name}: allowed are {', '.join(names)}")
    wanted = options.only or (_QUICK_LOADS if options.quick else names)
    loads = [load for load in LOADS if load.name in wanted]
    extent = QUICK if options.quick else FULL
    rounds = options.rounds or (1 if options.quick else 3)
    with tempfile.TemporaryDirectory(prefix="softswitch-bench-") as name:
        directory = Path(name)
        probe = Probe(directory)

        def costs() -> Round:
            return _costs(probe, directory, loads, extent, progress)

        results = [measure("media", {"softswitch": costs}, rounds, progress)]
        for part in () if options.only or not results[0].valid else (_mix_latency, _lateness):
            one: Callable[[], Round] = lambda part=part: part(probe, directory, extent)  # noqa: E731
            results.append(measure("media", {"softswitch": one}, 1, progress))
    return merged(results)


def _costs(probe: Probe, directory: Path, loads: list[Load], extent: Extent, progress: Progress) -> Round:
    """Each load once, with the limit before and after it."""
    figures: Figures = {}
    before: dict[int, Window] = {}
    for load in loads:
        progress(f"media: {load.name}")
        limit = before.pop(load.active, None) or limit_window(probe, extent, load.active)
        window = load_window(probe, directory, load, extent)
        after = before[load.active] = limit_window(probe, extent, load.active)
        problems = limit.problems + window.problems + after.problems
        if problems:
            return Round(failed=1, problems=problems)
        figures |= _figures_of(load, window, (limit.us_per_packet + after.us_per_packet) / 2)
    if libcrypto.available():
        figures["srtp_us_per_packet"] = slowest_us()
    return Round(figures)


def _figures_of(load: Load, window: Window, limit_us: float) -> Figures:
    name, legs = load.name, load.legs
    figures = {
        f"{name}_ratio": window.us_per_packet / limit_us,
        f"{name}_us_per_packet": window.us_per_packet,
        f"{name}_limit_us_per_packet": limit_us,
    }
    if load.recorders:
        recorder = window.cpu_s["recorder"] / sum(window.cpu_s.values())
        figures[f"{name}_recorder_us_per_packet"] = recorder * window.us_per_packet
    match name:
        case "relay_exclusive":
            figures["us_per_call_second_relayed"] = window.us_per_second(legs // 2)
            figures["relay_latency_p50_ms"], figures["relay_latency_p99_ms"], _ = window.heard["latency_ms"]
            figures["kib_per_relayed_leg"] = window.kib
        case "recorded":
            figures["us_per_call_second_recorded"] = window.us_per_second(legs // 2)
        case "everything":
            figures["kib_per_mixed_leg"] = window.kib
        case "music":
            figures["us_per_waiting_second"] = window.us_per_second(legs)
        case "conference":
            figures["us_per_party_second"] = window.us_per_second(legs)
    return figures


def _mix_latency(probe: Probe, directory: Path, extent: Extent) -> Round:
    """From a sample's sending to when it is heard, mixed at a jitter depth of 20 ms."""
    longer = replace(extent, warm_s=3 * extent.warm_s)
    window = load_window(probe, directory, MIX, longer, jitter_ms=_JITTER_MS)
    if window.problems:
        return Round(failed=1, problems=window.problems)
    p50, p99, most = window.heard["latency_ms"]
    return Round({"mix_latency_p50_ms": p50, "mix_latency_p99_ms": p99, "mix_latency_max_ms": most})


def _lateness(probe: Probe, directory: Path, extent: Extent) -> Round:
    """How late a worker with 1,000 legs wakes beyond a bare loop, while another process takes a core."""
    place = directory / "late"
    place.mkdir()
    other = busy()
    try:
        with worker_under_test(place, precedence=True) as worker:
            ports = worker.ports(LEGS)
            worker.send(relay(ports, place))
            worker.settled()
            generator = probe.generate(ports, 2 * _LATE_S + 1, stamped=False)
            late_ms = worker.wait("load", 2)[1]["late_ms_p99"]  # the first has the legs' beginning in it
            generator.result()
        bare_ms = probe.bare_loop(WAKE_MS * 1000, _LATE_S).result()["late_ms"][1]
    finally:
        other.terminate()
        other.wait()
    return Round(
        {
            "tick_late_p99_ms": late_ms - bare_ms,
            "tick_late_p99_worker_ms": late_ms,
            "tick_late_p99_bare_ms": bare_ms,
        }
    )
