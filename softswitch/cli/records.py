"""Reading call records: the connection, and points of time as users write them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from softswitch.cli.connection import is_running
from softswitch.cli.options import F, UserError, node_of

_SETTLE_S = 2.0


@contextmanager
def records(config_path: Path | None) -> Iterator[sqlite3.Connection]:
    """The views, read only; UserError when there are none yet or they are damaged."""
    # Loaded here: the database tools take as long to load as all the other commands together.
    from softswitch.store.queries import DamagedViews, NoViews, open_views, wait_until_current

    node = node_of(config_path)
    current = wait_until_current(node.state_dir, _SETTLE_S if is_running(node) else 0)
    try:
        db = open_views(node.state_dir)
    except DamagedViews as error:
        raise UserError(str(error)) from None
    except NoViews:
        raise UserError(
            f"there are no call records in {node.state_dir} yet; start the switch with: softswitch run"
        ) from None
    if not current:
        click.echo("The newest records are still missing: they appear while a switch is running.", err=True)
    try:
        yield db
    except sqlite3.DatabaseError as error:
        raise UserError(
            f"the call records in {node.state_dir} cannot be read ({error}); softswitch status shows alarms"
        ) from None
    finally:
        db.close()


class Moment(click.ParamType[float]):
    """A point of time: 2026-01-31, 2026-01-31T08:00, or an age such as 30m, 8h, 7d. UTC seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        from softswitch.store.moments import moment

        if isinstance(value, float):
            return value
        try:
            return moment(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def period_options(function: F) -> F:
    """--since, --until, --queue, --agent and --limit."""
    for decorate in (
        click.option(
            "--limit", type=click.IntRange(1), default=100, show_default=True, help="At most so many."
        ),
        click.option("--agent", help="Only of this agent."),
        click.option("--queue", help="Only of this queue."),
        click.option("--until", type=Moment(), help="Started before this time."),
        click.option("--since", type=Moment(), help="Started at or after this time, or an age such as 8h."),
    ):
        function = decorate(function)
    return function


def with_local_times(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows for people: `*_at` as local time to the second."""
    return [
        {key: _local(value) if key.endswith("_at") else value for key, value in row.items()} for row in rows
    ]


def _local(value: Any) -> Any:
    if not isinstance(value, int | float):
        return value
    return datetime.fromtimestamp(value).isoformat(sep=" ", timespec="seconds")
