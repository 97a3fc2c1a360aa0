"""softswitch ban: addresses that are not listened to for a while."""

from __future__ import annotations

from pathlib import Path

import click

from softswitch.cli.connection import call
from softswitch.cli.options import config_option, example, json_option
from softswitch.cli.output import print_json, print_rows

COLUMNS = ("address", "reason", "count", "for_s")


@click.group(epilog=example("softswitch ban list"))
def ban() -> None:
    """Addresses that guessed passwords or looked for victims."""


@ban.command("list", epilog=example("softswitch ban list --json"))
@config_option
@json_option
def list_bans(config_path: Path | None, as_json: bool) -> None:
    """List the banned addresses, why, the how manieth time, and for how long yet."""
    rows = call(config_path, "ban.list")
    print_rows(rows, COLUMNS, json=as_json, empty="Nobody is banned.")


@ban.command("remove", epilog=example("softswitch ban remove 192.0.2.7"))
@click.argument("address")
@config_option
@json_option
def remove_ban(address: str, config_path: Path | None, as_json: bool) -> None:
    """Listen to an address again."""
    result = call(config_path, "ban.remove", {"address": address})
    if as_json:
        print_json(result)
    else:
        click.echo(f"{address} is listened to again.")
