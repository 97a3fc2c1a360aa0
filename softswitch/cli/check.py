"""softswitch check: finds what is wrong with settings and machine, and says how to mend it."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import click

from softswitch.cli.connection import is_running
from softswitch.cli.options import config_option, example, json_option, node_of
from softswitch.cli.output import console, literal, print_json
from softswitch.config import Centre, Node
from softswitch.config.secrets import read_secrets

_COLOURS = {"ok": "green", "warning": "yellow", "error": "red"}


@click.command(epilog=example("softswitch check", "softswitch check --json"))
@config_option
@json_option
def check(config_path: Path | None, as_json: bool) -> None:
    """Test ports, addresses, files, DNS, certificates, trunks and limits of this machine.

    Before the switch is started or beside it. Each line is ok, warning or error, with what is wrong and how
    to mend it; the exit status is 1 when there is an error.
    """
    # Loaded here, because the other commands do without what a switch needs.
    from softswitch.check.machine import this_machine
    from softswitch.check.run import check as run_checks

    node = node_of(config_path)
    findings = run_checks(node, this_machine(), centre_of(node), running=is_running(node))
    if as_json:
        print_json([asdict(each) for each in findings])
    else:
        out = console()
        for each in findings:
            mend = f"; {literal(each.mend)}" if each.mend else ""
            colour = _COLOURS[each.level]
            out.print(f"[{colour}]{each.level:<7}[/] {literal(each.about)}: {literal(each.message)}{mend}")
        bad = [each.level for each in findings]
        click.echo(f"{bad.count('error')} errors, {bad.count('warning')} warnings")
    sys.exit(any(each.level == "error" for each in findings))


def centre_of(node: Node) -> Centre:
    """What is configured; nothing where nothing is stored yet."""
    from softswitch.directory import Directory
    from softswitch.store.livestate import load

    try:
        secrets = read_secrets(node.secrets_path)
    except (OSError, ValueError):
        # Told by a check of its own; trunks can be looked at without their passwords.
        secrets = {}
    directory = Directory(node.sip.realm, secrets, None)
    if node.state_dir.is_dir():
        directory.restore(load(node.state_dir)[0])
    return directory.centre
