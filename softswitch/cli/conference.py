"""softswitch conference: rooms, and who is in them."""

from __future__ import annotations

from pathlib import Path

import click

from softswitch.cli.connection import call
from softswitch.cli.live import columns_of
from softswitch.cli.nouns import noun
from softswitch.cli.options import by_option, config_option, example, json_option
from softswitch.cli.output import print_json, print_rows

conference = noun(
    "conference",
    about="Conference rooms; a number leads to one with conference:NAME.",
    columns=("name", "max_members", "record", "tones", "created_by"),
    sample="team",
    sample_options="--max-members 10",
)


@conference.command("show", epilog=example("softswitch conference show"))
@config_option
@json_option
def show(config_path: Path | None, as_json: bool) -> None:
    """Show who is in a conference now."""
    rows = call(config_path, "conference.show")
    print_rows(rows, columns_of(rows), json=as_json, empty="There is no conference.")


@conference.command("mute", epilog=example("softswitch conference mute c5f3a9c.l1"))
@click.argument("leg")
@click.option("--off", is_flag=True, help="Let the others hear the member again.")
@by_option
@config_option
@json_option
def mute(leg: str, off: bool, by: str, config_path: Path | None, as_json: bool) -> None:
    """Let the others not hear a member; LEG as conference show has it."""
    result = call(config_path, "conference.mute", {"leg": leg, "muted": not off, "by": by})
    if as_json:
        print_json(result)
    else:
        click.echo(f"{leg} is {'muted' if result['muted'] else 'heard'}.")
