"""softswitch call: what a party of a call has the switch do; softswitch presence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from softswitch.cli.connection import call as send
from softswitch.cli.live import call, columns_of, print_state
from softswitch.cli.options import UserError, by_option, config_option, example, json_option
from softswitch.cli.output import print_json, print_rows
from softswitch.cli.records import records

Function = Callable[..., Any]
Decorator = Callable[[Function], Function]


def _steers(name: str, *more: Decorator, examples: tuple[str, ...]) -> Decorator:
    """A command about one call: CALL, then `more` arguments and options, then those that all have."""

    def decorate(function: Function) -> Function:
        added: tuple[Decorator, ...] = (json_option, config_option, by_option, *reversed(more))
        for each in added:
            function = each(function)
        function = click.argument("call_id", metavar="CALL")(function)
        return call.command(name, epilog=example(*examples))(function)

    return decorate


_WHOSE = click.option("--user", help="Whose part of the call it is; needed where several users talk.")


def _carry_out(
    config_path: Path | None, as_json: bool, command: str, args: dict[str, Any], done: str
) -> None:
    """`done` is printed with the answer's values in it."""
    given = {name: value for name, value in args.items() if value is not None}
    result = send(config_path, command, given)
    print_json(result) if as_json else click.echo(done.format(**result))


@call.command("show", epilog=example("softswitch call show 5f3a9c"))
@click.argument("call_id", metavar="CALL")
@config_option
@json_option
def show(call_id: str, config_path: Path | None, as_json: bool) -> None:
    """Show a call whole: legs, conversation, queue, flow, recording, data."""
    result = send(config_path, "call.show", {"call": call_id})
    there = {name: value for name, value in result.items() if value not in (None, "", [])}
    print_json(result) if as_json else print_state(there)


@_steers("hold", _WHOSE, examples=("softswitch call hold 5f3a9c --user alice",))
def hold(call_id: str, user: str | None, by: str, config_path: Path | None, as_json: bool) -> None:
    """Put the other party on hold, as the user's phone would: they hear music."""
    args = {"call": call_id, "user": user, "by": by}
    _carry_out(config_path, as_json, "call.hold", args, "{leg} holds.")


@_steers("resume", _WHOSE, examples=("softswitch call resume 5f3a9c --user alice",))
def resume(call_id: str, user: str | None, by: str, config_path: Path | None, as_json: bool) -> None:
    """Come back from hold."""
    args = {"call": call_id, "user": user, "by": by}
    _carry_out(config_path, as_json, "call.resume", args, "{leg} talks again.")


@_steers(
    "transfer",
    click.argument("to"),
    _WHOSE,
    examples=(
        "softswitch call transfer 5f3a9c 200",
        "softswitch call transfer 5f3a9c queue:support",
    ),
)
def transfer(
    call_id: str, to: str, user: str | None, by: str, config_path: Path | None, as_json: bool
) -> None:
    """Send the other party to a number as the user would dial it, or to queue:NAME, flow:NAME, user:NAME."""
    args = {"call": call_id, "to": to, "user": user, "by": by}
    _carry_out(config_path, as_json, "call.transfer", args, "Call {call} goes to {to}.")


@_steers(
    "consult", click.argument("number"), _WHOSE, examples=("softswitch call consult 5f3a9c 300 --user alice",)
)
def consult(
    call_id: str, number: str, user: str | None, by: str, config_path: Path | None, as_json: bool
) -> None:
    """Hold, and call a number from the same phone, before a transfer or conference."""
    args = {"call": call_id, "number": number, "user": user, "by": by}
    _carry_out(
        config_path, as_json, "call.consult", args, "Call {second} rings for {number}; {call} is held."
    )


@_steers("complete-transfer", _WHOSE, examples=("softswitch call complete-transfer 5f3a9c --user alice",))
def complete_transfer(
    call_id: str, user: str | None, by: str, config_path: Path | None, as_json: bool
) -> None:
    """Join the other party with that of the user's second call."""
    args = {"call": call_id, "user": user, "by": by}
    _carry_out(config_path, as_json, "call.complete_transfer", args, "Call {call} goes on, {over} is over.")


@_steers("join", click.argument("second"), _WHOSE, examples=("softswitch call join 5f3a9c 77ab2c",))
def join(
    call_id: str, second: str, user: str | None, by: str, config_path: Path | None, as_json: bool
) -> None:
    """Make one call of two calls of a user, who is out of it then."""
    args = {"call": call_id, "with": second, "user": user, "by": by}
    _carry_out(config_path, as_json, "call.join", args, "Call {call} goes on, {over} is over.")


@_steers("answer", _WHOSE, examples=("softswitch call answer 5f3a9c --user alice",))
def answer(call_id: str, user: str | None, by: str, config_path: Path | None, as_json: bool) -> None:
    """Ask the phone that rings to answer; most desk phones can (NOTIFY, Event: talk)."""
    args = {"call": call_id, "user": user, "by": by}
    _carry_out(config_path, as_json, "call.answer", args, "The phone of {user} is asked to answer.")


