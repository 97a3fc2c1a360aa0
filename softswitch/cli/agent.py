"""softswitch agent: people who answer queued calls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from softswitch.cli.connection import call
from softswitch.cli.nouns import noun
from softswitch.cli.options import by_option, config_option, example, json_option
from softswitch.cli.output import print_json

agent = noun(
    "agent",
    about="Agents, who answer the calls of queues.",
    columns=("name", "user", "queues", "wrap_up_s", "ring_timeout_s", "created_by"),
    sample="alice",
    sample_options="--user alice --queues sales,support",
)


@agent.command(
    "sign-in",
    epilog=example("softswitch agent sign-in alice", "softswitch agent sign-in alice --at +491701234567"),
)
@click.argument("name")
@click.option(
    "--at",
    default="",
    metavar="USER|NUMBER",
    help="At a user's phones or one of the agent's outside_numbers.",
)
@by_option
@config_option
@json_option
def sign_in(name: str, at: str, by: str, config_path: Path | None, as_json: bool) -> None:
    """Sign an agent in, as if by phone."""
    args = {"name": name, "at": at, "by": by}
    _carry_out(config_path, as_json, "agent.sign_in", args, f"{name} is signed in.")


@agent.command("sign-out", epilog=example("softswitch agent sign-out alice --reason shift_over"))
@click.argument("name")
@click.option("--reason", default="command", show_default=True, help="Reason in the agent's records.")
@by_option
@config_option
@json_option
def sign_out(name: str, reason: str, by: str, config_path: Path | None, as_json: bool) -> None:
    """Sign an agent out; a call under way goes on."""
    args = {"name": name, "reason": reason, "by": by}
    _carry_out(config_path, as_json, "agent.sign_out", args, f"{name} is signed out.")


@agent.command("status", epilog=example("softswitch agent status alice on_break --reason lunch"))
@click.argument("name")
@click.argument("status", type=click.Choice(["available", "not_available", "on_break"]))
@click.option("--reason", default="", help="Of a break: one of statuses.break_reasons in centre.yaml.")
@by_option
@config_option
@json_option
def status(name: str, status: str, reason: str, by: str, config_path: Path | None, as_json: bool) -> None:
    """Set the status of an agent."""
    args = {"name": name, "status": status, "reason": reason, "by": by}
    _carry_out(config_path, as_json, "agent.status", args, f"{name} is {status}.")


@agent.command("queues", epilog=example("softswitch agent queues alice --add support --remove sales"))
@click.argument("name")
@click.option("--add", multiple=True, help="Queue whose calls the agent takes from now on; may be repeated.")
@click.option("--remove", multiple=True, help="Queue whose calls the agent takes no longer.")
@by_option
@config_option
@json_option
def queues(
    name: str, add: tuple[str, ...], remove: tuple[str, ...], by: str, config_path: Path | None, as_json: bool
) -> None:
    """Move an agent between queues; softswitch action undo takes it back."""
    args = {"name": name, "add": [*add], "remove": [*remove], "by": by}
    result = call(config_path, "agent.queues", args)
    if as_json:
        print_json(result)
    else:
        click.echo(f"{name} takes calls of: {', '.join(result['queues']) or 'no queue'}.")


@agent.command("wrap-up", epilog=example("softswitch agent wrap-up alice --extend 60"))
@click.argument("name")
@click.option(
    "--extend", "extend_s", type=click.FloatRange(1, 3600), help="So many seconds more; else it ends."
)
@by_option
@config_option
@json_option
def wrap_up(name: str, extend_s: float | None, by: str, config_path: Path | None, as_json: bool) -> None:
    """End the wrap-up of an agent, or make it longer."""
    args = {"name": name, "extend_s": extend_s, "by": by}
    done = f"{name} has {extend_s:g} s more." if extend_s else f"Wrap-up of {name} is over."
    _carry_out(config_path, as_json, "agent.wrap_up", args, done)


def _carry_out(
    config_path: Path | None, as_json: bool, command: str, args: dict[str, Any], done: str
) -> None:
    result = call(config_path, command, args)
    if as_json:
        print_json(result)
    else:
        click.echo(done)
