"""softswitch simulate: what a day would be like, with this configuration or another."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

from softswitch.cli.connection import stored
from softswitch.cli.options import UserError, config_option, example, json_option, node_of
from softswitch.cli.output import console, print_json, table
from softswitch.cli.records import records
from softswitch.config import Centre
from softswitch.config.centre_files import read_centre
from softswitch.config.errors import ConfigError, validate
from softswitch.config.files import read_document
from softswitch.simulation.load import Load
from softswitch.simulation.study import check, load_of_day, study

COLUMNS = (
    "queue",
    "offered",
    "answered",
    "abandoned",
    "sent_on",
    "service_level",
    "abandon_rate",
    "mean_wait_s",
    "wait_p90_s",
    "wait_p99_s",
)
PERCENT = ("service_level", "abandon_rate")


@click.command(
    epilog=example(
        "softswitch simulate load.yaml",
        "softswitch simulate load.yaml --centre centre.yaml --against planned.yaml --plot wait.svg",
        "softswitch simulate --like-day 2026-01-31 --against planned.yaml",
    )
)
@click.argument("load_file", metavar="LOAD", required=False, type=click.Path(path_type=Path))
@click.option("--like-day", type=click.DateTime(["%Y-%m-%d"]), help="The load of that day's call records.")
@click.option("--centre", type=click.Path(path_type=Path), help="This centre.yaml; else what is stored.")
@click.option(
    "--against", type=click.Path(path_type=Path), help="A second centre.yaml, with the same callers."
)
@click.option("--days", type=click.IntRange(1, 1000), default=5, show_default=True, help="Days to simulate.")
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of the first day.")
@click.option("--plot", type=click.Path(path_type=Path), help="Write a plot to this .png or .svg file.")
@config_option
@json_option
def simulate(
    load_file: Path | None,
    like_day: datetime | None,
    centre: Path | None,
    against: Path | None,
    days: int,
    seed: int,
    plot: Path | None,
    config_path: Path | None,
    as_json: bool,
) -> None:
    """Play days of LOAD with the engine that decides in the live switch, on a simulated clock.

    LOAD is a YAML file: hours, answer_s, missed, and for each of queues calls_per_h, handle_s, patience_s.
    """
    if (load_file is None) == (like_day is None):
        raise click.UsageError("give a LOAD file or --like-day DATE")
    centres = {"now": _read(centre, Centre) if centre else stored(node_of(config_path)).centre}
    if against is not None:
        centres["against"] = _read(against, Centre)
    load = _load(load_file, centres) if load_file else _like(like_day, config_path)
    seeds = range(seed, seed + days)
    results = {name: study(each, load, seeds) for name, each in centres.items()}
    if plot is not None:
        _plot(results, plot)
    if as_json:
        print_json(results)
        return
    for name, result in results.items():
        title = "" if against is None else str(against if name == "against" else centre or "as stored")
        console().print(table(map(_shown, result["queues"]), COLUMNS, title))
        click.echo(f"Mean of {result['days']} days. Agents talk {result['occupancy']:.0%} of their time.")


def _load(path: Path, centres: dict[str, Centre]) -> Load:
    """The load file, which must fit every centre; mistakes are shown with their lines in it."""
    load: Load = _read(path, Load)
    for centre in centres.values():
        try:
            check(load, centre)
        except ConfigError as error:
            raise read_document(path).error(error) from None
    return load


def _read(path: Path, model: type[Any]) -> Any:
    document = read_centre(path) if model is Centre else read_document(path)
    try:
        return validate(model, document.tree)
    except ConfigError as error:
        raise document.error(error) from None


def _like(day: datetime | None, config_path: Path | None) -> Load:
    assert day is not None
    with records(config_path) as db:
        return load_of_day(db, day.timestamp(), (day + timedelta(days=1)).timestamp())


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    shares = {name: row[name] if row[name] is None else f"{row[name]:.1%}" for name in PERCENT}
    return {**row, **shares}


def _plot(results: dict[str, Any], path: Path) -> None:
    """Waiting of the answered and share of the abandoned, by queue."""
    if path.suffix not in (".png", ".svg"):
        raise UserError(f"{path}: allowed are .png and .svg")
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise UserError("plots need matplotlib; install it with: pip install 'softswitch[plots]'") from None
    figure = Figure(figsize=(9, 6), layout="constrained")
    for place, (column, label) in enumerate(
        (("mean_wait_s", "mean wait, s"), ("service_level", "service level"), ("abandon_rate", "abandoned"))
    ):
        axes = figure.add_subplot(3, 1, place + 1, ylabel=label)
        width = 0.8 / len(results)
        for number, (name, result) in enumerate(results.items()):
            rows = result["queues"]
            places = [row + number * width for row in range(len(rows))]
            axes.bar(places, [row[column] or 0 for row in rows], width, label=name)
        axes.set_xticks(range(len(rows)), [row["queue"] for row in rows])
        axes.legend()
    try:
        figure.savefig(path)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from None
