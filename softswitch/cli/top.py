"""softswitch top: queues, agents and trunks as they are, in the terminal."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Group
from rich.live import Live

from softswitch.cli import remote
from softswitch.cli.options import UserError, config_option, example, is_remote, json_option, node_of
from softswitch.cli.output import console, print_json, table

TABLES = {
    "queues": (
        "queue", "waiting", "longest_wait_s", "offered", "answered", "abandoned", "service_level",
        "speed_of_answer_s", "handle_s",
    ),
    "agents": (
        "agent", "status", "status_reason", "state", "for_s", "answered", "missed", "handle_s", "occupancy",
    ),
    "trunks": ("trunk", "legs_now", "most_at_once", "legs", "answer_rate", "erlangs"),
}  # fmt: skip
SHARES = ("service_level", "occupancy", "answer_rate")
FIRST_WITHIN_S = 10.0
EVERY_S = 1.0


@click.command(epilog=example("softswitch top", "softswitch top --once", "softswitch top --once --json"))
@click.option("--once", is_flag=True, help="Print what is now and end; so does a pipe.")
@config_option
@json_option
def top(once: bool, config_path: Path | None, as_json: bool) -> None:
    """Show queues, agents and trunks of a running system as they change; Ctrl-C ends it.

    The figures of the day are those of softswitch report from midnight.
    """
    remotely = is_remote(config_path)
    figures = from_elsewhere() if remotely else statistics(node_of(config_path).events_path)
    if once or as_json or not sys.stdout.isatty():
        now = next(figures)
        print_json(now) if as_json else console().print(_shown(now))
        return
    with Live(console=console(), screen=True, auto_refresh=False) as live:
        try:
            for now in figures:
                live.update(_shown(now), refresh=True)
        except KeyboardInterrupt:
            return


def from_elsewhere() -> Iterator[dict[str, Any]]:
    """What the API tells, once a second."""
    while True:
        yield remote.get("/statistics")
        time.sleep(EVERY_S)


def statistics(path: Path) -> Iterator[dict[str, Any]]:
    """What the feed tells, as often as something has changed. Raises UserError where nobody runs."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(FIRST_WITHIN_S)
        try:
            connection.connect(str(path))
            connection.sendall(b'{"statistics": true}\n')
            with connection.makefile("rb") as lines:
                for line in lines:
                    yield orjson.loads(line)["statistics"]
                    connection.settimeout(None)
        except OSError:
            raise UserError("no softswitch is running here; start it with: softswitch run") from None
    raise UserError("the softswitch has stopped")


def _shown(now: dict[str, Any]) -> Group:
    return Group(
        *(table(map(_percent, now[name]), columns, name) for name, columns in TABLES.items() if now[name])
    )


def _percent(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, **{name: f"{row[name]:.1%}" for name in SHARES if row.get(name) is not None}}
