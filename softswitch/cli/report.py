"""softswitch report: what queues, agents, trunks, numbers and flows came to."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import click

from softswitch.cli import remote
from softswitch.cli.options import config_option, example, is_remote, json_option
from softswitch.cli.output import console, print_json, table
from softswitch.cli.records import Moment, records, with_local_times

NAMES = (
    "queues", "skills", "agents", "trunks", "numbers", "flows", "reasons", "surveys", "dispositions",
    "timeline",
)  # fmt: skip
SHARES = frozenset({"service_level", "abandon_rate", "occupancy", "answer_rate", "satisfaction"})
DAY_S = 86400.0


@click.command(
    epilog=example(
        "softswitch report queues --from 2026-01-01 --to 2026-02-01 --by day",
        "softswitch report agents --from 8h",
        "softswitch report queues --by hour --format csv",
        "softswitch report queues --by 30m --format png --output today.png",
    )
)
@click.argument("name", type=click.Choice(NAMES), default="queues")
@click.option("--from", "since", type=Moment(), help="From then, or an age such as 8h; else the last day.")
@click.option("--to", "until", type=Moment(), help="Before this time; else now.")
@click.option(
    "--by", type=click.Choice(("15m", "30m", "hour", "day", "month")), help="A row for each interval."
)
@click.option("--only", metavar="NAME", help="Only this queue, agent, trunk …")
@click.option(
    "--format",
    "form",
    type=click.Choice(("table", "csv", "json", "png", "svg")),
    default="table",
    show_default=True,
    help="A table, CSV for spreadsheets, JSON, or a plot.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where a plot goes; else NAME.png or .svg.",
)
@config_option
@json_option
def report(
    name: str,
    since: float | None,
    until: float | None,
    by: str | None,
    only: str | None,
    form: str,
    output: Path | None,
    config_path: Path | None,
    as_json: bool,
) -> None:
    """Report on queues, skills, agents, trunks, numbers, flows, endings, surveys, dispositions, or the
    timeline of agents. docs/reports.md defines every figure."""
    from softswitch.store.reports import REPORTS, Period

    now = time.time()
    until = now if until is None else until
    since = until - DAY_S if since is None else since
    if since >= until:
        raise click.UsageError("--from must be before --to")
    if output is not None and form not in ("png", "svg"):
        raise click.UsageError("--output is for --format png or svg; use > FILE for the others")
    if is_remote(config_path):
        asked = {"from": since, "to": until, "by": by, "only": only}
        rows = remote.get(f"/reports/{name}", **asked)["items"]
    else:
        with records(config_path) as db:
            rows = REPORTS[name].run(db, Period(since, until, by or "", now, only))
    if as_json or form == "json":
        print_json(rows)
    elif form == "csv":
        _print_csv(rows)
    elif not rows:
        click.echo("There were no calls in that time.")
    elif form == "table":
        shown = with_local_times([_shown(row) for row in rows])
        console().print(table(shown, list(rows[0]), REPORTS[name].title))
    else:
        from softswitch.cli.report_plot import plot

        path = output or Path(f"{name}.{form}")
        plot(rows, REPORTS[name].plotted, REPORTS[name].title, path.with_suffix(f".{form}"))
        click.echo(f"written: {path.with_suffix(f'.{form}')}")


def _print_csv(rows: list[dict[str, Any]]) -> None:
    from softswitch.store.sheet import write_csv

    if rows:
        write_csv(sys.stdout, list(rows[0]), rows)


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {
        key: f"{value:.1%}" if key in SHARES and value is not None else value for key, value in row.items()
    }
