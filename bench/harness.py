"""The core of every bench: interleaved rounds of the systems compared, and one result of all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.figures import Figures, Round, Summary, ratios, summarise
from bench.machine import machine

Progress = Callable[[str], None]


class CannotMeasure(Exception):
    """What is missing on this machine, with what to do, in one line: nothing was measured."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a bench found: `summaries` by system, the first the one under test; none when a call failed."""

    bench: str
    rounds: int
    summaries: Mapping[str, Mapping[str, Summary]]
    ratios: Mapping[str, Summary]
    failed: int
    problems: tuple[str, ...]
    machine: Mapping[str, Any] = field(default_factory=machine)

    @property
    def valid(self) -> bool:
        return not self.failed and not self.problems


def measure(
    bench: str, systems: Mapping[str, Callable[[], Round]], rounds: int, progress: Progress
) -> Result:
    """Run every system `rounds` times, A B A B, and sum up.

    After a round with failures nothing more is run and no figure is given: the cost of calls that do not work
    says nothing.
    """
    found: dict[str, list[Figures]] = {name: [] for name in systems}
    for number in range(1, rounds + 1):
        for name, run in systems.items():
            progress(f"{bench}: {name}, round {number} of {rounds}")
            done = run()
            if not done.valid:
                return Result(bench, number, {}, {}, done.failed, done.problems)
            found[name].append(done.figures)
    first, *others = found.values()
    return Result(
        bench,
        rounds,
        {name: summarise(figures) for name, figures in found.items()},
        ratios(first, others[0]) if others else {},
        0,
        (),
    )


def merged(results: Sequence[Result]) -> Result:
    """The figures of several measurements as one result, or of all their problems."""
    failed, problems = (
        sum(each.failed for each in results),
        tuple(p for each in results for p in each.problems),
    )
    rounds = max(each.rounds for each in results)
    if failed or problems:
        return Result(results[0].bench, rounds, {}, {}, failed, problems)
    summaries: dict[str, dict[str, Summary]] = {}
    for each in results:
        for system, found in each.summaries.items():
            summaries.setdefault(system, {}).update(found)
    ratios_of_all = {name: summary for each in results for name, summary in each.ratios.items()}
    return Result(results[0].bench, rounds, summaries, ratios_of_all, 0, ())
