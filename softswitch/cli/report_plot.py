"""Reports as plots (PNG, SVG): a line for each name over the intervals, or bars by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from softswitch.cli.options import UserError

MOST_NAMES = 12
"""Lines that can still be told apart; the largest are shown."""


def plot(rows: list[dict[str, Any]], columns: tuple[str, ...], title: str, path: Path) -> None:
    """Write the plot of `columns` to `path`, whose suffix is .png or .svg. Raises UserError."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise UserError("plots need matplotlib; install it with: pip install 'softswitch[plots]'") from None
    figure = Figure(figsize=(10, 2.4 * len(columns) + 0.6), layout="constrained")
    figure.suptitle(title)
    for place, column in enumerate(columns):
        axes = figure.add_subplot(len(columns), 1, place + 1, ylabel=column.replace("_", " "))
        _draw(axes, rows, column)
    try:
        figure.savefig(path)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from None


def _draw(axes: Any, rows: list[dict[str, Any]], column: str) -> None:
    by_name: dict[str, dict[str, float]] = {}
    for row in rows:
        names = [value for key, value in row.items() if isinstance(value, str) and key != "interval"]
        name = " ".join(names)
        by_name.setdefault(name, {})[row.get("interval", "")] = row[column] or 0
    largest = sorted(by_name, key=lambda name: -sum(by_name[name].values()))[:MOST_NAMES]
    intervals = sorted({interval for points in by_name.values() for interval in points})
    if intervals == [""]:
        axes.bar(range(len(largest)), [by_name[name][""] for name in largest])
        axes.set_xticks(range(len(largest)), largest, rotation=30, ha="right")
        return
    for name in largest:
        axes.plot([by_name[name].get(interval, 0) for interval in intervals], marker=".", label=name)
    step = max(1, len(intervals) // 12)
    axes.set_xticks(range(0, len(intervals), step), intervals[::step], rotation=30, ha="right")
    axes.legend(fontsize="small")
