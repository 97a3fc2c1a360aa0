"""Commands about a running switch: status, stop, call, registration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from softswitch.cli.connection import call as send
from softswitch.cli.options import by_option, config_option, example, json_option
from softswitch.cli.output import console, print_json, print_rows, shown, table

# Monotonic seconds mean nothing to people; `for_s` says the same as a duration.
MACHINE_KEYS = frozenset({"since"})


@click.command(epilog=example("softswitch status --json"))
@config_option
@json_option
def status(config_path: Path | None, as_json: bool) -> None:
    """Show a running system: queues, agents, calls."""
    state = send(config_path, "status")
    if as_json:
        print_json(state)
    else:
        print_state(state)


@click.command(epilog=example("softswitch stop"))
@config_option
@json_option
def stop(config_path: Path | None, as_json: bool) -> None:
    """Stop a running system."""
    result = send(config_path, "stop")
    if as_json:
        print_json(result)
    else:
        click.echo("The switch is stopping.")


@click.group(epilog=example("softswitch call list"))
def call() -> None:
    """Calls that are going on; softswitch cdr has the finished ones."""


@call.command("list", epilog=example("softswitch call list --json"))
@config_option
@json_option
def list_calls(config_path: Path | None, as_json: bool) -> None:
    """List the calls going on."""
    _print_live(config_path, "call.list", as_json, "There are no calls.")


@call.command("hang-up", epilog=example("softswitch call hang-up 5f3a9c"))
@click.argument("call_id", metavar="CALL")
@config_option
@json_option
def hang_up(call_id: str, config_path: Path | None, as_json: bool) -> None:
    """Hang up a call."""
    result = send(config_path, "call.hang_up", {"call": call_id})
    if as_json:
        print_json(result)
    else:
        click.echo(f"Call {call_id} is hung up.")


@call.command("priority", epilog=example("softswitch call priority 5f3a9c 10"))
@click.argument("call_id", metavar="CALL")
@click.argument("priority", type=int)
@by_option
@config_option
@json_option
def priority(call_id: str, priority: int, by: str, config_path: Path | None, as_json: bool) -> None:
    """Give a waiting call another priority; higher is served first."""
    result = send(config_path, "call.priority", {"call": call_id, "priority": priority, "by": by})
    if as_json:
        print_json(result)
    else:
        click.echo(f"Call {call_id} has priority {priority}.")


@call.command("flow", epilog=example("softswitch call flow 5f3a9c pay"))
@click.argument("call_id", metavar="CALL")
@click.argument("flow")
@config_option
@json_option
def send_to_flow(call_id: str, flow: str, config_path: Path | None, as_json: bool) -> None:
    """Send the caller of an agent through a flow and back; the agent hears music meanwhile."""
    result = send(config_path, "call.send_to_flow", {"call": call_id, "flow": flow})
    if as_json:
        print_json(result)
    else:
        click.echo(f"The caller of {call_id} is in flow {flow}.")


@call.command("conference", epilog=example("softswitch call conference 5f3a9c"))
@click.argument("call_id", metavar="CALL")
@config_option
@json_option
def conference(call_id: str, config_path: Path | None, as_json: bool) -> None:
    """Make one conference of a user's conversation CALL and the one that the user has put on hold."""
    result = send(config_path, "call.conference", {"call": call_id})
    if as_json:
        print_json(result)
    else:
        click.echo(f"All parties of {call_id} talk to each other.")


@call.command("originate", epilog=example("softswitch call originate alice +493012345678"))
@click.argument("user")
@click.argument("number")
@by_option
@config_option
@json_option
def originate(user: str, number: str, by: str, config_path: Path | None, as_json: bool) -> None:
    """Ring USER's phones and connect whoever answers with NUMBER, as if USER had dialled it."""
    result = send(config_path, "call.originate", {"user": user, "number": number, "by": by})
    if as_json:
        print_json(result)
    else:
        click.echo(f"Call {result['call']}: the phones of {user} ring.")


@call.command("supervise", epilog=example("softswitch call supervise 5f3a9c whisper"))
@click.argument("call_id", metavar="CALL")
@click.argument("mode", type=click.Choice(["listen", "whisper", "barge", "take_over", "call", "agent"]))
@click.option("--as", "user", help="Begin: ring this user's phones to supervise CALL (or its conference).")
@by_option
@config_option
@json_option
def supervise(
    call_id: str, mode: str, user: str | None, by: str, config_path: Path | None, as_json: bool
) -> None:
    """Change who hears a supervisor; CALL is the supervisor's own. Or begin to supervise, with --as.

    take_over: the supervisor has the call instead of who is supervised. agent: stay with who is supervised,
    from call to call; call: until this call ends.
    """
    args = {"call": call_id, "mode": mode, "as": user, "by": by}
    result = send(config_path, "call.supervise", args)
    if as_json:
        print_json(result)
    else:
        click.echo(f"Call {result['call']}: {mode}.")


@click.group(epilog=example("softswitch registration list"))
def registration() -> None:
    """Phones that are registered."""


@registration.command("list", epilog=example("softswitch registration list --json"))
@config_option
@json_option
def list_registrations(config_path: Path | None, as_json: bool) -> None:
    """List the registered phones."""
    _print_live(config_path, "registration.list", as_json, "No phone is registered.")


def _print_live(config_path: Path | None, command: str, as_json: bool, empty: str) -> None:
    rows = send(config_path, command)
    print_rows(rows, columns_of(rows), json=as_json, empty=empty)


def print_state(state: dict[str, Any]) -> None:
    """Single values one a line, groups of objects as tables."""
    out = console()
    for name, value in state.items():
        rows = rows_of(value)
        if rows is None:
            click.echo(f"{name.replace('_', ' ')}: {shown(value)}")
        elif rows:
            out.print()
            out.print(table(rows, columns_of(rows), title=name))


def rows_of(value: Any) -> list[dict[str, Any]] | None:
    """A list of objects, or objects by name, as rows; None for anything else."""
    if isinstance(value, dict) and all(isinstance(each, dict) for each in value.values()):
        return [{"name": name, **each} for name, each in value.items()]
    if isinstance(value, list) and all(isinstance(each, dict) for each in value):
        return value
    return None


def columns_of(rows: list[dict[str, Any]]) -> list[str]:
    """Every key of the rows in the order they first come; what only programs can use is left to --json."""
    keys = {key: None for row in rows for key, value in row.items() if not isinstance(value, dict)}
    return [key for key in keys if key not in MACHINE_KEYS]
