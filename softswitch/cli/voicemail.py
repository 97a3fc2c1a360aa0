"""softswitch voicemail: voice mailboxes and the messages in them."""

from __future__ import annotations

from pathlib import Path

import click

from softswitch.cli.connection import call
from softswitch.cli.nouns import noun
from softswitch.cli.options import config_option, example, json_option
from softswitch.cli.output import print_json, print_rows

voicemail = noun(
    "voicemail",
    about="Voice mailboxes and their messages.",
    columns=("name", "users", "greeting", "max_messages", "keep_days", "created_by"),
    sample="alice",
    sample_options="--users alice --pin 4711",
)


@voicemail.command("messages", epilog=example("softswitch voicemail messages alice"))
@click.argument("mailbox", required=False)
@config_option
@json_option
def messages(mailbox: str | None, config_path: Path | None, as_json: bool) -> None:
    """List the messages of a mailbox, or of all, with their files."""
    rows = call(config_path, "message.list", {"mailbox": mailbox} if mailbox else {})
    columns = ("id", "mailbox", "caller", "left_at", "seconds", "heard", "path")
    print_rows(rows, columns, json=as_json, empty="There are no messages.")


@voicemail.command("erase", epilog=example("softswitch voicemail erase cf1e2d3c4b5a6978.m4"))
@click.argument("message")
@config_option
@json_option
def erase(message: str, config_path: Path | None, as_json: bool) -> None:
    """Erase a message with its file."""
    result = call(config_path, "message.remove", {"message": message})
    if as_json:
        print_json(result)
    else:
        click.echo(f"{message} is erased.")
