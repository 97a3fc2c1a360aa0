"""The page of a report: Markdown with a table and a plot for each load, from results as JSON."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.peers import PEERS

SYSTEMS = ("softswitch", *PEERS, "against")
_AT = re.compile(r"(.+)_at_([0-9.]+)$")
_BUSY = 0.5
"""Runnable processes a core before the runs from which on the machine was not quiet."""
Figures = dict[str, dict[str, tuple[float, float, float]]]


def write(document: Mapping[str, Any], place: Path) -> Path:
    """The page and its plots in the folder `place`."""
    for old in place.glob("*.svg"):
        old.unlink()
    lines = [*_head(document)]
    for part in document["parts"]:
        lines += ["", f"## {part['title']}", "", f"`python -m bench {part['command']}`", ""]
        lines += _part(part, place)
    path = place / "README.md"
    path.write_text("\n".join(lines) + "\n")
    return path


def by_system(result: Mapping[str, Any]) -> tuple[Figures, Figures]:
    """Figures and ratios by system and name: median, lowest, highest."""
    figures: Figures = {}
    ratios: Figures = {}
    for name, value in result["figures"].items():
        into, rest = (ratios, name.removeprefix("ratio.")) if name.startswith("ratio.") else (figures, name)
        system, dot, figure = rest.partition(".")
        if not dot or system not in SYSTEMS:
            system, figure = "softswitch", rest
        into.setdefault(system, {})[figure] = (value, *result["spread"][name])
    return figures, ratios


def growth_of(figures: Mapping[str, tuple[float, float, float]]) -> dict[str, list[tuple[float, float]]]:
    """Load and cost, in order, of each figure that was measured at several loads."""
    found: dict[str, list[tuple[float, float]]] = {}
    for name, (middle, *_) in figures.items():
        if match := _AT.match(name):
            found.setdefault(match[1], []).append((float(match[2]), middle))
    return {name: sorted(points) for name, points in found.items()}


def _head(document: Mapping[str, Any]) -> Iterator[str]:
    first = next((part["result"] for part in document["parts"] if part["result"]), None)
    yield "# Performance"
    yield ""
    words = "python -m bench report" + (" --long" if document["long"] else "")
    yield f"Made by `{words}` on {document['date']} in {document['minutes']:g} minutes;"
    yield "[benchmarks.md](../benchmarks.md) explains every figure. Main figures are CPU time of all"
    yield "processes of a system, user and system, over steady windows, systems in turns: medians with lowest"
    yield "and highest. Compare within a table: the next hour is another machine."
    if document.get("remarks"):
        yield ""
        yield document["remarks"]
    if first:
        machine = first["machine"]
        busy = document["load_before"] > _BUSY * machine["cores"]
        yield ""
        yield "| | |"
        yield "| --- | --- |"
        yield f"| machine | {machine['cpu']}, {machine['cores']} cores, {machine['memory_mib']} MiB |"
        yield f"| kernel, Python | {machine['kernel']}, {machine['python']} ({machine['python_ms']} ms) |"
        shared = "**the machine was shared with other work**" if busy else "nothing else was running"
        yield f"| load before | {document['load_before']}: {shared} |"
        for name, version in document["versions"].items():
            yield f"| {name} | {version} |"


def _part(part: Mapping[str, Any], place: Path) -> Iterator[str]:
    result = part["result"]
    if result is None:
        yield f"Not measured: {part.get('said', '').strip()}"
        return
    if not result["figures"]:
        yield f"No figures: {result['failed']} calls failed."
        yield from (f"- {problem.splitlines()[0]}" for problem in result.get("problems", ()))
    else:
        figures, ratios = by_system(result)
        yield from _table(figures, ratios)
        name = re.sub(r"[^a-z]+", "-", part["title"].lower()) + ".svg"
        if _plot(figures, place / name, part):
            yield ""
            yield f"![{part['title']}]({name})"
    for line in (*result.get("dearer", ()), *(f"Left out: {note}" for note in result.get("notes", ()))):
        yield ""
        yield line


def _table(figures: Figures, ratios: Figures) -> Iterator[str]:
    columns = [*figures.values(), *ratios.values()]
    yield f"| figure | {' | '.join([*figures, *(f'/ {name}' for name in ratios)])} |"
    yield "| --- |" + " ---: |" * len(columns)
    for name in dict.fromkeys(name for column in figures.values() for name in column):
        yield f"| `{name}` | {' | '.join(_shown(column.get(name)) for column in columns)} |"


def _shown(value: tuple[float, float, float] | None) -> str:
    if value is None:
        return ""
    middle, lowest, highest = value
    return f"{middle:g}" if lowest == highest else f"{middle:g} ({lowest:g} to {highest:g})"


def _plot(figures: Figures, path: Path, part: Mapping[str, Any]) -> bool:
    """Whether there was something to draw."""
    if part.get("samples"):
        return _plot_samples(part["samples"], path)
    if any(growth_of(each) for each in figures.values()):
        return _plot_growth(figures, path)
    return len(figures) > 1 and _plot_costs(figures, path)


def _axes(path: Path, **labels: str) -> tuple[Any, Any]:
    import matplotlib
    from matplotlib.figure import Figure

    # Text as text, and the same file from the same figures.
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": path.stem})
    figure = Figure(figsize=(7, 3.2), layout="constrained")
    return figure, figure.add_subplot(1, 1, 1, **labels)


def _save(figure: Any, path: Path) -> bool:
    figure.savefig(path, metadata={"Date": None})
    text = path.read_text()
    path.write_text("\n".join(line.rstrip() for line in text.splitlines()) + "\n")
    return True


def _plot_costs(figures: Figures, path: Path) -> bool:
    """The first figure of every system, with its spread."""
    name = next(iter(figures["softswitch"]))
    there = {system: each[name] for system, each in figures.items() if name in each}
    figure, axes = _axes(path, ylabel=name)
    middles = [value[0] for value in there.values()]
    below = [max(0.0, value[0] - value[1]) for value in there.values()]
    above = [max(0.0, value[2] - value[0]) for value in there.values()]
    axes.bar([*there], middles, width=0.6, yerr=[below, above], capsize=4)
    return _save(figure, path)


def _plot_growth(figures: Figures, path: Path) -> bool:
    figure, axes = _axes(path)
    for system, each in figures.items():
        for name, points in growth_of(each).items():
            slope = each.get("growth_slope", (0.0, 0.0, 0.0))[0]
            axes.plot(*_columns(points), marker="o", label=f"{system}, slope {slope:+.2f}")
            axes.set_ylabel(name)
    axes.set(xscale="log", yscale="log", xlabel="load")
    axes.legend()
    return _save(figure, path)


def _columns(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [point[0] for point in points], [point[1] for point in points]


def _plot_samples(text: str, path: Path) -> bool:
    """Memory over the time of a soak."""
    rows = list(csv.DictReader(io.StringIO(text)))
    if not rows:
        return False
    figure, axes = _axes(path, xlabel="seconds", ylabel="memory, MiB")
    axes.plot([float(row["at"]) for row in rows], [float(row["memory_mib"]) for row in rows])
    axes.set_ylim(bottom=0)
    return _save(figure, path)
