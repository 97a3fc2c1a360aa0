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
    """What a bench found: `summaries` by system, the first the one under test; none when a call failed.

    `ratios`: the one under test divided by each of the others. `notes`: what was left out, and why. `dearer`:
    what costs more than it may.
    """

    bench: str
    rounds: int
    summaries: Mapping[str, Mapping[str, Summary]]
    ratios: Mapping[str, Mapping[str, Summary]]
    failed: int
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()
    dearer: tuple[str, ...] = ()
    machine: Mapping[str, Any] = field(default_factory=machine)

    @property
    def valid(self) -> bool:
        return not self.failed and not self.problems


def measure(
    bench: str,
    systems: Mapping[str, Callable[[], Round]],
    rounds: int,
    progress: Progress,
    notes: Sequence[str] = (),
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
                return Result(bench, number, {}, {}, done.failed, _told_by(name, systems, done), (*notes,))
            found[name].append(done.figures)
    (_, first), *others = found.items()
    return Result(
        bench,
        rounds,
        {name: summarise(figures) for name, figures in found.items()},
        {name: ratios(first, figures) for name, figures in others},
        0,
        (),
        (*notes,),
    )


def _told_by(name: str, systems: Mapping[str, object], done: Round) -> tuple[str, ...]:
    """The problems, with who had them where there are several systems."""
    return tuple(f"{name}: {each}" for each in done.problems) if len(systems) > 1 else done.problems


def merged(results: Sequence[Result], notes: Sequence[str] = ()) -> Result:
    """The figures of several measurements as one result, or of all their problems."""
    failed = sum(each.failed for each in results)
    problems = tuple(problem for each in results for problem in each.problems)
    said = (*notes, *(note for each in results for note in each.notes))
    rounds = max(each.rounds for each in results)
    if failed or problems:
        return Result(results[0].bench, rounds, {}, {}, failed, problems, said)
    summaries = _together([each.summaries for each in results])
    return Result(
        results[0].bench, rounds, summaries, _together([each.ratios for each in results]), 0, (), said
    )


def _together(parts: Sequence[Mapping[str, Mapping[str, Summary]]]) -> dict[str, dict[str, Summary]]:
    found: dict[str, dict[str, Summary]] = {}
    for part in parts:
        for system, figures in part.items():
            found.setdefault(system, {}).update(figures)
    return found
