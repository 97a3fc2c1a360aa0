"""Whether a change made something dearer, in under a minute: a call, a relayed second, a tick, a decision.

Each cost is divided by that of a fixed piece of work done at the same time, so that it can be compared with
the ratio kept in bench/baseline.json for machines of this kind. What is over 25 % dearer ends with status 1.
"""

from __future__ import annotations

import argparse
import json
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import cpu
from bench.acd import Floor
from bench.calibration import Calibration
from bench.figures import Summary, median
from bench.harness import CannotMeasure, Progress, Result
from bench.machine import machine
from bench.media_loads import PACKETS_PER_S, Load, everything, relay
from bench.media_probe import Probe
from bench.media_worker import WAKE_MS, worker_under_test
from bench.offered import offered
from bench.setup import target_of
from bench.sip_load import CALL_S
from bench.sipp import require_sipp

SUMMARY = "under a minute: has a call, relay, tick or decision become more than 25 % dearer?"
BASELINE = Path(__file__).with_name("baseline.json")
LIMIT = 1.25
WINDOWS = 5
RATE, CALL_WINDOW_S = 60, 1.6
RELAY_LEGS, TICK_LEGS, MEDIA_WINDOW_S, MEDIA_WARM_S = 240, 120, 1.0, 1.0
AGENTS, QUEUES = 1000, 50


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--update", action="store_true", help="keep these figures for machines of this kind")


@dataclass(frozen=True, slots=True)
class Verdict:
    """One cost now and as it was kept, both as ratios to the calibration of the same window."""

    name: str
    now: Summary
    kept: Summary

    @property
    def change(self) -> float:
        """1 is unchanged, 1.3 is 30 % dearer."""
        return self.now.median / self.kept.median

    @property
    def dearer(self) -> bool:
        return self.change > LIMIT

    def line(self) -> str:
        now, kept = (
            f"{each.median:.4g} ({each.lowest:.4g} to {each.highest:.4g})" for each in (self.now, self.kept)
        )
        return f"{self.name} is {100 * (self.change - 1):.0f} % dearer: {now}, was {kept}"


def run(options: argparse.Namespace, progress: Progress) -> Result:
    """Measure and compare. CannotMeasure when something is missing, figures to compare with among it."""
    require_sipp()
    kind, kept = kind_of_machine(), _kept()
    if kind not in kept and not options.update:
        raise CannotMeasure(f"{BASELINE.name} has no figures of this kind of machine ({kind}): give --update")
    ratios: dict[str, list[float]] = {}
    with Calibration() as calibration:
        calibration.taken_ms()
        for name, windows in MEASURES.items():
            progress(f"smoke: {name}")
            try:
                for cost_us in windows():
                    ratios.setdefault(name, []).append(cost_us / calibration.taken_ms())
            except _Failed as failed:
                return Result("smoke", WINDOWS, {}, {}, 1, (str(failed),))
    if options.update:
        kept[kind] = {name: [round(each, 4) for each in values] for name, values in ratios.items()}
        BASELINE.write_text(json.dumps(kept, indent=1) + "\n")
    return judged(ratios, kept[kind])


def judged(ratios: Mapping[str, Sequence[float]], kept: Mapping[str, Sequence[float]]) -> Result:
    """All ratios and changes as figures; what is dearer is told with the spread of both."""
    verdicts = [Verdict(name, Summary.of(ratios[name]), Summary.of(kept[name])) for name in ratios]
    changes = {f"{each.name}_change": Summary.of([each.change]) for each in verdicts}
    summaries = {each.name: each.now for each in verdicts} | changes
    rounds = len(next(iter(ratios.values())))
    dearer = tuple(each.line() for each in verdicts if each.dearer)
    return Result("smoke", rounds, {"softswitch": summaries}, {}, 0, (), dearer=dearer)


def kind_of_machine() -> str:
    """What figures can be compared: processor, cores, interpreter and how it was built."""
    found = machine()
    optimised = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
    python = ".".join(found["python"].split(".")[:2]) + (" with" if optimised else " without") + " PGO"
    return f"{found['cpu']}, {found['cores']} cores, Python {python}"


class _Failed(Exception):
    """Something that was measured did not work."""


def _kept() -> dict[str, Any]:
    return json.loads(BASELINE.read_text()) if BASELINE.exists() else {}


def _windows(roles: Mapping[int, str], seconds: float) -> Iterator[tuple[float, float]]:
    """CPU seconds and length of several windows, one after the other."""
    for _ in range(WINDOWS):
        before = cpu.usage(roles)
        time.sleep(seconds)
        after = cpu.usage(roles)
        yield sum(cpu.used(before, after, roles).values()), after.at - before.at


def _call() -> Iterator[float]:
    """Microseconds of all processes for a call."""
    begin = CALL_S + 1.5
    with target_of("softswitch") as (target, addresses):
        calls = round(RATE * (begin + WINDOWS * (CALL_WINDOW_S + 0.1)))
        with offered(target, addresses, calls, RATE) as offering:
            time.sleep(begin)
            for spent, seconds in _windows(target.roles(), CALL_WINDOW_S):
                yield spent * 1e6 / (RATE * seconds)
            seen = offering.finish()
    if seen.problems("smoke"):
        raise _Failed("\n".join(seen.problems("smoke")))


def _media(load: Load, per_window: Callable[[float, float], float]) -> Iterator[float]:
    with tempfile.TemporaryDirectory(prefix="softswitch-bench-") as name:
        directory = Path(name)
        probe = Probe(directory)
        with worker_under_test(directory, recorder=load.recorders > 0) as worker:
            ports = worker.ports(load.legs)
            worker.send(load.build(ports, directory))
            worker.settled()
            length = MEDIA_WARM_S + WINDOWS * (MEDIA_WINDOW_S + 0.1) + 0.3
            generator = probe.generate(ports, length, stamped=False)
            time.sleep(MEDIA_WARM_S)
            for spent, seconds in _windows(worker.roles, MEDIA_WINDOW_S):
                yield per_window(spent, seconds)
            heard = generator.result()
    if heard["lost"]:
        raise _Failed(f"{load.name}: packets were lost: {heard}")


def _relay() -> Iterator[float]:
    """Microseconds for a packet received and sent."""
    packets = PACKETS_PER_S * RELAY_LEGS
    return _media(Load("relay", relay, RELAY_LEGS), lambda spent, seconds: spent * 1e6 / (packets * seconds))


def _tick() -> Iterator[float]:
    """Microseconds of one wake in which legs are mixed, recorded and listened to for keys."""
    load = Load("tick", everything, TICK_LEGS, recorders=TICK_LEGS // 2)
    return _media(load, lambda spent, seconds: spent * 1e6 * WAKE_MS / 1000 / seconds)


def _decision() -> Iterator[float]:
    """Microseconds of the median event in the engine of the queues."""
    floor = Floor(AGENTS, QUEUES)
    for _ in range(WINDOWS):
        yield 1e6 * median(floor.costs())


MEASURES: dict[str, Callable[[], Iterator[float]]] = {
    "call": _call,
    "relay": _relay,
    "tick": _tick,
    "decision": _decision,
}
