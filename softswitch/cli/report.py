"""softswitch report: what queues, agents, trunks, numbers and flows came to."""

from __future__ import annotations

import csv
import sys
import time
from pathlib import Path
from typing import Any

import click

from softswitch.cli.options import config_option, example, json_option
from softswitch.cli.output import console, print_json, table
from softswitch.cli.records import Moment, records

NAMES = ("queues", "agents", "trunks", "numbers", "flows", "reasons")
SHARES = frozenset({"service_level", "abandon_rate", "occupancy", "answer_rate"})
DAY_S = 86400.0


@click.command(
    epilog=example(
        "softswitch report queues --since 2026-01-01 --until 2026-02-01 --by day",
        "softswitch report agents --since 8h",
        "softswitch report queues --by hour --csv",
    )
)
@click.argument("name", type=click.Choice(NAMES), default="queues")
@click.option("--since", type=Moment(), help="From this time, or an age such as 8h; else the last day.")
@click.option("--until", type=Moment(), help="Before this time; else now.")
@click.option("--by", type=click.Choice(("hour", "day", "month")), help="A row for each hour, day or month.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV for spreadsheets.")
@config_option
@json_option
def report(
    name: str,
    since: float | None,
    until: float | None,
    by: str | None,
    as_csv: bool,
    config_path: Path | None,
    as_json: bool,
) -> None:
    """Report on queues, agents, trunks, numbers, flows or reasons. docs/reports.md defines every figure."""
    from softswitch.store.reports import REPORTS, Period

    until = time.time() if until is None else until
    since = until - DAY_S if since is None else since
    if since >= until:
        raise click.UsageError("--since must be before --until")
    with records(config_path) as db:
        rows = REPORTS[name].run(db, Period(since, until, by or ""))
    if as_json:
        print_json(rows)
    elif as_csv:
        _print_csv(rows)
    elif rows:
        console().print(table(map(_shown, rows), list(rows[0]), REPORTS[name].title))
    else:
        click.echo("There were no calls in that time.")


def _print_csv(rows: list[dict[str, Any]]) -> None:
    if rows:
        writer = csv.DictWriter(sys.stdout, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: _harmless(value) for key, value in row.items()} for row in rows)


def _harmless(value: Any) -> Any:
    """A text that a spreadsheet would take for a formula stays a text."""
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t" and value[:1] else value


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {
        key: f"{value:.1%}" if key in SHARES and value is not None else value for key, value in row.items()
    }
