"""softswitch recording: what was recorded, and where the files are."""

from __future__ import annotations

from pathlib import Path

import click

from softswitch.cli.options import config_option, example, json_option
from softswitch.cli.output import print_rows
from softswitch.cli.records import period_options, records, with_local_times

COLUMNS = ("started_at", "from_number", "to_number", "queue", "agent", "seconds", "error", "path", "call")


@click.group(epilog=example("softswitch recording list --since 8h"))
def recording() -> None:
    """Recordings: the caller on the left channel, the agent on the right."""


@recording.command("list", epilog=example("softswitch recording list --agent alice --json"))
@period_options
@click.option("--call", help="Only of this call.")
@config_option
@json_option
def list_records(
    since: float | None,
    until: float | None,
    queue: str | None,
    agent: str | None,
    limit: int,
    call: str | None,
    config_path: Path | None,
    as_json: bool,
) -> None:
    """List recordings, newest first."""
    from softswitch.store.queries import list_recordings

    with records(config_path) as db:
        rows = list_recordings(db, since=since, until=until, queue=queue, agent=agent, call=call, limit=limit)
    empty = "There are no such recordings."
    print_rows(rows if as_json else with_local_times(rows), COLUMNS, json=as_json, empty=empty)
