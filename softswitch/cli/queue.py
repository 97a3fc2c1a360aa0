"""softswitch queue: where calls wait for an agent."""

from __future__ import annotations

from pathlib import Path

import click

from softswitch.cli.connection import call
from softswitch.cli.nouns import noun
from softswitch.cli.options import by_option, config_option, example, json_option
from softswitch.cli.output import print_json

queue = noun(
    "queue",
    about="Queues, in which calls wait for an agent.",
    columns=(
        "name",
        "strategy",
        "ring_timeout_s",
        "wrap_up_s",
        "max_wait_s",
        "on_timeout",
        "record",
        "created_by",
    ),
    sample="sales",
    sample_options="--ring-timeout-s 20 --wrap-up-s 30",
    without=("callback", "lookup"),
)


@queue.command("close", epilog=example("softswitch queue close sales --reason fire_alarm"))
@click.argument("name")
@click.option("--reason", default="", help="Why, for the records.")
@by_option
@config_option
@json_option
def close(name: str, reason: str, by: str, config_path: Path | None, as_json: bool) -> None:
    """Let nobody into a queue until it is opened; callers go to its on_closed."""
    result = call(config_path, "queue.close", {"name": name, "reason": reason, "by": by})
    if as_json:
        print_json(result)
    else:
        click.echo(f"Queue {name} is closed; {result['waiting']} wait in it.")


@queue.command("overflow", epilog=example("softswitch queue overflow sales 2"))
@click.argument("name")
@click.argument("tier", type=int)
@by_option
@config_option
@json_option
def overflow(name: str, tier: int, by: str, config_path: Path | None, as_json: bool) -> None:
    """Ask agents up to this tier from the beginning; softswitch action undo takes it back."""
    result = call(config_path, "queue.overflow", {"name": name, "tier": tier, "by": by})
    if as_json:
        print_json(result)
    else:
        click.echo(f"Queue {name} asks agents up to tier {tier}.")


@queue.command("announce", epilog=example("softswitch queue announce sales all_agents_busy"))
@click.argument("name")
@click.argument("prompt")
@by_option
@config_option
@json_option
def announce(name: str, prompt: str, by: str, config_path: Path | None, as_json: bool) -> None:
    """Let all who wait in a queue hear a prompt now."""
    result = call(config_path, "queue.announce", {"name": name, "prompt": prompt, "by": by})
    if as_json:
        print_json(result)
    else:
        click.echo(f"{result['callers']} callers hear {prompt}.")


@queue.command("open", epilog=example("softswitch queue open sales"))
@click.argument("name")
@by_option
@config_option
@json_option
def open_again(name: str, by: str, config_path: Path | None, as_json: bool) -> None:
    """Let callers into a closed queue again."""
    result = call(config_path, "queue.open", {"name": name, "by": by})
    if as_json:
        print_json(result)
    elif result["closed"]:
        click.echo(f"Queue {name} is closed by its calendar all the same; see softswitch calendar show.")
    else:
        click.echo(f"Queue {name} is open.")
