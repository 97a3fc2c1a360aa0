"""softswitch action: what supervisors have done, and taking it back."""

from __future__ import annotations

from pathlib import Path

import click

from softswitch.cli.connection import call
from softswitch.cli.live import columns_of
from softswitch.cli.options import by_option, config_option, example, json_option
from softswitch.cli.output import print_json, print_rows


@click.group(epilog=example("softswitch action list"))
def action() -> None:
    """What was done to agents, queues and waiting calls."""


@action.command("list", epilog=example("softswitch action list --json"))
@config_option
@json_option
def list_actions(config_path: Path | None, as_json: bool) -> None:
    """List the latest 200 actions that can be taken back, newest first."""
    rows = call(config_path, "action.list")
    print_rows(rows, columns_of(rows), json=as_json, empty="Nothing has been done.")


@action.command("undo", epilog=example("softswitch action undo x12"))
@click.argument("action_id", metavar="ACTION")
@by_option
@config_option
@json_option
def undo(action_id: str, by: str, config_path: Path | None, as_json: bool) -> None:
    """Restore what was there before an action."""
    result = call(config_path, "action.undo", {"action": action_id, "by": by})
    if as_json:
        print_json(result)
    else:
        click.echo(f"{result['command']} {result['args']} is taken back.")
