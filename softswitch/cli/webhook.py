"""softswitch webhook: programs that are told over HTTP what happens."""

from __future__ import annotations

import base64
import contextlib
import secrets
import sqlite3
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from softswitch.cli.connection import call
from softswitch.cli.nouns import noun
from softswitch.cli.options import UserError, config_option, example, is_remote, json_option, node_of
from softswitch.cli.output import print_json, print_rows
from softswitch.config import Node
from softswitch.config.errors import did_you_mean

SECRET_BYTES = 32
MORE_THAN_DEADLINE_S = 3.0
LOOK_S = 0.1
COLUMNS = ("webhook", "event", "type", "subject", "happened", "attempts", "why", "replay")


def _secret(request: dict[str, Any]) -> str:
    """A new webhook without a secret gets a random one."""
    fields = request["fields"]
    if request["verb"] == "set" or fields.get("secret") is not None:
        return ""
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
    fields["secret"] = request["told"]["secret"] = secret
    return f"Secret of {fields['name']}: {secret} (shown only now)"


def _add_dead_letters(config_path: Path | None, rows: list[dict[str, Any]]) -> None:
    """Nothing of a centre elsewhere, whose database is there."""
    if is_remote(config_path):
        return
    from softswitch.api import dead_letters

    with _database(node_of(config_path)) as db:
        counts = dead_letters.counted(db)
    for row in rows:
        row["dead_letters"] = counts.get(row["name"], 0)


webhook = noun(
    "webhook",
    about="Programs that are told over HTTP what happens.",
    columns=("name", "url", "events", "queues", "agents", "enabled", "dead_letters", "created_by"),
    sample="crm",
    sample_options="--url https://crm.example.com/events --events 'call_*,agent_*'",
    without=("headers", "secret_headers"),
    prepare=_secret,
    live=_add_dead_letters,
)


@webhook.command("dead-letters", epilog=example("softswitch webhook dead-letters crm --json"))
@click.argument("name", required=False)
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="Most rows.")
@config_option
@json_option
def list_dead_letters(name: str | None, limit: int, config_path: Path | None, as_json: bool) -> None:
    """List events that could not be delivered and are tried no more, the oldest first."""
    from softswitch.api import dead_letters

    with _database(node_of(config_path)) as db:
        rows = dead_letters.listed(db, name, limit=limit)
    for row in [] if as_json else rows:
        row["happened"] = datetime.fromtimestamp(row["at"]).isoformat(sep=" ", timespec="seconds")
    print_rows(rows, COLUMNS, json=as_json, empty="There are no dead letters.")


@webhook.command(
    epilog=example("softswitch webhook replay crm --all", "softswitch webhook replay crm node1-5120")
)
@click.argument("name")
@click.argument("events", nargs=-1, metavar="[EVENT]...")
@click.option("--all", "everything", is_flag=True, help="All dead letters of the webhook.")
@config_option
@json_option
def replay(
    name: str, events: tuple[str, ...], everything: bool, config_path: Path | None, as_json: bool
) -> None:
    """Send dead letters again, as if they had happened now."""
    from softswitch.api import dead_letters

    node, chosen = node_of(config_path), _chosen(events, everything)
    _known(config_path, name)
    with _database(node) as db:
        count = dead_letters.replay(db, name, chosen)
    _print_count(count, "will be sent again", as_json)


@webhook.command(epilog=example("softswitch webhook drop crm --all"))
@click.argument("name")
@click.argument("events", nargs=-1, metavar="[EVENT]...")
@click.option("--all", "everything", is_flag=True, help="All dead letters of the webhook.")
@config_option
@json_option
def drop(
    name: str, events: tuple[str, ...], everything: bool, config_path: Path | None, as_json: bool
) -> None:
    """Forget dead letters, also of a webhook that was removed."""
    from softswitch.api import dead_letters

    chosen = _chosen(events, everything)
    with _database(node_of(config_path)) as db:
        count = dead_letters.drop(db, name, chosen)
    _print_count(count, "are forgotten", as_json)


@webhook.command(epilog=example("softswitch webhook test crm"))
@click.argument("name")
@config_option
@json_option
@click.pass_context
def test(ctx: click.Context, name: str, config_path: Path | None, as_json: bool) -> None:
    """Have the running system send a test event (webhook_test) and tell what came of it.

    Ends with 1 where the receiver does not take it.
    """
    node = node_of(config_path)
    found = _tested(node, name, _known(config_path, name)["deadline_s"] + MORE_THAN_DEADLINE_S)
    good = 200 <= found["status"] < 300
    if as_json:
        print_json(found)
    else:
        ending = (
            f"takes events: status {found['status']}" if good else f"does not take events: {found['why']}"
        )
        click.echo(f"{name} {ending} ({found['seconds']:.2f} s).")
    if not good:
        ctx.exit(1)


def _tested(node: Node, name: str, within_s: float) -> dict[str, Any]:
    """The test is asked for in the database, and answered there by the process that delivers."""
    from softswitch.api import dead_letters

    with _database(node) as db:
        number = dead_letters.ask_for_test(db, name, time.time())
        deadline = time.monotonic() + within_s
        while (found := dead_letters.tested(db, number)) is None:
            if time.monotonic() > deadline:
                raise UserError("nothing delivers webhooks; start softswitch run, with api.enabled: true")
            time.sleep(LOOK_S)
    return found


def _known(config_path: Path | None, name: str) -> dict[str, Any]:
    rows: dict[str, dict[str, Any]] = {row["name"]: row for row in call(config_path, "webhook.list")}
    if name not in rows:
        raise UserError(f"there is no webhook {name!r}; {did_you_mean(name, rows)}")
    return rows[name]


def _chosen(events: tuple[str, ...], everything: bool) -> tuple[str, ...] | None:
    if bool(events) == everything:
        raise click.UsageError("give the ids of events, or --all")
    return None if everything else events


def _print_count(count: int, what: str, as_json: bool) -> None:
    print_json({"count": count}) if as_json else click.echo(f"{count} dead letters {what}.")


@contextlib.contextmanager
def _database(node: Node) -> Iterator[sqlite3.Connection]:
    from softswitch.api import dead_letters

    try:
        with contextlib.closing(dead_letters.open_database(node.api_path)) as db:
            yield db
    except sqlite3.Error as error:
        raise UserError(f"{node.api_path}: {error}") from None
