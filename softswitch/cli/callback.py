"""softswitch callback: customers who keep their place in a queue and are called back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from softswitch.cli.connection import call as send
from softswitch.cli.options import by_option, config_option, example, json_option
from softswitch.cli.output import console, print_json, print_rows, shown

COLUMNS = (
    *("callback", "queue", "number", "name", "state", "priority"),
    *("waited_s", "attempts", "next_s", "expires_s"),
)


@click.group(epilog=example("softswitch callback list"))
def callback() -> None:
    """Callbacks: places in queues whose customers have hung up."""


@callback.command("list", epilog=example("softswitch callback list --json"))
@config_option
@json_option
def list_callbacks(config_path: Path | None, as_json: bool) -> None:
    """List the callbacks that wait or are being made, in their order."""
    rows = send(config_path, "callback.list")
    print_rows(rows, COLUMNS, json=as_json, empty="There are no callbacks.")


@callback.command("show", epilog=example("softswitch callback show b5f3a9c"))
@click.argument("id", metavar="CALLBACK")
@config_option
@json_option
def show(id: str, config_path: Path | None, as_json: bool) -> None:
    """Show everything about a callback; an unambiguous beginning of its id will do."""
    _print(send(config_path, "callback.show", {"callback": id}), as_json)


@callback.command("change", epilog=example("softswitch callback change b5f3a9c --number +493012345678"))
@click.argument("id", metavar="CALLBACK")
@click.option("--number", default="", metavar="TEXT", help="Call another number, or a user.")
@click.option("--priority", type=int, default=None, metavar="NUMBER", help="Higher is served first.")
@click.option("--now", is_flag=True, help="Do not wait until the next attempt is due.")
@by_option
@config_option
@json_option
def change(
    id: str, number: str, priority: int | None, now: bool, by: str, config_path: Path | None, as_json: bool
) -> None:
    """Change the number or the priority of a callback, or let it be tried again now."""
    args = {"callback": id, "number": number, "priority": priority, "now": now, "by": by}
    _print(send(config_path, "callback.change", args), as_json)


@callback.command("cancel", epilog=example("softswitch callback cancel b5f3a9c"))
@click.argument("id", metavar="CALLBACK")
@by_option
@config_option
@json_option
def cancel(id: str, by: str, config_path: Path | None, as_json: bool) -> None:
    """Give up a callback; whoever is being called for it is hung up."""
    result = send(config_path, "callback.cancel", {"callback": id, "by": by})
    if as_json:
        print_json(result)
    else:
        click.echo(f"Callback {result['callback']} to {shown(result['number'])} is cancelled.")


def _print(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(result)
        return
    for name, value in result.items():
        console().print(f"{name.replace('_', ' ')}: {shown(value)}", highlight=False, markup=False)
