"""softswitch mailbox: how many voice messages wait for whom."""

from __future__ import annotations

from pathlib import Path

import click

from softswitch.cli.connection import call
from softswitch.cli.options import config_option, example, json_option
from softswitch.cli.output import print_json, print_rows


@click.group(epilog=example("softswitch mailbox list"))
def mailbox() -> None:
    """How many voice messages wait for whom; phones show it by their message lamp."""


@mailbox.command("list", epilog=example("softswitch mailbox list --json"))
@config_option
@json_option
def list_mailboxes(config_path: Path | None, as_json: bool) -> None:
    """List the mailboxes that have been set."""
    rows = call(config_path, "mailbox.list")
    print_rows(rows, ("user", "new", "old"), json=as_json, empty="No mailbox has been set.")


@mailbox.command("set", epilog=example("softswitch mailbox set alice --new 2 --old 5"))
@click.argument("user")
@click.option("--new", type=click.IntRange(min=0), required=True, help="Messages not yet heard.")
@click.option("--old", type=click.IntRange(min=0), default=0, show_default=True, help="Messages heard.")
@config_option
@json_option
def set_mailbox(user: str, new: int, old: int, config_path: Path | None, as_json: bool) -> None:
    """Say how many messages a user has; the user's phones hear of it at once."""
    result = call(config_path, "mailbox.set", {"user": user, "new": new, "old": old})
    if as_json:
        print_json(result)
    else:
        click.echo(f"{user} has {new} new and {old} old messages.")
