"""softswitch log: the journal behind the call records."""

from __future__ import annotations

import contextlib
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from softswitch.cli.options import UserError, config_option, example, json_option, node_of
from softswitch.cli.output import console, print_json, shown, table
from softswitch.cli.records import records
from softswitch.config import Node

COLUMNS = ("at", "fact", "says")


@click.group(epilog=example("softswitch log show 5f3a9c"))
def log() -> None:
    """The journal: every fact, of which all call records are views."""


@log.command("show", epilog=example("softswitch log show 5f3a9c", "softswitch log show 5f3a9c --json"))
@click.argument("call")
@config_option
@json_option
def show(call: str, config_path: Path | None, as_json: bool) -> None:
    """Print the facts of CALL: an id, a SIP Call-ID, or a number, of which the newest call is shown."""
    from softswitch.store.call_facts import facts_of

    node = node_of(config_path)
    id = _call_id(config_path, call)
    facts = [{"log_position": position, **fact} for position, fact in facts_of(node.state_dir, id)]
    if not facts:
        raise UserError(f"the journal knows no call {call}; softswitch cdr list has the calls")
    for fact in facts:
        fact.pop("keep", None)
    if as_json:
        print_json(facts)
    else:
        console().print(table(map(_row, facts), COLUMNS, f"call {id}"))


@log.command("verify", epilog=example("softswitch log verify"))
@config_option
@json_option
@click.pass_context
def verify(ctx: click.Context, config_path: Path | None, as_json: bool) -> None:
    """Build all call records a second time from the journal and compare, and check the chain of its days.

    Ends with 1 where something differs.
    """
    from softswitch.store.queries import NoViews
    from softswitch.store.reader import JournalGap
    from softswitch.store.verify import verify as compare

    node = node_of(config_path)
    try:
        found = compare(node.state_dir)
    except (NoViews, JournalGap) as error:
        raise UserError(str(error)) from None
    if as_json:
        print_json({**asdict(found), "good": found.good})
    else:
        _print_verified(node, found)
    if not found.good:
        ctx.exit(1)


@log.command("migrate", epilog=example("softswitch log migrate"))
@config_option
@json_option
def migrate(config_path: Path | None, as_json: bool) -> None:
    """Write a journal of a former version anew, with references in place of telephone numbers.

    Nothing may run; make a backup before. The call records are built again at the next start.
    """
    from softswitch.store.migrate import migrate as write_anew
    from softswitch.store.reader import JournalGap

    node = node_of(config_path)
    try:
        count = write_anew(node.state_dir, node.name)
    except (OSError, JournalGap) as error:
        raise UserError(f"{node.state_dir}: {error}") from None
    print_json({"facts": count}) if as_json else click.echo(f"{count} facts are written anew.")


def _print_verified(node: Node, found: Any) -> None:
    for line in found.damage:
        click.echo(f"damage: {line}")
    for each in found.differences:
        click.echo(
            f"{each.table}: {each.only_in_views} rows only in the views, {each.only_in_journal} missing"
        )
        for text in each.examples:
            click.echo(f"  {text}")
    if found.chain_head:
        click.echo(f"{found.sealed_days} days are sealed; the head of their chain is {found.chain_head}.")
    if found.good:
        click.echo(f"{found.facts} facts give the {found.rows} rows that are there.")
    elif found.differences:
        click.echo(f"To build the views again: stop the switch and remove {node.state_dir}/softswitch.db*")


def _call_id(config_path: Path | None, text: str) -> str:
    from softswitch.store.queries import find_calls

    with contextlib.suppress(UserError), records(config_path) as db:
        for row in find_calls(db, text, 1):
            return str(row["call"])
    return text


def _row(fact: dict[str, Any]) -> dict[str, str]:
    at = datetime.fromtimestamp(fact["at"]).isoformat(sep=" ", timespec="milliseconds")
    says = ", ".join(f"{key} {shown(value)}" for key, value in fact["data"].items() if key != "call")
    return {"at": at, "fact": fact["type"], "says": says}
