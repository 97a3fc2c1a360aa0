"""softswitch subject: what is known of a telephone number, and forgetting it."""

from __future__ import annotations

from pathlib import Path

import click

from softswitch.cli.connection import is_running
from softswitch.cli.options import UserError, config_option, example, json_option, node_of
from softswitch.cli.output import print_json
from softswitch.cli.records import records
from softswitch.config import Node

SETTLE_S = 10.0


@click.group(epilog=example("softswitch subject export +4930123456"))
def subject() -> None:
    """Telephone numbers as personal data. The journal refers to them and does not hold them."""


@subject.command(epilog=example("softswitch subject export +4930123456"))
@click.argument("number")
@config_option
@json_option
def export(number: str, config_path: Path | None, as_json: bool) -> None:
    """Print everything that is known of the calls from and to NUMBER, as JSON."""
    from softswitch.store.erasure import known_of, texts_of

    node = node_of(config_path)
    with records(config_path) as db:
        texts = texts_of(node.state_dir, number)
        print_json({"numbers": texts, **known_of(db, texts)})


@subject.command(epilog=example("softswitch subject erase +4930123456 --reason 'asked by the customer'"))
@click.argument("number")
@click.option("--reason", required=True, help="Why, for the record.")
@config_option
@json_option
def erase(number: str, reason: str, config_path: Path | None, as_json: bool) -> None:
    """Forget NUMBER for good: in the records, and with the recordings of its calls.

    The journal, its chain and all counts stay as they are. Refused while a call or the configuration has the
    number, and while a recording is under legal hold. Backups made before still have it.
    """
    from softswitch.store.erasure import bring_up_to_date, left_with, places

    node = node_of(config_path)
    if not is_running(node):
        bring_up_to_date(node.state_dir)
    recordings = _erase_recordings(node, config_path, number, reason)
    erased = _erase(node, number)
    found = places(node.state_dir, node.trace_path, node.recording.directory)
    left = left_with(found, number, SETTLE_S)
    result = {"subjects": erased, "recordings": recordings, "still_in": [str(path) for path in left]}
    if as_json:
        print_json(result)
    else:
        click.echo(f"{len(erased)} subjects and {len(recordings)} recordings are erased.")
    if left:
        raise UserError(
            f"the number still stands in {', '.join(map(str, left))}; journals of former versions are written"
            " anew by: softswitch log migrate"
        )


def _erase(node: Node, number: str) -> list[str]:
    """By the switch, or without one in the journal itself."""
    import secrets

    from softswitch.control import ControlClient, NotRunning
    from softswitch.store.erasure import InUse, erase_without_switch

    try:
        with ControlClient(node.control_path) as switch:
            args = {"number": number}
            return list(switch.call("subject.erase", args, key=secrets.token_hex(8))["subjects"])
    except NotRunning:
        pass
    try:
        return erase_without_switch(node.state_dir, node.name, number)
    except (InUse, OSError) as error:
        raise UserError(str(error)) from None


def _erase_recordings(node: Node, config_path: Path | None, number: str, reason: str) -> list[str]:
    """Sound and certificates of the calls of the number. UserError before any is gone if one is held."""
    from softswitch.archive.folder import Archive
    from softswitch.archive.subjects import Held, erase_recordings
    from softswitch.cli.audit import teller, who
    from softswitch.store.erasure import known_of, texts_of

    with records(config_path) as db:
        rows = known_of(db, texts_of(node.state_dir, number))["recordings"]
    archive = Archive(node.recording.directory)
    try:
        return erase_recordings(archive, rows, reason, who(), teller(node))
    except Held as error:
        raise UserError(f"{error}; see softswitch recording keep --release") from None
