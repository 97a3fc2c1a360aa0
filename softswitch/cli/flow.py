"""softswitch flow: what callers hear and choose."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from softswitch.cli.connection import call, stored
from softswitch.cli.nouns import noun
from softswitch.cli.options import UserError, config_option, example, is_remote, json_option, node_of
from softswitch.cli.output import print_json, print_rows
from softswitch.config import Centre
from softswitch.config.centre_files import read_centre
from softswitch.config.errors import ConfigError, Problem, did_you_mean, validate
from softswitch.config.files import read_document
from softswitch.control import NotRunning
from softswitch.ivr.drawing import svg
from softswitch.ivr.flow import Flow, FlowError
from softswitch.ivr.graph import Graph
from softswitch.ivr.script import Conversation, Failure, ScriptError, SomeFlows, Talk, read
from softswitch.python_flows import load_programs

centre_option = click.option(
    "--centre", type=click.Path(path_type=Path), help="This centre.yaml; else what is stored."
)


def _steps(request: dict[str, Any]) -> str:
    """`--file` holds the list of steps, or a group with language and steps as in centre.yaml."""
    fields = request["fields"]
    path: Path | None = fields.pop("file", None)
    if path is None:
        return ""
    tree = read_document(path).tree
    if isinstance(tree, dict):
        fields |= {key: value for key, value in tree.items() if key not in fields}
    elif isinstance(tree, list):
        fields["steps"] = tree
    else:
        raise UserError(f"{path}:1: is neither a list of steps nor a group with the key steps")
    return ""


def _versions(config_path: Path | None, rows: list[dict[str, Any]]) -> None:
    """Version and calls of each flow, which the switch that runs here knows."""
    if is_remote(config_path):
        return
    try:
        known = {each["flow"]: each for each in call(config_path, "flow.history", {})}
    except NotRunning:
        known = {}
    for row in rows:
        found = known.get(row["name"], {})
        row["version"], row["calls"] = found.get("version"), found.get("calls")


flow = noun(
    "flow",
    about="IVR flows: what callers hear and choose.",
    columns=("name", "language", "version", "calls", "created_by"),
    sample="main",
    sample_options="--file main.yaml",
    without=("steps", "on_hang_up"),
    prepare=_steps,
    extra=[click.Option(["--file"], type=click.Path(path_type=Path), help="YAML file with the steps.")],
    live=_versions,
)


@flow.command("history", epilog=example("softswitch flow history main"))
@click.argument("name")
@config_option
@json_option
def history(name: str, config_path: Path | None, as_json: bool) -> None:
    """Show the versions of a flow, the newest first, and how many calls go through each.

    A flow in Python is python:NAME.
    """
    rows = call(config_path, "flow.history", {"name": name})
    print_rows(rows, ("version", "at", "size", "calls"), json=as_json, empty=f"There is no flow {name}.")


@flow.command(
    "show",
    epilog=example("softswitch flow show main", "softswitch flow show main --svg --output main.svg"),
)
@click.argument("name")
@click.option("--svg", "as_svg", is_flag=True, help="A drawing (SVG) in place of a Mermaid flowchart.")
@click.option("--output", type=click.Path(path_type=Path), help="Write it to this file.")
@centre_option
@config_option
@json_option
def show(
    name: str,
    as_svg: bool,
    output: Path | None,
    centre: Path | None,
    config_path: Path | None,
    as_json: bool,
) -> None:
    """Draw a flow as a graph: steps, and every way between them with what it takes."""
    flows = _flows(centre, config_path)
    if name not in flows:
        raise UserError(f"there is no flow {name!r}; {did_you_mean(name, flows)}")
    graph = Graph.of(flows[name])
    if as_json:
        print_json(asdict(graph))
        return
    text = svg(graph) if as_svg else graph.mermaid()
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{output}: cannot be written: {error.strerror}") from None


@flow.command(
    "test",
    epilog=example(
        "softswitch flow test conversations/*.txt", "softswitch flow test main.txt --centre centre.yaml"
    ),
)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@centre_option
@click.option(
    "--python", type=click.Path(path_type=Path), help="Directory of flows in Python; else that of -c."
)
@config_option
@json_option
def test(
    files: tuple[Path, ...],
    centre: Path | None,
    python: Path | None,
    config_path: Path | None,
    as_json: bool,
) -> None:
    """Go through written conversations with flows on a simulated clock; exit status 1 if one went wrong.

    What can stand in FILES: docs/flows.md.
    """
    flows = _flows(centre, config_path)
    if python is None and centre is None:
        python = node_of(config_path).python_flows
    known = SomeFlows(flows, load_programs(python))
    rows = [row for file in files for row in _test(file, known)]
    if as_json:
        print_json(rows)
    else:
        _print(rows)
    sys.exit(1 if any(row["failure"] for row in rows) else 0)


def _test(file: Path, flows: SomeFlows) -> list[dict[str, Any]]:
    try:
        conversations = read(file.read_text(encoding="utf-8"))
        return [_row(file, each, Talk(each, flows).carry_out()) for each in conversations]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: cannot be read: {error}") from None
    except ScriptError as error:
        raise UserError(f"{file}:{error}") from None


def _row(file: Path, conversation: Conversation, failure: Failure | None) -> dict[str, Any]:
    told = None
    if failure is not None:
        told = {
            "line": failure.line,
            "expected": failure.expected,
            "happened": failure.happened,
            "talk": [*failure.talk],
        }
    return {"file": str(file), "conversation": conversation.name, "failure": told}


def _print(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        failure = row["failure"]
        click.echo(f"{'FAILED' if failure else 'ok':6} {row['file']}: {row['conversation']}")
        if failure:
            click.echo(f"       {row['file']}:{failure['line']}: expected {failure['expected']}")
            click.echo(f"       but {failure['happened']}")
            for line in failure["talk"]:
                click.echo(f"         {line}")
    failed = sum(row["failure"] is not None for row in rows)
    click.echo(f"{len(rows) - failed} of {len(rows)} conversations went as written.")


def _flows(centre: Path | None, config_path: Path | None) -> Mapping[str, Flow]:
    """Every flow of a centre.yaml, or of what is stored; UserError with file and line of what is wrong."""
    if centre is None:
        return {
            name: Flow.from_settings(each) for name, each in stored(node_of(config_path)).centre.flows.items()
        }
    document = read_centre(centre)
    found = {}
    try:
        for name, settings in validate(Centre, document.tree).flows.items():
            try:
                found[name] = Flow.from_settings(settings)
            except FlowError as error:
                raise ConfigError(_at(name, error)) from None
    except ConfigError as error:
        raise document.error(error) from None
    return found


def _at(name: str, error: FlowError) -> list[Problem]:
    return [Problem(("flows", name, *each.path), each.message) for each in error.problems]
