"""softswitch recording: what was recorded, where the files are, whether they are whole, and what is done with
them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from softswitch.cli import remote
from softswitch.cli.connection import call as send
from softswitch.cli.options import F, UserError, config_option, example, is_remote, json_option, node_of
from softswitch.cli.output import print_json, print_rows
from softswitch.cli.records import period_options, records, with_local_times

if TYPE_CHECKING:
    from softswitch.archive.folder import Archive, Recorded

COLUMNS = ("started_at", "from_number", "to_number", "queue", "agent", "seconds", "error", "path", "call")


@click.group(epilog=example("softswitch recording list --since 8h"))
def recording() -> None:
    """Recordings: the caller on the left channel, the agent on the right."""


def _print(rows: list[dict[str, Any]], as_json: bool) -> None:
    empty = "There are no such recordings."
    print_rows(rows if as_json else with_local_times(rows), COLUMNS, json=as_json, empty=empty)


@recording.command("list", epilog=example("softswitch recording list --agent alice --json"))
@period_options
@click.option("--call", help="Only of this call.")
@config_option
@json_option
def list_records(config_path: Path | None, as_json: bool, **fields: Any) -> None:
    """List recordings, newest first."""
    _print(_recordings(config_path, **fields), as_json)


ASKED = {"from_number": "from", "to_number": "to", "longer_s": "longer", "shorter_s": "shorter"}
"""What the API calls some of the fields."""


def _recordings(config_path: Path | None, *, limit: int, **fields: Any) -> list[dict[str, Any]]:
    if is_remote(config_path):
        return remote.rows("/recordings", limit, **{ASKED.get(name, name): fields[name] for name in fields})
    from softswitch.store.queries import list_recordings

    with records(config_path) as db:
        return list_recordings(db, **fields, limit=limit)


@recording.command(epilog=example("softswitch recording search --number +4930 --longer 60"))
@period_options
@click.option("--call", help="Only of this call.")
@click.option("--recording", help="Only this recording.")
@click.option("--number", help="The caller's number or the dialled one begins so.")
@click.option("--from", "from_number", help="The caller's number.")
@click.option("--to", "to_number", help="The dialled number.")
@click.option("--direction", type=click.Choice(("inbound", "internal")), help="Where the call came from.")
@click.option("--source", help="Who called, as trunk:carrier or user:alice.")
@click.option("--flow", help="Flow that the call went through.")
@click.option("--outcome", help="Outcome of the call, such as answered.")
@click.option("--reason", help="Why the call ended.")
@click.option("--ended-by", help="Who ended it.")
@click.option("--node", help="Machine that recorded it.")
@click.option("--longer", "longer_s", type=float, metavar="SECONDS", help="At least so long.")
@click.option("--shorter", "shorter_s", type=float, metavar="SECONDS", help="Less than so long.")
@config_option
@json_option
def search(config_path: Path | None, as_json: bool, **fields: Any) -> None:
    """Find recordings by what is known of their calls."""
    _print(_recordings(config_path, **fields), as_json)


def _control(action: str, about: str) -> None:
    @recording.command(action, help=about, epilog=example(f"softswitch recording {action} 5f3a9c"))
    @click.argument("call_id", metavar="CALL")
    @config_option
    @json_option
    def command(call_id: str, config_path: Path | None, as_json: bool) -> None:
        from softswitch.cli.audit import who

        result = send(config_path, f"recording.{action}", {"call": call_id, "by": who()})
        print_json(result) if as_json else click.echo(f"Recording {result['recording']}: {action}.")


for _action, _about in (
    ("start", "Record a conversation that is not recorded."),
    ("pause", "Leave out what is said from now on; the certificate says by whom."),
    ("resume", "Go on with a recording that was paused."),
    ("segment", "End the file of a conversation and go on in a new one."),
    ("stop", "End the file of a conversation; what is said from now on is not recorded."),
):
    _control(_action, _about)


def _recording_argument(function: F) -> F:
    for decorate in (json_option, config_option, click.argument("recording_id", metavar="RECORDING")):
        function = decorate(function)
    return function


def _found(config_path: Path | None, recording_id: str) -> tuple[Archive, Recorded]:
    """The finished recording of this id. UserError says what is wrong."""
    from softswitch.archive.folder import Archive, NoRecording
    from softswitch.media.recording_chain import ChainBroken
    from softswitch.store.queries import list_recordings

    with records(config_path) as db:
        rows = list_recordings(db, recording=recording_id)
    if not rows:
        raise UserError(f"there is no recording {recording_id!r}; see softswitch recording search")
    archive = Archive(node_of(config_path).recording.directory)
    try:
        return archive, archive.find(str(rows[0]["path"]))
    except (NoRecording, ChainBroken, OSError) as error:
        raise UserError(str(error)) from None


@recording.command(epilog=example("softswitch recording verify --day 2026-01-31"))
@click.option("--day", "days", multiple=True, metavar="YYYY-MM-DD", help="Only this day; may be repeated.")
@config_option
@json_option
def verify(days: tuple[str, ...], config_path: Path | None, as_json: bool) -> None:
    """Check that every file, certificate and chain is what it was; exit status 1 where one is not."""
    from softswitch.archive.folder import Archive, NoRecording
    from softswitch.archive.verify import verify as check

    archive = Archive(node_of(config_path).recording.directory)
    try:
        known = {day.name: day for day in archive.days()}
    except NoRecording as error:
        raise UserError(str(error)) from None
    for day in days:
        if day not in known:
            raise UserError(f"there are no recordings of {day!r} in {archive.root}")
    found = list(check(archive, [known[day] for day in days] if days else None))
    wrong = [finding for finding in found if finding.problem]
    if as_json:
        print_json(
            {
                "checked": len(found),
                "problems": [{"day": each.day, "file": each.file, "problem": each.problem} for each in wrong],
            }
        )
    else:
        for each in wrong:
            click.echo(f"{each.day}/{each.file}: {each.problem}")
        click.echo(f"{len(found)} recordings checked, {len(wrong)} with problems.")
    if wrong:
        raise SystemExit(1)


@recording.command(epilog=example("softswitch recording play 5f3a9c.r7"))
@_recording_argument
def play(recording_id: str, config_path: Path | None, as_json: bool) -> None:
    """Play a recording on this machine; that is put on record."""
    from softswitch.archive.listening import NoPlayer, play_file
    from softswitch.cli.audit import note, who

    _, recorded = _found(config_path, recording_id)
    note(node_of(config_path), "recording_played", recording_id, by=who())
    try:
        player = play_file(recorded.path)
    except (NoPlayer, OSError) as error:
        raise UserError(str(error)) from None
    if as_json:
        print_json({"recording": recording_id, "path": str(recorded.path), "player": player})


@recording.command(epilog=example("softswitch recording export 5f3a9c.r7 --to /tmp/complaint"))
@click.option(
    "--to",
    "directory",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Directory for the file and its certificate; nothing there is overwritten.",
)
@_recording_argument
def export(recording_id: str, directory: Path, config_path: Path | None, as_json: bool) -> None:
    """Copy a recording with its certificate out of the archive; that is put on record."""
    from softswitch.archive.listening import copy_out
    from softswitch.cli.audit import note, who

    _, recorded = _found(config_path, recording_id)
    note(node_of(config_path), "recording_exported", recording_id, by=who(), to=str(directory.absolute()))
    try:
        written = copy_out(recorded, directory)
    except FileExistsError as error:
        raise UserError(f"{error.filename} is there already; choose another directory") from None
    except OSError as error:
        raise UserError(f"cannot export to {directory}: {error.strerror}") from None
    if as_json:
        print_json({"recording": recording_id, "files": [str(path) for path in written]})
    else:
        click.echo("\n".join(str(path) for path in written))


@recording.command(epilog=example("softswitch recording keep 5f3a9c.r7 --class complaint"))
@click.option("--class", "retention", help="Retention class, of recording.retention_days.")
@click.option("--hold", "held", flag_value="hold", help="Legal hold: it is not erased, whatever its class.")
@click.option("--release", "held", flag_value="release", help="End the legal hold.")
@_recording_argument
def keep(
    recording_id: str, retention: str | None, held: str | None, config_path: Path | None, as_json: bool
) -> None:
    """Change how long a recording is kept; that is put on record."""
    from softswitch.archive.upkeep import keep as keep_now
    from softswitch.cli.audit import teller, who

    node = node_of(config_path)
    classes = node.recording.retention_days
    if retention is None and held is None:
        raise UserError("nothing to change; give --class, --hold or --release")
    if retention is not None and retention not in classes:
        raise UserError(f"there is no retention class {retention!r}; there are: {', '.join(sorted(classes))}")
    archive, recorded = _found(config_path, recording_id)
    hold = None if held is None else held == "hold"
    keep_now(archive, recorded, who(), teller(node), retention=retention, held=hold)
    result = {"recording": recording_id, "retention": recorded.retention, "held": recorded.held}
    print_json(result) if as_json else click.echo(f"Recording {recording_id} is kept as asked.")


@recording.command(epilog=example("softswitch recording erase 5f3a9c.r7 --reason 'asked by the customer'"))
@click.option("--reason", required=True, help="Why, for the record.")
@_recording_argument
def erase(recording_id: str, reason: str, config_path: Path | None, as_json: bool) -> None:
    """Erase a recording for good; its checksum stays on record as proof."""
    from softswitch.archive.upkeep import erase as erase_now
    from softswitch.cli.audit import teller, who

    node = node_of(config_path)
    archive, recorded = _found(config_path, recording_id)
    try:
        erase_now(archive, recorded, reason, who(), teller(node))
    except PermissionError as error:
        raise UserError(f"{error}; see softswitch recording keep --release") from None
    except OSError as error:
        raise UserError(f"cannot erase {recorded.path}: {error.strerror or error}") from None
    result = {"recording": recording_id, "sha256": recorded.sha256}
    print_json(result) if as_json else click.echo(f"Recording {recording_id} is erased.")