@_steers(
    "play",
    click.option("--prompt", help="The name of a prompt."),
    click.option("--text", help="A text to be spoken."),
    click.option("--to", help="agent, caller, both (the default), or a leg."),
    click.option("--language", help="Of the prompt or text; else that of the queue."),
    examples=("softswitch call play 5f3a9c --prompt please_wait --to caller",),
)
def play(
    call_id: str,
    prompt: str | None,
    text: str | None,
    to: str | None,
    language: str | None,
    by: str,
    config_path: Path | None,
    as_json: bool,
) -> None:
    """Play a prompt or speak a text into a conversation."""
    args = {"call": call_id, "prompt": prompt, "text": text, "to": to, "language": language, "by": by}
    _carry_out(config_path, as_json, "call.play", args, "Playback {playback}.")


@_steers("stop-playing", examples=("softswitch call stop-playing 5f3a9c",))
def stop_playing(call_id: str, by: str, config_path: Path | None, as_json: bool) -> None:
    """Stop what is played into a conversation."""
    _carry_out(config_path, as_json, "call.stop_playing", {"call": call_id, "by": by}, "Nothing is played.")


@_steers(
    "digits",
    click.argument("digits"),
    click.option("--to", help="caller (the default), agent, both, or a leg."),
    examples=("softswitch call digits 5f3a9c 4711#",),
)
def send_digits(
    call_id: str, digits: str, to: str | None, by: str, config_path: Path | None, as_json: bool
) -> None:
    """Send keys to a party, the way that it takes them."""
    args = {"call": call_id, "digits": digits, "to": to, "by": by}
    _carry_out(config_path, as_json, "call.send_digits", args, "Sent.")


@call.command("data", epilog=example("softswitch call data 5f3a9c --set ticket=T-17 --remove customer"))
@click.argument("call_id", metavar="CALL")
@click.option("--set", "given", multiple=True, metavar="NAME=TEXT", help="May be repeated.")
@click.option("--remove", multiple=True, metavar="NAME", help="May be repeated.")
@by_option
@config_option
@json_option
def data(
    call_id: str,
    given: tuple[str, ...],
    remove: tuple[str, ...],
    by: str,
    config_path: Path | None,
    as_json: bool,
) -> None:
    """Show the texts that a call has with it, after setting and removing some."""
    pairs = [each.partition("=") for each in given]
    for name, equals, _ in pairs:
        if not equals:
            raise click.BadParameter(f"{name!r} has no text; give it as NAME=TEXT", param_hint="--set")
    values = {name: text for name, _, text in pairs}
    args = {"call": call_id, "set": values, "remove": [*remove], "by": by}
    result = send(config_path, "call.data", args)
    if as_json:
        print_json(result)
    else:
        rows = [{"name": name, "text": text} for name, text in result["data"].items()]
        print_rows(rows, ["name", "text"], json=False, empty=f"Call {call_id} has no data.")


@call.command(
    "disposition",
    epilog=example("softswitch call disposition 5f3a9c sold --agent a1 --note 'calls again on Monday'"),
)
@click.argument("call_id", metavar="CALL")
@click.argument("code")
@click.option("--agent", required=True, help="Whose note it is.")
@click.option("--note", help="A text beside it.")
@click.option("--late", is_flag=True, help="Also after the wrap-up, for a call of the records.")
@by_option
@config_option
@json_option
def disposition(
    call_id: str,
    code: str,
    agent: str,
    note: str | None,
    late: bool,
    by: str,
    config_path: Path | None,
    as_json: bool,
) -> None:
    """Note what came of a call; CODE is one of its queue or of statuses.dispositions."""
    args: dict[str, Any] = {"call": call_id, "disposition": code, "agent": agent, "note": note, "by": by}
    if late:
        from softswitch.store.queries import find_calls

        with records(config_path) as db:
            found = find_calls(db, call_id)
        if len(found) != 1:
            raise UserError(f"there is no one call {call_id!r} in the records; see softswitch cdr list")
        args |= {"late": True, "call": found[0]["call"], "queue": found[0]["queue"] or None}
    _carry_out(config_path, as_json, "disposition.set", args, "{call}: {disposition}, by {agent}.")


@click.group(epilog=example("softswitch presence list"))
def presence() -> None:
    """Who can be reached, and who is on the phone."""


@presence.command("list", epilog=example("softswitch presence list --json"))
@config_option
@json_option
def list_presence(config_path: Path | None, as_json: bool) -> None:
    """List all users."""
    rows = send(config_path, "presence.list")
    print_rows(rows, columns_of(rows), json=as_json, empty="There are no users.")
