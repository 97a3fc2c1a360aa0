"""softswitch backup and restore: the whole state in one file."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from softswitch.cli.connection import is_running
from softswitch.cli.options import UserError, config_option, example, json_option, node_of
from softswitch.cli.output import print_json

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(epilog=example("softswitch backup centre-2026-01-31.tar.gz"))
@click.argument("file", type=FILE)
@config_option
@json_option
def backup(file: Path, config_path: Path | None, as_json: bool) -> None:
    """Write configuration, call records and secrets to FILE, also while the switch runs.

    FILE holds passwords of trunks: keep it like them. Recordings and the YAML files are not in it.
    """
    from softswitch.store.backup import BackupError, back_up

    try:
        manifest = back_up(node_of(config_path).state_dir, file)
    except BackupError as error:
        raise UserError(str(error)) from None
    _tell(f"Wrote {file}: the journal up to position {manifest.log_position}.", manifest, as_json)


@click.command(epilog=example("softswitch restore centre-2026-01-31.tar.gz"))
@click.argument("file", type=FILE)
@config_option
@json_option
def restore(file: Path, config_path: Path | None, as_json: bool) -> None:
    """Fill an empty state_dir from FILE. Start the switch afterwards: it goes on from there."""
    from softswitch.store import backup as backups

    node = node_of(config_path)
    if is_running(node):
        raise UserError("a switch is running here; stop it first with: softswitch stop")
    try:
        manifest = backups.restore(file, node.state_dir)
    except backups.BackupError as error:
        raise UserError(str(error)) from None
    made = datetime.fromtimestamp(manifest.made_at).isoformat(sep=" ", timespec="seconds")
    _tell(f"Restored {node.state_dir} as of {made}. Start it with: softswitch run", manifest, as_json)


def _tell(text: str, manifest: Any, as_json: bool) -> None:
    if as_json:
        print_json({"made_at": manifest.made_at, "log_position": manifest.log_position})
    else:
        click.echo(text)
