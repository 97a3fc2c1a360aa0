"""A result for people (a table) and for programs (one JSON object on the last line)."""

from __future__ import annotations

import json
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.figures import Summary
from bench.harness import Result

# A table is as wide as it is, wherever it is printed: cut figures are of no use.
WIDTH = 120


def as_json(result: Result) -> str:
    """One line: {"bench", "figures", "failed", "machine"} and, where there are any, spread and problems.

    Figures of a system compared with are named NAME.figure, those of the ratio to it ratio.NAME.figure.
    """
    figures = {name: summary.median for name, summary in _named(result).items()}
    document: dict[str, Any] = {
        "bench": result.bench,
        "figures": {name: _rounded(value) for name, value in figures.items()},
        "failed": result.failed,
        "machine": result.machine,
        "rounds": result.rounds,
        "spread": {
            name: [_rounded(each.lowest), _rounded(each.highest)] for name, each in _named(result).items()
        },
    }
    if result.problems:
        document["problems"] = result.problems
    if result.dearer:
        document["dearer"] = result.dearer
    if result.notes:
        document["notes"] = result.notes
    return json.dumps(document)


def print_table(result: Result) -> None:
    """The figures with their spread, or why there are none."""
    console = Console(highlight=False, width=WIDTH, soft_wrap=True)
    if result.valid:
        _print_figures(result, console)
    else:
        console.print(f"{result.bench}: no figures, since {result.failed} calls failed")
        for problem in result.problems:
            console.print(f"  {problem}", markup=False)
    for line in result.dearer:
        console.print(line, markup=False)
    for note in result.notes:
        console.print(f"left out: {note}", markup=False)


def _print_figures(result: Result, console: Console) -> None:
    table = Table(title=f"{result.bench}: median of {result.rounds} (lowest to highest)")
    table.add_column("figure", no_wrap=True)
    columns = {**result.summaries, **{f"/ {name}": found for name, found in result.ratios.items()}}
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    for figure in dict.fromkeys(figure for found in result.summaries.values() for figure in found):
        table.add_row(figure, *(_shown(column.get(figure)) for column in columns.values()))
    console.print(table)
    console.print(", ".join(f"{key} {value}" for key, value in result.machine.items()), markup=False)


def _named(result: Result) -> dict[str, Summary]:
    named: dict[str, Summary] = {}
    for place, (system, summaries) in enumerate(result.summaries.items()):
        named |= {(f"{system}.{name}" if place else name): each for name, each in summaries.items()}
    for system, found in result.ratios.items():
        named |= {f"ratio.{system}.{name}": each for name, each in found.items()}
    return named


def _shown(summary: Summary | None) -> str:
    if summary is None:
        return ""
    if summary.lowest == summary.highest:
        return f"{_rounded(summary.median):g}"
    return f"{_rounded(summary.median):g} ({_rounded(summary.lowest):g} to {_rounded(summary.highest):g})"


def _rounded(value: float) -> float:
    """Four significant digits, whole numbers as they are."""
    return int(value) if value == int(value) else float(f"{value:.4g}")
