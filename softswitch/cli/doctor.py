"""softswitch doctor: whether everything holds that must hold of a running switch."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from softswitch.cli.connection import call
from softswitch.cli.options import config_option, example, json_option
from softswitch.cli.output import console, literal, print_json


@click.command(epilog=example("softswitch doctor", "softswitch doctor --dry-run --json"))
@click.option("--dry-run", is_flag=True, help="Only look; mend nothing.")
@config_option
@json_option
def doctor(dry_run: bool, config_path: Path | None, as_json: bool) -> None:
    """Check the running switch: agents, callers, offers, deadlines, media, journal and call records.

    No agent is in two offers, no caller is lost, every state that passes has its end, every leg has media,
    what is kept for a restart is what is so, and the call records agree. What is wrong is mended where that
    hangs up on nobody, and named with what to do where it is not. The exit status is 1 if something is left.
    """
    rows = call(config_path, "doctor", {"mend": not dry_run})
    left = [row for row in rows if not row["mended"]]
    if as_json:
        print_json(rows)
    else:
        out = console()
        for row in rows:
            done = "[yellow]mended[/]" if row["mended"] else "[red]broken[/]"
            out.print(f"{done}  {row['invariant']}: {literal(row['message'])}; {literal(row['mend'])}")
        click.echo(f"{len(rows)} found, {len(rows) - len(left)} mended" if rows else "Everything holds.")
    sys.exit(bool(left))
