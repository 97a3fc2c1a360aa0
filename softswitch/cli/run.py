"""softswitch run and softswitch demo."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from softswitch.cli.options import UserError, config_option, example, find_config


@click.command(epilog=example("softswitch run -c softswitch.yaml"))
@config_option
def run(config_path: Path | None) -> None:
    """Run the switch until it is stopped (Ctrl-C or softswitch stop)."""
    # Loaded here, because the other commands do without what a switch needs.
    from softswitch import parent
    from softswitch.startup import CannotStart

    try:
        parent.run(find_config(config_path))
    except CannotStart as error:
        raise UserError(str(error)) from None


@click.command(epilog=example("softswitch demo", "softswitch demo --calls 20 --json"))
@click.option("--calls", type=click.IntRange(1), help="Stop after so many finished calls; else run on.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print the figures as one JSON object on the last line."
)
@click.option("--keep", type=click.Path(path_type=Path), help="Keep settings, records and recordings there.")
@click.option("--seed", type=int, help="Repeat the same arrivals and choices.")
def demo(calls: int | None, as_json: bool, keep: Path | None, seed: int | None) -> None:
    """Run a whole call centre on this machine: simulated agents and callers, real SIP and audio.

    It prints the user and password with which your own softphone can join. With --calls it ends with status
    0 only if the calls went as they should.
    """
    from softswitch.phone.demo import run_demo

    sys.exit(run_demo(calls=calls, json=as_json, keep=keep, seed=seed))
