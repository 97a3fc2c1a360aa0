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

    After a round with failures of the first system nothing more is run and no figure is given: the cost of
    calls that do not work says nothing. Another system that fails is left out from there on, and named.
    """
    found: dict[str, list[Figures]] = {name: [] for name in systems}
    said = [*notes]
    under_test = next(iter(systems))
    for number in range(1, rounds + 1):
        for name, run in [(name, run) for name, run in systems.items() if name in found]:
            progress(f"{bench}: {name}, round {number} of {rounds}")
            done = run()
            if done.valid:
                found[name].append(done.figures)
            elif name == under_test:
                return Result(bench, number, {}, {}, done.failed, done.problems, (*said,))
            else:
                del found[name]
                said.append(f"{name}: no figures, {done.failed} failed: {_first_line(done.problems)}")
    (_, first), *others = found.items()
    return Result(
        bench,
        rounds,
        {name: summarise(figures) for name, figures in found.items()},
        {name: ratios(first, figures) for name, figures in others},
        0,
        (),
        (*said,),
    )


def _first_line(problems: Sequence[str]) -> str:
    return problems[0].partition("\n")[0] if problems else "no reason given"


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
