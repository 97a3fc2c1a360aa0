"""softswitch cdr: call detail records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from softswitch.cli import remote
from softswitch.cli.options import config_option, example, is_remote, json_option
from softswitch.cli.output import print_rows
from softswitch.cli.records import period_options, records, with_local_times

COLUMNS = (
    "started_at",
    "direction",
    "from_number",
    "to_number",
    "queue",
    "agent",
    "outcome",
    "reason",
    "wait_s",
    "talk_s",
    "duration_s",
    "call",
)


@click.group(epilog=example("softswitch cdr list --since 8h"))
def cdr() -> None:
    """Call detail records: one for each finished call."""


@cdr.command("list", epilog=example("softswitch cdr list --since 8h --queue sales --json"))
@period_options
@click.option("--number", help="Only calls from or to this number.")
@click.option("--outcome", help="Only with this outcome, such as answered or abandoned.")
@config_option
@json_option
def list_records(
    since: float | None,
    until: float | None,
    queue: str | None,
    agent: str | None,
    limit: int,
    number: str | None,
    outcome: str | None,
    config_path: Path | None,
    as_json: bool,
) -> None:
    """List finished calls, newest first."""
    wanted: dict[str, Any] = {
        "since": since, "until": until, "queue": queue, "agent": agent, "number": number, "outcome": outcome,
    }  # fmt: skip
    if is_remote(config_path):
        rows = remote.rows("/cdrs", limit, **wanted)
    else:
        from softswitch.store.queries import list_calls

        with records(config_path) as db:
            rows = list_calls(db, **wanted, limit=limit)
    print_rows(
        rows if as_json else with_local_times(rows), COLUMNS, json=as_json, empty="There are no such calls."
    )
