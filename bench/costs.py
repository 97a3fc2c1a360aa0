"""What a whole centre costs by what goes on in it: the figures that `softswitch capacity` reckons with.

Centres with different rates and lengths of menus and conversations are measured. CPU of each kind of process
is taken to be a sum: something steady, so much for each call a second, each conversation and each caller in a
menu that go on. The parts are found by least squares, none below zero. `fit_error_percent` is how far the sum
is from what was measured, all processes together, at the worst of the points.
"""

from __future__ import annotations

import argparse
import datetime
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench import cpu
from bench.call import Profile, under_load
from bench.centre_settings import Centre
from bench.evidence import gather
from bench.figures import Figures, Round
from bench.harness import Progress, Result, measure
from bench.load import Load
from bench.sipp import require_sipp
from bench.smoke import kind_of_machine
from bench.system import System, system
from softswitch.capacity.costs import SUPPLIED, Costs, RoleCost
from softswitch.capacity.yardstick import python_ms

SUMMARY = "the costs that softswitch capacity reckons with; --write keeps them"
RING_S, WINDOW_S = 0.3, 4.0
POINTS = ((4, 0.6, 1.5), (20, 0.6, 0.6), (20, 0.6, 2.5), (8, 0.6, 6.0), (8, 4.0, 1.0), (14, 2.0, 3.0))
"""Calls a second, seconds of menu, seconds of conversation."""
WAV_BYTES_PER_S = 2 * 2 * 8000
_FEATURES = ("steady", "per_call_a_second", "per_conversation", "per_waiting")


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--write", action="store_true", help=f"write {SUPPLIED.name} of the package")


def run(options: argparse.Namespace, progress: Progress) -> Result:
    """Measure. CannotMeasure when something needed is missing."""
    require_sipp()
    found: list[Point] = []

    def one() -> Round:
        for rate, menu_s, talk_s in POINTS:
            progress(f"costs: {rate} calls/s, {menu_s:g} s of menu, {talk_s:g} s of conversation")
            point = _point(rate, menu_s, talk_s)
            if isinstance(point, Round):
                return point
            found.append(point)
        return Round(figures_of(found))

    result = measure("costs", {"softswitch": one}, 1, progress)
    if options.write and result.valid:
        SUPPLIED.write_text(json.dumps(costs_of(found).model_dump(), indent=1) + "\n")
    return result


@dataclass(frozen=True, slots=True)
class Point:
    """One centre under load: what went on, and what it took."""

    calls_per_s: float
    conversations: float
    waiting: float
    calls: int
    cores: dict[str, float]
    memory_mib: float
    journal_bytes: int
    database_bytes: int
    python_ms: float

    @property
    def features(self) -> tuple[float, float, float, float]:
        return 1.0, self.calls_per_s, self.conversations, self.waiting


def fitted(rows: Sequence[Sequence[float]], values: Sequence[float]) -> list[float]:
    """Factors of the columns, none below zero, whose sums come closest to the values (relative squares)."""
    weights = 1 / np.maximum(np.asarray(values, float), 1e-9)
    table = np.asarray(rows, float) * weights[:, None]
    target = np.asarray(values, float) * weights
    kept = list(range(table.shape[1]))
    while kept:
        factors = np.linalg.lstsq(table[:, kept], target, rcond=None)[0]
        if (factors >= 0).all():
            found = np.zeros(table.shape[1])
            found[kept] = factors
            return [float(each) for each in found]
        kept.pop(int(factors.argmin()))
    return [0.0] * table.shape[1]


def costs_of(points: Sequence[Point]) -> Costs:
    """The parts of every cost."""
    rows = [point.features for point in points]
    roles = {
        role: RoleCost(
            **dict(
                zip(
                    _FEATURES,
                    (round(each, 7) for each in fitted(rows, [point.cores[role] for point in points])),
                    strict=True,
                )
            )
        )
        for role in points[0].cores
    }
    held = [(1.0, point.conversations + point.waiting) for point in points]
    base_mib, call_mib = fitted(held, [point.memory_mib for point in points])
    counted = [(1.0, float(point.calls)) for point in points]
    _, journal = fitted(counted, [float(point.journal_bytes) for point in points])
    _, database = fitted(counted, [float(point.database_bytes) for point in points])
    return Costs(
        machine=kind_of_machine(),
        date=datetime.date.today().isoformat(),
        python_ms=round(float(np.median([point.python_ms for point in points])), 3),
        roles=roles,
        memory_base_mib=round(base_mib, 1),
        memory_call_kib=round(max(1.0, call_mib * 1024), 1),
        journal_call_bytes=round(max(1.0, journal)),
        database_call_bytes=round(max(1.0, database)),
        recording_second_bytes=WAV_BYTES_PER_S,
    )


def figures_of(points: Sequence[Point]) -> Figures:
    costs = costs_of(points)
    figures: Figures = {}
    for role, cost in costs.roles.items():
        figures |= {f"{role}_{name}_ms": 1000 * getattr(cost, name) for name in _FEATURES}
    figures |= {
        name: float(value) for name, value in costs.model_dump().items() if isinstance(value, int | float)
    }
    figures["fit_error_percent"] = max(abs(_error(costs, point)) for point in points)
    return figures


def _error(costs: Costs, point: Point) -> float:
    said = sum(costs.cores(point.calls_per_s, point.conversations, point.waiting).values())
    return 100 * (said / sum(point.cores.values()) - 1)


def _point(rate: float, menu_s: float, talk_s: float) -> Point | Round:
    calls = round(rate * (menu_s + RING_S + talk_s + 0.5 + WINDOW_S))
    profile = Profile(calls, rate, menu_s, RING_S, talk_s, record=True)
    with system() as under_test:
        centre = Centre.of(profile.agents, profile.record)
        under_test.start(centre.yaml(under_test.addresses))
        with Load(under_test, centre) as load:
            load.sign_in()
            speed_ms = python_ms()
            try:
                window = under_load(profile, under_test, load)
            except cpu.Gone as error:
                return Round(problems=(f"{error}:\n{under_test.log()}",))
            evidence = gather(under_test, load)
        sizes = _sizes(under_test)
    problems = evidence.problems(profile.calls, profile.record)
    if problems:
        return Round(failed=evidence.failed(profile.calls, profile.record), problems=problems)
    return Point(
        calls_per_s=rate,
        conversations=rate * talk_s,
        waiting=rate * (menu_s + RING_S),
        calls=calls,
        cores={role: spent / window.seconds for role, spent in window.cpu_s.items()},
        memory_mib=window.proportional_mib,
        journal_bytes=sizes[0],
        database_bytes=sizes[1],
        python_ms=speed_ms,
    )


def _sizes(under_test: System) -> tuple[int, int]:
    """Bytes of the journal, and of the database with what is not yet merged into it."""

    def total(paths: Any) -> int:
        return sum(path.stat().st_size for path in paths if path.is_file())

    state: Path = under_test.state_dir
    return total((state / "journal").rglob("*")), total(state.glob("softswitch.db*"))
