"""softswitch agent: people who answer queued calls."""

from __future__ import annotations

from pathlib import Path

import click

from softswitch.cli.connection import call
from softswitch.cli.nouns import noun
from softswitch.cli.options import config_option, example, json_option, node_of
from softswitch.cli.output import print_json

agent = noun(
    "agent",
    about="Agents, who answer the calls of queues.",
    columns=("name", "user", "queues", "wrap_up_s", "ring_timeout_s", "created_by"),
    sample="alice",
    sample_options="--user alice --queues sales,support",
)


@agent.command("sign-in", epilog=example("softswitch agent sign-in alice"))
@click.argument("name")
@config_option
@json_option
def sign_in(name: str, config_path: Path | None, as_json: bool) -> None:
    """Sign an agent in, as if by phone."""
    _carry_out(config_path, as_json, "agent.sign_in", {"name": name}, f"{name} is signed in.")


@agent.command("sign-out", epilog=example("softswitch agent sign-out alice --reason shift_over"))
@click.argument("name")
@click.option("--reason", default="command", show_default=True, help="Reason in the agent's records.")
@config_option
@json_option
def sign_out(name: str, reason: str, config_path: Path | None, as_json: bool) -> None:
    """Sign an agent out; a call under way goes on."""
    args = {"name": name, "reason": reason}
    _carry_out(config_path, as_json, "agent.sign_out", args, f"{name} is signed out.")


@agent.command("status", epilog=example("softswitch agent status alice on_break --reason lunch"))
@click.argument("name")
@click.argument("status", type=click.Choice(["available", "not_available", "on_break"]))
@click.option("--reason", default="", help="Reason in the agent's records.")
@config_option
@json_option
def status(name: str, status: str, reason: str, config_path: Path | None, as_json: bool) -> None:
    """Set the status of an agent."""
    args = {"name": name, "status": status, "reason": reason}
    _carry_out(config_path, as_json, "agent.status", args, f"{name} is {status}.")


def _carry_out(
    config_path: Path | None, as_json: bool, command: str, args: dict[str, str], done: str
) -> None:
    result = call(node_of(config_path), command, args)
    if as_json:
        print_json(result)
    else:
        click.echo(done)
