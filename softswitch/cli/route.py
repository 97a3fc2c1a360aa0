"""softswitch route: where a number leads, without calling it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from softswitch.call.dialplan import DialPlan
from softswitch.call.explain import explain
from softswitch.cli.connection import call, stored
from softswitch.cli.options import config_option, example, json_option, node_of
from softswitch.cli.output import console, print_json, shown, table
from softswitch.control import NotRunning


@click.command(
    epilog=example(
        "softswitch route 0301234567 --as alice",
        "softswitch route 0301234567 --as alice --at 2026-12-24T18:00",
        "softswitch route +49305551000 --from-trunk carrier",
    )
)
@click.argument("number")
@click.option("--as", "user", metavar="USER", help="As this user would dial it.")
@click.option("--from-trunk", "trunk", metavar="TRUNK", help="As a caller of this trunk.")
@click.option(
    "--at", metavar="TIME", help="At this time, by numbering.time_zone if it has no offset; else now."
)
@config_option
@json_option
def route(
    number: str, user: str | None, trunk: str | None, at: str | None, config_path: Path | None, as_json: bool
) -> None:
    """Show where NUMBER leads, by which rule, in which form and over which trunks. Nobody is called."""
    if (user is None) == (trunk is None):
        raise click.UsageError("give --as USER or --from-trunk TRUNK")
    args = {"number": number, "user": user, "trunk": trunk, "at": at}
    told = _explained(config_path, args)
    if as_json:
        print_json(told)
    else:
        _print(told)


def _explained(config_path: Path | None, args: dict[str, Any]) -> dict[str, Any]:
    try:
        told: dict[str, Any] = call(config_path, "route.explain", args)
    except NotRunning:
        told = explain(DialPlan(stored(node_of(config_path)).centre), args, datetime.now(UTC))
    return told


def _print(told: dict[str, Any]) -> None:
    click.echo(f"{shown(told['number'])} as {told['caller']} at {told['at']}")
    if "reason" in told:
        click.echo(f"is refused: {told['reason']}. {told['help']}")
    else:
        click.echo(f"leads to {told['kind']} {told['name']}, by {told['rule']}.")
    for key, words in (
        ("read", "Read as"),
        ("class", "Class"),
        ("allowed", "Allowed"),
        ("closed", "Routes closed then"),
    ):
        if key in told:
            click.echo(f"{words}: {shown(told[key])}")
    ways = told.get("ways", ())
    if ways:
        console().print(table(ways, list(ways[0])))
