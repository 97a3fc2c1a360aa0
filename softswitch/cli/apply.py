"""softswitch apply: make the stored configuration hold what centre.yaml says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from softswitch.cli.connection import call
from softswitch.cli.options import config_option, example, json_option
from softswitch.cli.output import count_text, print_changes, print_json
from softswitch.config.centre_files import read_centre
from softswitch.config.errors import ConfigError
from softswitch.config.files import Document
from softswitch.control import CommandError


@click.command(
    epilog=example("softswitch apply centre.yaml --dry-run", "softswitch apply centre.yaml --prune")
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--prune", is_flag=True, help="Remove what an earlier apply created and FILE no longer has.")
@click.option("--dry-run", is_flag=True, help="Show the difference and change nothing.")
@config_option
@json_option
def apply(file: Path, prune: bool, dry_run: bool, config_path: Path | None, as_json: bool) -> None:
    """Load users, agents, queues, trunks, numbers and flows from FILE, and from its flow_files.

    Shows the difference to what is there and changes all of it or nothing. What commands created is never
    removed.
    """
    document = read_centre(file)
    args = {"centre": document.tree, "prune": prune}
    plan = _send(config_path, {**args, "dry_run": True}, document)
    if not as_json:
        print_changes(plan["changes"])
    result = plan if dry_run else _send(config_path, args, document)
    if as_json:
        print_json(result)
    else:
        click.echo(summary(result))


def _send(config_path: Path | None, args: dict[str, Any], document: Document) -> dict[str, Any]:
    """The result of one apply; mistakes come back as paths and are shown with their lines in the file."""
    try:
        result: dict[str, Any] = call(config_path, "apply", args)
    except ConfigError as error:
        raise document.error(error) from None
    except CommandError as error:
        if not error.problems:
            raise
        raise document.error(ConfigError(error.problems)) from None
    return result


def summary(result: dict[str, Any]) -> str:
    lines = [f"{count_text(result['changes'])}."] if result["changes"] else ["Nothing to change."]
    if result["left"]:
        left = ", ".join(result["left"])
        lines.append(f"No longer in the file, but kept: {left}. --prune removes them.")
    if not result["applied"] and result["changes"]:
        lines.append("Nothing was changed yet: this was --dry-run.")
    return "\n".join(lines)
