"""softswitch why: why a call went to this agent and to no other."""

from __future__ import annotations

import contextlib
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from softswitch.cli.options import UserError, config_option, example, json_option, node_of
from softswitch.cli.output import console, print_json, shown, table
from softswitch.config import Node

if TYPE_CHECKING:
    from softswitch.store.decisions import Decision

COLUMNS = ("agent", "place", "rule", "tier", "score", "idle_s")
SETTLE_S = 0.2


@click.command(epilog=example("softswitch why 5f3a9c", "softswitch why 5f3a9c --json"))
@click.argument("call")
@config_option
@json_option
def why(call: str, config_path: Path | None, as_json: bool) -> None:
    """Show each choice of an agent for CALL: all agents considered and the one rule that left each out.

    CALL is an id (of cdr list, call list or callback list), a SIP Call-ID, or a number, of which the newest
    call is shown. Of a callback the choices for all of its calls are shown.
    The lists are made again from the journal and compared with what was recorded at the time.
    """
    from softswitch.store.decisions import decisions_of, described

    node = node_of(config_path)
    id = _call_id(node, call)
    found = [*decisions_of(node.state_dir, id)]
    if not found:
        raise UserError(f"no queue has chosen an agent for {call}; softswitch cdr list has the calls")
    if as_json:
        print_json([described(each) for each in found])
        return
    for each in found:
        _print(each)


def _call_id(node: Node, text: str) -> str:
    """The id of the newest call that is called so; the text itself where the records know none."""
    from softswitch.store.queries import NoViews, find_calls, open_views, wait_until_current

    wait_until_current(node.state_dir, SETTLE_S)
    try:
        db = open_views(node.state_dir)
    except NoViews:
        return text
    with contextlib.closing(db):
        calls = find_calls(db, text, 1)
    return str(calls[0]["call"]) if calls else text


def _print(decision: Decision) -> None:
    decided: dict[str, Any] = decision.decided
    at = datetime.fromtimestamp(decision.at).isoformat(sep=" ", timespec="milliseconds")
    asked = [
        f"{name} {shown(decided[key])}"
        for name, key in (("require", "require"), ("agent", "wanted_agent"))
        if decided[key]
    ]
    asked += [f"tier up to {decided['tier']}", f"priority {decided['priority']}"]
    click.echo(
        f"{at}  queue {decided['queue']} ({decided['strategy']}) chose {decided['agent']} after"
        f" {shown(decided['waited_s'])} s; asked for: {', '.join(asked)}"
    )
    rebuilt = decision.rebuilt
    if rebuilt is None:
        click.echo("  The journal does not reach back far enough to tell who else was there.")
        return
    console().print(table([asdict(each) for each in rebuilt.considered], COLUMNS))
    if differences := rebuilt.differences():
        click.echo(f"  The record of the time says something else in: {', '.join(differences)}.")
