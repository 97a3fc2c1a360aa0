"""softswitch init: the first configuration."""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path

import click

from softswitch.cli.firstfiles import centre_file, node_file
from softswitch.cli.options import UserError, example, json_option
from softswitch.cli.output import print_json
from softswitch.config.base import split_host_port

_NEXT = """\
Wrote {node} and {centre}.
The passwords of the users alice, bob and sue are in {centre}.

Next, in {directory}:
  softswitch apply centre.yaml     load users, queues, numbers and flows
  softswitch run                   start the switch (SIP on {host}:5060, UDP and TCP)
  softswitch status                in another terminal: what it does
Register a phone as alice, dial {sign_in} to sign in as agent, and call 100 from another phone.\
"""


@click.command(epilog=example("softswitch init centre", "softswitch init centre --host 192.0.2.5"))
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False), default=".")
@click.option("--host", help="Address at which phones reach this machine; else that of its default route.")
@json_option
def init(directory: Path, host: str | None, as_json: bool) -> None:
    """Write softswitch.yaml and centre.yaml with secrets of their own into DIRECTORY.

    Every key is explained in the files. Files that are already there are never overwritten.
    """
    address = _checked(host) if host else own_address()
    texts = {
        "softswitch.yaml": node_file(address, secrets.token_urlsafe(32)),
        "centre.yaml": centre_file(
            lambda: secrets.token_urlsafe(12), lambda: f"{secrets.randbelow(10**6):06}"
        ),
    }
    write_new(directory, texts)
    node, centre = (directory / name for name in texts)
    if as_json:
        print_json({"node": str(node), "centre": str(centre), "host": address})
    else:
        click.echo(
            _NEXT.format(node=node, centre=centre, directory=directory.resolve(), host=address, sign_in="*21")
        )


def write_new(directory: Path, texts: dict[str, str]) -> None:
    """Write all files, readable by their owner only, or none; UserError when one is already there."""
    present = [name for name in texts if os.path.lexists(directory / name)]
    if present:
        raise UserError(
            f"{directory / present[0]} is already there; move it away, or choose another directory"
        )
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        descriptor = os.open(directory / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)


def own_address() -> str:
    """The address of the default route, else 127.0.0.1; connecting a UDP socket sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def _checked(host: str) -> str:
    try:
        return split_host_port(host)[0]
    except ValueError as error:
        raise UserError(f"--host {host!r} {error}") from None
